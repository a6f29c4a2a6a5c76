/* Partial refresh (refresh.h) of the effective-action model: by paths (effective_path.h), or by its flow.
 *
 * By the flow, the state of the chain is the white noise xi at the upper end of the flow. With c(p) = G/(G + s^2) and z
 * white noise,
 *
 *   xi' = c xi + sqrt(1 - c^2) z,     phi and phi' are the fields to which the flow maps xi and xi',
 *   accepted with min(1, exp(-S(phi') - log q(phi') + S(phi) + log q(phi))).
 *
 * The proposal is reversible with respect to N(xi), the distribution of white noise, and q is the density of the image
 * of N(xi) under the flow. This gives detailed balance for exp(-S), up to the error of log q from the integrator, as
 * for independent proposals. The flow need not be inverted, since xi is the state and phi is computed from it. c is the
 * correlation that a mode of a Gaussian field keeps when noise of level s is added and removed, so s means the same as
 * for paths; s -> infinity gives the chain of independent proposals. */
#ifndef DMSQ_SCORE_EFFECTIVE_REFRESH_H
#define DMSQ_SCORE_EFFECTIVE_REFRESH_H

#include "score/refresh.h"

extern const struct score_refresh effective_refresh;

/* The effective-action model of m, which must be of that kind (effective_action.c). */
const struct effective_model *effective_action_model(const struct score_model *m);

#endif
