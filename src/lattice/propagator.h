/* Smoothing of a measured propagator G(p) = <|phi(p)|^2>/V.
 *
 * A measured propagator has a relative error d(p) in each mode. The log-density of a Gaussian field with this
 * propagator therefore differs from that with the true propagator; the variance of the difference is sum_p d^2/2, which
 * is of order 1 with 1000 configurations and 32x32 modes. 1/G is a smooth function of the momentum, so few coefficients
 * describe it. */
#ifndef DMSQ_LATTICE_PROPAGATOR_H
#define DMSQ_LATTICE_PROPAGATOR_H

#include "lattice/fourier.h"

/* Replaces G[V] at modes with P = sum_mu p_mu^2 > above by the least-squares fit (p_mu = 2 sin(pi k_mu/L_mu) is the
 * lattice momentum)
 *   1/G = polynomial of fourth order in P  +  Q (polynomial of second order in P)  +  c/(P + 0.1),   Q = sum_mu p_mu^4,
 * of relative deviations, with equal weights of the modes. At smaller P, where modes are few and 1/G has most
 * curvature, G stays as measured. above < 0: all modes including the zero mode are fitted, without c/(P + 0.1). Terms
 * that depend linearly on others (Q in one dimension) are left out. *residual: root mean square of G/fit - 1, which for
 * a good fit is the statistical error of G. STATUS_BAD_INPUT: G is not positive, or the fit is not (such a fit does not
 * suit the coupling). */
enum status propagator_smooth(const struct fourier *fourier, const size_t *extents, size_t dimensions, double above,
                              double *G, double *residual, struct error *e);

#endif
