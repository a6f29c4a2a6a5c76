/* Memory that is allocated in pieces and released all at once: reading experiments makes many small texts and lists,
 * which are needed as long as the plan. Functions return NULL when out of memory. */
#ifndef DMSQ_EXPERIMENT_POOL_H
#define DMSQ_EXPERIMENT_POOL_H

#include <stddef.h>

#include "base/error.h"

struct pool;

struct pool *pool_new(void);
void pool_free(struct pool *pool);

/* `size` bytes set to zero, aligned for any type. */
void *pool_take(struct pool *pool, size_t size);
/* A copy of the first `length` bytes of text, with a zero after them. */
char *pool_copy(struct pool *pool, const char *text, size_t length);
/* The formatted text. */
char *pool_print(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Extends a list of `count` items of `size` bytes by one item. Returns the list, which may have moved. Start with list
 * = NULL and count = 0. */
void *pool_extend(struct pool *pool, void *list, size_t count, size_t size);

/* Sets the message "out of memory" and returns STATUS_FAILED. */
enum status pool_exhausted(struct error *e);

#endif
