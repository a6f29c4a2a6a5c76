/* Running mean of independent numbers, and its standard error (Welford 1962). Initialise with zeros. */
#ifndef DMSQ_STATISTICS_RUNNING_H
#define DMSQ_STATISTICS_RUNNING_H

#include <math.h>
#include <stddef.h>

struct running {
    size_t count;
    double mean, squares; /* sum of squared deviations from the mean */
};

static inline void running_add(struct running *r, double x) {
    const double deviation = x - r->mean;
    r->mean += deviation / (double)++r->count;
    r->squares += deviation * (x - r->mean);
}

/* sqrt(variance / count), where the variance is divided by count - 1; NaN for fewer than two numbers. */
static inline double running_error(const struct running *r) {
    return r->count < 2 ? (double)NAN : sqrt(r->squares / (double)(r->count - 1) / (double)r->count);
}

#endif
