/* Partial refresh by paths: adds noise of level s to a field and removes it by the reverse process of the
 * effective-action model. The ratio of the probabilities of both paths makes this an exact Metropolis step for any
 * number of steps.
 *
 * Levels 0 = s_0 < s_1 < ... < s_N = s, geometric from s_1 to s (s_1 = s for N = 1). In the normalised modes
 * xi_k(p) = y_k(p)/sqrt(G + s_k^2), y_k being the field with noise of level s_k, both transition kernels are Gaussian
 * with the same c_k(p) = sqrt((G + s_k^2)/(G + s_{k+1}^2)):
 *
 *   up    F(xi_{k+1} | xi_k) = N(c_k xi_k,             1 - c_k^2)      the exact noise of the diffusion
 *   down  R(xi_k | xi_{k+1}) = N(c_k xi_{k+1} + d_k,   1 - c_k^2)      the model's reverse process (effective_flow.h)
 *   d_k = (1 - s_k^2/s_{k+1}^2)/c_k  s_{k+1}^2 W f / sqrt(G + s_{k+1}^2),  W and f at level s_{k+1} of xi_{k+1}
 *
 * A step goes up from x_0 = phi by x = (x_0, ..., x_N) and down from x'_N = x_N by x' = (x'_0, ..., x'_N), and is
 * accepted with min(1, exp(A(x') - A(x))),
 *
 *   A(x) = -S(x_0) + sum_k [log F(x_{k+1} | x_k) - log R(x_k | x_{k+1})].
 *
 * Proof of detailed balance, for pairs of paths x, x' with a common upper end: in equilibrium the probability of going
 * up by x and down by x' is
 *   e^{-S(x_0)}/Z  prod F(x_{k+1} | x_k)  prod R(x'_k | x'_{k+1})  min(1, e^{A(x') - A(x)}).
 * The opposite step starts at x'_0, goes up by x' and down by x, which is possible since x'_N = x_N. Its probability is
 * the same expression with x and x' exchanged. The ratio of the two factors in front of min is e^{A(x) - A(x')}. With
 * r = e^{A(x') - A(x)}, min(1, r)/min(1, 1/r) = r, so the two probabilities are equal. The sum over all pairs of paths
 * from phi to phi' gives detailed balance for phi and phi'. The proof makes no assumption about the model: its errors
 * only lower the acceptance. There is no divergence and no integrator.
 *
 * The common parts of F and R cancel in the ratio, as do the Gaussian parts of x_N:
 *
 *   A(x) + S(x_0) = 1/2 |xi_0|^2 + sum_k <d_k, d_k/2 - (xi_k - c_k xi_{k+1})/(1 - c_k^2)> + a function of x_N,
 *
 * so for a Gaussian field (d = 0) with this propagator every step is accepted. All sums are in double precision.
 *
 * For a model of one phase, fields have a positive mean, and proposals without a positive mean are rejected. The step
 * is then one of the distribution restricted to positive means.
 *
 * Each step of a path estimates the divergence of f from one draw of noise, whereas the flow has it in closed form. So
 * the variance of A is extensive and falls as 1/N. The lowest level may be well above that of the model, since one step
 * leads from there to 0. The score of a refined model (effective_refine.h) is wrong at its lowest levels, where the
 * flow is insensitive to it. */
#ifndef DMSQ_SCORE_EFFECTIVE_PATH_H
#define DMSQ_SCORE_EFFECTIVE_PATH_H

#include "base/random.h"
#include "score/effective_model.h"

struct effective_path; /* the tables of all levels: immutable, shared by threads */

/* Makes the tables for lowest = s_1 > 0, level = s > 0 and steps = N >= 1; the model must outlive them.
 * STATUS_BAD_INPUT: N > 1 without s > s_1; STATUS_FAILED: out of memory. */
enum status effective_path_new(const struct effective_model *model, double lowest, double level, size_t steps,
                               int threads, struct effective_path **path, struct error *e);
void effective_path_free(struct effective_path *path);

/* Number of sites of workspace for a pack, and of evaluations of the model per step, 2 N - 1. */
size_t effective_path_workspace(const struct effective_path *path);
size_t effective_path_evaluations(const struct effective_path *path);

/* Step `step` of the chains first .. first+count-1, count <= TRANSFORM_FIELDS: sets proposal (count, V) from phi
 * (count, V), and log_ratio[count] = A(x') - A(x) + S(x'_0) - S(x_0), NaN for a rejected proposal, which became
 * infinite or left the phase. The result depends only on (path, key, chain, step, phi). */
void effective_path_propose(const struct effective_path *path, struct random_key key, size_t first, size_t count,
                            uint64_t step, const float *phi, float *proposal, double *log_ratio,
                            struct transform_site *workspace);
#endif
