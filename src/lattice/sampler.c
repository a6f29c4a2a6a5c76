/* The Markov chains of sampler.h: hybrid Monte Carlo (A section 4.1), Metropolis of single sites and of the whole
 * field, Langevin (A 2.15); cluster flips are in cluster.c. */
#include "lattice/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/memory.h"
#include "lattice/cluster.h"

enum { LANES = LATTICE_LANES };

struct sampler {
    const struct geometry *geometry;
    struct sampler_settings settings;
    struct random_key start_key, move_key, accept_key, bond_key, flip_key;
    uint64_t first, step;
    double *phi;      /* the field; for HMC in single precision a copy of `single.phi` after each call */
    double *momentum; /* HMC: momenta. Langevin, global: the increment. Local Metropolis: two uniforms per site. */
    double *old;      /* HMC, global: field at the start of a step */
    struct {
        float *phi, *momentum, *old, *workspace;
    } single;       /* for HMC in single precision, instead of momentum and old */
    double *before; /* HMC: energy of each row at the start of a trajectory */
    double *after;  /* HMC, global: energy or action of each row at the end of a step */
    double *action; /* HMC, global: action of each row of the current field */
    double *workspace;
    struct cluster_flips *cluster;
    uint64_t counted; /* proposals per chain since sampler_forget */
    double accepted[LANES];
    double exp_minus_dH[LANES]; /* sum over trajectories */
};

/* Lanes, so that those of a site are a cache line, or half of one in single precision. */
static void *lanes_new(size_t sites, size_t size) {
    return memory_aligned(sites * LANES, size);
}

static int proposes_locally(enum sampler_algorithm a) {
    return a == SAMPLER_METROPOLIS || a == SAMPLER_CLUSTER;
}

/* Whether a step proposes a change of the whole field, which is accepted or rejected. */
static int proposes_whole(enum sampler_algorithm a) {
    return a == SAMPLER_HMC || a == SAMPLER_METROPOLIS_GLOBAL;
}

static bool is_single(const struct sampler *s) {
    return s->settings.algorithm == SAMPLER_HMC && s->settings.single_precision;
}

struct sampler *sampler_new(const struct geometry *g, const struct sampler_settings *settings) {
    struct sampler *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->geometry = g;
    s->settings = *settings;
    static const char *const move[] = {
        [SAMPLER_HMC] = "momentum",    [SAMPLER_METROPOLIS] = "metropolis",    [SAMPLER_LANGEVIN] = "langevin",
        [SAMPLER_CLUSTER] = "cluster", [SAMPLER_METROPOLIS_GLOBAL] = "global", [SAMPLER_RANDOM_WALK] = "global",
    };
    const int local = proposes_locally(settings->algorithm), whole = proposes_whole(settings->algorithm);
    s->start_key = random_key(settings->seed, "ensemble", "start");
    s->move_key = random_key(settings->seed, "ensemble", move[settings->algorithm]);
    s->accept_key = random_key(settings->seed, "ensemble", "accept");
    s->bond_key = random_key(settings->seed, "ensemble", "bonds");
    s->flip_key = random_key(settings->seed, "ensemble", "flips");
    const size_t real = sizeof(double), single = sizeof(float);
    s->phi = lanes_new(g->volume, real);
    s->workspace = lanes_new(g->row, real);
    int missing = s->phi == NULL || s->workspace == NULL;
    if (settings->algorithm == SAMPLER_CLUSTER) {
        s->cluster = cluster_flips_new(g);
        missing = missing || s->cluster == NULL;
    }
    if (is_single(s)) {
        s->single.phi = lanes_new(g->volume, single);
        s->single.momentum = lanes_new(g->volume, single);
        s->single.old = lanes_new(g->volume, single);
        s->single.workspace = lanes_new(g->row, single);
        missing = missing || s->single.phi == NULL || s->single.momentum == NULL || s->single.old == NULL ||
                  s->single.workspace == NULL;
    } else {
        s->momentum = lanes_new(local ? 2 * g->volume : g->volume, real);
        s->old = whole ? lanes_new(g->volume, real) : NULL;
        missing = missing || s->momentum == NULL || (whole && s->old == NULL);
    }
    if (whole) {
        s->before = lanes_new(g->rows, real);
        s->after = lanes_new(g->rows, real);
        s->action = lanes_new(g->rows, real);
        missing = missing || s->before == NULL || s->after == NULL || s->action == NULL;
    }
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
        free(s->single.phi);
        free(s->single.momentum);
        free(s->single.old);
        free(s->single.workspace);
        free(s->before);
        free(s->after);
        free(s->action);
        free(s->workspace);
        cluster_flips_free(s->cluster);
        free(s);
    }
}

static void widen(struct sampler *s) {
    for (size_t i = 0; i < s->geometry->volume * LANES; i++) {
        s->phi[i] = (double)s->single.phi[i];
    }
}

static void action_rows(const struct sampler *s, double *rows) {
    if (is_single(s)) {
        lanes_action_rows_float(s->geometry, &s->settings.theory, s->single.phi, rows);
    } else {
        lanes_action_rows(s->geometry, &s->settings.theory, s->phi, rows);
    }
}

void sampler_begin(struct sampler *s, uint64_t first) {
    const struct geometry *g = s->geometry;
    s->first = first;
    s->step = 0;
    if (s->settings.start == SAMPLER_HOT) {
        random_normal_lanes(s->start_key, first, 0, s->phi, g->volume);
    } else {
        double sign[LANES];
        random_uniform_lanes(s->start_key, first, 0, sign, 1);
        const double minimum = theory_minimum(&s->settings.theory, g->dimensions);
        for (size_t i = 0; i < g->volume * LANES; i++) {
            s->phi[i] = sign[i % LANES] < 0.5 ? -minimum : minimum;
        }
    }
    if (is_single(s)) {
        for (size_t i = 0; i < g->volume * LANES; i++) {
            s->single.phi[i] = (float)s->phi[i];
        }
        widen(s);
    }
    if (proposes_whole(s->settings.algorithm)) {
        action_rows(s, s->action);
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

/* Accepts a step, or restores the field of its start, in each chain. dH holds the change of the energy so far; the
 * change of the action is added here row by row, since H itself is of order V, but its change of order 1. */
static void accept_or_restore(struct sampler *s, double dH[LANES]) {
    const struct geometry *g = s->geometry;
    const size_t rows = g->rows * LANES;
    action_rows(s, s->after);
    for (size_t i = 0; i < rows; i++) {
        dH[i % LANES] += s->after[i] - s->action[i];
    }
    double uniform[LANES];
    random_uniform_lanes(s->accept_key, s->first, s->step, uniform, 1);
    const bool unconditional = s->settings.algorithm == SAMPLER_HMC && s->step < s->settings.unconditional;
    int accept[LANES], all = 1;
    for (int l = 0; l < LANES; l++) {
        /* a trajectory that diverged has dH = infinity or, from differences of infinities, NaN */
        const double weight = dH[l] < INFINITY ? function_exp(-dH[l]) : 0.0;
        accept[l] = uniform[l] < weight || (unconditional && isfinite(dH[l]));
        s->accepted[l] += accept[l] ? 1.0 : 0.0;
        s->exp_minus_dH[l] += weight;
        all = all && accept[l];
    }
    for (size_t i = 0; i < rows; i++) {
        s->action[i] = accept[i % LANES] ? s->after[i] : s->action[i];
    }
    if (!all && is_single(s)) {
        lanes_restore_float(g, accept, s->single.old, s->single.phi);
    } else if (!all) {
        lanes_restore(g, accept, s->old, s->phi);
    }
}

/* Makes one trajectory of hybrid Monte Carlo. */
static void trajectory(struct sampler *s) {
    const struct geometry *g = s->geometry;
    const struct theory *theory = &s->settings.theory;
    const size_t steps = s->settings.leapfrog_steps, sites = g->volume * LANES;
    const struct integrator integrator = {s->settings.integrator, steps, s->settings.trajectory_length / (double)steps};
    if (is_single(s)) {
        random_normal_float_lanes(s->move_key, s->first, s->step, s->single.momentum, g->volume);
        memcpy(s->single.old, s->single.phi, sites * sizeof *s->single.old);
        lanes_kinetic_rows_float(g, s->single.momentum, s->before);
        lanes_integrate_float(g, theory, &integrator, s->single.phi, s->single.momentum, s->single.workspace);
        lanes_kinetic_rows_float(g, s->single.momentum, s->after);
    } else {
        random_normal_lanes(s->move_key, s->first, s->step, s->momentum, g->volume);
        memcpy(s->old, s->phi, sites * sizeof *s->old);
        lanes_kinetic_rows(g, s->momentum, s->before);
        lanes_integrate(g, theory, &integrator, s->phi, s->momentum, s->workspace);
        lanes_kinetic_rows(g, s->momentum, s->after);
    }
    double dH[LANES] = {0};
    for (size_t i = 0; i < g->rows * LANES; i++) {
        dH[i % LANES] += s->after[i] - s->before[i];
    }
    accept_or_restore(s, dH);
}

/* Shifts every site by a normal random number. */
static void shift(struct sampler *s) {
    const struct geometry *g = s->geometry;
    random_normal_lanes(s->move_key, s->first, s->step, s->momentum, g->volume);
    for (size_t i = 0; i < g->volume * LANES; i++) {
        s->phi[i] += s->settings.metropolis_step * s->momentum[i];
    }
}

/* Proposes a shift of the whole field, and accepts or rejects it. */
static void propose_shift(struct sampler *s) {
    memcpy(s->old, s->phi, s->geometry->volume * LANES * sizeof *s->old);
    shift(s);
    double dS[LANES] = {0};
    accept_or_restore(s, dS);
}

static void walk(struct sampler *s) {
    shift(s);
    for (int l = 0; l < LANES; l++) {
        s->accepted[l] += 1.0;
    }
}

/* Proposes a change of site x in every chain; adds 1 to `accepted` of the chains that accept it. */
static inline __attribute__((always_inline)) void propose(struct sampler *s, size_t coordination, size_t x,
                                                          double *restrict accepted) {
    const struct geometry *g = s->geometry;
    const struct theory theory = s->settings.theory;
    const double width = 2.0 * s->settings.metropolis_step;
    const size_t *neighbours = g->neighbours + coordination * x;
    const double *field = s->phi;
    double *restrict phi = s->phi + x * LANES;
    const double *restrict proposal = s->momentum + 2 * x * LANES;
    const double *restrict uniform = proposal + LANES;
#pragma omp simd
    for (size_t l = 0; l < LANES; l++) {
        double sum = 0.0;
        for (size_t i = 0; i < coordination; i++) {
            sum += field[neighbours[i] * LANES + l];
        }
        const double a = phi[l];
        const double b = a + width * (proposal[l] - 0.5);
        const double change = theory_change(&theory, a, b, sum);
        const double take = uniform[l] < function_exp(-change) ? 1.0 : 0.0;
        phi[l] = take > 0.0 ? b : a;
        accepted[l] += take;
    }
}

/* Makes one sweep over the sites in order. Vectorisation is over chains, so a checkerboard order would not help, and a
 * lattice with odd extents has none. But each site has to wait for its left neighbour, so TOGETHER rows are updated in
 * parallel, each one site behind the row before it. Every site then still sees the new values of the neighbours that
 * come before it, and the old values of the others: the bits are those of one row after the other. */
static inline __attribute__((always_inline)) void sweep_of(struct sampler *s, size_t coordination) {
    enum { TOGETHER = 4 };
    const struct geometry *g = s->geometry;
    double accepted[TOGETHER][LANES] = {0};
    for (size_t first = 0; first < g->rows; first += TOGETHER) {
        const size_t rows = g->rows - first < TOGETHER ? g->rows - first : TOGETHER;
        for (size_t t = 0; t < g->row + rows - 1; t++) {
            for (size_t k = 0; k < rows; k++) {
                if (t >= k && t - k < g->row) {
                    propose(s, coordination, (first + k) * g->row + (t - k), accepted[k]);
                }
            }
        }
    }
    for (size_t l = 0; l < LANES; l++) {
        s->accepted[l] += (accepted[0][l] + accepted[1][l] + accepted[2][l] + accepted[3][l]) / (double)g->volume;
    }
}

static void sweep(struct sampler *s) {
    const struct geometry *g = s->geometry;
    random_uniform_lanes(s->move_key, s->first, s->step, s->momentum, 2 * g->volume);
    if (g->dimensions == 2) {
        sweep_of(s, 4); /* a constant, so that the loop over neighbours is unrolled */
    } else {
        sweep_of(s, 2 * g->dimensions);
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
        case SAMPLER_CLUSTER:
            sweep(s);
            cluster_flips_sweep(s->cluster, s->settings.theory.kappa, s->bond_key, s->flip_key, s->first, s->step,
                                s->phi);
            break;
        case SAMPLER_METROPOLIS_GLOBAL:
            propose_shift(s);
            break;
        case SAMPLER_RANDOM_WALK:
            walk(s);
            break;
        }
        s->step++;
        s->counted++;
    }
    if (is_single(s)) {
        widen(s);
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
