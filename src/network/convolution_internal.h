/* Convolutions (convolution.h), shared by convolution.c (products and their blocks) and the algorithms.
 *
 * An algorithm divides the narrow field into tiles. Each tile has a row in each of a few matrices P_k, which are linear
 * in the wide field, and in as many matrices R_k, from which the narrow field is computed, linearly. With matrices W_k,
 * linear in the weights, a convolution is R_k = P_k W_k^T. Its adjoint is P_k = R_k W_k, and the gradient of W_k is
 * R_k^T P_k, with the adjoints of these linear maps. */
#ifndef DMSQ_NETWORK_CONVOLUTION_INTERNAL_H
#define DMSQ_NETWORK_CONVOLUTION_INTERNAL_H

#include <stdbool.h>

#include "network/convolution.h"
#include "network/product.h"

enum { CONVOLUTION_TAPS = 9, CONVOLUTION_MATRICES = 16, CONVOLUTION_POINTS = 25 };

/* Some tiles in succession, first to first + count - 1, and the matrices with a row for each. Row t of P_k is at
 * patches + at[k] * rows + t * columns[k], that of R_k at results + (k * rows + t) * narrow channels. */
struct convolution_tiles {
    size_t first, count;
    float *patches, *results;
};

/* R_k = P_k W_k^T, its adjoint, and the gradient of W_k. */
enum convolution_product { CONVOLUTION_FORWARD, CONVOLUTION_ADJOINT, CONVOLUTION_GRADIENT, CONVOLUTION_PRODUCTS };

struct convolution_algorithm {
    size_t extent; /* of a tile, in narrow sites */
    bool bfloat16; /* factors of products are rounded */
    /* Whether it can compute a convolution; NULL: any. */
    bool (*suits)(const struct convolution_shape *shape);
    /* Sets matrices and columns. */
    void (*lay_out)(struct convolution *c);
    /* P from the wide field, both as factors of products; and its adjoint, in float, which adds to the wide field. */
    void (*gather)(const struct convolution *c, const struct convolution_tiles *t, const void *wide);
    void (*scatter)(const struct convolution *c, const struct convolution_tiles *t, float *wide);
    /* The narrow field from R, and its adjoint. NULL: there is one R, the narrow field itself. */
    void (*collect)(const struct convolution *c, const struct convolution_tiles *t, float *narrow);
    void (*spread)(const struct convolution *c, const struct convolution_tiles *t, const float *narrow);
    /* Row n of all W_k (in `weights`) from the taps (3, 3, wide) of narrow channel n, and its adjoint. */
    void (*transform)(const struct convolution *c, size_t n, const float *taps, float *weights);
    void (*transform_adjoint)(const struct convolution *c, size_t n, const float *weights, float *taps);
};

struct convolution {
    struct convolution_shape shape;
    const struct convolution_algorithm *algorithm;
    size_t wide_row, wide_field; /* floats of a row, and of a configuration, of the wide field */
    size_t tiles, rows;          /* tiles of the batch; rows of a product */
    size_t matrices;             /* number of P_k */
    size_t columns[CONVOLUTION_MATRICES], at[CONVOLUTION_MATRICES]; /* of P_k, and of those before it */
    size_t depth;                                                   /* columns of all P_k */
    /* Winograd: the matrix of a point of a tile, and its first column there */
    size_t point_matrix[CONVOLUTION_POINTS], point_column[CONVOLUTION_POINTS];
    /* W_k at at[k] * narrow channels: as (narrow, columns[k]), and as (columns[k], narrow) */
    float *weights, *transposed;
    uint16_t *rounded; /* with rounded factors: `transposed` and `weights`, one after the other */
    struct product *products[CONVOLUTION_PRODUCTS][CONVOLUTION_MATRICES];
    size_t product_scratch; /* bytes, the most of a product */
    float *taps;            /* of one narrow channel (3, 3, wide) */
};

/* Start of the part of the wide field that a tile depends on. */
static inline size_t convolution_patch(const struct convolution *c, size_t tile) {
    const size_t extent = c->algorithm->extent, stride = extent * (size_t)c->shape.stride;
    const size_t width = (size_t)c->shape.narrow_width / extent;
    const size_t area = (size_t)c->shape.narrow_height / extent * width, inside = tile % area;
    return tile / area * c->wide_field + inside / width * stride * c->wide_row +
           inside % width * stride * (size_t)c->shape.wide_channels;
}

extern const struct convolution_algorithm convolution_direct, convolution_winograd, convolution_bfloat16;

#endif
