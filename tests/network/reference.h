/* Reads the reference networks tests/data/unet-*.npz: weights, inputs, score, vector-Jacobian product, loss and weight
 * gradients, computed in float64 by an independent implementation from weights that are exact in float32. Also
 * functions that compare with them. */
#ifndef DMSQ_TESTS_NETWORK_REFERENCE_H
#define DMSQ_TESTS_NETWORK_REFERENCE_H

/* cmocka.h needs these four before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "network/unet.h"
#include "store/npz.h"

struct reference {
    struct npz *npz;
    struct unet_shape shape;
    struct unet_tensor list[UNET_TENSORS];
    size_t n, sites, total; /* configurations, V, length of the weight vector */
    double *weights, *frequencies;
    float *weights_float, *frequencies_float;
    double *sigma; /* s(t) of each configuration, for sigma = 25 */
    const double *x, *t, *probe, *z, *score, *vjp;
    double loss;
    double *gradient; /* of the loss, rounded to float32 in the file */
};

static inline void *test_alloc(size_t count, size_t size) {
    void *p = calloc(count, size);
    assert_non_null(p);
    return p;
}

static inline double *test_reals(size_t count) {
    return test_alloc(count, sizeof(double));
}

static inline float *test_floats(size_t count) {
    return test_alloc(count, sizeof(float));
}

static inline const struct npz_array *reference_array(const struct npz *npz, const char *name, enum npz_type type) {
    struct error e = {0};
    const struct npz_array *array;
    if (npz_require(npz, name, type, -1, &array, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    return array;
}

static inline struct reference reference_read(const char *path, int stride, enum unet_padding padding) {
    struct reference r = {0};
    struct error e = {0};
    if (npz_read(path, &r.npz, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    const struct npz_array *x = reference_array(r.npz, "in.phi", NPZ_FLOAT64);
    const struct npz_array *fourier = reference_array(r.npz, "embed.fourier", NPZ_FLOAT32);
    r.n = x->shape[0];
    r.shape = (struct unet_shape){
        (int)x->shape[2],        (int)x->shape[3], (int)reference_array(r.npz, "conv1.weight", NPZ_FLOAT32)->shape[0],
        2 * (int)fourier->count, stride,           padding};
    if (unet_check(&r.shape, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    r.sites = x->shape[2] * x->shape[3];
    unet_tensors(&r.shape, r.list, &r.total);

    r.weights = test_reals(r.total);
    r.weights_float = test_floats(r.total);
    r.gradient = test_reals(r.total);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        const struct unet_tensor *tensor = &r.list[i];
        char name[64];
        snprintf(name, sizeof name, "grad.%s", tensor->name);
        const struct npz_array *w = reference_array(r.npz, tensor->name, NPZ_FLOAT32);
        const struct npz_array *g = reference_array(r.npz, name, NPZ_FLOAT32);
        assert_int_equal(w->count, tensor->count);
        assert_int_equal(g->count, tensor->count);
        for (size_t k = 0; k < tensor->count; k++) {
            r.weights_float[tensor->offset + k] = ((const float *)w->data)[k];
            r.weights[tensor->offset + k] = (double)((const float *)w->data)[k];
            r.gradient[tensor->offset + k] = (double)((const float *)g->data)[k];
        }
    }
    r.frequencies = test_reals(fourier->count);
    r.frequencies_float = test_floats(fourier->count);
    for (size_t k = 0; k < fourier->count; k++) {
        r.frequencies_float[k] = ((const float *)fourier->data)[k];
        r.frequencies[k] = (double)r.frequencies_float[k];
    }

    r.x = x->data;
    r.t = reference_array(r.npz, "in.t", NPZ_FLOAT64)->data;
    r.probe = reference_array(r.npz, "in.probe", NPZ_FLOAT64)->data;
    r.z = reference_array(r.npz, "in.z", NPZ_FLOAT64)->data;
    r.score = reference_array(r.npz, "out.score", NPZ_FLOAT64)->data;
    r.vjp = reference_array(r.npz, "out.vjp", NPZ_FLOAT64)->data;
    r.loss = *(const double *)reference_array(r.npz, "out.loss", NPZ_FLOAT64)->data;
    r.sigma = test_reals(r.n);
    for (size_t i = 0; i < r.n; i++) {
        r.sigma[i] = sqrt((pow(25, 2 * r.t[i]) - 1) / (2 * log(25)));
    }
    return r;
}

static inline void reference_free(struct reference *r) {
    npz_free(r->npz);
    free(r->weights);
    free(r->weights_float);
    free(r->frequencies);
    free(r->frequencies_float);
    free(r->gradient);
    free(r->sigma);
}

/* max |a - b| / max |b| */
static inline double relative_difference(size_t n, const double *a, const double *b) {
    double difference = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(a[i])) {
            return INFINITY;
        }
        difference = fmax(difference, fabs(a[i] - b[i]));
        scale = fmax(scale, fabs(b[i]));
    }
    return difference / scale;
}

static inline double largest(size_t n, const double *a) {
    double scale = 0;
    for (size_t i = 0; i < n; i++) {
        scale = fmax(scale, fabs(a[i]));
    }
    return scale;
}

#define assert_close(n, a, b, tolerance) \
    do { \
        double difference_ = relative_difference((n), (a), (b)); \
        if (!(difference_ <= (tolerance))) \
            fail_msg("%s differs from %s by %.3g of its largest, allowed %.3g", #a, #b, difference_, \
                     (double)(tolerance)); \
    } while (0)

/* A reference file, the state of one test. That of the published width (9 MB) is not in the repository, but may be in a
 * folder beside it. */
struct reference_file {
    const char *path;
    int stride;
    enum unet_padding padding;
};

#define REFERENCE_TEST(name, check, path, stride, padding) \
    { \
        name, check, NULL, NULL, &(struct reference_file) { \
            path, stride, padding \
        } \
    }

/* Entries of a list of tests: check(state) with reference_of_state(state). */
#define REFERENCE_TESTS(check) \
    REFERENCE_TEST("reference, stride 1, zeros", check, "tests/data/unet-w8-stride1-zeros-L8.npz", 1, UNET_ZEROS), \
        REFERENCE_TEST("reference, stride 1, periodic", check, "tests/data/unet-w8-stride1-periodic-L8.npz", 1, \
                       UNET_PERIODIC), \
        REFERENCE_TEST("reference, stride 2, zeros", check, "tests/data/unet-w8-stride2-zeros-L16.npz", 2, \
                       UNET_ZEROS), \
        REFERENCE_TEST("reference, stride 2, periodic", check, "tests/data/unet-w8-stride2-periodic-L16.npz", 2, \
                       UNET_PERIODIC), \
        REFERENCE_TEST("reference, published width", check, "../shared/reference/unet-w32-stride2-periodic-L32.npz", \
                       2, UNET_PERIODIC)

static inline struct reference reference_of_state(void **state) {
    const struct reference_file *of = *state;
    FILE *file = fopen(of->path, "rb");
    if (!file) {
        print_message("SKIPPED, nothing compared: no %s found\n", of->path);
        skip();
    }
    fclose(file);
    return reference_read(of->path, of->stride, of->padding);
}

/* Whether the gradient of an array is zero in exact arithmetic: that of a dense layer before a group norm with one
 * channel per group. At width 4 all group norms are such, and the time embedding has no effect either. */
static inline int gradient_vanishes(const struct unet_shape *shape, const char *name) {
    static const int channels[] = {1, 2, 4, 8, 4, 2, 1}; /* of dense1 to dense7, in widths */
    if (strncmp(name, "embed.", 6) == 0 || strncmp(name, "dense1.", 7) == 0) {
        return shape->width == 4;
    }
    return strncmp(name, "dense", 5) == 0 && channels[name[5] - '1'] * shape->width <= 32;
}

/* Compares weight gradients array by array, each relative to the largest number of the array. A vanishing gradient must
 * be below `tolerance` of the largest gradient of all arrays. `rounding`: an additional relative tolerance for each
 * number (2^-24 if b is from float32). */
static inline void assert_gradients_close(const struct unet_shape *shape, const double *a, const double *b,
                                          double tolerance, double rounding) {
    struct unet_tensor list[UNET_TENSORS];
    size_t total;
    unet_tensors(shape, list, &total);
    double largest_of_all = largest(total, b);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        const double *x = a + list[i].offset, *y = b + list[i].offset;
        double scale = gradient_vanishes(shape, list[i].name) ? largest_of_all : largest(list[i].count, y);
        for (size_t k = 0; k < list[i].count; k++) {
            double allowed = tolerance * scale + rounding * fabs(y[k]);
            if (!(fabs(x[k] - y[k]) <= allowed)) {
                fail_msg("gradient of %s[%zu] is %.10g, expected %.10g within %.2g", list[i].name, k, x[k], y[k],
                         allowed);
            }
        }
    }
}

/* Normal numbers, another set for every name. */
static inline void test_normal(const char *name, double *z, size_t n) {
    random_normal(random_key(1, "test network", name), 0, 0, z, n);
}

#endif
