/* The action of one configuration (theory.h; A 4.2), its force, and means over the sites:
 *
 *   S = sum_x [ -2 kappa sum_mu phi(x) phi(x+mu) + (1 - 2 lambda) phi^2 + lambda phi^4 ],
 *   force -dS/dphi(x) = 2 kappa sum_{+-mu} phi(x+-mu) - 2 (1 - 2 lambda) phi - 4 lambda phi^3,
 *   virial sum_x phi dS/dphi = 2 S + 2 lambda sum_x phi^4, whose expectation value in equilibrium is V.
 *
 * Fields are phi[g->volume] in C order. Sums have a fixed order (base/sum.h, or row by row), so their bits are always
 * the same. */
#ifndef DMSQ_LATTICE_ACTION_H
#define DMSQ_LATTICE_ACTION_H

#include <stddef.h>

#include "base/error.h"
#include "lattice/geometry.h"
#include "lattice/theory.h"

/* Means over the sites of one configuration. */
struct configuration_means {
    double field;     /* M = mean of phi: the order parameter */
    double magnitude; /* mean of |phi| (A 4.12 as printed) */
    double square;    /* mean of phi^2 */
    double quartic;   /* mean of phi^4 */
    double action;    /* S/V */
    double virial;    /* sum_x phi dS/dphi / V */
};

double action(const struct geometry *g, const struct theory *theory, const double *phi);

/* force[volume] = -dS/dphi; must not be phi itself. */
void action_force(const struct geometry *g, const struct theory *theory, const double *phi, double *force);

struct configuration_means configuration_measure(const struct geometry *g, const struct theory *theory,
                                                 const double *phi);
/* The same for a stored configuration. Sites are converted to double before any arithmetic. */
struct configuration_means configuration_measure_float(const struct geometry *g, const struct theory *theory,
                                                       const float *phi);

#endif
