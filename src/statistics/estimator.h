/* What an error analysis works on: measured series, and functions of their means.
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
    size_t configurations; /* chain-major: the chains follow each other, each in order of its time */
    size_t chains;         /* of equal length; divides configurations */
};

struct estimator {
    size_t values; /* how many numbers evaluate() gives */
    /* values[] from means[primaries]; NULL: the means themselves (values = primaries). No side effects: may be
     * called by several threads. */
    void (*evaluate)(const double *means, double *values, const void *context);
    const void *context;
    /* gradient (values, primaries) of evaluate() at the means; NULL: error analyses take symmetric differences. */
    void (*differentiate)(const double *means, double *gradient, const void *context);
};

/* means[primaries] over all configurations, summed in a fixed tree. */
void series_means(const struct series *s, double *means);

/* The estimator's values from means. */
void estimator_evaluate(const struct estimator *f, const double *means, double *values);

/* STATUS_BAD_INPUT unless there are chains of equal length, of finite numbers, and for an estimator without
 * evaluate() as many values as primaries. */
enum status series_check(const struct series *s, const struct estimator *f, struct error *e);

#endif
