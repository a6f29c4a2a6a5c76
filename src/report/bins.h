/* Bins of a round width that several datasets of one histogram share (statistics/histogram.h fills them). */
#ifndef DMSQ_REPORT_BINS_H
#define DMSQ_REPORT_BINS_H

#include <stddef.h>

#include "base/error.h"

struct bins {
    double low, high;
    size_t count;
};

/* About `wanted` bins that cover all the numbers of `sets` datasets: the width is 1, 2, 2.5 or 5 times a
 * power of ten, the smallest with which at most `wanted` bins of it span the data; edges are multiples of
 * it. STATUS_BAD_INPUT when there is no number or one is not finite. */
enum status bins_choose(const double *const *x, const size_t *n, size_t sets, size_t wanted, struct bins *bins,
                        struct error *e);

#endif
