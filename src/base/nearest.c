/* Suggestions for misspelt words: see nearest.h. */
#include "base/nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Levenshtein distance, computed row by row; SIZE_MAX if a word is longer than LONGEST. */
static size_t edit_distance(const char *a, const char *b) {
    enum { LONGEST = 128 };
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST) {
        return SIZE_MAX;
    }
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= m; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = best < above + 1 ? best : above + 1;
            best = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[m];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count) {
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, candidates[i]);
        if (distance < best_distance && distance <= strlen(word) / 2) {
            best = candidates[i];
            best_distance = distance;
        }
    }
    return best;
}

void nearest_hint(const char *word, const char *const *candidates, size_t count, const char *prefix,
                  char hint[NEAREST_HINT]) {
    const char *near = nearest_word(word, candidates, count);
    hint[0] = '\0';
    if (near) {
        snprintf(hint, NEAREST_HINT, " (did you mean '%s%.120s'?)", prefix, near);
    }
}
