/* The fit of the effective-action model: linear least squares at every noise level, no epochs, no learning rate.
 *
 * Target, unbiased for the score and of little noise at both ends (De Bortoli et al. 2402.08667, mode by mode):
 *   c(p) (-grad S(phi)) + (1 - c(p)) (-z/s),  c = 1/(1 + s^2 H(p)),  H the mean of S'',
 * less the Wiener part -y/(G + s^2), y = phi + s z; every noise z is used with both signs. Normal equations A a = b are
 * sums over configurations in a fixed order: the same bits for any threads. They are scaled to unit diagonal, and a
 * ridge is added to it: rho = F noise/|a|^2 with the scaled coefficients a, as large as the coefficients' prior and the
 * noise of the fit ask for (Hoerl, Kennard, Baldwin 1975), found by iteration from 1e-2. So where the data say nothing,
 * at high noise, coefficients are nothing. Every level is fitted on the whole lattice, even where the flow takes a
 * blocked one: so coefficients stay smooth in ln s.
 *
 * Transfer: features are intensive, so that the coefficients of a smaller lattice serve on a larger one, but for those
 * of the zero mode, which alone are fitted then, to what the others leave. Few configurations do for that. */
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
    bool mixed;                             /* the target; else c = 0 */
    double ridge;                           /* at least; the noise of the fit may ask for more */
    uint64_t seed;                          /* of the noise */
    const struct effective_model *transfer; /* same features, saturation and theory; NULL: all are fitted */
    double transfer_below;                  /* s: levels above it are fitted all the same; 0: none is */
};

/* fields[count x V], less m->mean; m has everything but levels, coefficients and gain. *interrupted: STATUS_FAILED. */
enum status effective_fit(const struct effective_fit_settings *settings, const float *fields, size_t count, int threads,
                          struct effective_model *m, const volatile sig_atomic_t *interrupted,
                          struct progress *progress, struct error *e);

#endif
