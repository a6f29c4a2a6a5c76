/* Histograms for figures: fixed bins of equal width, so that a figure does not depend on the data's spread. */
#ifndef DMSQ_STATISTICS_HISTOGRAM_H
#define DMSQ_STATISTICS_HISTOGRAM_H

#include <stddef.h>

/* counts[bins]: how many of x[n] lie in [lo + b w, lo + (b+1) w), w = (hi - lo)/bins; hi itself belongs to the
 * last bin. Requires lo < hi and bins > 0. Returns the number outside [lo, hi] (NaN included). */
size_t histogram_fill(const double *x, size_t n, double lo, double hi, size_t bins, double *counts);

#endif
