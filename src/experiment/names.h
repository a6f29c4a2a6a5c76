/* Stages and families by name, suggestions for misspelt names, lists of words. */
#ifndef DMSQ_EXPERIMENT_NAMES_H
#define DMSQ_EXPERIMENT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "experiment/pool.h"

struct experiment;
struct family;
struct stage;

/* Splits "a, b, c" at commas and removes surrounding blanks; an empty text has no parts. */
enum status split_list(struct pool *pool, const char *text, const char *const **parts, size_t *count, struct error *e);
/* The stage of that name in a list that ends with NULL, or NULL. */
const struct stage *find_stage(const struct stage *const *stages, const char *name);
const struct parameter *find_parameter(const struct stage *stage, const char *name);
const struct family *find_family(const struct experiment *experiment, const char *name);
/* Whether there is a table of that name: the numbers of a figure with the same name then need another one. */
bool has_table(const struct experiment *experiment, const char *name);
/* "; did you mean 'x'?" with the candidate nearest to `word`, or "" if there is none; belongs to the pool. NULL: out of
 * memory. */
const char *suggestion(struct pool *pool, const char *word, const char *const *candidates, size_t count);
const char *suggest_stage(struct pool *pool, const char *word, const struct stage *const *stages);
const char *suggest_family(struct pool *pool, const struct experiment *experiment, const char *word);

/* The rest of the name after the prefix, or NULL if it does not begin with it. */
const char *after_prefix(const char *name, const char *prefix);

#endif
