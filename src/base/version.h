/* The version of dmsq, from the file VERSION when it is compiled. */
#ifndef DMSQ_BASE_VERSION_H
#define DMSQ_BASE_VERSION_H

#include <stdio.h>

extern const char version_text[]; /* "1.0.0" */

/* What every program prints for --version: "PROGRAM (dmsq 1.0.0)", where PROGRAM may be a path. */
void version_print(const char *program, FILE *out);

#endif
