/* What the stages that measure or score configurations take in: artifacts with phi, the couplings and the chains. */
#ifndef DMSQ_STAGES_FIELDS_H
#define DMSQ_STAGES_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lattice/action.h"
#include "store/npz.h"

struct fields {
    const struct npz_array *phi; /* (N, x1, ..., xd), float32 or float64 */
    const char *path;
    size_t configurations, chains, dimensions;
    const size_t *extents;
    bool independent;
    int64_t thermalised; /* of the ensemble, or the one that the model of a sample was trained on */
    struct theory theory;
};

/* Points into npz. STATUS_BAD_INPUT names the file and what is missing or wrong in it. */
enum status fields_read(const struct npz *npz, struct fields *fields, struct error *e);
/* The couplings and the chains alone, of fields->configurations that the caller knows. */
enum status fields_read_layout(const struct npz *npz, struct fields *fields, struct error *e);

#endif
