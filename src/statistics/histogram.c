/* Histograms for figures: see histogram.h. */
#include "statistics/histogram.h"

size_t histogram_fill(const double *x, size_t n, double lo, double hi, size_t bins, double *counts) {
    size_t outside = 0;
    for (size_t b = 0; b < bins; b++) {
        counts[b] = 0.0;
    }
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] >= lo && x[i] <= hi)) {
            outside++;
            continue;
        }
        const size_t b = (size_t)((x[i] - lo) / (hi - lo) * (double)bins);
        counts[b < bins ? b : bins - 1] += 1.0;
    }
    return outside;
}
