/* The effective-action model: features, and their coefficients as functions of the noise level.
 *
 * Fields are in own units less `mean`, which is 0 in the symmetric phase and the magnetization of the phase where the
 * model is of one phase (features.h). Coefficients are cubic splines in ln s through the levels; below the lowest level
 * and above the highest f is nothing and the field Gaussian. */
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
    double pairs_above;       /* s: below it there are no nonlinear bilocal features */
    const double *propagator; /* [V], of the field less its mean */
    struct effective_features features;
    size_t levels;
    double *log_s;        /* [levels], ascending, equally far apart */
    double *coefficients; /* [levels x features] */
    double *gain;         /* [levels], nats an ln s that f gains over the Wiener filter */
};

/* Coefficients at ln s, clamped to the levels; 0 of features that the model does not have there. */
enum status effective_model_coefficients(const struct effective_model *m, size_t points, const double *log_s,
                                         double *coefficients, struct error *e);
/* Whether ln s is at or below the highest level under pairs_above: there are no nonlinear bilocal features. */
bool effective_model_is_local(const struct effective_model *m, double log_s);
/* The share of a feature's coefficient that is there at ln s: 1, but for nonlinear bilocal features, whose share rises
 * smoothly from 0 to 1 over the first levels above pairs_above, so that the flow is smooth. */
double effective_model_share(const struct effective_model *m, size_t feature, double log_s);
/* Kernels that the features need. */
size_t effective_model_kernels(const struct effective_model *m);
/* int gain d ln s, in nats. */
double effective_model_gain(const struct effective_model *m);
void effective_model_release(struct effective_model *m);

#endif
