/* What artifacts carry beside the field or the numbers made of it: the couplings of the theory, the chains, and whether
 * these were in equilibrium. Members kappa, lambda, chains, independent, thermalised. */
#ifndef DMSQ_SCORE_HEADER_H
#define DMSQ_SCORE_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "lattice/theory.h"
#include "store/npz.h"

struct header {
    struct theory theory;
    size_t chains;       /* C, of N/C configurations each, one after the other */
    bool independent;    /* all N configurations of each other */
    int64_t thermalised; /* 1, 0 or -1 (lattice/thermalisation.h); 1 where it is missing */
};

/* The couplings, which have to be finite. */
enum status header_read_theory(const struct npz *npz, struct theory *theory, struct error *e);
enum status header_add_theory(struct npz_writer *writer, const struct theory *theory, struct error *e);

/* Whether all couplings are among the members that were added, and which. */
bool header_has_theory(const struct npz_writer *writer, struct theory *theory);

/* Whether the chains behind the data were in equilibrium: 1, 0 or -1. */
enum status header_read_thermalised(const struct npz *npz, int64_t *thermalised, struct error *e);
enum status header_add_thermalised(struct npz_writer *writer, int64_t thermalised, struct error *e);

/* All of it, of an artifact with this many configurations; STATUS_BAD_INPUT names the file and what is missing or
 * wrong. */
enum status header_read(const struct npz *npz, size_t configurations, struct header *header, struct error *e);

/* All of it, in the order of ensembles; header_add_layout() all but `thermalised`, which is there behind other
 * members. */
enum status header_add(struct npz_writer *writer, const struct header *header, struct error *e);
enum status header_add_layout(struct npz_writer *writer, const struct header *header, struct error *e);
/* All of it, in the order of samples of a model: a configuration a chain. */
enum status header_add_samples(struct npz_writer *writer, const struct theory *theory, int64_t thermalised,
                               size_t configurations, struct error *e);

#endif
