/* The operators of the oracle network (unet_oracle.h) with their adjoints, in plain C and double precision, for one
 * configuration. Maps are (channels, height, width) in C order.
 *
 * An operator sets its output. An adjoint takes the gradient with respect to the output and ADDS to the gradients with
 * respect to inputs and weights; those of dense and norm may be NULL. */
#ifndef DMSQ_NETWORK_UNET_ORACLE_OPERATORS_H
#define DMSQ_NETWORK_UNET_ORACLE_OPERATORS_H

#include <stddef.h>

#include "network/unet.h"

/* A 3x3 convolution with padding 1 from a fine map (fine_channels, height, width) to a coarse one
 * (coarse_channels, height/stride, width/stride); height and width are divisible by stride:
 *   coarse[o, i, j] = sum_{c, k, l} w[o, c, k, l] fine[c, stride i + k - 1, stride j + l - 1]
 * where sites outside the lattice are zero or periodic. Weights: (coarse_channels, fine_channels, 3, 3). A transposed
 * convolution is the adjoint, from coarse to fine, with the same weights. So three operators are enough for both kinds
 * and all their gradients. */
struct oracle_convolution {
    size_t fine_channels, coarse_channels, height, width, stride;
    enum unet_padding padding;
};

/* coarse = A(w) fine */
void oracle_convolve(const struct oracle_convolution *c, const double *w, const double *fine, double *coarse);
/* fine = A(w)^T coarse */
void oracle_convolve_transposed(const struct oracle_convolution *c, const double *w, const double *coarse,
                                double *fine);
/* w_gradient += d/dw <coarse, A(w) fine> */
void oracle_convolve_weights(const struct oracle_convolution *c, const double *fine, const double *coarse,
                             double *w_gradient);

/* y = W x + b, W: (outputs, inputs) */
void oracle_dense(size_t inputs, size_t outputs, const double *w, const double *b, const double *x, double *y);
void oracle_dense_adjoint(size_t inputs, size_t outputs, const double *w, const double *x, const double *y_gradient,
                          double *x_gradient, double *w_gradient, double *b_gradient);

/* Group norm (Wu & He 2018): y = scale_c (x - mean) / sqrt(variance + 1e-5) + shift_c, with the mean and the (biased)
 * variance over the sites and channels of each of `groups` equal blocks of channels. */
struct oracle_norm {
    size_t channels, sites, groups;
};
void oracle_norm(const struct oracle_norm *n, const double *scale, const double *shift, const double *x, double *y);
void oracle_norm_adjoint(const struct oracle_norm *n, const double *scale, const double *x, const double *y_gradient,
                         double *x_gradient, double *scale_gradient, double *shift_gradient);

/* y = x / (1 + exp(-x)) */
void oracle_swish(size_t n, const double *x, double *y);
void oracle_swish_adjoint(size_t n, const double *x, const double *y_gradient, double *x_gradient);

/* y = [sin(2 pi w t), cos(2 pi w t)]; count frequencies, 2 count outputs */
void oracle_fourier(size_t count, const double *frequencies, double t, double *y);

#endif
