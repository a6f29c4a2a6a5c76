/* The fit of the effective-action model: linear least squares at every noise level, without epochs or learning rate.
 *
 * The target is an unbiased estimate of the score with little noise at both ends (De Bortoli et al. 2402.08667, mode by
 * mode),
 *   c(p) (-grad S(phi)) + (1 - c(p)) (-z/s),  c = 1/(1 + s^2 H(p)),  H the mean of S'',
 * minus the Wiener part -y/(G + s^2), with y = phi + s z. Every noise z is used with both signs. The normal equations
 * A a = b are sums over configurations in a fixed order, so their bits do not depend on the number of threads. They are
 * scaled to unit diagonal, and the ridge rho = F noise/|a|^2 is added to it, with F the number of features, `noise` the
 * variance of b - A a and a the scaled coefficients (Hoerl, Kennard, Baldwin 1975). It is found by iteration from 1e-2.
 * So the coefficients tend to 0 where the data do not determine them, at high noise. Every level is fitted on the whole
 * lattice, even if the flow uses a blocked one, so that the coefficients are smooth in ln s.
 *
 * Transfer: features are intensive, so a larger lattice can use the coefficients of a smaller one, except those of the
 * zero mode. Only these are fitted then, with the others held fixed. This takes few configurations. */
#ifndef DMSQ_SCORE_EFFECTIVE_FIT_H
#define DMSQ_SCORE_EFFECTIVE_FIT_H

#include <signal.h>

#include "base/progress.h"
#include "lattice/action.h"
#include "score/effective_model.h"

struct effective_fit_settings {
    struct theory theory;
    double lowest, highest; /* noise levels s */
    size_t levels;
    bool mixed;                             /* the target above; else c = 0 */
    double ridge;                           /* the smallest one */
    uint64_t seed;                          /* of the noise */
    const struct effective_model *transfer; /* same features, saturation and theory; NULL: none */
    double transfer_below;                  /* noise s above which levels are fitted nevertheless; 0: no level is */
};

/* fields (count, V), minus m->mean. Sets the levels, coefficients and gain of m. STATUS_FAILED: interrupted, or out of
 * memory. */
enum status effective_fit(const struct effective_fit_settings *settings, const float *fields, size_t count, int threads,
                          struct effective_model *m, const volatile sig_atomic_t *interrupted,
                          struct progress *progress, struct error *e);

#endif
