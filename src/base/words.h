/* Words that name one of several things: in tables of names, and in declarations such as "hmc|metropolis|langevin". */
#ifndef DMSQ_BASE_WORDS_H
#define DMSQ_BASE_WORDS_H

#include <stdbool.h>

/* Index of `word` in words[count], some of which may be NULL; -1: it is none of them. */
int words_find(const char *const *words, int count, const char *word);

/* Whether `word` is one of `choices`, which are separated by '|'. */
bool words_among(const char *choices, const char *word);

#endif
