/* Jackknife errors of functions of means.
 *
 * The configurations are divided into B consecutive bins. With f_b the estimator computed without bin b,
 *   error^2 = (B - 1)/B sum_b (f_b - mean of f_b)^2.
 * With one configuration per bin (delete-one) the error of a mean is exactly s/sqrt(N), with s^2 the sample variance
 * (normalised by N - 1). The bins must be independent: independent configurations, or whole chains. The cost is linear
 * in bins and configurations.
 */
#ifndef DMSQ_STATISTICS_JACKKNIFE_H
#define DMSQ_STATISTICS_JACKKNIFE_H

#include "statistics/estimator.h"

/* values[f->values] and errors[f->values]. bins = 0: delete-one. If bins does not divide the number of configurations,
 * the sizes of bins differ by one. If some f_b is NaN, the error is NaN. STATUS_BAD_INPUT: see series_check(); fewer
 * than 2 bins, or more than configurations. STATUS_FAILED: out of memory. */
enum status jackknife(const struct series *s, const struct estimator *f, size_t bins, double *values, double *errors,
                      struct error *e);

/* The same, and pseudo (f->values, B), unless NULL: the pseudo-values -(B - 1) (f_b - mean of f_b). The standard error
 * of their mean is the jackknife error. For a mean with one configuration per bin they are x_b - mean. */
enum status jackknife_pseudo(const struct series *s, const struct estimator *f, size_t bins, double *values,
                             double *errors, double *pseudo, struct error *e);

#endif
