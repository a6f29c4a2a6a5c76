/* Partial refresh (refresh.h) of the effective-action model: by paths (effective_path.h), or by its flow.
 *
 * By the flow the chain lives in the white noise xi at the upper end. With c(p) = G/(G + s^2) and z white noise,
 *
 *   xi' = c xi + sqrt(1 - c^2) z,     phi = field of xi, phi' = field of xi' by the flow,
 *   accepted with min(1, exp(-S(phi') - log q(phi') + S(phi) + log q(phi))).
 *
 * The proposal keeps N(xi) and is reversible with respect to it, and the weight is that of a field under N(xi) carried
 * by the flow: detailed balance for exp(-S), as far as log q is the density that the flow has, which the integrator's
 * steps decide, as for fresh proposals. (The flow need not be inverted: xi is the state, phi what is made of it.) c is
 * what is left of a Gaussian field that gets noise of level s and comes back by its reverse process, so s means the
 * same as for paths; s -> infinity is the chain of independent proposals. */
#ifndef DMSQ_SCORE_EFFECTIVE_REFRESH_H
#define DMSQ_SCORE_EFFECTIVE_REFRESH_H

#include "score/refresh.h"

extern const struct score_refresh effective_refresh;

/* The model of m, whose kind it is (effective_action.c). */
const struct effective_model *effective_action_model(const struct score_model *m);

#endif
