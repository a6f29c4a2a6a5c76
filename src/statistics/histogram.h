/* Histograms for figures: fixed bins of equal width, so that a figure does not depend on the data's spread. */
#ifndef DMSQ_STATISTICS_HISTOGRAM_H
#define DMSQ_STATISTICS_HISTOGRAM_H

#include <stddef.h>

/* counts[b], b = 0 .. bins-1: number of x[n] in [lo + b w, lo + (b+1) w), w = (hi - lo)/bins; hi belongs to the last
 * bin. Requires lo < hi and bins > 0. Returns the number of x outside [lo, hi], including NaN. */
size_t histogram_fill(const double *x, size_t n, double lo, double hi, size_t bins, double *counts);

#endif
