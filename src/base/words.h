/* Look-up of a word in a table of names, or in a list of choices such as "hmc|metropolis|langevin". */
#ifndef DMSQ_BASE_WORDS_H
#define DMSQ_BASE_WORDS_H

#include <stdbool.h>

/* Index of `word` in words[count], whose entries may be NULL; -1 if it is not there. */
int words_find(const char *const *words, int count, const char *word);

/* True if `word` is one of `choices`, which are separated by '|'. */
bool words_among(const char *choices, const char *word);

#endif
