/* Every convolution of the network by cuDNN against its definition in double precision for the same numbers: conv2-4
 * and tconv4-2, forward, adjoint and weight gradient, stride 1 and 2. Separate rows count repetitions with other bits,
 * and small numbers whose bits are not those of scaled larger ones. */
#include "tests/gpu/device.h"

struct operands {
    floats value[3]; /* wide, narrow, weights: numbers that are exact in bfloat16 */
};

static size_t elements(const int64_t extent[4]) {
    return (size_t)(extent[0] * extent[1] * extent[2] * extent[3]);
}

/* target += the convolution, by its definition. */
static void define(const struct cuda_convolution_graph *g, int kind, const struct operands *o, double *target) {
    const int64_t *s = g->stride;
    for (int64_t n = 0; n < g->narrow[0]; n++) {
        for (int64_t i = 0; i < g->narrow[2]; i++) {
            for (int64_t j = 0; j < g->narrow[3]; j++) {
                for (int64_t k = 0; k < 9; k++) {
                    for (int64_t c = 0; c < g->narrow[1]; c++) {
                        const int64_t x = n * g->wide_stride[0] + (s[0] * i + k / 3) * g->wide_stride[2] +
                                          (s[1] * j + k % 3) * g->wide_stride[3];
                        const int64_t y =
                            n * g->narrow_stride[0] + i * g->narrow_stride[2] + j * g->narrow_stride[3] + c;
                        const int64_t w = c * g->weights_stride[0] + k * g->weights_stride[3];
                        for (int64_t m = 0; m < g->wide[1]; m++) {
                            const double a = (double)o->value[0][(size_t)(x + m)], b = (double)o->value[1][(size_t)y],
                                         d = (double)o->value[2][(size_t)(w + m)];
                            if (kind == CUDA_FORWARD) {
                                target[y] += a * d;
                            } else if (kind == CUDA_ADJOINT) {
                                target[x + m] += b * d;
                            } else {
                                target[w + m] += a * b;
                            }
                        }
                    }
                }
            }
        }
    }
}

static int target_of(int kind) {
    return kind == CUDA_FORWARD ? 1 : kind == CUDA_ADJOINT ? 0 : 2;
}

/* Copies numbers to the device, in the precision of the backend. */
static enum status put(struct device *d, struct shelf *s, const floats &x, void **at, struct error *e) {
    if (d->precision != CUDA_BF16) {
        return s->put((float **)at, x, e);
    }
    std::vector<struct bfloat> half(x.size());
    for (size_t i = 0; i < x.size(); i++) {
        half[i] = bfloat_of(x[i]);
    }
    return s->put((struct bfloat **)at, half, e);
}

static enum status get(struct device *d, struct shelf *s, const void *at, size_t n, floats *x, struct error *e) {
    if (d->precision != CUDA_BF16) {
        return s->get(x, (const float *)at, n, e);
    }
    std::vector<struct bfloat> half;
    TRY(s->get(&half, (const struct bfloat *)at, n, e));
    x->resize(n);
    for (size_t i = 0; i < n; i++) {
        (*x)[i] = bfloat_value(half[i]);
    }
    return STATUS_OK;
}

/* Runs a convolution `repeats` times: the first result, and the number of repetitions with other bits. */
static enum status run(struct device *d, const struct cuda_convolution *c, int kind, const struct operands *o,
                       int repeats, floats *found, int *different, struct error *e) {
    struct shelf s = {d, {}};
    const int target = target_of(kind);
    void *memory[3], *workspace;
    floats again;
    TRY(device_allocate(d, cuda_convolution_workspace(c), "workspace", &workspace, e));
    s.all.push_back(workspace);
    for (int i = 0; i < 3; i++) {
        TRY(put(d, &s, i == target ? floats(o->value[i].size(), NAN) : o->value[i], &memory[i], e));
    }
    for (int i = 0; i < repeats; i++) {
        TRY(cuda_convolution_run(c, memory[0], memory[1], memory[2], workspace, e));
        TRY(get(d, &s, memory[target], o->value[target].size(), i == 0 ? found : &again, e));
        *different += i > 0 && unlike(*found, again) != 0;
    }
    return STATUS_OK;
}

/* The same with a new plan. */
static enum status compute(struct device *d, const struct layout_convolution *shape, int kind, const struct operands *o,
                           int repeats, floats *found, int *different, int *engine, struct error *e) {
    struct cuda_convolution *c;
    TRY(cuda_convolution_new(d->convolutions, shape, (enum cuda_convolution_kind)kind, &c, e));
    *engine = cuda_convolution_engine(c);
    const enum status status = run(d, c, kind, o, repeats, found, different, e);
    cuda_convolution_free(c);
    return status;
}

/* Number of elements of a whose bits are not those of factor times b. */
static int not_scaled(const floats &a, float factor, const floats &b) {
    int n = 0;
    for (size_t i = 0; i < a.size(); i++) {
        n += !(a[i] == factor * b[i]);
    }
    return n;
}

/* tolerance: relative to the largest number. */
static enum status check(struct device *d, struct layout_convolution shape, int kind, int repeats, double tolerance,
                         const char *name, struct error *e) {
    struct cuda_convolution_graph g;
    struct operands o;
    shape.batch = 3;
    cuda_convolution_describe(&shape, &g);
    const size_t count[3] = {elements(g.wide), elements(g.narrow), elements(g.weights)};
    for (int i = 0; i < 3; i++) {
        o.value[i].resize(count[i]);
        random_normal_float(random_key(1, "tests gpu", "operand"), (uint64_t)i, 0, o.value[i].data(), count[i]);
        for (float &x : o.value[i]) {
            x = bfloat_value(bfloat_of(x));
        }
    }
    const int target = target_of(kind);
    doubles expected(count[target]);
    floats found, again, small;
    int different = 0, engine;
    define(&g, kind, &o, expected.data());
    TRY(compute(d, &shape, kind, &o, repeats, &found, &different, &engine, e));
    TRY(compute(d, &shape, kind, &o, 1, &again, &different, &engine, e));
    different += unlike(found, again) != 0;
    const float factor = 0x1p-30f; /* outside the range of half precision, for any factor */
    for (float &x : o.value[target == 0 ? 1 : 0]) {
        x *= factor;
    }
    TRY(compute(d, &shape, kind, &o, 1, &small, &different, &engine, e));
    char text[120];
    snprintf(text, sizeof text, "%s, %s, stride %d, engine %d", name, cuda_convolution_name[kind], shape.stride,
             engine);
    report(d, text, deviation(found, expected), tolerance);
    const size_t room = strlen(text);
    snprintf(text + room, sizeof text - room, ", repetitions of other bits");
    if (different) {
        report(d, text, different, 0);
    }
    snprintf(text + room, sizeof text - room, ", numbers that do not scale by 2^-30");
    if (not_scaled(small, factor, found)) {
        report(d, text, not_scaled(small, factor, found), 0);
    }
    return STATUS_OK;
}

/* The operands are bfloat16 numbers, which are exact in TF32. So products are exact in every precision, sums are in
 * float32, and only results that are stored in bfloat16 are rounded. */
void compare_convolutions(struct backend *b, int width, int repeats) {
    static const char *const names[] = {"conv2", "conv3", "conv4", "tconv4", "tconv3", "tconv2"};
    struct device *d = (struct device *)b;
    struct error e = {};
    const bool rounded = b->forward_only;
    for (int stride = 1; stride <= 2; stride++) {
        const struct unet_shape shape = {16, 16, width, 256, stride, UNET_PERIODIC};
        struct layout layout;
        layout_make(&shape, &layout);
        for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++) {
            for (int kind = 0; kind < (rounded ? CUDA_WEIGHTS : CUDA_KINDS); kind++) {
                if (!rounded || kind == (k < 3 ? CUDA_FORWARD : CUDA_ADJOINT)) { /* the cases that the program uses */
                    if (check(d, layout.convolution[k], kind, repeats, rounded ? 1e-2 : 2e-5, names[k], &e) !=
                        STATUS_OK) {
                        gpu_failed(names[k], e.message);
                    }
                }
            }
        }
    }
}
