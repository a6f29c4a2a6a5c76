/* Integrators of Hamilton's equations for hybrid Monte Carlo: alternating kicks of the momenta and drifts of the field,
 *
 *   kick[0], drift[0], kick[1], drift[1], ..., drift[n-1], kick[n],   p += kick * force(phi),  phi += drift * p,
 *
 * in an order that is symmetric under reversal. So the integrators are reversible and preserve the volume of phase
 * space, and a trajectory is accepted with probability min(1, exp(-dH)). Both have errors of order step^2:
 *
 *   leapfrog   a step is 1/2 kick, drift, 1/2 kick, with one force per step (A section 4.1)
 *   Omelyan    a step is kicks of xi, 1 - 2 xi and xi with half drifts between them, with two forces per step and an
 *              error less than a tenth of leapfrog's at the same step (Omelyan, Mryglod and Folk 2003, minimum norm of
 *              second order; in lattice theory Takaishi and de Forcrand 2006). For the papers' trajectories of unit
 *              length on 32x32 at kappa = 0.21 the acceptance is 97 per cent with two such steps, 93 with ten of
 *              leapfrog. Near the limit of stability a hot start may need smaller steps at first. */
#ifndef DMSQ_LATTICE_INTEGRATOR_H
#define DMSQ_LATTICE_INTEGRATOR_H

#include <stddef.h>

enum integrator_kind { INTEGRATOR_LEAPFROG, INTEGRATOR_OMELYAN };

struct integrator {
    enum integrator_kind kind;
    size_t steps;
    double step;
};

#define INTEGRATOR_OMELYAN_XI 0.1931833275037836

static inline size_t integrator_drifts(const struct integrator *i) {
    return i->kind == INTEGRATOR_OMELYAN ? 2 * i->steps : i->steps;
}

/* Drift k < integrator_drifts, which is the same for all k. */
static inline double integrator_drift(const struct integrator *i) {
    return i->kind == INTEGRATOR_OMELYAN ? 0.5 * i->step : i->step;
}

/* Kick k <= integrator_drifts. The last kick of a step and the first of the next are combined into one. */
static inline double integrator_kick(const struct integrator *i, size_t k) {
    const int end = k == 0 || k == integrator_drifts(i);
    if (i->kind == INTEGRATOR_OMELYAN) {
        return k % 2 == 1 ? (1.0 - 2.0 * INTEGRATOR_OMELYAN_XI) * i->step
                          : (end ? 1.0 : 2.0) * INTEGRATOR_OMELYAN_XI * i->step;
    }
    return end ? 0.5 * i->step : i->step;
}

#endif
