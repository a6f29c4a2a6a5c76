/* The refinement of the effective-action model: least squares once more, on the log weights of its own proposals.
 *
 * The fit (effective_fit.h) makes the score right level by level; what a chain wants is a density that is right at the
 * end. To first order in a change a -> a + da of the coefficients the log weight of a field phi at the end of a path
 * changes by the Stein operator of the change, summed along the path:
 *
 *   d log w(phi) = - sum over steps of d ln s  s^2 sum_i da_i(ln s) [ div(W F_i) + W F_i . score ]
 *
 * (score: of the model, all at the path's field y; from the continuity equation of the density and its perturbation).
 * That is linear in da, which is piecewise linear in ln s between a few knots. So da minimises
 *
 *   Var(log w + d log w) + penalty * mean over proposals of int |d xi'|^2 d ln s,
 *
 * where xi' = s^2 W F . da / sqrt(G + s^2) is what the change adds to the flow: flows differ by much that leaves the
 * density alone, and the penalty keeps away from that. Every other proposal starts with its
 * zero mode stretched (effective_flow.h), since a chain of 10^5 steps meets larger magnetizations than some thousand
 * proposals. Proposals with log weights far out (8 standard deviations by the
 * quartiles) are left out. The result is taken only where it lowers the variance for other proposals. Neither data nor
 * probes are needed, and the chain is as exact as before: only what it proposes is better. */
#ifndef DMSQ_SCORE_EFFECTIVE_REFINE_H
#define DMSQ_SCORE_EFFECTIVE_REFINE_H

#include <signal.h>

#include "lattice/action.h"
#include "score/effective_model.h"

struct effective_refine_settings {
    struct theory theory;
    size_t proposals; /* rounded up to packs */
    size_t steps;     /* of the flow, where the change is looked at */
    size_t knots;     /* >= 2, fewer than steps */
    double penalty;
    uint64_t seed;
};

struct effective_refine_result {
    double before, after; /* standard deviation of log w of other proposals than those of the fit */
    size_t left_out;
    bool taken;
};

/* Changes m->coefficients. *interrupted: STATUS_FAILED. */
enum status effective_refine(const struct effective_refine_settings *settings, int threads, struct effective_model *m,
                             struct effective_refine_result *result, const volatile sig_atomic_t *interrupted,
                             struct error *e);

#endif
