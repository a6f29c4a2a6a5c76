/* The header of artifacts: the couplings of the theory, the layout of the chains, and whether they were in equilibrium.
 * Arrays kappa, lambda, chains, independent, thermalised. */
#ifndef DMSQ_SCORE_HEADER_H
#define DMSQ_SCORE_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "lattice/theory.h"
#include "store/npz.h"

struct header {
    struct theory theory;
    size_t chains;       /* C chains of N/C configurations each, chain after chain */
    bool independent;    /* whether all N configurations are independent of each other */
    int64_t thermalised; /* 1, 0 or -1 (lattice/thermalisation.h); 1 if it is missing */
};

/* Reads and adds the couplings. STATUS_BAD_INPUT: one is missing or not finite. */
enum status header_read_theory(const struct npz *npz, struct theory *theory, struct error *e);
enum status header_add_theory(struct npz_writer *writer, const struct theory *theory, struct error *e);

/* Whether all couplings are among the arrays that were added; if so, sets *theory. */
bool header_has_theory(const struct npz_writer *writer, struct theory *theory);

/* Reads and adds the mark `thermalised`: whether the Markov chains of the data were in equilibrium, 1, 0 or -1. */
enum status header_read_thermalised(const struct npz *npz, int64_t *thermalised, struct error *e);
enum status header_add_thermalised(struct npz_writer *writer, int64_t thermalised, struct error *e);

/* Reads the header of an artifact with this many configurations. STATUS_BAD_INPUT: something is missing or wrong; the
 * message names the file and the array. */
enum status header_read(const struct npz *npz, size_t configurations, struct header *header, struct error *e);

/* Adds the header in the order of ensembles. header_add_layout() leaves out `thermalised`, which ensembles have after
 * other arrays. */
enum status header_add(struct npz_writer *writer, const struct header *header, struct error *e);
enum status header_add_layout(struct npz_writer *writer, const struct header *header, struct error *e);
/* Adds the header in the order of samples of a model, which have one configuration per chain. */
enum status header_add_samples(struct npz_writer *writer, const struct theory *theory, int64_t thermalised,
                               size_t configurations, struct error *e);

#endif
