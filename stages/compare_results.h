/* The results of two runs beside each other, with pulls. Private to the tool `compare`. */
#ifndef DMSQ_STAGES_COMPARE_RESULTS_H
#define DMSQ_STAGES_COMPARE_RESULTS_H

#include <stdio.h>

#include "base/error.h"
#include "store/record.h"

/* Folders of the two artifacts; NULL where only the record is there. Prints the outputs that are the same; of tables
 * and of artifacts with names, values and errors each number of both with its pull, (B - A) over the combined error; of
 * other arrays how many elements differ and by how much; and notes that differ. */
enum status compare_results(const struct record *a, const char *folder_a, const struct record *b, const char *folder_b,
                            FILE *out, struct error *e);

#endif
