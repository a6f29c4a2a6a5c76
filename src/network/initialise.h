/* Initial weights of a training: PyTorch's defaults, as in the papers' code. Every array has its own random stream,
 * with its name as the purpose, so the bits of an array do not depend on the shapes of others. */
#ifndef DMSQ_NETWORK_INITIALISE_H
#define DMSQ_NETWORK_INITIALISE_H

#include <stdint.h>

#include "network/unet.h"

/* Fills the flat weight vector of unet.h. Weights and biases of convolutions, transposed convolutions and dense layers
 * are uniform on [-b, b], b = 1/sqrt(fan_in) (kaiming_uniform with a = sqrt 5). fan_in is the number of inputs for a
 * dense layer, and 9 times the second extent of the weights for both kinds of convolutions; for a transposed one, that
 * extent is the number of OUTPUT channels, as in PyTorch. Group norm: weight 1, bias 0. STATUS_FAILED: out of
 * memory. */
enum status initialise_weights(const struct unet_shape *shape, uint64_t seed, float *weights, struct error *e);

/* Sets embedding/2 fixed Fourier frequencies from N(0, scale^2); scale = 30 in the papers' code. */
enum status initialise_frequencies(const struct unet_shape *shape, uint64_t seed, double scale, float *frequencies,
                                   struct error *e);

#endif
