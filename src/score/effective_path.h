/* Partial refresh: noise a field to a level s and come back down by the reverse process of the effective-action model,
 * with the ratio of the probabilities of both paths, which makes it an exact Metropolis step for any number of steps.
 *
 * Levels 0 = s_0 < s_1 < ... < s_N = s, geometric from s_1 to s (s_1 = s for N = 1). In the normalised modes
 * xi_k(p) = y_k(p)/sqrt(G + s_k^2), y_k the field with noise of level s_k, both kernels are Gaussian with the same
 * c_k(p) = sqrt((G + s_k^2)/(G + s_{k+1}^2)):
 *
 *   up    F(xi_{k+1} | xi_k) = N(c_k xi_k,             1 - c_k^2)      the noise of the diffusion, exactly
 *   down  R(xi_k | xi_{k+1}) = N(c_k xi_{k+1} + d_k,   1 - c_k^2)      the model's reverse process (effective_flow.h)
 *   d_k = (1 - s_k^2/s_{k+1}^2)/c_k  s_{k+1}^2 W f / sqrt(G + s_{k+1}^2),  W and f at level s_{k+1} of xi_{k+1}
 *
 * A step goes up from x_0 = phi by x = (x_0, ..., x_N) and down from x'_N = x_N by x' = (x'_0, ..., x'_N), and is
 * accepted with min(1, exp(A(x') - A(x))),
 *
 *   A(x) = -S(x_0) + sum_k [log F(x_{k+1} | x_k) - log R(x_k | x_{k+1})].
 *
 * Proof of detailed balance, on pairs of paths with a common upper end: in equilibrium the probability of x, then x',
 * is
 *   e^{-S(x_0)}/Z  prod F(x_{k+1} | x_k)  prod R(x'_k | x'_{k+1})  min(1, e^{A(x') - A(x)}).
 * The opposite step starts at x'_0 and goes up by x', which it does with prod F(x'_{k+1} | x'_k), and down by x, which
 * is possible as x'_N = x_N. Its probability is the same with x and x' exchanged. The ratio of the two factors in front
 * of min is e^{A(x) - A(x')}, and min(1, r)/min(1, 1/r) = r with r = e^{A(x') - A(x)}: they are equal. Summed over all
 * paths from phi to phi' with weights that are those of the opposite ones: detailed balance for phi and phi'. Nothing
 * was assumed of the model: its errors lower the acceptance, no more. There is no divergence and no integrator.
 *
 * What is common to F and R drops out of the ratio, with the Gaussian parts of x_N:
 *
 *   A(x) + S(x_0) = 1/2 |xi_0|^2 + sum_k <d_k, d_k/2 - (xi_k - c_k xi_{k+1})/(1 - c_k^2)> + a function of x_N,
 *
 * so that for a Gaussian field (d = 0) of this propagator every step is accepted. All sums in double precision.
 *
 * A model of one phase: fields have a positive mean, and a proposal without one is rejected: a step of the law of
 * positive means.
 *
 * Each step estimates the divergence of f from one draw of noise. So the variance of A is extensive and falls as 1/N,
 * where the flow has the divergence in closed form. The lowest level may be well above the model's: from there one step
 * leads to 0. A refined model (effective_refine.h) has a bad score at its lowest levels, where the flow hardly
 * notices. */
#ifndef DMSQ_SCORE_EFFECTIVE_PATH_H
#define DMSQ_SCORE_EFFECTIVE_PATH_H

#include "base/random.h"
#include "score/effective_model.h"

struct effective_path; /* the tables of all levels: immutable, shared by threads */

/* lowest: s_1 > 0; level: s > 0; steps: N >= 1. The model must outlive it. STATUS_BAD_INPUT: more than one step and not
 * s > s_1; STATUS_FAILED: out of memory. */
enum status effective_path_new(const struct effective_model *model, double lowest, double level, size_t steps,
                               int threads, struct effective_path **path, struct error *e);
void effective_path_free(struct effective_path *path);

/* Sites of scratch of a pack, and evaluations of the model that a step takes: 2 N - 1. */
size_t effective_path_workspace(const struct effective_path *path);
size_t effective_path_evaluations(const struct effective_path *path);

/* Step `step` of the chains first .. first+count-1, count <= TRANSFORM_FIELDS: proposal[count x V] from phi[count x V];
 * log_ratio[count] = A(x') - A(x) + S(x'_0) - S(x_0), NaN for a proposal that is rejected, because it left the finite
 * numbers or the phase. A function of (path, key, chain, step, phi). */
void effective_path_propose(const struct effective_path *path, struct random_key key, size_t first, size_t count,
                            uint64_t step, const float *phi, float *proposal, double *log_ratio,
                            struct transform_site *workspace);
#endif
