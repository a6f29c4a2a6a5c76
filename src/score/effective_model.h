/* The effective-action model: features, and their coefficients as functions of the noise level.
 *
 * Fields are in lattice units, minus `mean`, which is 0 in the symmetric phase, and the magnetization of the phase for
 * a model of one phase (effective_features.h). Coefficients are cubic splines in ln s through the levels. Below the
 * lowest level and above the highest one f = 0, so the field is Gaussian there. */
#ifndef DMSQ_SCORE_EFFECTIVE_MODEL_H
#define DMSQ_SCORE_EFFECTIVE_MODEL_H

#include <stdint.h>

#include "score/effective_level.h"

struct effective_model {
    size_t dimensions, volume, extents[8];
    bool one_phase;
    double mean;
    struct effective_saturation saturation;
    double blocking;          /* effective_lattices.h */
    double pairs_above;       /* s below which there are no nonlinear bilocal features */
    const double *propagator; /* [V], of the field minus its mean */
    struct effective_features features;
    size_t levels;
    double *log_s;        /* [levels], ascending, equidistant */
    double *coefficients; /* (levels, features) */
    double *gain;         /* [levels]: gain of f over the Wiener filter, in nats per unit of ln s */
};

/* Sets coefficients (points, features) to those at log_s[points]; log_s outside the levels is replaced by the nearest
 * level. 0 for features that the model does not have at that level. STATUS_FAILED: out of memory. */
enum status effective_model_coefficients(const struct effective_model *m, size_t points, const double *log_s,
                                         double *coefficients, struct error *e);
/* Whether log_s is at or below the highest level under pairs_above, so that there are no nonlinear bilocal features. */
bool effective_model_is_local(const struct effective_model *m, double log_s);
/* The factor in [0, 1] of a feature's coefficient at log_s. It is 1 except for nonlinear bilocal features, where it
 * rises smoothly from 0 to 1 over the first levels above pairs_above, so that the flow is smooth. */
double effective_model_share(const struct effective_model *m, size_t feature, double log_s);
/* Number of kernels that the features need. */
size_t effective_model_kernels(const struct effective_model *m);
/* The integral of gain over ln s, in nats. */
double effective_model_gain(const struct effective_model *m);
void effective_model_release(struct effective_model *m);

#endif
