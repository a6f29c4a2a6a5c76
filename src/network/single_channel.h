/* 3x3 kernels between a field of one channel and one of many, stride 1: the first and the last layer and
 * their gradients. General convolution routines run at a few per cent of the machine's peak on these; as
 * small matrix products they are negligible. The field of one channel carries a halo of one site on every
 * side (network/halo.h, both_sides); many is 4, 8, 16 or a multiple of 32.
 *
 * weights are (9, many): tap k = 3 ky + kx slowest. */
#ifndef DMSQ_NETWORK_SINGLE_CHANNEL_H
#define DMSQ_NETWORK_SINGLE_CHANNEL_H

#include "network/view.h"

struct single_channel {
    size_t height, width, many;
};

/* many[p][c] = sum_k one[p + k] w[k][c] for one configuration (conv1; tconv1 backward). */
void single_channel_spread(const struct single_channel *s, const float *one, const float *weights,
                           const struct view *many);
/* one[p + k] += sum_c many[p][c] w[k][c], `one` cleared first (tconv1; conv1 backward). */
void single_channel_gather(const struct single_channel *s, const struct view *many, const float *weights, float *one);
/* gradient[k][c] += sum_p one[p + k] many[p][c]. */
void single_channel_gradient(const struct single_channel *s, const float *one, const struct view *many,
                             float *gradient);

#endif
