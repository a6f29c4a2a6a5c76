/* Memory that is taken piece by piece and released all at once: the reading of an experiment makes many
 * small texts and lists that live exactly as long as the plan. */
#ifndef DMSQ_EXPERIMENT_POOL_H
#define DMSQ_EXPERIMENT_POOL_H

#include <stddef.h>

#include "base/error.h"

struct pool;

struct pool *pool_new(void); /* NULL when out of memory */
void pool_free(struct pool *pool);

/* size zero bytes, aligned for any type; NULL when out of memory. */
void *pool_take(struct pool *pool, size_t size);
/* A copy of the first `length` bytes of text, with a zero after them. */
char *pool_copy(struct pool *pool, const char *text, size_t length);
/* The formatted text. */
char *pool_print(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for one more item at the end of a list of `count` items of `size` bytes: returns the list, moved
 * when it was full, or NULL when out of memory. The list starts as NULL with count 0. */
void *pool_extend(struct pool *pool, void *list, size_t count, size_t size);

/* Sets the message for memory that could not be had. */
enum status pool_exhausted(struct error *e);

#endif
