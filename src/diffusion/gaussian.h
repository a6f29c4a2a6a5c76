/* Draws from the Gaussian field of a model's propagator, with their exact density: the proposal that needs no
 * training.
 *
 *   phi(p) = sqrt(G(p)) z(p),   log q = -1/2 sum_p [ ln(2 pi G(p)) + |phi(p)|^2/(V G(p)) ]  in scaled units,
 *
 * z white noise, G averaged over p -> -p; in the field's own units V ln(factor) comes on top. Fields are rounded to
 * single precision first, and log q is that of the rounded field. */
#ifndef DMSQ_DIFFUSION_GAUSSIAN_H
#define DMSQ_DIFFUSION_GAUSSIAN_H

#include <signal.h>
#include <stdint.h>

#include "base/progress.h"
#include "diffusion/score.h"

/* Configurations first .. first+count-1 into phi[count x V], in own units, and log_q[count]. Configuration i is a
 * function of (model, seed, i). STATUS_BAD_INPUT: a propagator that is not positive; STATUS_FAILED: out of memory, or
 * *interrupted became nonzero. progress counts configurations, may be NULL. */
enum status gaussian_sample(const struct score_model *model, uint64_t seed, size_t first, size_t count, int threads,
                            float *phi, double *log_q, const volatile sig_atomic_t *interrupted,
                            struct progress *progress, struct error *e);

#endif
