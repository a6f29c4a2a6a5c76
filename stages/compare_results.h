/* The results of two runs beside each other, with pulls. Private to the tool `compare`. */
#ifndef DMSQ_STAGES_COMPARE_RESULTS_H
#define DMSQ_STAGES_COMPARE_RESULTS_H

#include <stdio.h>

#include "base/error.h"
#include "store/record.h"

/* Prints which outputs are the same, and the notes that differ. For tables and artifacts with names, values and errors
 * it prints each pair of numbers with its pull, (B - A) over the combined error; for other arrays, how many elements
 * differ and by how much. The folders are those of the artifacts, NULL where only the record is known. */
enum status compare_results(const struct record *a, const char *folder_a, const struct record *b, const char *folder_b,
                            FILE *out, struct error *e);

#endif
