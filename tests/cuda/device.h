/* Shared by the tests of the CUDA backend: an open device, real or emulated, and models on it. */
#ifndef DMSQ_TESTS_CUDA_DEVICE_H
#define DMSQ_TESTS_CUDA_DEVICE_H

#include <signal.h>

#include "cuda/backend.h"
#include "tests/score/models.h"

static const volatile sig_atomic_t never = 0;

static inline struct backend *device_open(const char *name) {
    struct backend *b;
    struct error e = {0};
    assert_ok(backend_cuda_open(name, &b, &e));
    return b;
}

/* A copy of a model that is computed on a device. */
static inline struct score_model on_device(const struct score_model *m, struct backend *b) {
    struct score_model copy = *m;
    copy.backend = b;
    return copy;
}

/* max |a - b| / max |b| in single precision */
static inline double difference(size_t n, const float *a, const float *b) {
    double *x = to_reals(n, a), *y = to_reals(n, b);
    const double d = relative_difference(n, x, y);
    free(x);
    free(y);
    return d;
}

#define assert_same(n, a, b, tolerance) \
    do { \
        const double difference_ = difference((n), (a), (b)); \
        if (!(difference_ <= (tolerance))) \
            fail_msg("%s differs from %s by %.3g of its largest, allowed %.3g", #a, #b, difference_, \
                     (double)(tolerance)); \
    } while (0)

static inline struct score_model reference_model(const struct reference *r) {
    struct score_model m = free_field(2, (size_t[]){(size_t)r->shape.height, (size_t)r->shape.width_sites}, 0.2);
    struct error e = {0};
    assert_ok(score_unet_make(&m, &r->shape, SCORE_PUBLISHED, &e));
    memcpy(m.weights, r->weights_float, r->total * sizeof *m.weights);
    memcpy(score_network(&m)->frequencies, r->frequencies_float, (size_t)r->shape.embedding / 2 * sizeof(float));
    return m;
}

#endif
