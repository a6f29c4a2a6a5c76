/* Kind `gaussian`: the exact score of a Gaussian field with propagator G, s(t) score(p) = -s phi(p)/(G(p) + s^2), the
 * Wiener filter. Nothing is learned but G.
 *
 * It is drawn without a process, with its exact density: the proposal that needs no training.
 *
 *   phi(p) = sqrt(G(p)) z(p),   log q = -1/2 sum_p [ ln(2 pi G(p)) + |phi(p)|^2/(V G(p)) ]  in scaled units,
 *
 * z white noise, G averaged over p -> -p; in the field's own units V ln(factor) comes on top. Fields are rounded to
 * single precision first, and log q is that of the rounded field. Without a density z is drawn in single precision. */
#ifndef DMSQ_SCORE_GAUSSIAN_H
#define DMSQ_SCORE_GAUSSIAN_H

#include "score/kind.h"

extern const struct score_kind score_gaussian;

#endif
