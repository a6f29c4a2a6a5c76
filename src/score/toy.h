/* The network of network/mlp.h as a score model for fields of one site (A Sec. 3.4). */
#ifndef DMSQ_SCORE_TOY_H
#define DMSQ_SCORE_TOY_H

#include "network/mlp.h"
#include "score/network.h"

extern const struct score_kind score_toy;

const struct mlp_shape *score_toy_shape(const struct score_model *m);

/* Makes a network of this shape with weights and frequencies 0 for m, whose lattice of one site is set. */
enum status score_toy_make(struct score_model *m, const struct mlp_shape *shape, enum score_parameterisation how,
                           struct error *e);

#endif
