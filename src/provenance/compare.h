/* Two runs side by side: differences of their recipes, inputs, programs, machines and times. */
#ifndef DMSQ_PROVENANCE_COMPARE_H
#define DMSQ_PROVENANCE_COMPARE_H

#include <stdio.h>

#include "base/error.h"
#include "provenance/lineage.h"

/* A run, and the run records among which those of its inputs are looked up (NULL: none). */
struct compared {
    const struct record *record;
    const struct lineage *lineage;
};

/* Prints the head of a comparison: label, key, start and wall time of both. */
void compare_heads(const struct compared *a, const struct compared *b, FILE *out);

/* Prints differences of stage version, parameters and inputs. For each changed input it also prints those of its
 * recipe, and so on, down to the first recipes that differ in more than their inputs. */
enum status compare_recipes(const struct compared *a, const struct compared *b, FILE *out, struct error *e);

/* Prints differences of program, libraries and machine, and the times and memory of both. */
void compare_runs(const struct compared *a, const struct compared *b, FILE *out);

/* Prints a row of these tables: name, value of A, value of B. */
void compare_row(int depth, const char *name, const char *a, const char *b, FILE *out);

#endif
