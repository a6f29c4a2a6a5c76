/* The refinement of the effective-action model: least squares once more, on the log weights of its own proposals.
 *
 * The fit (effective_fit.h) makes the score right level by level; what a chain wants is a density that is right at the
 * end. To first order in a change a -> a + da of the coefficients the log weight of a field phi at the end of a path
 * changes by the Stein operator of the change, summed along the path:
 *
 *   d log w(phi) = - sum over steps of d ln s  s^2 sum_i da_i(ln s) [ div(W F_i) + W F_i . score ]
 *
 * (score: of the model, all at the path's field y; from the continuity equation of the density and its perturbation).
 * That is linear in da, which is a cubic spline in ln s with a few coefficients. So da minimises
 *
 *   Var(log w + d log w) + penalty * mean over proposals of int |d xi'|^2 d ln s,
 *
 * where xi' = s^2 W F . da / sqrt(G + s^2) is what the change adds to the flow: flows differ by much that leaves the
 * density alone, and the penalty keeps away from that. Every other proposal starts with its zero mode uniform within
 * five standard deviations (effective_flow.h), since a chain of 10^6 steps meets larger magnetizations than some
 * thousand proposals. Variances are weighted: proposals with log weights far out count less. The result is
 * taken only where it lowers the variance for other proposals. Some rounds follow each other, each with proposals of
 * its own. Neither data nor probes are needed, and the chain is as exact as before: only what it proposes is better. */
#ifndef DMSQ_SCORE_EFFECTIVE_REFINE_H
#define DMSQ_SCORE_EFFECTIVE_REFINE_H

#include <signal.h>

#include "lattice/action.h"
#include "score/effective_model.h"

struct effective_refine_settings {
    struct theory theory;
    size_t proposals; /* of each round; rounded up to packs */
    size_t rounds;    /* at most: it ends with the first that gains nothing */
    size_t steps;     /* of the flow, where the change is looked at */
    size_t knots;     /* coefficients of a spline, >= 4, at most steps */
    double penalty;
    uint64_t seed;
};

struct effective_refine_result {
    double before, after; /* standard deviation of log w of other proposals than those of the fit, weighted as above */
    size_t far;           /* proposals of the last round with less than a quarter of the greatest weight */
    size_t rounds;        /* that gained */
};

/* Changes m->coefficients. *interrupted: STATUS_FAILED. */
enum status effective_refine(const struct effective_refine_settings *settings, int threads, struct effective_model *m,
                             struct effective_refine_result *result, const volatile sig_atomic_t *interrupted,
                             struct error *e);

#endif
