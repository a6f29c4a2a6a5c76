/* Where the probability flow ends at t = 1, as a density of the scaled field:
 *
 *   white      N(0, s^2(1)), as published: good for s^2(1) far above the propagator, and too narrow for modes of which
 *              it is not, by the factor 1 + G(p)/s^2(1) in their variance
 *   gaussian   the Gaussian field of the noisy data, of variance G(p) + s^2(1) a mode, G the model's propagator: the
 *              same two-point function as the data at any coupling */
#ifndef DMSQ_DIFFUSION_FLOW_PRIOR_H
#define DMSQ_DIFFUSION_FLOW_PRIOR_H

#include <stdbool.h>

#include "score/score.h"

struct flow_prior; /* immutable, shared by threads */

/* The model must outlive it. STATUS_BAD_INPUT: a gaussian prior on a lattice that lattice/fourier.h does not take. */
enum status flow_prior_new(const struct score_model *m, bool gaussian, struct flow_prior **prior, struct error *e);
void flow_prior_free(struct flow_prior *prior);

/* Doubles of scratch that the functions below need. */
size_t flow_prior_workspace(const struct flow_prior *prior);
/* Makes V standard normals a draw, in place. */
void flow_prior_draw(const struct flow_prior *prior, double *phi, double *workspace);
/* phi C^-1 phi, C the covariance, for flow_prior_log_density. */
double flow_prior_square(const struct flow_prior *prior, const double *phi, double *workspace);
double flow_prior_log_density(const struct flow_prior *prior, double square);

#endif
