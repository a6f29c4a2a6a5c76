/* The version of dmsq: see version.h. */
#include "base/version.h"

#include <string.h>

#ifndef DMSQ_VERSION
#error "compile with -DDMSQ_VERSION, the text of the file VERSION"
#endif

const char version_text[] = DMSQ_VERSION;

void version_print(const char *program, FILE *out) {
    const char *slash = strrchr(program, '/');
    fprintf(out, "%s (dmsq %s)\n", slash ? slash + 1 : program, version_text);
}
