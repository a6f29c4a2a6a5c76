/* 3x3 convolutions with stride 1 between a field of one channel and one of many channels: the first and the last layer,
 * and their gradients. General convolution routines reach a few per cent of the machine's peak on these; as small
 * matrix products their time is negligible. The field of one channel has a halo of one site on every side
 * (network/halo.h, both_sides); many is 4, 8, 16 or a multiple of 32.
 *
 * weights are (9, many), with tap k = 3 ky + kx. */
#ifndef DMSQ_NETWORK_SINGLE_CHANNEL_H
#define DMSQ_NETWORK_SINGLE_CHANNEL_H

#include "network/view.h"

struct single_channel {
    size_t height, width, many;
};

/* many[p][c] = sum_k one[p + k] w[k][c] for one configuration (conv1; tconv1 backward). */
void single_channel_spread(const struct single_channel *s, const float *one, const float *weights,
                           const struct view *many);
/* one[q] = sum of many[p][c] w[k][c] over all c and all p + k = q (tconv1; conv1 backward). */
void single_channel_gather(const struct single_channel *s, const struct view *many, const float *weights, float *one);
/* gradient[k][c] += sum_p one[p + k] many[p][c]. */
void single_channel_gradient(const struct single_channel *s, const float *one, const struct view *many,
                             float *gradient);

#endif
