/* The propagator of a field as it is measured, G(p) = <|phi(p)|^2>/V, and smoothed.
 *
 * A measured propagator has a relative error d(p) a mode, and a Gaussian field of that propagator differs from one of
 * the true propagator by sum_p d^2/2 in the variance of the log-density: with 1000 configurations and 32x32 modes that
 * is all there is. 1/G is a smooth function of the momentum, so few numbers describe it. */
#ifndef DMSQ_LATTICE_PROPAGATOR_H
#define DMSQ_LATTICE_PROPAGATOR_H

#include "lattice/fourier.h"

/* Replaces G[V] where P = sum_mu p_mu^2 > above, p_mu = 2 sin(pi k_mu/L_mu) the lattice momentum, by the least-squares
 * fit
 *   1/G = polynomial of fourth order in P  +  Q (polynomial of second order in P)  +  c/(P + 0.1),   Q = sum_mu p_mu^4,
 * in relative deviations, all modes alike; below, where modes are few and 1/G bends most, G stays as measured. above <
 * 0: all modes, the zero mode too, and no c/(P + 0.1). Terms that the lattice does not tell apart (Q where d = 1) are
 * left out. *residual: root mean square of G/fit - 1, which for a good fit is the statistical error of G.
 * STATUS_BAD_INPUT: G not positive, or a fit that is not (a coupling for which such a fit is no good). */
enum status propagator_smooth(const struct fourier *fourier, const size_t *extents, size_t dimensions, double above,
                              double *G, double *residual, struct error *e);

#endif
