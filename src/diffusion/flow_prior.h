/* The density p_T of the scaled field at the end of the probability flow, t = 1:
 *
 *   white      N(0, s^2(1)), as published: good if s^2(1) is far above the propagator G(p); otherwise the variance of a
 *              mode is too small by the factor 1 + G(p)/s^2(1)
 *   gaussian   the Gaussian field of the noisy data, of variance G(p) + s^2(1) in mode p, G being the model's
 *              propagator: it has the two-point function of the noisy data at any coupling */
#ifndef DMSQ_DIFFUSION_FLOW_PRIOR_H
#define DMSQ_DIFFUSION_FLOW_PRIOR_H

#include <stdbool.h>

#include "score/score.h"

struct flow_prior; /* immutable, shared by threads */

/* Makes a prior; the model must outlive it. STATUS_BAD_INPUT: a gaussian prior on a lattice with too large extents
 * (lattice/fourier.h). STATUS_FAILED: out of memory. */
enum status flow_prior_new(const struct score_model *m, bool gaussian, struct flow_prior **prior, struct error *e);
void flow_prior_free(struct flow_prior *prior);

/* Number of doubles of workspace that the functions below need. */
size_t flow_prior_workspace(const struct flow_prior *prior);
/* Turns V standard normals phi[V] into a draw from the prior, in place. */
void flow_prior_draw(const struct flow_prior *prior, double *phi, double *workspace);
/* phi C^-1 phi, with C the covariance; the argument `square` of flow_prior_log_density. */
double flow_prior_square(const struct flow_prior *prior, const double *phi, double *workspace);
double flow_prior_log_density(const struct flow_prior *prior, double square);

#endif
