/* Suggestions for misspelt words. */
#ifndef DMSQ_BASE_NEAREST_H
#define DMSQ_BASE_NEAREST_H

#include <stddef.h>

/* The candidate nearest to `word` by edit distance; NULL if the distance of each exceeds half the length of `word`. */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

/* End of an error message: " (did you mean 'PREFIXcandidate'?)" with the nearest candidate, or "" if there is none. */
enum { NEAREST_HINT = 160 };
void nearest_hint(const char *word, const char *const *candidates, size_t count, const char *prefix,
                  char hint[NEAREST_HINT]);

#endif
