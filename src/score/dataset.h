/* The training set as a model sees it: fields of an ensemble in scaled units, and their propagator. */
#ifndef DMSQ_SCORE_DATASET_H
#define DMSQ_SCORE_DATASET_H

#include "score/score.h"

enum dataset_scaling {
    DATASET_NONE,
    DATASET_STD,     /* (phi - <phi>) / sqrt(<phi^2> - <phi>^2), means over configurations and sites */
    DATASET_MINMAX,  /* the smallest and largest value of the whole set to -1 and 1 (the authors' code) */
    DATASET_CENTRED, /* phi - <phi>; no choice of the stage, for kinds that want it (score/kind.h) */
};

/* Reads extents, kappa and lambda of an ensemble, and measures offset and factor of the scaling, into m. Where
 * m->one_phase is set, here and below, the sign of configurations with a negative mean is changed first. */
enum status dataset_describe(const struct npz *ensemble, enum dataset_scaling scaling, struct score_model *m,
                             struct error *e);

/* The fields of an ensemble scaled as m says (count x volume, the caller frees). STATUS_BAD_INPUT when the
 * lattice is another or a field is not finite. */
enum status dataset_fields(const struct npz *ensemble, const struct score_model *m, float **fields, size_t *count,
                           struct error *e);

/* Measures m->propagator (allocated here), G(p) = <|phi(p)|^2>/V averaged over the symmetries of the
 * lattice, and m->variance, the mean of G over modes = <phi^2>. */
enum status dataset_propagator(const float *fields, size_t count, int threads, struct score_model *m, struct error *e);

#endif
