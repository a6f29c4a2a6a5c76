/* Input of error analyses: measured series, and functions of their means.
 *
 * A primary observable is measured on every configuration; an estimator F is a function of the means of
 * the primaries (chi2 = V(<M^2> - <M>^2) is one of <M> and <M^2>). The value of an estimator is always F of
 * the means over all configurations, without a correction of its O(1/N) bias.
 */
#ifndef DMSQ_STATISTICS_ESTIMATOR_H
#define DMSQ_STATISTICS_ESTIMATOR_H

#include <stddef.h>

#include "base/error.h"

struct series {
    const double *data; /* (primaries, configurations) */
    size_t primaries;
    size_t configurations; /* chain after chain, each in the order of Monte Carlo time */
    size_t chains;         /* of equal length; divides configurations */
};

struct estimator {
    size_t values; /* number of values of evaluate() */
    /* values[values] from means[primaries]; NULL: the means themselves (values = primaries). Must be thread-safe. */
    void (*evaluate)(const double *means, double *values, const void *context);
    const void *context;
    /* gradient (values, primaries) of evaluate() at the means; NULL: error analyses use symmetric differences. */
    void (*differentiate)(const double *means, double *gradient, const void *context);
};

/* means[primaries] over all configurations, with sums in the order of base/sum.h. */
void series_means(const struct series *s, double *means);

/* values[f->values] of the estimator from means[primaries]. */
void estimator_evaluate(const struct estimator *f, const double *means, double *values);

/* STATUS_BAD_INPUT: no data, chains of unequal length, a number that is not finite, or an estimator without evaluate()
 * whose number of values differs from that of the primaries. */
enum status series_check(const struct series *s, const struct estimator *f, struct error *e);

#endif
