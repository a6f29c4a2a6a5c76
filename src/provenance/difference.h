/* Differences of two recipes (store/recipe.h), line by line. */
#ifndef DMSQ_PROVENANCE_DIFFERENCE_H
#define DMSQ_PROVENANCE_DIFFERENCE_H

#include <stddef.h>

enum difference_kind {
    DIFFERENCE_STAGE,
    DIFFERENCE_VERSION,
    DIFFERENCE_BACKEND,
    DIFFERENCE_PARAMETER,
    DIFFERENCE_INPUT
};

struct difference {
    enum difference_kind kind;
    char *name;           /* "epochs"; for an input "model", or "rows[3]" if it is a list */
    char *before, *after; /* the values (for an input, keys); NULL: that recipe has no such line */
};

struct differences {
    struct difference *list; /* in the order of `enum difference_kind`, then of the names */
    size_t count;
};

/* Compares two recipes. A recipe omits a parameter that was added to a stage later and has its default; `before` or
 * `after` is then NULL. Returns 0, or -1 when out of memory; call differences_free() in either case. */
int differences_of(const char *before, const char *after, struct differences *differences);
void differences_free(struct differences *differences);

#endif
