/* Every convolution of the network, as cuDNN does it, against its definition in double precision on the same numbers:
 * conv2-4 and tconv4-2, forward, adjoint and weight gradient, stride 1 and 2; and the bits of a second run: where those
 * differ, the row's number is infinite. */
#include <stdlib.h>

#include "tests/gpu/device.h"

struct operands {
    float *value[3]; /* wide, narrow, weights; in bfloat16 what it holds exactly */
    size_t count[3];
};

static size_t elements(const int64_t extent[4]) {
    return (size_t)(extent[0] * extent[1] * extent[2] * extent[3]);
}

/* target += the convolution, by its definition. */
static void define(const struct cuda_convolution_graph *g, int kind, const struct operands *o, double *target) {
    const int64_t *s = g->stride;
    for (int64_t n = 0; n < g->narrow[0]; n++)
        for (int64_t i = 0; i < g->narrow[2]; i++)
            for (int64_t j = 0; j < g->narrow[3]; j++)
                for (int64_t k = 0; k < 9; k++)
                    for (int64_t c = 0; c < g->narrow[1]; c++) {
                        const int64_t x = n * g->wide_stride[0] + (s[0] * i + k / 3) * g->wide_stride[2] +
                                          (s[1] * j + k % 3) * g->wide_stride[3];
                        const int64_t y = n * g->narrow_stride[0] + i * g->narrow_stride[2] + j * g->narrow_stride[3] + c;
                        const int64_t w = c * g->weights_stride[0] + k * g->weights_stride[3];
                        for (int64_t m = 0; m < g->wide[1]; m++) {
                            const double a = (double)o->value[0][x + m], b = (double)o->value[1][y],
                                         d = (double)o->value[2][w + m];
                            if (kind == CUDA_FORWARD)
                                target[y] += a * d;
                            else if (kind == CUDA_ADJOINT)
                                target[x + m] += b * d;
                            else
                                target[w + m] += a * b;
                        }
                    }
}

/* Uploads what is read, runs, downloads what is written into found. */
static enum status compute(struct device *d, const struct layout_convolution *shape, int kind, const struct operands *o,
                           float *found, int *engine, struct error *e) {
    const size_t size = d->precision == CUDA_BF16 ? sizeof(struct bfloat) : sizeof(float);
    struct cuda_convolution *c;
    void *memory[4];
    TRY(cuda_convolution_new(d->convolutions, shape, (enum cuda_convolution_kind)kind, &c, e));
    *engine = cuda_convolution_engine(c);
    TRY(device_allocate(d, cuda_convolution_workspace(c), "workspace", &memory[3], e));
    const int target = kind == CUDA_FORWARD ? 1 : kind == CUDA_ADJOINT ? 0 : 2;
    for (int i = 0; i < 3; i++) {
        TRY(device_allocate(d, o->count[i] * size, "an operand", &memory[i], e));
        struct bfloat *half = (struct bfloat *)malloc(o->count[i] * sizeof *half);
        for (size_t k = 0; half && k < o->count[i]; k++)
            half[k] = bfloat_of(o->value[i][k]);
        if (i != target)
            TRY(device_upload(d, memory[i], size == 2 ? (const void *)half : o->value[i], o->count[i] * size, e));
        free(half);
    }
    TRY(cuda_convolution_run(c, memory[0], memory[1], memory[2], memory[3], e));
    if (size == 2) {
        struct bfloat *half = (struct bfloat *)malloc(o->count[target] * sizeof *half);
        if (!half)
            return error_set(e, STATUS_FAILED, "out of memory");
        TRY(device_download(d, half, memory[target], o->count[target] * size, e));
        for (size_t k = 0; k < o->count[target]; k++)
            found[k] = bfloat_value(half[k]);
        free(half);
    } else
        TRY(device_download(d, found, memory[target], o->count[target] * size, e));
    for (int i = 0; i < 4; i++)
        device_release(memory[i]);
    cuda_convolution_free(c);
    return STATUS_OK;
}

/* tolerance: of the largest number. */
static enum status check(struct device *d, struct layout_convolution shape, int k, int kind, double tolerance,
                         struct error *e) {
    static const char *const names[] = {"conv2", "conv3", "conv4", "tconv4", "tconv3", "tconv2"};
    struct cuda_convolution_graph g;
    struct operands o;
    shape.batch = 3;
    cuda_convolution_describe(&shape, &g);
    o.count[0] = elements(g.wide);
    o.count[1] = elements(g.narrow);
    o.count[2] = elements(g.weights);
    for (int i = 0; i < 3; i++) {
        o.value[i] = (float *)malloc(o.count[i] * sizeof(float));
        if (!o.value[i])
            return error_set(e, STATUS_FAILED, "out of memory");
        random_normal_float(random_key(1, "tests gpu", "operand"), (uint64_t)i, 0, o.value[i], o.count[i]);
        for (size_t m = 0; m < o.count[i]; m++)
            o.value[i][m] = bfloat_value(bfloat_of(o.value[i][m]));
    }
    const size_t count = o.count[kind == CUDA_FORWARD ? 1 : kind == CUDA_ADJOINT ? 0 : 2];
    double *expected = (double *)calloc(count, sizeof *expected), difference = 0, scale = 0;
    float *found = (float *)malloc(count * sizeof *found), *again = (float *)malloc(count * sizeof *again);
    if (!expected || !found || !again)
        return error_set(e, STATUS_FAILED, "out of memory");
    int engine;
    define(&g, kind, &o, expected);
    TRY(compute(d, &shape, kind, &o, found, &engine, e));
    TRY(compute(d, &shape, kind, &o, again, &engine, e));
    for (size_t m = 0; m < count; m++) {
        const double own = fabs((double)found[m] - expected[m]);
        difference = own <= difference ? difference : own; /* a NaN stays */
        scale = fmax(scale, fabs(expected[m]));
    }
    const bool same = memcmp(found, again, count * sizeof *found) == 0;
    char text[120];
    snprintf(text, sizeof text, "%s, %s, stride %d, engine %d, definition", names[k], cuda_convolution_name[kind],
             shape.stride, engine);
    report(d, text, same ? difference / scale : INFINITY, tolerance);
    for (int i = 0; i < 3; i++)
        free(o.value[i]);
    free(expected);
    free(found);
    free(again);
    return STATUS_OK;
}

/* The operands are bfloat16 numbers, which TF32 holds exactly: products are exact in every precision, sums are float32,
 * and results are rounded to bfloat16 where that is what is stored. */
enum status compare_convolutions(struct backend *b, int width, struct error *e) {
    struct device *d = (struct device *)b;
    const bool rounded = b->forward_only;
    for (int stride = 1; stride <= 2; stride++) {
        const struct unet_shape shape = {16, 16, width, 256, stride, UNET_PERIODIC};
        struct layout layout;
        layout_make(&shape, &layout);
        for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++)
            for (int kind = 0; kind < (rounded ? CUDA_WEIGHTS : CUDA_KINDS); kind++)
                if (!rounded || kind == (k < 3 ? CUDA_FORWARD : CUDA_ADJOINT)) /* what the program asks for */
                    TRY(check(d, layout.convolution[k], k, kind, rounded ? 1e-2 : 2e-5, e));
    }
    return STATUS_OK;
}
