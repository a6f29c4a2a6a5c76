/* The convolutions of cuda/convolution.h on the CPU, by their definition, from the description for cuDNN, so that the
 * description is tested as well. Sums are in double precision; factors in TF32 are rounded like by tensor cores. */
#include <cuda_runtime.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/convolution.h"
#include "cuda/geometry.h"

extern "C" {
#include "base/error.h"
}

struct cuda_convolutions {
    enum cuda_precision precision;
    cudaStream_t stream;
};
struct cuda_convolution {
    struct cuda_convolutions *owner;
    struct cuda_convolution_graph graph;
    enum cuda_convolution_kind kind;
};

enum status cuda_convolutions_open(enum cuda_precision precision, cudaStream_t stream, struct cuda_convolutions **c,
                                   struct error *) {
    *c = new cuda_convolutions{precision, stream};
    return STATUS_OK;
}

void cuda_convolutions_close(struct cuda_convolutions *c) {
    delete c;
}

const char *cuda_convolutions_version(const struct cuda_convolutions *) {
    return "0 (none)";
}

enum status cuda_convolution_new(struct cuda_convolutions *c, const struct layout_convolution *shape,
                                 enum cuda_convolution_kind kind, struct cuda_convolution **convolution,
                                 struct error *) {
    *convolution = new cuda_convolution{c, {}, kind};
    cuda_convolution_describe(shape, &(*convolution)->graph);
    return STATUS_OK;
}

void cuda_convolution_free(struct cuda_convolution *c) {
    delete c;
}

size_t cuda_convolution_workspace(const struct cuda_convolution *) {
    return 64;
}

int cuda_convolution_engine(const struct cuda_convolution *c) {
    return c->kind;
}

/* The nearest number with 10 bits after the leading one, ties away from zero; not for infinities. */
static float to_tf32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x1000u) & ~0x1fffu;
    memcpy(&x, &bits, sizeof x);
    return x;
}

template <bool rounded> static float value(const float *p, int64_t i) {
    return rounded ? to_tf32(p[i]) : p[i];
}
template <bool> static float value(const struct bfloat *p, int64_t i) {
    return bfloat_value(p[i]);
}
static void assign(float *p, int64_t i, double x) {
    p[i] = (float)x;
}
static void assign(struct bfloat *p, int64_t i, double x) {
    p[i] = bfloat_of((float)x);
}

/* Position of (n, c, h, w) in a tensor with these strides. */
static int64_t at(const int64_t stride[4], int64_t n, int64_t c, int64_t h, int64_t w) {
    return n * stride[0] + c * stride[1] + h * stride[2] + w * stride[3];
}

/* Calls f(position in wide, in narrow, in weights) for every product of the convolution with channel 0 of wide. The
 * other channels have stride 1, which the caller checks. */
template <class F> static void products(const struct cuda_convolution_graph &g, F f) {
    for (int64_t n = 0; n < g.narrow[0]; n++) {
        for (int64_t o = 0; o < g.narrow[2]; o++) {
            for (int64_t p = 0; p < g.narrow[3]; p++) {
                for (int64_t k = 0; k < g.weights[2]; k++) {
                    for (int64_t l = 0; l < g.weights[3]; l++) {
                        const int64_t h = g.stride[0] * o + g.dilation[0] * k - g.padding[0];
                        const int64_t w = g.stride[1] * p + g.dilation[1] * l - g.padding[1];
                        if (h < 0 || h >= g.wide[2] || w < 0 || w >= g.wide[3]) {
                            continue;
                        }
                        for (int64_t c = 0; c < g.narrow[1]; c++) {
                            f(at(g.wide_stride, n, 0, h, w), at(g.narrow_stride, n, c, o, p),
                              at(g.weights_stride, c, 0, k, l));
                        }
                    }
                }
            }
        }
    }
}

template <bool rounded, class T>
static void convolve(const struct cuda_convolution *c, T *wide, T *narrow, T *weights) {
    const struct cuda_convolution_graph &g = c->graph;
    const int64_t *extent = c->kind == CUDA_FORWARD ? g.narrow : c->kind == CUDA_ADJOINT ? g.wide : g.weights;
    T *target = c->kind == CUDA_FORWARD ? narrow : c->kind == CUDA_ADJOINT ? wide : weights;
    const int64_t count = extent[0] * extent[1] * extent[2] * extent[3];
    double *sum = (double *)calloc((size_t)count, sizeof *sum);
    const int64_t channels = g.wide[1];
    if (g.wide_stride[1] != 1 || g.weights_stride[1] != 1) {
        abort();
    }
    if (c->kind == CUDA_FORWARD) {
        products(g, [&](int64_t x, int64_t y, int64_t w) {
            for (int64_t i = 0; i < channels; i++) {
                sum[y] += (double)value<rounded>(wide, x + i) * (double)value<rounded>(weights, w + i);
            }
        });
    } else if (c->kind == CUDA_ADJOINT) {
        products(g, [&](int64_t x, int64_t y, int64_t w) {
            const double own = (double)value<rounded>(narrow, y);
            for (int64_t i = 0; i < channels; i++) {
                sum[x + i] += own * (double)value<rounded>(weights, w + i);
            }
        });
    } else {
        products(g, [&](int64_t x, int64_t y, int64_t w) {
            const double own = (double)value<rounded>(narrow, y);
            for (int64_t i = 0; i < channels; i++) {
                sum[w + i] += own * (double)value<rounded>(wide, x + i);
            }
        });
    }
    for (int64_t i = 0; i < count; i++) {
        assign(target, i, sum[i]);
    }
    free(sum);
}

enum status cuda_convolution_run(const struct cuda_convolution *c, void *wide, void *narrow, void *weights, void *,
                                 struct error *) {
    emulate_enqueue(c->owner->stream, [=]() {
        if (c->owner->precision == CUDA_BF16) {
            convolve<false>(c, (struct bfloat *)wide, (struct bfloat *)narrow, (struct bfloat *)weights);
        } else if (c->owner->precision == CUDA_TF32) {
            convolve<true>(c, (float *)wide, (float *)narrow, (float *)weights);
        } else {
            convolve<false>(c, (float *)wide, (float *)narrow, (float *)weights);
        }
    });
    return STATUS_OK;
}
