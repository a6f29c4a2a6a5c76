/* Recipes: the canonical text of everything that decides the bits of an artifact. Planner and stages
 * build it here, so that both arrive at the same key.
 *
 * The text is lines "name=value\n" in byte order: every parameter in canonical form (base/parameters.h), but for those
 * added later that have their default; `stage`, `version`, `backend` (stages that use one), and for each input
 * `input.NAME=KEY`, or `input.NAME.000=KEY`, `.001`, ... for an input that is a list. The key is the SHA-256 of the
 * text. */
#ifndef DMSQ_STORE_RECIPE_H
#define DMSQ_STORE_RECIPE_H

#include <stddef.h>

#include "base/parameters.h"

struct recipe_input {
    const char *name; /* of the input, as the stage declares it */
    int position;     /* in a list (`many`): 0, 1, ... below 1000; -1: an input that is a single artifact */
    const char *key;  /* of the artifact: 64 hex digits */
};

/* The canonical text, which the caller frees; NULL when out of memory. `backend` is NULL for a stage that
 * does not use one. `parameters` may be NULL (a stage without any); inputs may come in any order. */
char *recipe_text(const char *stage, int version, const char *backend, const struct parameters *parameters,
                  const struct recipe_input *inputs, size_t input_count);

/* SHA-256 of the text. */
void recipe_key(const char *text, char key[65]);

/* The value of line `name=`, which the caller frees; NULL when there is no such line (or no memory). A parameter that
 * was added later has none where it had its default. */
char *recipe_value(const char *text, const char *name);

#endif
