/* Group norm with everything around it in two passes over memory: the time embedding's term d added
 * before it, swish after it (h = a sigmoid(a), a = gamma xhat + beta, xhat = (y + d - mean)/sqrt(var + 1e-5),
 * mean and variance over the sites and channels of a group of one configuration).
 *
 * Sums run over the sites in order, one a channel, so bits do not depend on vector width. */
#ifndef DMSQ_NETWORK_NORMALISE_H
#define DMSQ_NETWORK_NORMALISE_H

#include "network/view.h"

struct normalise {
    size_t height, width, channels, groups; /* channels: 4, 8, 16 or a multiple of 32 */
};

/* Floats of workspace that one call needs. */
static inline size_t normalise_workspace(const struct normalise *s) {
    return 7 * s->channels;
}

/* One configuration. y: field before the norm; d: channels; gamma, beta: channels. Writes h to `out` and,
 * where present, to `second`; mean and 1/sqrt(var + eps) of each channel's group to mean and rstd (channels). */
void normalise_forward(const struct normalise *s, const float *y, size_t y_row, const float *d, const float *gamma,
                       const float *beta, float *mean, float *rstd, const struct view *out, const struct view *second,
                       float *workspace);

/* One configuration. Gradient with respect to h = g + second (where present). Writes the gradient with
 * respect to y to `dy` (a view of the same extents; may be `g`). slope[height x width x channels] keeps swish'(a),
 * which several gradients of one forward pass have in common: written, or with known != 0 read; NULL: neither, same
 * bits. Where gamma_gradient is not NULL adds to gamma_gradient, beta_gradient and writes d_gradient (channels
 * each). */
void normalise_backward(const struct normalise *s, const float *y, size_t y_row, const float *d, const float *gamma,
                        const float *beta, const float *mean, const float *rstd, const struct view *g,
                        const struct view *second, const struct view *dy, float *slope, int known,
                        float *gamma_gradient, float *beta_gradient, float *d_gradient, float *workspace);

#endif
