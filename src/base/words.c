#include "base/words.h"

#include <stddef.h>
#include <string.h>

int words_find(const char *const *words, int count, const char *word) {
    for (int i = 0; i < count; i++) {
        if (words[i] && strcmp(words[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

bool words_among(const char *choices, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = choices; at; at = strchr(at, '|'), at += at != NULL) {
        if (strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}
