/* The version of dmsq, as in the file VERSION at compile time. */
#ifndef DMSQ_BASE_VERSION_H
#define DMSQ_BASE_VERSION_H

#include <stdio.h>

extern const char version_text[]; /* "1.0.0" */

/* Prints the answer to --version: "NAME (dmsq 1.0.0)", with the file name of `program`, which may be a path. */
void version_print(const char *program, FILE *out);

#endif
