/* Bins of a round width, common to all datasets of a histogram (statistics/histogram.h fills them). */
#ifndef DMSQ_REPORT_BINS_H
#define DMSQ_REPORT_BINS_H

#include <stddef.h>

#include "base/error.h"

struct bins {
    double low, high;
    size_t count;
};

/* Chooses bins that cover all numbers x[sets][n[set]] of the datasets. Their width is the smallest of 1, 2, 2.5 or 5
 * times a power of ten such that at most `wanted` widths span the data; edges are multiples of it. STATUS_BAD_INPUT:
 * there are no numbers, or one is not finite. */
enum status bins_choose(const double *const *x, const size_t *n, size_t sets, size_t wanted, struct bins *bins,
                        struct error *e);

#endif
