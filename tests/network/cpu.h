/* Shared by the tests of the single-precision network on the CPU: a network with a workspace, and a problem (weights,
 * fields, probe) for any shape, with numbers that are exact in float32. */
#ifndef DMSQ_TESTS_NETWORK_CPU_H
#define DMSQ_TESTS_NETWORK_CPU_H

#include "network/initialise.h"
#include "network/unet_cpu.h"
#include "tests/network/reference.h"

#define assert_ok(call) \
    do { \
        if ((call) != STATUS_OK) \
            fail_msg("%s: %s", #call, e.message); \
    } while (0)

static inline float *to_floats(size_t n, const double *x) {
    float *y = test_floats(n);
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)x[i];
    }
    return y;
}

static inline double *to_reals(size_t n, const float *x) {
    double *y = test_reals(n);
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)x[i];
    }
    return y;
}

/* A network with its weights, and one workspace of it. */
struct cpu {
    struct unet_cpu *network;
    struct unet_cpu_workspace *ws;
    size_t sites, total, packed;
};

static inline struct cpu cpu_new(const struct unet_shape *shape, enum unet_convolutions convolutions,
                                 const float *weights, const float *frequencies, int max_batch) {
    struct cpu c = {.sites = (size_t)shape->height * (size_t)shape->width_sites};
    struct error e = {0};
    assert_ok(unet_cpu_new(shape, convolutions, frequencies, max_batch, &c.network, &e));
    unet_cpu_set_weights(c.network, weights);
    assert_ok(unet_cpu_workspace_new(c.network, &c.ws, &e));
    unet_tensors(shape, NULL, &c.total);
    c.packed = unet_cpu_gradient_size(c.network);
    return c;
}

static inline void cpu_free(struct cpu *c) {
    unet_cpu_workspace_free(c->ws);
    unet_cpu_free(c->network);
}

/* Forward and backward pass of n configurations, with arguments in double precision; gradients may be NULL. */
static inline void cpu_run(struct cpu *c, size_t n, const double *x, const double *t, double *output,
                           const double *output_gradient, double *input_gradient, double *weight_gradient) {
    struct error e = {0};
    size_t count = n * c->sites;
    float *xf = to_floats(count, x), *tf = to_floats(n, t), *of = test_floats(count);
    assert_ok(unet_cpu_forward(c->ws, (int)n, xf, tf, of, &e));
    for (size_t i = 0; i < count; i++) {
        output[i] = (double)of[i];
    }
    if (output_gradient) {
        float *gf = to_floats(count, output_gradient), *packed = test_floats(c->packed);
        float *flat = test_floats(c->total);
        assert_ok(
            unet_cpu_backward(c->ws, (int)n, gf, input_gradient ? of : NULL, weight_gradient ? packed : NULL, &e));
        for (size_t i = 0; input_gradient && i < count; i++) {
            input_gradient[i] = (double)of[i];
        }
        if (weight_gradient) {
            unet_cpu_unpack_gradient(c->network, packed, flat);
            for (size_t i = 0; i < c->total; i++) {
                weight_gradient[i] = (double)flat[i];
            }
        }
        free(gf);
        free(packed);
        free(flat);
    }
    free(xf);
    free(tf);
    free(of);
}

struct problem {
    struct unet_shape shape;
    enum unet_convolutions convolutions;
    size_t n, sites, total;
    float *weights, *frequencies;
    double *x, *t, *probe; /* numbers that are exact in float32 */
};

static inline void round_to_float(size_t n, double *x) {
    for (size_t i = 0; i < n; i++) {
        x[i] = (double)(float)x[i];
    }
}

static inline struct problem problem_new(struct unet_shape shape, enum unet_convolutions convolutions, size_t n) {
    struct problem p = {.shape = shape,
                        .convolutions = convolutions,
                        .n = n,
                        .sites = (size_t)shape.height * (size_t)shape.width_sites};
    struct error e = {0};
    unet_tensors(&shape, NULL, &p.total);
    p.weights = test_floats(p.total);
    p.frequencies = test_floats((size_t)shape.embedding / 2);
    assert_ok(initialise_weights(&shape, 7, p.weights, &e));
    assert_ok(initialise_frequencies(&shape, 7, 3, p.frequencies, &e));
    p.x = test_reals(n * p.sites);
    p.probe = test_reals(n * p.sites);
    p.t = test_reals(n);
    test_normal("fields", p.x, n * p.sites);
    test_normal("probe", p.probe, n * p.sites);
    for (size_t i = 0; i < n; i++) {
        p.t[i] = 0.125 + 0.625 * (double)i / (double)n;
    }
    round_to_float(n * p.sites, p.x);
    round_to_float(n * p.sites, p.probe);
    round_to_float(n, p.t);
    return p;
}

static inline void problem_free(struct problem *p) {
    free(p->weights);
    free(p->frequencies);
    free(p->x);
    free(p->t);
    free(p->probe);
}

#endif
