/* Facts about the machine and the program for run records. Private to src/store. */
#ifndef DMSQ_STORE_ENVIRONMENT_H
#define DMSQ_STORE_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Model name of the processor, from /proc/cpuinfo. */
void environment_processor(char *text, size_t size);

/* Calls add(context, name, text) for each fact: compiler, kernel, host, processor, library versions. */
void environment_list(void (*add)(void *context, const char *name, const char *text), void *context);

#endif
