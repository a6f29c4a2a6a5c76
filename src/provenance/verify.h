/* Whether results are what their run records say, and whether others computed again are the same. */
#ifndef DMSQ_PROVENANCE_VERIFY_H
#define DMSQ_PROVENANCE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "provenance/lineage.h"

/* Checks the artifacts with these keys (NULL: all under the root), and prints a line for each thing that is wrong and
 * two for the whole to `out`:
 *   - an output has the size and SHA-256 of its run record; the key is the SHA-256 of the recipe; the inputs that the
 *   record
 *     names are those that their own records describe;
 *   - the ledger has every run of these artifacts just as its record, and without `keys` no other.
 * *wrong counts what is not so. A status other than STATUS_OK: it could not be checked. */
enum status verify_results(const struct lineage *lineage, const char *const *keys, size_t count, FILE *out,
                           size_t *wrong, struct error *e);

/* Compares the artifacts with these keys (NULL: all) byte by byte with those of the same recipes under another root,
 * where they were computed again, and prints each output that differs, then "23 artifacts: 21 identical, 2 differ
 * (instruction set AVX2 here, AVX-512 there)", `here` being the second. *wrong counts those that differ or are not
 * there. */
enum status verify_again(const struct lineage *there, const struct lineage *here, const char *const *keys, size_t count,
                         FILE *out, size_t *wrong, struct error *e);

#endif
