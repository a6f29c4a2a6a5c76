/* What somebody may have meant who mistyped a word. */
#ifndef DMSQ_BASE_NEAREST_H
#define DMSQ_BASE_NEAREST_H

#include <stddef.h>

/* The candidate nearest to `word` by edit distance, or NULL when none is near (distance > 1/2 length). */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

#endif
