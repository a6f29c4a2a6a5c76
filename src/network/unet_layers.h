/* The layers of the score network (unet.h) for tables and diagrams: shapes, trainable parameters, operations. They are
 * derived from unet_tensors(), so they agree with the program. */
#ifndef DMSQ_NETWORK_UNET_LAYERS_H
#define DMSQ_NETWORK_UNET_LAYERS_H

#include "network/unet.h"

#define UNET_LAYERS 23 /* embed, 4 conv, 4 tconv, 7 dense, 4 gnorm, 3 tgnorm */
#define UNET_CONVOLUTIONS 8

struct unet_layer {
    char name[16]; /* "conv1" */
    enum { UNET_DENSE, UNET_CONVOLUTION, UNET_TRANSPOSED, UNET_NORM } kind;
    size_t in_channels, in_height, in_width; /* height and width are 1 for dense layers */
    size_t out_channels, out_height, out_width;
    size_t parameters;
    /* Floating-point operations of one evaluation of one configuration: two per multiplication by a weight. Includes
     * the terms at the border that zero padding omits; excludes norms, biases and activations. */
    double flop;
};

/* Fills the layers in the order of evaluation: embed; conv1, dense1, gnorm1; ...; tconv1. */
void unet_layers(const struct unet_shape *shape, struct unet_layer layers[UNET_LAYERS]);

#endif
