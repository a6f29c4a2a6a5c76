/* Jackknife errors of functions of means.
 *
 * The configurations are cut into B consecutive bins; every estimator is recomputed with one bin left out,
 * f_b, and
 *   error^2 = (B - 1)/B sum_b (f_b - mean of f_b)^2.
 * With one configuration a bin (delete-one) the error of a mean is exactly s/sqrt(N), s^2 with N - 1.
 * The bins have to be independent: configurations, or whole chains. Linear in bins and configurations.
 */
#ifndef DMSQ_STATISTICS_JACKKNIFE_H
#define DMSQ_STATISTICS_JACKKNIFE_H

#include "statistics/estimator.h"

/* values[] and errors[] (f->values each). bins = 0: delete-one. If bins does not divide the number of
 * configurations, the bins' sizes differ by one. An estimator that is NaN without some bin has error NaN.
 * STATUS_BAD_INPUT: a bad series, fewer than 2 bins or more bins than configurations. */
enum status jackknife(const struct series *s, const struct estimator *f, size_t bins, double *values, double *errors,
                      struct error *e);

/* The same, with pseudo[bins * f->values] (values, bins): -(B - 1) (f_b - mean of f_b), numbers that, taken as
 * independent, have the jackknife's error; of a mean with one configuration a bin they are x_b - mean. */
enum status jackknife_pseudo(const struct series *s, const struct estimator *f, size_t bins, double *values,
                             double *errors, double *pseudo, struct error *e);

#endif
