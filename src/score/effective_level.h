/* The effective-action model at one noise level: its tables in momentum space, and its evaluation on packs of fields.
 *
 *   score(y) = -y/(G + s^2) + W f(u),   f = sum over features of coefficient times feature (effective_features.h).
 *
 * In the normalised modes xi(p) = y(p)/sqrt(G + s^2) the linear part drops out of the probability flow,
 *   d xi / d ln s = -s^2 W f / sqrt(G + s^2),
 * and the divergence of the right-hand side is -s^2 div(W f), in closed form: with W2(x) the transform of W^2,
 *   div W t^p           = W2(0) sum_x d(t^p)/du / sigma_u
 *   div W t^p (K * t^q) = (W2(0) sum_x d(t^p)/du (K * t^q)  +  sum_x t^p [(K W2) * d(t^q)/du]) / sigma_u
 * and by the product rule for the zero mode. Since d(t^q)/du = q (t^(q-1) - t^(q+1)/a^2), the last sum is one over
 * modes of products of the transforms of powers of t, which the score needs anyway.
 *
 * A pack (lattice/transform.h) is evaluated in single precision, its sums over sites and modes in double. The cost
 * does not depend on the number of kernels: kernels of the same p and q are added in momentum space. */
#ifndef DMSQ_SCORE_EFFECTIVE_LEVEL_H
#define DMSQ_SCORE_EFFECTIVE_LEVEL_H

#include "score/effective_features.h"
#include "score/effective_filters.h"

struct effective_level; /* immutable, shared by threads */

/* Where t and t0 saturate: a of each, > 0. */
struct effective_saturation {
    double local, zero;
};

/* coefficients[features->count]. The filters may be released afterwards, their lattice may not. STATUS_FAILED: out of
 * memory. */
enum status effective_level_new(const struct effective_filters *filters, const struct effective_features *features,
                                const double *coefficients, struct effective_saturation saturation,
                                struct effective_level **level, struct error *e);
void effective_level_free(struct effective_level *level);

/* Number of sites of workspace of an evaluation. */
size_t effective_level_workspace(const struct effective_level *level);

/* modes[V], of the whole lattice: xi(p) of a pack of fields. Sets drift[V] = d xi / d ln s, and the divergence of the
 * drift for every field. `drift` may not be `modes`. */
void effective_level_evaluate(const struct effective_level *level, const struct transform_site *modes,
                              struct transform_site *drift, double divergence[TRANSFORM_FIELDS],
                              struct transform_site *workspace);

/* The lattice of the level; and the same evaluation with modes and drift of that lattice only
 * (effective_lattice_pick). */
const struct effective_lattice *effective_level_lattice(const struct effective_level *level);
void effective_level_evaluate_own(const struct effective_level *level, const struct transform_site *modes,
                                  struct transform_site *drift, double divergence[TRANSFORM_FIELDS],
                                  struct transform_site *workspace);

/* Transforms of a pack in one evaluation, for the benchmark. */
size_t effective_level_transforms(const struct effective_level *level);

#endif
