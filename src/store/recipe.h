/* Recipes: the canonical text of everything that determines the bits of an artifact. Planner and stages both build it
 * here, so that their keys agree.
 *
 * The text is lines "name=value\n" in byte order: every parameter in canonical form (base/parameters.h), except those
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

/* The canonical text, which the caller frees; NULL: out of memory. `backend` is NULL for a stage that does not use one,
 * `parameters` may be NULL (none), and the order of the inputs does not matter. */
char *recipe_text(const char *stage, int version, const char *backend, const struct parameters *parameters,
                  const struct recipe_input *inputs, size_t input_count);

/* The key of a recipe: the SHA-256 of its text. */
void recipe_key(const char *text, char key[65]);

/* The value in the line `name=`, which the caller frees; NULL if there is no such line (or no memory). A parameter that
 * was added later and has its default is not in the recipe. */
char *recipe_value(const char *text, const char *name);

/* The recipe with another value in that line, which the caller frees; NULL if there is no such line (or no memory). */
char *recipe_with(const char *text, const char *name, const char *value);

#endif
