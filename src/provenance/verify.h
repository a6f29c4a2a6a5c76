/* Checks that results agree with their run records, and with recomputed ones. */
#ifndef DMSQ_PROVENANCE_VERIFY_H
#define DMSQ_PROVENANCE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "provenance/lineage.h"

/* Checks the artifacts keys[count] (NULL: all), and prints a line for each error and two lines in summary to `out`:
 *   - each output has the size and SHA-256 of its run record, and the key is the SHA-256 of the recipe;
 *   - the inputs in a run record have the SHA-256 of their own run records;
 *   - the ledger agrees with all run records of these artifacts, and without `keys` has no other runs.
 * *wrong counts artifacts and runs with errors. STATUS_BAD_INPUT, STATUS_FAILED: the check was not possible. */
enum status verify_results(const struct lineage *lineage, const char *const *keys, size_t count, FILE *out,
                           size_t *wrong, struct error *e);

/* Compares the artifacts keys[count] (NULL: all) byte by byte with recomputed ones, which have the same recipes, in
 * another folder of results. Prints each output that differs, then "23 artifacts: 21 identical, 2 differ (computed with
 * AVX-512, recomputed with AVX2)". *wrong counts artifacts that differ or were not recomputed. STATUS_FAILED: out of
 * memory. */
enum status verify_again(const struct lineage *original, const struct lineage *repeated, const char *const *keys,
                         size_t count, FILE *out, size_t *wrong, struct error *e);

#endif
