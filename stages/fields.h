/* The input of stages that measure or score configurations: an artifact with phi, the couplings and the chains. */
#ifndef DMSQ_STAGES_FIELDS_H
#define DMSQ_STAGES_FIELDS_H

#include "score/header.h"

struct fields {
    const struct npz_array *phi; /* (N, x1, ..., xd), float32 or float64 */
    const char *path;
    size_t configurations, dimensions;
    const size_t *extents;
    struct header header; /* thermalised: mark of the ensemble, for samples that of their training data */
};

/* Points into npz. STATUS_BAD_INPUT names the file and what is missing or wrong in it. */
enum status fields_read(const struct npz *npz, struct fields *fields, struct error *e);

#endif
