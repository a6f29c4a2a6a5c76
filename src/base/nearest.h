/* What somebody may have meant who mistyped a word. */
#ifndef DMSQ_BASE_NEAREST_H
#define DMSQ_BASE_NEAREST_H

#include <stddef.h>

/* The candidate nearest to `word` by edit distance, or NULL when none is near (distance > 1/2 length). */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

/* For a message: " (did you mean 'BEFOREword'?)" of the nearest candidate, or "" when none is near; cut to fit. */
enum { NEAREST_HINT = 160 };
void nearest_hint(const char *word, const char *const *candidates, size_t count, const char *before,
                  char hint[NEAREST_HINT]);

#endif
