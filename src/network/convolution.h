/* 3x3 convolutions between a wide and a narrow field, as matrix products (product.h).
 *
 * The wide field includes its halo: N x (stride (h-1) + 3) x (stride (w-1) + 3) x wide channels for a narrow field of
 * N x h x w x narrow channels (channels last). The caller fills the halo, periodically or with zeros. One object serves
 * both directions of the U-Net: a convolution maps wide to narrow; a transposed one, its adjoint, maps narrow to wide,
 * with the same weights (narrow, wide, 3, 3).
 *
 *   forward          narrow[o] = sum_{k,i} wide[s*o + k][i] w[.][i][k]
 *   adjoint          wide[s*o + k][i] += narrow[o][c] w[c][i][k]        (overwrites wide)
 *   gradient         gradient[c][i][k] = sum_o narrow[o][c] wide[s*o + k][i]
 *
 * A row of the matrix P ("patches") has the 9 x wide inputs of one narrow site. With the weights W as (narrow, 9 x
 * wide), the three functions are narrow = P W^T, P = narrow W, gradient = narrow^T P. P is made and used in blocks of
 * rows. Winograd's algorithm multiplies sums of inputs and of weights instead, so that 2 x 2 narrow sites need 16
 * products (stride 1) or 25 (stride 2) instead of 36 for each pair of channels; results agree up to rounding
 * (convolution_winograd.c). With bfloat16, the factors of products are rounded to 8 significant bits, so that the terms
 * of each sum have relative errors of up to 2^-8; fields are then given as bfloat16 numbers, and results are float32
 * numbers, as always. make bench compares the whole network with oneDNN's own convolutions.
 *
 * Every call runs in the calling thread alone; calls on different data may run in parallel. Bits depend only on the
 * instruction set in use, which ONEDNN_MAX_CPU_ISA can limit (product.h). */
#ifndef DMSQ_NETWORK_CONVOLUTION_H
#define DMSQ_NETWORK_CONVOLUTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct convolution;

/* CONVOLUTION_WINOGRAD: where the extents of the narrow field are even, and channels multiples of 16; else direct. */
enum convolution_kind { CONVOLUTION_DIRECT, CONVOLUTION_WINOGRAD, CONVOLUTION_BFLOAT16 };

struct convolution_shape {
    int batch, wide_channels, narrow_channels;
    int narrow_height, narrow_width;
    int stride;
    enum convolution_kind kind;
};

enum status convolution_new(const struct convolution_shape *shape, struct convolution **c, struct error *e);
void convolution_free(struct convolution *c);

/* Copies weights (narrow, wide, 3, 3). */
void convolution_set_weights(struct convolution *c, const float *weights);

/* Bytes of scratch memory that a call needs, aligned to 64; a thread can use one for all its calls. */
size_t convolution_scratch(const struct convolution *c);

/* The gradient of the weights, computed along with one of the functions below, which shares its work: `field` is the
 * narrow field for convolution_forward, the wide field for convolution_adjoint, in the type of the other field. Sets
 * `packed`, convolution_packed_size floats (narrow, 3, 3, wide). They can be summed over configurations;
 * convolution_unpack converts the sum to (narrow, wide, 3, 3). */
struct convolution_gradient {
    const void *field;
    float *packed;
};

/* The field from which the other is computed: float, or uint16_t for CONVOLUTION_BFLOAT16. gradient: NULL: none.
 * STATUS_FAILED: an error of oneDNN; results are incomplete then. */
enum status convolution_forward(const struct convolution *c, float *scratch, const void *wide, float *narrow,
                                const struct convolution_gradient *gradient, struct error *e);
enum status convolution_adjoint(const struct convolution *c, float *scratch, const void *narrow, float *wide,
                                const struct convolution_gradient *gradient, struct error *e);
size_t convolution_packed_size(const struct convolution *c);
void convolution_unpack(const struct convolution *c, const float *packed, float *weights);

#endif
