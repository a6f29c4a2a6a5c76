/* Runs groups of chains in parallel and stores their measurements (ensemble.h). */
#include "lattice/ensemble.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { LANES = LATTICE_LANES, STEPS_BETWEEN_REPORTS = 16 };

enum outcome { RUNNING, INTERRUPTED, NOT_FINITE, OUT_OF_MEMORY };

/* State shared by the threads. */
struct work {
    const struct geometry *geometry;
    const struct ensemble_plan *plan;
    const struct ensemble *out;
    ensemble_report *report;
    void *context;
    _Atomic uint64_t steps;
    _Atomic int outcome;        /* a value other than RUNNING ends all threads */
    _Atomic uint64_t bad_chain; /* the chain that is not finite, for outcome NOT_FINITE */
};

static void end_with(struct work *w, int outcome) {
    int expected = RUNNING;
    atomic_compare_exchange_strong(&w->outcome, &expected, outcome);
}

/* Advances in blocks and reports after each. Returns false if the work has to end. */
static bool advance(struct work *w, struct sampler *sampler, uint64_t steps, uint64_t chains) {
    while (steps > 0) {
        if (atomic_load(&w->outcome) != RUNNING) {
            return false;
        }
        const uint64_t block = steps < STEPS_BETWEEN_REPORTS ? steps : STEPS_BETWEEN_REPORTS;
        sampler_advance(sampler, block);
        steps -= block;
        const uint64_t done = atomic_fetch_add(&w->steps, block * chains) + block * chains;
        if (w->report != NULL && !w->report(w->context, done)) {
            end_with(w, INTERRUPTED);
            return false;
        }
    }
    return true;
}

/* Stores measurement k of the chains of a group, whose first one is chain c of the plan, counted from 0. */
static bool measure(struct work *w, const struct sampler *sampler, uint64_t c, uint64_t chains, uint64_t k,
                    double *configuration) {
    const size_t volume = w->geometry->volume;
    for (uint64_t lane = 0; lane < chains; lane++) {
        const uint64_t i = (c + lane) * w->plan->measurements + k;
        sampler_configuration(sampler, lane, configuration);
        const struct configuration_means means =
            configuration_measure(w->geometry, &w->plan->sampler.theory, configuration);
        if (!isfinite(means.action)) {
            atomic_store(&w->bad_chain, w->plan->first_chain + c + lane);
            end_with(w, NOT_FINITE);
            return false;
        }
        w->out->action[i] = means.action;
        w->out->virial[i] = means.virial;
        for (size_t x = 0; x < volume; x++) {
            w->out->phi[i * volume + x] = (float)configuration[x];
        }
    }
    return true;
}

static void run_group(struct work *w, struct sampler *sampler, uint64_t c, double *configuration) {
    const struct ensemble_plan *plan = w->plan;
    const uint64_t chains = plan->chains - c < LANES ? plan->chains - c : LANES;
    const uint64_t uncounted = plan->thermalisation / 2;
    sampler_begin(sampler, plan->first_chain + c);
    if (!advance(w, sampler, uncounted, chains)) {
        return;
    }
    sampler_forget(sampler);
    if (!advance(w, sampler, plan->thermalisation - uncounted, chains)) {
        return;
    }
    for (uint64_t k = 0; k < plan->measurements; k++) {
        if ((k > 0 && !advance(w, sampler, plan->stride, chains)) ||
            !measure(w, sampler, c, chains, k, configuration)) {
            return;
        }
    }
    double acceptance[LANES], exp_minus_dH[LANES];
    sampler_statistics(sampler, acceptance, exp_minus_dH);
    for (uint64_t lane = 0; lane < chains; lane++) {
        w->out->acceptance[c + lane] = acceptance[lane];
        w->out->exp_minus_dH[c + lane] = exp_minus_dH[lane];
    }
}

enum status ensemble_generate(const struct geometry *g, const struct ensemble_plan *plan, const struct ensemble *out,
                              ensemble_report *report, void *context, struct error *e) {
    struct work w = {.geometry = g, .plan = plan, .out = out, .report = report, .context = context};
    atomic_init(&w.steps, 0);
    atomic_init(&w.outcome, RUNNING);
    atomic_init(&w.bad_chain, 0);
    const int64_t groups = (int64_t)((plan->chains + LANES - 1) / LANES);
#pragma omp parallel num_threads(plan->threads)
    {
        struct sampler *sampler = sampler_new(g, &plan->sampler);
        double *configuration = malloc(g->volume * sizeof *configuration);
        if (sampler == NULL || configuration == NULL) {
            end_with(&w, OUT_OF_MEMORY);
        }
#pragma omp for schedule(dynamic)
        for (int64_t group = 0; group < groups; group++) {
            if (atomic_load(&w.outcome) == RUNNING && sampler != NULL && configuration != NULL) {
                run_group(&w, sampler, (uint64_t)group * LANES, configuration);
            }
        }
        free(configuration);
        sampler_free(sampler);
    }
    switch (atomic_load(&w.outcome)) {
    case INTERRUPTED:
        return error_set(e, STATUS_FAILED, "ensemble: interrupted");
    case NOT_FINITE:
        return error_set(
            e, STATUS_FAILED,
            "ensemble: the field of chain %llu is no longer finite: expected a smaller step or another start",
            (unsigned long long)atomic_load(&w.bad_chain));
    case OUT_OF_MEMORY:
        return error_set(e, STATUS_FAILED, "ensemble: out of memory");
    default:
        return STATUS_OK;
    }
}
