/* See built.h. The Makefile defines the three from what src/tree.sh prints. */
#include "built.h"

const struct built built = {.commit = DMSQ_COMMIT, .dirty = DMSQ_DIRTY, .sources = DMSQ_SOURCES};
