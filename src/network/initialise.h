/* The weights a training starts from: PyTorch's defaults, as in the papers' code. Every array has its
 * own random stream (its name is the purpose), so the bits of one do not depend on the others' shapes. */
#ifndef DMSQ_NETWORK_INITIALISE_H
#define DMSQ_NETWORK_INITIALISE_H

#include <stdint.h>

#include "network/unet.h"

/* Fills the flat weight vector of unet.h. Convolutions, transposed ones and dense layers: weights and
 * biases uniform on [-b, b], b = 1/sqrt(fan_in) (kaiming_uniform with a = sqrt 5), fan_in = the second
 * extent of the weight times 9 for both kinds of convolutions (for a transposed one that is its OUTPUT
 * channels, as PyTorch has it), inputs for a dense layer. Group norm: weight 1, bias 0. */
enum status initialise_weights(const struct unet_shape *shape, uint64_t seed, float *weights, struct error *e);

/* embedding/2 fixed Fourier frequencies, N(0, scale^2); scale = 30 in the papers' code. */
enum status initialise_frequencies(const struct unet_shape *shape, uint64_t seed, double scale, float *frequencies,
                                   struct error *e);

#endif
