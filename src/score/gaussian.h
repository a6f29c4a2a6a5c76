/* Kind `gaussian`: the exact score of a Gaussian field with propagator G, s(t) score(p) = -s phi(p)/(G(p) + s^2), the
 * Wiener filter. G is all that it takes from the data.
 *
 * Configurations are drawn without a process and with their exact density, as proposals that need no training:
 *
 *   phi(p) = sqrt(G(p)) z(p),   log q = -1/2 sum_p [ ln(2 pi G(p)) + |phi(p)|^2/(V G(p)) ]  in scaled units,
 *
 * with z white noise and G averaged over p -> -p. In the units of the field V ln(factor) is added to log q. Fields are
 * rounded to single precision first, and log q is that of the rounded field. Without density, z is drawn in single
 * precision. */
#ifndef DMSQ_SCORE_GAUSSIAN_H
#define DMSQ_SCORE_GAUSSIAN_H

#include "score/kind.h"

extern const struct score_kind score_gaussian;

#endif
