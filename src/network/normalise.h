/* Group norm, together with the addition of the time embedding's term d before it and swish after it, in two passes
 * over memory: h = a sigmoid(a), a = gamma xhat + beta, xhat = (y + d - mean)/sqrt(var + 1e-5), with mean and variance
 * over the sites and channels of a group of one configuration.
 *
 * Each channel has its own sum over the sites in order, so bits do not depend on the width of vectors. */
#ifndef DMSQ_NETWORK_NORMALISE_H
#define DMSQ_NETWORK_NORMALISE_H

#include "network/view.h"

struct normalise {
    size_t height, width, channels, groups; /* channels: 4, 8, 16 or a multiple of 32 */
};

/* Number of floats of workspace for one call. */
static inline size_t normalise_workspace(const struct normalise *s) {
    return (7 + s->height * s->width) * s->channels;
}

/* For one configuration: sets `out` and, if present, `second` to h, and mean and rstd (channels) to the mean and
 * 1/sqrt(var + eps) of each channel's group. y: field before the norm; d, gamma, beta: (channels). Both may be kept as
 * bfloat16 numbers. */
void normalise_forward(const struct normalise *s, const float *y, size_t y_row, const float *d, const float *gamma,
                       const float *beta, float *mean, float *rstd, const struct view *out, const struct view *second,
                       float *workspace);

/* For one configuration: sets `dy` (a view of the same extents, which may be `g`, or kept as bfloat16 numbers) to the
 * gradient with respect to y, given that with respect to h, which is g, plus `second` if present. If gamma_gradient is
 * not NULL, adds to gamma_gradient and beta_gradient, and sets d_gradient (channels each). slope (height, width,
 * channels) stores swish'(a) for further gradients of the same forward pass: it is written, or read if known != 0. It
 * may be NULL, with the same bits. */
void normalise_backward(const struct normalise *s, const float *y, size_t y_row, const float *d, const float *gamma,
                        const float *beta, const float *mean, const float *rstd, const struct view *g,
                        const struct view *second, const struct view *dy, float *slope, int known,
                        float *gamma_gradient, float *beta_gradient, float *d_gradient, float *workspace);

#endif
