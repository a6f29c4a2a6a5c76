/* The density of the toy model's Langevin process at any time, by solving its Fokker-Planck equation (A 2.6)
 *     dp/dtau = d/dphi ( p dS/dphi + dp/dphi ),   the process   dphi = -dS/dphi dtau + sqrt(2) dW,
 * with alpha = 1, of equilibrium exp(-S). Finite volumes whose rates keep detailed balance, so that exp(-S) on the grid
 * does not change; Crank-Nicolson in time: second order in both. */
#ifndef DMSQ_LATTICE_FOKKER_PLANCK_H
#define DMSQ_LATTICE_FOKKER_PLANCK_H

#include <stddef.h>

#include "base/error.h"
#include "lattice/toy.h"

/* p[points] on a grid from -range to range, both ends included, where nothing flows out: to be replaced by the density
 * a time `duration` >= 0 later, in `steps` steps. points >= 2. */
enum status fokker_planck(const struct toy_theory *theory, double range, size_t points, double duration, size_t steps,
                          double *p, struct error *e);

#endif
