/* The score network of the papers (A App. A): its shape, and the list of its trainable arrays.
 *
 *   e  = swish(embed([sin, cos](2 pi w t)))                        w: fixed frequencies, not trained
 *   h1 = swish(gnorm1(conv1(x)  + dense1(e)))      width            H   x W
 *   h2 = swish(gnorm2(conv2(h1) + dense2(e)))      2 width          H/s x W/s     s = stride
 *   h3 = swish(gnorm3(conv3(h2) + dense3(e)))      4 width          H/s^2 ...
 *   h4 = swish(gnorm4(conv4(h3) + dense4(e)))      8 width          H/s^3 ...
 *   u4 = swish(tgnorm4(tconv4(h4)       + dense5(e)))   4 width
 *   u3 = swish(tgnorm3(tconv3([u4, h3]) + dense6(e)))   2 width
 *   u2 = swish(tgnorm2(tconv2([u3, h2]) + dense7(e)))   width
 *   F  = tconv1([u2, h1]) + bias                        1           H   x W
 *
 * conv: 3x3 without bias, padding 1 (zeros or periodic), stride 1 for conv1 and tconv1, s for the others; weights
 * (out, in, 3, 3). tconv: the adjoint of the convolution with the same stride and padding from out to in channels;
 * weights (in, out, 3, 3): out[(s i + k - 1) mod (s n)] += in[i] w[k] along each axis of n sites.
 * Group norm: 4 groups for gnorm1, min(32, channels) for the others, epsilon 1e-5.
 * The published score is F / s(t); score/score.h computes the score from F. */
#ifndef DMSQ_NETWORK_UNET_H
#define DMSQ_NETWORK_UNET_H

#include <stddef.h>

#include "base/error.h"

enum unet_padding { UNET_ZEROS, UNET_PERIODIC };
extern const char *const unet_padding_name[2];

/* How the CPU computes the convolutions (network/convolution.h); a GPU does as its library does. */
enum unet_convolutions { UNET_DIRECT, UNET_WINOGRAD, UNET_BFLOAT16 };
extern const char *const unet_convolutions_name[3];

struct unet_shape {
    int height, width_sites; /* lattice; divisible by stride^3 */
    int width;               /* channels of the first level, 32 in the papers; 4, 8, 16 or a multiple of 32 */
    int embedding;           /* length of the time embedding, 256 in the papers; even */
    int stride;              /* 1 or 2 */
    enum unet_padding padding;
};

/* Checks a shape. STATUS_BAD_INPUT: it is invalid. The functions below require a shape that has passed. */
enum status unet_check(const struct unet_shape *shape, struct error *e);

#define UNET_TENSORS 39 /* embed 2, conv 4, tconv 4 + 1 bias, dense 7*2, gnorm 4*2, tgnorm 3*2 */

struct unet_tensor {
    const char *name; /* as in reference/unet-*.npz: "conv1.weight", "tgnorm2.bias" */
    size_t dimensions, shape[4];
    size_t offset, count; /* position and length in the flat weight vector, in elements */
};

/* Fills the list of trainable arrays in the order of the flat weight vector, which is that of the reference files, and
 * returns their number. *total: length of the vector (1,115,297 for width 32, embedding 256). `list` and `total` may be
 * NULL. */
size_t unet_tensors(const struct unet_shape *shape, struct unet_tensor list[UNET_TENSORS], size_t *total);

/* Index of the array in the list, or -1. */
int unet_find(const struct unet_shape *shape, const char *name);

#endif
