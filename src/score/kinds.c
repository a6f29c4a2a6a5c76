#include "score/kinds.h"

#include <stdio.h>
#include <string.h>

static const struct score_kind *const kinds[] = {SCORE_KINDS};
enum { COUNT = sizeof kinds / sizeof kinds[0] };

const struct score_kind *score_kind_find(const char *name) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

void score_kind_names(char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "%s", kinds[0]->name);
    for (size_t i = 1; i + 1 < COUNT && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, ", %s", kinds[i]->name);
    }
    if (used < size) {
        snprintf(text + used, size - used, " or %s", kinds[COUNT - 1]->name);
    }
}
