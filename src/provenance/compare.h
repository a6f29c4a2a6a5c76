/* Two runs beside each other: what of their recipes, inputs, programs, machines and times differs. */
#ifndef DMSQ_PROVENANCE_COMPARE_H
#define DMSQ_PROVENANCE_COMPARE_H

#include <stdio.h>

#include "base/error.h"
#include "provenance/lineage.h"

/* A run, and where the records of its inputs are looked for (NULL: nowhere). */
struct compared {
    const struct record *record;
    const struct lineage *lineage;
};

/* The head of a comparison: label, key, start and wall time of both. */
void compare_heads(const struct compared *a, const struct compared *b, FILE *out);

/* Prints stage version, parameters and inputs that differ. Each changed input is followed into its own recipe, and on
 * through changed inputs as far as the first recipes that differ in more than these. */
enum status compare_recipes(const struct compared *a, const struct compared *b, FILE *out, struct error *e);

/* Prints what differs in program, libraries, machine, and the times and memory of both. */
void compare_runs(const struct compared *a, const struct compared *b, FILE *out);

/* A row of any of these tables: name, what holds for A, what for B. */
void compare_row(int depth, const char *name, const char *a, const char *b, FILE *out);

#endif
