/* The refinement of the effective-action model: a second least-squares fit, to the log weights of its own proposals.
 *
 * The fit (effective_fit.h) optimises the score at every level, but a chain needs an accurate density at the end of the
 * flow. To first order in a change a -> a + da of the coefficients, the log weight of a field phi at the end of a path
 * changes by the Stein operator of the change, summed along the path:
 *
 *   d log w(phi) = - sum over steps of d ln s  s^2 sum_i da_i(ln s) [ div(W F_i) + W F_i . score ]
 *
 * (score: of the model, all at the path's field y; from the continuity equation of the density and its perturbation).
 * That is linear in da, which is a cubic spline in ln s with a few coefficients. So da minimises
 *
 *   Var(log w + d log w) + penalty * mean over proposals of int |d xi'|^2 d ln s,
 *
 * where xi' = s^2 W F . da / sqrt(G + s^2) is the change of the flow. Many changes of the flow leave the density almost
 * unchanged; the penalty suppresses them. Every other proposal starts with its zero mode uniform within five standard
 * deviations (effective_flow.h), since a chain of 10^6 steps meets larger magnetizations than some thousand proposals.
 * Variances are weighted: outliers of log w count less. The result is taken only if it lowers the variance of other
 * proposals. There are several rounds, each with its own proposals. Neither data nor probes are needed. The chain
 * remains exact: only its proposals become better. */
#ifndef DMSQ_SCORE_EFFECTIVE_REFINE_H
#define DMSQ_SCORE_EFFECTIVE_REFINE_H

#include <signal.h>

#include "lattice/action.h"
#include "score/effective_model.h"

struct effective_refine_settings {
    struct theory theory;
    size_t proposals; /* of each round; rounded up to packs */
    size_t rounds;    /* maximum; the first round without a gain is the last */
    size_t steps;     /* of the flow; the change is evaluated at their ends */
    size_t knots;     /* coefficients of a spline, >= 4, at most steps */
    double penalty;
    uint64_t seed;
};

struct effective_refine_result {
    double before, after; /* standard deviation of log w of other proposals than those of the fit, weighted as above */
    size_t far;           /* proposals of the last round with less than a quarter of the greatest weight */
    size_t rounds;        /* with a gain */
};

/* Changes m->coefficients. STATUS_FAILED: interrupted, out of memory, or the equations have no solution. */
enum status effective_refine(const struct effective_refine_settings *settings, int threads, struct effective_model *m,
                             struct effective_refine_result *result, const volatile sig_atomic_t *interrupted,
                             struct error *e);

#endif
