/* The Gamma method for Markov chains: errors and integrated autocorrelation times of functions of means (Wolff,
 * hep-lat/0306017, "Monte Carlo errors with less errors", whose equation numbers are given).
 *
 * F is a function of the means A_alpha of series a_i,alpha, i = 1 .. N, over all of R chains. The series are projected
 * on the gradient of F, a_i = sum_alpha dF/dA_alpha (a_i,alpha - A_alpha), and
 *   Gamma(t) = 1/(N - R t) sum over chains and i of a_i a_(i+t)                            (31)
 *   tau(W)   = 1/2 + sum_{t=1..W} Gamma(t)/Gamma(0)                                        (41)
 *   window:  first W with exp(-W/tau) - tau/sqrt(W N) < 0, tau = S/log((2 tau(W)+1)/(2 tau(W)-1))   (50-52)
 *   tau_int  = tau(W) (1 + (2W+1)/N)/(1 + 1/N)                                             (49)
 *   its error 2 tau(W) sqrt(|W + 1/2 - tau(W)|/N)                                          (42)
 *   error^2  = 2 tau_int Gamma(0) (1 + 1/N)/N,   relative error of the error sqrt((W+1/2)/N)
 * With S = 0 no autocorrelation is assumed: error^2 = Gamma(0)/(N - 1), tau_int = 1/2.
 *
 * pyerrors has the same formulas, and agrees to rounding for one chain. For several chains it subtracts each chain's
 * own mean, which underestimates the error of short chains; here the overall mean is subtracted, as in Wolff's paper.
 */
#ifndef DMSQ_STATISTICS_GAMMA_METHOD_H
#define DMSQ_STATISTICS_GAMMA_METHOD_H

#include <stdbool.h>

#include "statistics/estimator.h"

#define GAMMA_METHOD_S 2.0 /* the usual S */

struct gamma_result {
    double value, error, error_of_error;
    double tau_int, tau_int_error; /* in units of the distance between stored configurations */
    size_t window;                 /* W */
    /* false: no window up to half the length of a chain fulfils (52), so that tau_int and the error are too small; or
     * the series is constant, so that both are unknown. */
    bool closed;
};

/* results[f->values]. The gradient is f->differentiate or, without it, by symmetric differences of one standard error
 * of each primary (exact for quadratic functions). STATUS_BAD_INPUT: see series_check(); S < 0; or S > 0 and chains
 * shorter than 4. STATUS_FAILED: out of memory. */
enum status gamma_method(const struct series *s, const struct estimator *f, double S, struct gamma_result *results,
                         struct error *e);

/* projected (f->values, N): the projected series a_i of each value, with mean zero. Fails as gamma_method(). */
enum status gamma_method_project(const struct series *s, const struct estimator *f, double *projected, struct error *e);

#endif
