/* The network of the papers (network/unet.h) as a score model. */
#ifndef DMSQ_SCORE_UNET_H
#define DMSQ_SCORE_UNET_H

#include "network/unet.h"
#include "score/network.h"

extern const struct score_kind score_unet;

/* Whether a model is of this kind; and the shape of its network. */
bool score_is_unet(const struct score_model *m);
const struct unet_shape *score_unet_shape(const struct score_model *m);

/* Makes a network of this shape with weights and frequencies 0 for m, whose lattice is set. */
enum status score_unet_make(struct score_model *m, const struct unet_shape *shape, enum score_parameterisation how,
                            struct error *e);

/* How the CPU computes the convolutions of a network: UNET_DIRECT until it is set. */
enum unet_convolutions score_unet_convolutions(const struct score_model *m);
void score_unet_set_convolutions(struct score_model *m, enum unet_convolutions convolutions);

#endif
