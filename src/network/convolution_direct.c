/* Direct convolutions, in float32 and with factors in bfloat16. A tile is one site. P has the 9 x wide inputs of a site
 * in its row: three runs of 3 x wide numbers in consecutive rows of the wide field. */
#include <string.h>

#include "network/convolution_internal.h"

static void lay_out(struct convolution *c) {
    c->matrices = 1;
    c->columns[0] = CONVOLUTION_TAPS * (size_t)c->shape.wide_channels;
}

/* Numbers of `size` bytes. */
static inline void copy_runs(const struct convolution *c, const struct convolution_tiles *t, size_t size,
                             const void *wide) {
    const size_t run = c->depth / 3 * size;
    char *patches = (char *)t->patches;
    for (size_t tile = t->first; tile < t->first + t->count; tile++) {
        const char *from = (const char *)wide + convolution_patch(c, tile) * size;
        for (size_t k = 0; k < 3; k++, patches += run) {
            memcpy(patches, from + k * c->wide_row * size, run);
        }
    }
}

static void gather(const struct convolution *c, const struct convolution_tiles *t, const void *wide) {
    copy_runs(c, t, sizeof(float), wide);
}

static void gather_rounded(const struct convolution *c, const struct convolution_tiles *t, const void *wide) {
    copy_runs(c, t, sizeof(uint16_t), wide);
}

static void scatter(const struct convolution *c, const struct convolution_tiles *t, float *wide) {
    const size_t run = c->depth / 3;
    const float *restrict patches = t->patches;
    for (size_t tile = t->first; tile < t->first + t->count; tile++) {
        float *restrict to = wide + convolution_patch(c, tile);
        for (size_t k = 0; k < 3; k++, patches += run) {
            for (size_t i = 0; i < run; i++) {
                to[k * c->wide_row + i] += patches[i];
            }
        }
    }
}

static void transform(const struct convolution *c, size_t n, const float *taps, float *weights) {
    memcpy(weights + n * c->depth, taps, c->depth * sizeof *weights);
}

static void transform_adjoint(const struct convolution *c, size_t n, const float *weights, float *taps) {
    memcpy(taps, weights + n * c->depth, c->depth * sizeof *taps);
}

const struct convolution_algorithm convolution_direct = {.extent = 1,
                                                         .lay_out = lay_out,
                                                         .gather = gather,
                                                         .scatter = scatter,
                                                         .transform = transform,
                                                         .transform_adjoint = transform_adjoint};

const struct convolution_algorithm convolution_bfloat16 = {.extent = 1,
                                                           .bfloat16 = true,
                                                           .lay_out = lay_out,
                                                           .gather = gather_rounded,
                                                           .scatter = scatter,
                                                           .transform = transform,
                                                           .transform_adjoint = transform_adjoint};
