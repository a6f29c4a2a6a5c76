/* Runs an ensemble in memory for the tests of this folder. */
#ifndef DMSQ_TESTS_LATTICE_RUN_ENSEMBLE_H
#define DMSQ_TESTS_LATTICE_RUN_ENSEMBLE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lattice/ensemble.h"

struct run {
    struct geometry *geometry;
    struct ensemble_plan plan;
    struct ensemble data;
    size_t count; /* configurations */
};

/* The settings of the papers at kappa = 0.21. */
static inline struct ensemble_plan default_plan(void) {
    return (struct ensemble_plan){
        .sampler = {.theory = {0.21, 0.022},
                    .algorithm = SAMPLER_HMC,
                    .start = SAMPLER_HOT,
                    .trajectory_length = 1.0,
                    .leapfrog_steps = 10,
                    .metropolis_step = 2.0,
                    .langevin_step = 0.01,
                    .seed = 20240521},
        .chains = 64,
        .measurements = 1,
        .thermalisation = 164,
        .stride = 1,
        .threads = 2,
    };
}

static inline struct run run_new(const size_t *extents, size_t dimensions, const struct ensemble_plan *plan) {
    struct run r = {.plan = *plan, .count = (size_t)(plan->chains * plan->measurements)};
    struct error e;
    assert_int_equal(geometry_new(extents, dimensions, &r.geometry, &e), STATUS_OK);
    r.data.phi = calloc(r.count * r.geometry->volume, sizeof *r.data.phi);
    r.data.action = calloc(r.count, sizeof *r.data.action);
    r.data.virial = calloc(r.count, sizeof *r.data.virial);
    r.data.acceptance = calloc(plan->chains, sizeof *r.data.acceptance);
    r.data.exp_minus_dH = calloc(plan->chains, sizeof *r.data.exp_minus_dH);
    assert_true(r.data.phi != NULL && r.data.action != NULL && r.data.virial != NULL && r.data.acceptance != NULL &&
                r.data.exp_minus_dH != NULL);
    return r;
}

static inline void run_free(struct run *r) {
    geometry_free(r->geometry);
    free(r->data.phi);
    free(r->data.action);
    free(r->data.virial);
    free(r->data.acceptance);
    free(r->data.exp_minus_dH);
}

static inline struct run run_ensemble(const size_t *extents, size_t dimensions, const struct ensemble_plan *plan) {
    struct run r = run_new(extents, dimensions, plan);
    struct error e;
    assert_int_equal(ensemble_generate(r.geometry, plan, &r.data, NULL, NULL, &e), STATUS_OK);
    return r;
}

/* Mean of x[chains][measurements] and its error, from the means of the chains, which are independent. */
struct estimate {
    double mean, error;
};

static inline struct estimate estimate_chains(const double *x, size_t chains, size_t measurements) {
    double sum = 0.0, squares = 0.0;
    for (size_t c = 0; c < chains; c++) {
        double mean = 0.0;
        for (size_t k = 0; k < measurements; k++) {
            mean += x[c * measurements + k] / (double)measurements;
        }
        sum += mean;
        squares += mean * mean;
    }
    const double n = (double)chains, mean = sum / n;
    return (struct estimate){mean, sqrt((squares / n - mean * mean) / (n - 1.0))};
}

/* |measured - exact| < sigmas standard errors, and the error is small enough for a useful test. */
#define assert_agrees(estimated, exact, exact_error, sigmas, largest_error) \
    do { \
        const struct estimate agrees_e = (estimated); \
        const double agrees_x = (exact), agrees_dx = (exact_error); \
        if (!(fabs(agrees_e.mean - agrees_x) < (sigmas)*hypot(agrees_e.error, agrees_dx)) || \
            !(agrees_e.error < (largest_error))) { \
            fail_msg("found %.6f +- %.6f, expected %.6f +- %.6f", agrees_e.mean, agrees_e.error, agrees_x, agrees_dx); \
        } \
    } while (0)

#endif
