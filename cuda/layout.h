/* The layout of the weight vector and of the fields of a batch on the device. Plain C without CUDA, so that it can be
 * tested on any machine.
 *
 * The weights on the device are one vector. Its order allows one kernel to sum the gradients of one kind, and gives
 * convolutions their fastest layout: (narrow, 3, 3, wide) instead of (narrow, wide, 3, 3), and (9, many) for conv1 and
 * tconv1. Arrays begin at multiples of 64 elements, except those of all levels that form one vector; gaps are zero. */
#ifndef DMSQ_CUDA_LAYOUT_H
#define DMSQ_CUDA_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "network/unet.h"

/* As in network/unet_cpu_internal.h: levels 0-3 contract, 4-6 expand; level l has size layout_size[l]. Convolutions 0-2
 * are conv2-4, 3-5 are tconv4-2. */
enum { LAYOUT_LEVELS = 7, LAYOUT_CONVOLUTIONS = 6, LAYOUT_SIZES = 4 };
extern const int layout_size[LAYOUT_LEVELS];

struct layout_level {
    int height, width, channels, groups;
    size_t row; /* first of its channels among those of all levels */
};

struct layout_convolution {
    int batch, wide_channels, narrow_channels, narrow_height, narrow_width, stride;
};

struct layout {
    struct unet_shape shape;
    size_t volume, embedding, rows; /* rows: channels of all levels together */
    struct layout_level level[LAYOUT_LEVELS];
    struct layout_convolution convolution[LAYOUT_CONVOLUTIONS]; /* batch 0 */
    int halo; /* halo of wide fields: 1 for stride 2, 2 for stride 1 */
    /* offsets in the weight vector; gamma, beta and dense_bias are adjacent without gaps, (3, rows) */
    size_t gamma, beta, dense_bias, dense, embed, embed_bias, first, last, last_bias, convolutions[LAYOUT_CONVOLUTIONS],
        weights;
};

void layout_make(const struct unet_shape *shape, struct layout *layout);

/* Sets position[i] to the position on the device of element i of the flat vector of unet.h. */
void layout_positions(const struct layout *layout, uint32_t *position);

/* The fields of a batch, in bytes from the start of one allocation. */
enum layout_field {
    FIELD_X,    /* input, V */
    FIELD_TAPS, /* single-channel sums by tap, 9 x V */
    FIELD_FEATURES,
    FIELD_BEFORE,
    FIELD_AFTER,                            /* embedding */
    FIELD_D,                                /* rows */
    FIELD_Y0,                               /* y of levels 0-6, before the norm; 4-6 include a halo */
    FIELD_WIDE0 = FIELD_Y0 + LAYOUT_LEVELS, /* h1-h3 with halo */
    FIELD_JOINED0 = FIELD_WIDE0 + 3,        /* [u, h] at sizes 0-2 */
    FIELD_DEEPEST = FIELD_JOINED0 + 3,
    FIELD_FORWARD_END,
    FIELD_MEAN = FIELD_FORWARD_END,
    FIELD_RSTD,     /* rows each */
    FIELD_GRADIENT, /* of the network's output, V */
    FIELD_D_Y0,
    FIELD_D_WIDE0 = FIELD_D_Y0 + LAYOUT_LEVELS,
    FIELD_D_JOINED0 = FIELD_D_WIDE0 + 3,
    FIELD_D_DEEPEST = FIELD_D_JOINED0 + 3,
    FIELD_PARTIAL, /* gradients of gamma, beta and d, 3 x rows */
    FIELD_D_AFTER, /* gradient of the embedding before its swish */
    FIELD_BACKWARD_END,
    FIELD_COUNT = FIELD_BACKWARD_END
};

struct layout_fields {
    size_t at[FIELD_COUNT], bytes[FIELD_COUNT];
    size_t total;
};

/* element: bytes of a number in the fields between layers (FIELD_Y0 to FIELD_DEEPEST), 4 or 2; other fields are
 * float32. Without backward, the fields after FIELD_FORWARD_END except mean and rstd have no bytes. */
void layout_fields(const struct layout *layout, size_t batch, size_t element, bool backward,
                   struct layout_fields *fields);

/* The largest batch whose fields fit into this many bytes; 0 if there is none. */
size_t layout_fitting_batch(const struct layout *layout, size_t element, bool backward, size_t bytes);

/* Number of configurations of one call of samplers and evaluations, which depends only on the shape: a power of two, at
 * most 2^15, with about 2^18 sites. */
size_t layout_capacity(size_t volume);

/* Floating-point operations of all convolutions of a forward pass of one configuration. */
double layout_flop(const struct layout *layout);

#ifdef __cplusplus
}
#endif

#endif
