/* The separate features of the effective-action model on packs of noisy fields, for the fit. (effective_level.h
 * computes their sum, for the flow.) */
#ifndef DMSQ_SCORE_EFFECTIVE_BASIS_H
#define DMSQ_SCORE_EFFECTIVE_BASIS_H

#include "score/effective_level.h"

struct effective_basis; /* the tables of one noise level: immutable, shared by threads */

/* Makes the tables; features and filters must outlive them. STATUS_FAILED: out of memory. */
enum status effective_basis_new(const struct effective_filters *filters, const struct effective_features *features,
                                struct effective_saturation saturation, struct effective_basis **basis,
                                struct error *e);
void effective_basis_free(struct effective_basis *basis);

/* Number of sites of workspace of an evaluation. */
size_t effective_basis_workspace(const struct effective_basis *basis);

/* Sets out (features, V) to W(p) times every feature, and divergence (features, TRANSFORM_FIELDS), if not NULL, to its
 * divergence with respect to y. y[V]: modes of a pack of noisy fields. V is the volume of the level's lattice, with the
 * modes of effective_lattice_gather. */
void effective_basis_evaluate(const struct effective_basis *basis, const struct transform_site *y,
                              struct transform_site *out, double *divergence, struct transform_site *workspace);

#endif
