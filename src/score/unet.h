/* The network of the papers (network/unet.h) as a score model. */
#ifndef DMSQ_SCORE_UNET_H
#define DMSQ_SCORE_UNET_H

#include "network/unet.h"
#include "score/network.h"

extern const struct score_kind score_unet;

/* Whether a model is one, and its shape then. */
bool score_is_unet(const struct score_model *m);
const struct unet_shape *score_unet_shape(const struct score_model *m);

/* Makes m, which has a lattice, a network of this shape with weights and frequencies 0. */
enum status score_unet_make(struct score_model *m, const struct unet_shape *shape, enum score_parameterisation how,
                            struct error *e);

#endif
