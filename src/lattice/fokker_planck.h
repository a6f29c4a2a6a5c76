/* The density of the toy model's Langevin process at any time, by solving its Fokker-Planck equation (A 2.6)
 *     dp/dtau = d/dphi ( p dS/dphi + dp/dphi ),   the process   dphi = -dS/dphi dtau + sqrt(2) dW,
 * with alpha = 1, whose equilibrium is exp(-S). Finite volumes with rates in detailed balance, so that exp(-S) on the
 * grid is stationary; Crank-Nicolson in time. The error is of second order in space and time. */
#ifndef DMSQ_LATTICE_FOKKER_PLANCK_H
#define DMSQ_LATTICE_FOKKER_PLANCK_H

#include <stddef.h>

#include "base/error.h"
#include "lattice/toy.h"

/* Replaces the density p[points] by that a time `duration` >= 0 later, in `steps` steps. The grid goes from -range to
 * range, including both ends, through which there is no flow. points >= 2. STATUS_FAILED: out of memory. */
enum status fokker_planck(const struct toy_theory *theory, double range, size_t points, double duration, size_t steps,
                          double *p, struct error *e);

#endif
