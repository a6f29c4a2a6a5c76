/* Shared by the check and the benchmark of the GPU: simple models, a clock, and rows of the table. */
#ifndef DMSQ_TESTS_GPU_H
#define DMSQ_TESTS_GPU_H

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "cuda/backend.h"
#include "diffusion/flow.h"
#include "diffusion/reverse.h"
#include "score/schedule.h"
#include "diffusion/training.h"
#include "network/initialise.h"
#include "score/unet.h"
#include "tests/gpu/compare.h"

static const volatile sig_atomic_t gpu_never = 0;

static inline void *gpu_alloc(size_t count, size_t size) {
    void *p = calloc(count ? count : 1, size);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

/* |found - expected|; infinite if it is NaN, which fmax would ignore. */
static inline double gpu_difference(double found, double expected) {
    const double difference = fabs(found - expected);
    return isfinite(difference) ? difference : INFINITY;
}

/* Ends the running comparison (compare.h) if a call fails. */
#define GPU_DO(call) \
    do { \
        if ((call) != STATUS_OK) \
            gpu_end(#call, e.message); \
    } while (0)

static inline double gpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline float *gpu_noise(const char *name, size_t n) {
    float *z = gpu_alloc(n, sizeof *z);
    random_normal_float(random_key(1, "tests gpu", name), 0, 0, z, n);
    return z;
}

/* A network with the initial weights of a training, for a field with propagator 0.6 in all modes except the neighbours
 * of the zero mode, so that it is symmetric and not constant. */
static inline struct score_model gpu_model(struct unet_shape shape, enum score_parameterisation how, double scale) {
    struct score_model m = {.sigma = 25,
                            .factor = 1,
                            .variance = 0.6,
                            .theory = {0.21, 0.022},
                            .dimensions = 2,
                            .extents = {(size_t)shape.height, (size_t)shape.width_sites}};
    struct error e = {0};
    m.volume = m.extents[0] * m.extents[1];
    GPU_DO(score_unet_make(&m, &shape, how, &e));
    m.propagator = gpu_alloc(m.volume, sizeof *m.propagator);
    for (size_t i = 0; i < m.volume; i++) {
        m.propagator[i] = i == 0 ? 2.5 : 0.6;
    }
    GPU_DO(initialise_weights(&shape, 5, m.weights, &e));
    GPU_DO(initialise_frequencies(&shape, 5, scale, score_network(&m)->frequencies, &e));
    return m;
}

static inline void gpu_model_free(struct score_model *m) {
    score_model_release(m);
}

#endif
