/* Facts about the machine and the program for run records. Private to src/store. */
#ifndef DMSQ_STORE_ENVIRONMENT_H
#define DMSQ_STORE_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Commit checked out where the program lies ("unknown" where there is no git), and whether tracked files
 * differ from it (-1: unknown). */
void environment_git(char commit[65], int *dirty);

/* Model name of the processor, from /proc/cpuinfo. */
void environment_processor(char *text, size_t size);

/* Calls add(context, name, text) for each fact: compiler, kernel, host, processor, library versions. */
void environment_list(void (*add)(void *context, const char *name, const char *text), void *context);

#endif
