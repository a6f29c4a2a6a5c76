/* Shared by the tests of the effective-action model: ensembles, their propagators, models that are fitted to them, and
 * reweighting. */
#ifndef DMSQ_TESTS_SCORE_EFFECTIVE_H
#define DMSQ_TESTS_SCORE_EFFECTIVE_H

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/random.h"
#include "lattice/action.h"
#include "lattice/ensemble.h"
#include "score/effective_basis.h"
#include "score/effective_fit.h"
#include "score/effective_flow.h"
#include "score/effective_refine.h"

static const volatile sig_atomic_t never = 0;

static inline void check(enum status status, const struct error *e) {
    if (status != STATUS_OK) {
        fail_msg("%s", e->message);
    }
}

static inline void *room(size_t count, size_t size) {
    void *p = calloc(count, size);
    assert_non_null(p);
    return p;
}

/* A model and its training data. */
struct fitted {
    struct theory theory;
    size_t count;
    float *fields; /* minus the mean */
    double *propagator;
    struct effective_model model;
};

static inline float *hmc(size_t dimensions, const size_t *extents, struct theory theory, size_t count,
                         size_t trajectories) {
    struct geometry *g;
    struct error e;
    check(geometry_new(extents, dimensions, &g, &e), &e);
    const struct ensemble_plan plan = {.sampler = {.theory = theory,
                                                   .algorithm = SAMPLER_HMC,
                                                   .start = SAMPLER_HOT,
                                                   .trajectory_length = 1,
                                                   .leapfrog_steps = 8,
                                                   .seed = 1},
                                       .chains = count,
                                       .measurements = 1,
                                       .thermalisation = trajectories,
                                       .stride = 1,
                                       .threads = 2};
    float *phi = room(count, g->volume * sizeof *phi);
    double *rest = room(4 * count, sizeof *rest);
    const struct ensemble out = {phi, rest, rest + count, rest + 2 * count, rest + 3 * count};
    check(ensemble_generate(g, &plan, &out, NULL, NULL, &e), &e);
    free(rest);
    geometry_free(g);
    return phi;
}

/* Sets lattice, fields and their propagator; for one phase, fields are sign-flipped and their mean is subtracted. */
static inline struct fitted fitted_new(size_t dimensions, const size_t *extents, struct theory theory, float *fields,
                                       size_t count, bool one_phase) {
    struct fitted f = {.theory = theory, .count = count, .fields = fields};
    struct effective_model *m = &f.model;
    struct fourier *fourier;
    struct error e;
    m->dimensions = dimensions;
    memcpy(m->extents, extents, dimensions * sizeof *extents);
    check(fourier_new(extents, dimensions, &fourier, &e), &e);
    const size_t V = m->volume = fourier_volume(fourier);
    m->one_phase = one_phase;
    m->saturation = (struct effective_saturation){one_phase ? 4 : 2.5, 1.6};
    for (size_t i = 0; one_phase && i < count; i++) {
        double sum = 0;
        for (size_t x = 0; x < V; x++) {
            sum += (double)fields[i * V + x];
        }
        for (size_t x = 0; sum < 0 && x < V; x++) {
            fields[i * V + x] = -fields[i * V + x];
        }
        m->mean += fabs(sum) / (double)(V * count);
    }
    f.propagator = room(V, sizeof *f.propagator);
    double *phi = room(2 * V + fourier_workspace(fourier), sizeof *phi), *power = phi + V;
    for (size_t i = 0; i < count; i++) {
        for (size_t x = 0; x < V; x++) {
            fields[i * V + x] = (float)((double)fields[i * V + x] - m->mean);
            phi[x] = (double)fields[i * V + x];
        }
        fourier_power(fourier, phi, power, phi + 2 * V);
        for (size_t p = 0; p < V; p++) {
            f.propagator[p] += power[p] / (double)count;
        }
    }
    fourier_symmetrise(fourier, f.propagator, phi);
    m->propagator = f.propagator;
    free(phi);
    fourier_free(fourier);
    return f;
}

static inline void fitted_free(struct fitted *f) {
    effective_model_release(&f->model);
    free(f->fields);
    free(f->propagator);
}

static inline void fit(struct fitted *f, struct effective_families families, struct effective_fit_settings settings,
                       int threads) {
    struct error e;
    settings.theory = f->theory;
    effective_model_release(&f->model);
    check(effective_features_make(&families, &f->model.features, &e), &e);
    check(effective_fit(&settings, f->fields, f->count, threads, &f->model, &never, NULL, &e), &e);
}

/* Draws proposals with log w = -S - log q, -INFINITY for rejected ones. */
static inline void propose(const struct fitted *f, size_t steps, uint64_t seed, size_t count, float *phi, double *log_q,
                           double *log_w) {
    const struct effective_model *m = &f->model;
    const struct random_key key = random_key(seed, "test", "effective");
    struct effective_flow *flow;
    struct geometry *g;
    struct error e;
    check(effective_flow_new(m, steps, 1, 2, &flow, &e), &e);
    check(geometry_new(m->extents, m->dimensions, &g, &e), &e);
    const struct effective_flow_work work = {&key, 0, count, 2, phi, log_q, &never, NULL};
    check(effective_flow_run(flow, &work, &e), &e);
    double *own = room(m->volume, sizeof *own);
    for (size_t i = 0; log_w && i < count; i++) {
        for (size_t x = 0; x < m->volume; x++) {
            own[x] = (double)phi[i * m->volume + x];
        }
        log_w[i] = isnan(log_q[i]) ? -(double)INFINITY : -action(g, &f->theory, own) - log_q[i];
    }
    free(own);
    geometry_free(g);
    effective_flow_free(flow);
}

/* Standard deviation of the finite numbers. */
static inline double deviation_of(const double *x, size_t n) {
    double mean = 0, square = 0, some = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i])) {
            mean += x[i];
            some++;
        }
    }
    mean /= some;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i])) {
            square += (x[i] - mean) * (x[i] - mean);
        }
    }
    return sqrt(square / some);
}

/* The weighted mean of x, and its error. */
static inline double reweighted(const double *log_w, const double *x, size_t n, double *error) {
    double largest = -(double)INFINITY, sum = 0, mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, log_w[i]);
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp(log_w[i] - largest);
        mean += exp(log_w[i] - largest) * x[i];
    }
    mean /= sum;
    for (size_t i = 0; i < n; i++) {
        square += pow(exp(log_w[i] - largest) * (x[i] - mean), 2);
    }
    *error = sqrt(square) / sum;
    return mean;
}

#endif
