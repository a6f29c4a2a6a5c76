/* The three Markov chains of sampler.h: hybrid Monte Carlo (A section 4.1), local Metropolis, Langevin (A 2.15). */
#include "lattice/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"

enum { LANES = LATTICE_LANES };

struct sampler {
    const struct geometry *geometry;
    struct sampler_settings settings;
    struct random_key start_key, move_key, accept_key;
    uint64_t first, step;
    double *phi;
    double *momentum; /* HMC: momenta. Langevin: the increment. Metropolis: two uniforms a site. */
    double *old;      /* HMC: field at the start of a trajectory */
    double *before;   /* HMC: energy of each row at the start, and at the end */
    double *after;
    double *action; /* HMC: action of each row of the current field */
    double *workspace;
    uint64_t counted; /* proposals a chain since sampler_forget */
    double accepted[LANES];
    double exp_minus_dH[LANES]; /* sum over trajectories */
};

/* Lanes of doubles, aligned so that a site's lanes are one cache line. */
static double *lanes_new(size_t sites) {
    double *p = aligned_alloc(64, sites * LANES * sizeof *p);
    if (p != NULL) {
        memset(p, 0, sites * LANES * sizeof *p);
    }
    return p;
}

struct sampler *sampler_new(const struct geometry *g, const struct sampler_settings *settings) {
    struct sampler *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->geometry = g;
    s->settings = *settings;
    static const char *const move[] = {"momentum", "metropolis", "langevin"};
    s->start_key = random_key(settings->seed, "ensemble", "start");
    s->move_key = random_key(settings->seed, "ensemble", move[settings->algorithm]);
    s->accept_key = random_key(settings->seed, "ensemble", "accept");
    s->phi = lanes_new(g->volume);
    s->momentum = lanes_new(settings->algorithm == SAMPLER_METROPOLIS ? 2 * g->volume : g->volume);
    s->workspace = lanes_new(g->row);
    if (settings->algorithm == SAMPLER_HMC) {
        s->old = lanes_new(g->volume);
        s->before = lanes_new(g->rows);
        s->after = lanes_new(g->rows);
        s->action = lanes_new(g->rows);
    }
    const int missing = s->phi == NULL || s->momentum == NULL || s->workspace == NULL ||
                        (settings->algorithm == SAMPLER_HMC &&
                         (s->old == NULL || s->before == NULL || s->after == NULL || s->action == NULL));
    if (missing) {
        sampler_free(s);
        return NULL;
    }
    return s;
}

void sampler_free(struct sampler *s) {
    if (s != NULL) {
        free(s->phi);
        free(s->momentum);
        free(s->old);
        free(s->before);
        free(s->after);
        free(s->action);
        free(s->workspace);
        free(s);
    }
}

void sampler_begin(struct sampler *s, uint64_t first) {
    const struct geometry *g = s->geometry;
    const struct phi4 *theory = &s->settings.theory;
    s->first = first;
    s->step = 0;
    if (s->settings.start == SAMPLER_HOT) {
        random_normal_lanes(s->start_key, first, 0, s->phi, g->volume);
    } else {
        double sign[LANES];
        random_uniform_lanes(s->start_key, first, 0, sign, 1);
        const double slope = 2.0 * fabs(theory->kappa) * (double)g->dimensions - 1.0 + 2.0 * theory->lambda;
        const double minimum =
            theory->lambda > 0.0 && theory->kappa > 0.0 && slope > 0.0 ? sqrt(slope / (2.0 * theory->lambda)) : 0.0;
        for (size_t i = 0; i < g->volume * LANES; i++) {
            s->phi[i] = sign[i % LANES] < 0.5 ? -minimum : minimum;
        }
    }
    if (s->settings.algorithm == SAMPLER_HMC) {
        lanes_action_rows(g, theory, s->phi, s->action);
    }
    sampler_forget(s);
}

void sampler_forget(struct sampler *s) {
    s->counted = 0;
    for (int l = 0; l < LANES; l++) {
        s->accepted[l] = 0.0;
        s->exp_minus_dH[l] = 0.0;
    }
}

/* One trajectory of hybrid Monte Carlo. */
static void trajectory(struct sampler *s) {
    const struct geometry *g = s->geometry;
    const struct phi4 *theory = &s->settings.theory;
    const size_t steps = s->settings.leapfrog_steps;
    const double step = s->settings.trajectory_length / (double)steps;
    const size_t field_size = g->volume * LANES;
    const size_t rows = g->rows * LANES;

    random_normal_lanes(s->move_key, s->first, s->step, s->momentum, g->volume);
    memcpy(s->old, s->phi, field_size * sizeof *s->old);
    lanes_kinetic_rows(g, s->momentum, s->before);

    lanes_leapfrog(g, theory, step, steps, s->phi, s->momentum, s->workspace);

    /* dH is summed from the changes of the rows: H itself is of order V, its change of order 1. */
    double dH[LANES] = {0};
    lanes_kinetic_rows(g, s->momentum, s->after);
    for (size_t i = 0; i < rows; i++) {
        dH[i % LANES] += s->after[i] - s->before[i];
    }
    lanes_action_rows(g, theory, s->phi, s->after);
    for (size_t i = 0; i < rows; i++) {
        dH[i % LANES] += s->after[i] - s->action[i];
    }

    double uniform[LANES];
    random_uniform_lanes(s->accept_key, s->first, s->step, uniform, 1);
    int accept[LANES], all = 1;
    for (int l = 0; l < LANES; l++) {
        /* A trajectory that left all bounds has dH = infinity or, from differences of infinities, NaN. */
        const double weight = dH[l] < INFINITY ? function_exp(-dH[l]) : 0.0;
        accept[l] = uniform[l] < weight;
        s->accepted[l] += accept[l] ? 1.0 : 0.0;
        s->exp_minus_dH[l] += weight;
        all = all && accept[l];
    }
    for (size_t i = 0; i < rows; i++) {
        s->action[i] = accept[i % LANES] ? s->after[i] : s->action[i];
    }
    if (!all) {
        for (size_t i = 0; i < field_size; i += LANES) {
            for (int l = 0; l < LANES; l++) {
                const size_t j = i + (size_t)l;
                s->phi[j] = accept[l] ? s->phi[j] : s->old[j];
            }
        }
    }
}

/* One sweep over the sites in order. Every lane is a chain of its own, so nothing is gained by a
 * checkerboard, and a lattice of odd extents has none. */
static void sweep(struct sampler *s) {
    const struct geometry *g = s->geometry;
    const struct phi4 theory = s->settings.theory;
    const double square = 1.0 - 2.0 * theory.lambda;
    const double width = 2.0 * s->settings.metropolis_step;
    const size_t coordination = 2 * g->dimensions;
    random_uniform_lanes(s->move_key, s->first, s->step, s->momentum, 2 * g->volume);
    double accepted[LANES] = {0};
    for (size_t x = 0; x < g->volume; x++) {
        double sum[LANES] = {0};
        for (size_t i = 0; i < coordination; i++) {
            const double *neighbour = s->phi + g->neighbours[coordination * x + i] * LANES;
#pragma omp simd
            for (int l = 0; l < LANES; l++) {
                sum[l] += neighbour[l];
            }
        }
        double *restrict phi = s->phi + x * LANES;
        const double *restrict proposal = s->momentum + 2 * x * LANES;
        const double *restrict uniform = proposal + LANES;
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const double a = phi[l];
            const double b = a + width * (proposal[l] - 0.5);
            const double change = -2.0 * theory.kappa * (b - a) * sum[l] + (b * b - a * a) * square +
                                  (b * b * b * b - a * a * a * a) * theory.lambda;
            const double take = uniform[l] < function_exp(-change) ? 1.0 : 0.0;
            phi[l] = take > 0.0 ? b : a;
            accepted[l] += take;
        }
    }
    for (int l = 0; l < LANES; l++) {
        s->accepted[l] += accepted[l] / (double)g->volume;
    }
}

static void langevin(struct sampler *s) {
    const struct geometry *g = s->geometry;
    const double dt = s->settings.langevin_step;
    const double amplitude = sqrt(2.0 * dt);
    random_normal_lanes(s->move_key, s->first, s->step, s->momentum, g->volume);
    for (size_t i = 0; i < g->volume * LANES; i++) {
        s->momentum[i] *= amplitude;
    }
    lanes_kick_drift(g, &s->settings.theory, dt, 1.0, s->phi, s->momentum, s->workspace);
    for (int l = 0; l < LANES; l++) {
        s->accepted[l] += 1.0;
    }
}

void sampler_advance(struct sampler *s, uint64_t steps) {
    for (uint64_t i = 0; i < steps; i++) {
        switch (s->settings.algorithm) {
        case SAMPLER_HMC:
            trajectory(s);
            break;
        case SAMPLER_METROPOLIS:
            sweep(s);
            break;
        case SAMPLER_LANGEVIN:
            langevin(s);
            break;
        }
        s->step++;
        s->counted++;
    }
}

void sampler_statistics(const struct sampler *s, double acceptance[LANES], double exp_minus_dH[LANES]) {
    for (int l = 0; l < LANES; l++) {
        const double n = (double)s->counted;
        acceptance[l] = s->counted > 0 ? s->accepted[l] / n : NAN;
        exp_minus_dH[l] = s->counted > 0 && s->settings.algorithm == SAMPLER_HMC ? s->exp_minus_dH[l] / n : NAN;
    }
}

const double *sampler_field(const struct sampler *s) {
    return s->phi;
}

void sampler_configuration(const struct sampler *s, size_t lane, double *phi) {
    for (size_t x = 0; x < s->geometry->volume; x++) {
        phi[x] = s->phi[x * LANES + lane];
    }
}
