/* The normalised autocorrelation function of a Markov chain, and the integrated autocorrelation time as published in
 * paper A. (gamma_method.h has the corrected one, with an automatic window and its error.) */
#ifndef DMSQ_STATISTICS_AUTOCORRELATION_H
#define DMSQ_STATISTICS_AUTOCORRELATION_H

#include <stddef.h>

#include "base/error.h"

/* rho[t] = Gamma(t)/Gamma(0), t = 0 .. lags-1, of x[chains x length], chain after chain, with the overall mean,
 *   Gamma(t) = 1/(N - chains t) sum over chains and i of (x_i - mean)(x_(i+t) - mean),
 * and error[t] from (Madras, Sokal 1988; Luescher hep-lat/0409106, E.11)
 *   error^2 = 1/N sum_{k=1..t+window} [rho(k+t) + rho(|k-t|) - 2 rho(k) rho(t)]^2,
 * with rho = 0 beyond the length of the chains. For a constant series rho = NaN. STATUS_BAD_INPUT: lags < 1 or lags >=
 * length; STATUS_FAILED: out of memory. */
enum status autocorrelation_function(const double *x, size_t chains, size_t length, size_t lags, size_t window,
                                     double *rho, double *error, struct error *e);

/* Equations A 4.11 and A 4.14 as printed, for one chain x[n]: C(t) = <x_i x_(i+t)> - <x_i> <x_(i+t)>, with means over i
 * = 0 .. n-t-1, rho[t] = C(t)/C(0) for t = 0 .. t_max, and *tau = 1/2 + sum_{t=1..t_max} rho[t]. *error is the
 * statistical error, 2 tau sqrt(|t_max + 1/2 - tau|/n) (hep-lat/0306017, 42), without the bias of the truncated sum.
 * STATUS_BAD_INPUT: n <= t_max + 1; STATUS_FAILED: out of memory. */
enum status autocorrelation_published(const double *x, size_t n, size_t t_max, double *rho, double *tau, double *error,
                                      struct error *e);

#endif
