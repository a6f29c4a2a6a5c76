/* The training set of a model: fields of an ensemble in scaled units, and their propagator. */
#ifndef DMSQ_SCORE_DATASET_H
#define DMSQ_SCORE_DATASET_H

#include "score/score.h"

enum dataset_scaling {
    DATASET_NONE,
    DATASET_STD,     /* (phi - <phi>) / sqrt(<phi^2> - <phi>^2), means over configurations and sites */
    DATASET_MINMAX,  /* linear, the smallest and largest value of the whole set to -1 and 1 (the authors' code) */
    DATASET_CENTRED, /* phi - <phi>; not a choice of the stage, but of kinds that need it (score/kind.h) */
};

/* Sets extents, kappa and lambda of m to those of an ensemble, and measures offset and factor of the scaling. If
 * m->one_phase is set, here and below, configurations with a negative mean are sign-flipped first. STATUS_BAD_INPUT:
 * phi has a wrong shape, is constant, or is not finite. */
enum status dataset_describe(const struct npz *ensemble, enum dataset_scaling scaling, struct score_model *m,
                             struct error *e);

/* Sets *fields (count, volume) to the fields of an ensemble, scaled as in m; the caller frees them. STATUS_BAD_INPUT:
 * the lattice is not that of m, or a field is not finite. */
enum status dataset_fields(const struct npz *ensemble, const struct score_model *m, float **fields, size_t *count,
                           struct error *e);

/* Measures m->propagator (allocated here), G(p) = <|phi(p)|^2>/V averaged over the symmetries of the lattice, and
 * m->variance, the mean of G over the modes, which is <phi^2>. fields: (count, volume), scaled. */
enum status dataset_propagator(const float *fields, size_t count, int threads, struct score_model *m, struct error *e);

#endif
