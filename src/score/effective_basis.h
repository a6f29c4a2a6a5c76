/* The features of the effective-action model one by one, on packs of noisy fields: what the fit needs.
 * (effective_level.h adds them up and is what the flow uses.) */
#ifndef DMSQ_SCORE_EFFECTIVE_BASIS_H
#define DMSQ_SCORE_EFFECTIVE_BASIS_H

#include "score/effective_level.h"

struct effective_basis; /* the tables of one noise level: immutable, shared by threads */

/* Features and filters must outlive it. STATUS_FAILED: out of memory. */
enum status effective_basis_new(const struct effective_filters *filters, const struct effective_features *features,
                                struct effective_saturation saturation, struct effective_basis **basis,
                                struct error *e);
void effective_basis_free(struct effective_basis *basis);

/* Sites of scratch of an evaluation. */
size_t effective_basis_workspace(const struct effective_basis *basis);

/* V: volume of the level's lattice, on which modes are those of effective_lattice_gather. y[V]: modes of a pack of
 * noisy fields. out[features x V]: W(p) times every feature. divergence[features x
 * TRANSFORM_FIELDS]: its divergence with respect to y; NULL: not wanted. */
void effective_basis_evaluate(const struct effective_basis *basis, const struct transform_site *y,
                              struct transform_site *out, double *divergence, struct transform_site *workspace);

#endif
