/* Speed of the effective-action model with the features of the experiments critical and critical-large: evaluations of
 * score and divergence, compared with the same number of transforms alone, those of FFTW, and the peak; and proposals
 * of the flow, on blocked lattices at high noise, as in the stage `propose`. Every thread has its own packs. */
#include "tests/bench/bench.h"

#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "score/effective_flow.h"
#include "tests/bench/fftw.h"

enum { STEPS = 14, SITES = 1 << 17 }; /* SITES: number of sites of the packs that a thread evaluates in one timing */

static const volatile sig_atomic_t never = 0;

struct work {
    int threads;
    size_t repeats, workspace, proposals;
    struct effective_model model;
    double *propagator; /* of the model */
    struct effective_lattices lattices;
    const struct transform *transform; /* of the whole lattice */
    struct effective_level *level;
    struct effective_flow *flow;
    struct transform_site *room; /* (threads, workspace): modes, drift, workspace */
    float *phi, *peer_out;       /* peer_out: (threads, peer_size) */
    size_t peer_size;
    struct fftw_peer peer[2]; /* field after field, site after site */
    double *log_q;
};

static struct transform_site *own_room(const struct work *w) {
    return w->room + (size_t)omp_get_thread_num() * w->workspace;
}

static enum status evaluate(void *context, struct error *e) {
    const struct work *w = context;
    const size_t V = w->model.volume;
    (void)e;
#pragma omp parallel num_threads(w->threads)
    {
        struct transform_site *room = own_room(w);
        double divergence[TRANSFORM_FIELDS];
        for (size_t r = 0; r < w->repeats; r++) {
            effective_level_evaluate(w->level, room, room + V, divergence, room + 2 * V);
        }
    }
    return STATUS_OK;
}

/* As many transforms as in the evaluations, from one array to another, always of the same numbers. */
static enum status transform(void *context, struct error *e) {
    const struct work *w = context;
    const size_t V = w->model.volume, count = w->repeats * effective_level_transforms(w->level);
    (void)e;
#pragma omp parallel num_threads(w->threads)
    {
        struct transform_site *room = own_room(w), *scratch = room + w->workspace - transform_workspace(w->transform);
        for (size_t i = 0; i < count; i++) {
            transform_forward(w->transform, room, room + V, scratch);
        }
    }
    return STATUS_OK;
}

static void transform_by(const struct work *w, const struct fftw_peer *peer) {
    const size_t count = w->repeats * effective_level_transforms(w->level);
#pragma omp parallel num_threads(w->threads)
    {
        float *in = (float *)own_room(w), *out = w->peer_out + (size_t)omp_get_thread_num() * w->peer_size;
        for (size_t i = 0; i < count; i++) {
            peer->execute(peer->plan, in, out);
        }
    }
}

static enum status fields_in_turn(void *context, struct error *e) {
    const struct work *w = context;
    (void)e;
    transform_by(w, &w->peer[0]);
    return STATUS_OK;
}

static enum status sites_in_turn(void *context, struct error *e) {
    const struct work *w = context;
    (void)e;
    transform_by(w, &w->peer[1]);
    return STATUS_OK;
}

static enum status propose(void *context, struct error *e) {
    const struct work *w = context;
    const struct random_key key = random_key(1, "bench", "effective-action");
    const struct effective_flow_work work = {&key, 0, w->proposals, w->threads, w->phi, w->log_q, &never, NULL};
    return effective_flow_run(w->flow, &work, e);
}

/* A free field with a long correlation length and small coefficients, on which the time of an evaluation does not
 * depend. */
static enum status make_model(struct work *w, size_t L, struct error *e) {
    const struct effective_families families = {.local = 9,
                                                .kernels = 2,
                                                .pair = 7,
                                                .outer = L <= 32 ? 3 : 2,
                                                .inner = L <= 32 ? 4 : 3,
                                                .linear_pairs = 3,
                                                .zero = 7};
    enum { LEVELS = 20 };
    struct effective_model *m = &w->model;
    const size_t V = L * L;
    *m = (struct effective_model){.dimensions = 2,
                                  .volume = V,
                                  .extents = {L, L},
                                  .saturation = {2.5, 1.6},
                                  .levels = LEVELS,
                                  .blocking = 0.02,
                                  .pairs_above = 0.5};
    enum status status = effective_features_make(&families, &m->features, e);
    const size_t F = m->features.count;
    m->propagator = w->propagator = malloc(V * sizeof *w->propagator);
    m->log_s = malloc(LEVELS * sizeof *m->log_s);
    m->coefficients = malloc(LEVELS * F * sizeof *m->coefficients);
    if (status == STATUS_OK && (!w->propagator || !m->log_s || !m->coefficients)) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    for (size_t p = 0; status == STATUS_OK && p < V; p++) {
        w->propagator[p] =
            1 / (2.01 - cos(2 * M_PI * (double)(p / L) / (double)L) - cos(2 * M_PI * (double)(p % L) / (double)L));
    }
    for (size_t i = 0; status == STATUS_OK && i < LEVELS; i++) {
        m->log_s[i] = log(0.1) + log(100 / 0.1) * (double)i / (LEVELS - 1);
    }
    for (size_t i = 0; status == STATUS_OK && i < LEVELS * F; i++) {
        m->coefficients[i] = 1e-3 * (double)(i % 7);
    }
    return status;
}

/* Allocates memory for every thread and fills it with different random modes. */
static enum status make_room(struct work *w, size_t L, struct error *e) {
    const size_t V = L * L;
    w->repeats = SITES / V > 0 ? SITES / V : 1;
    w->workspace = 2 * V + effective_level_workspace(w->level);
    w->proposals = (size_t)w->threads * TRANSFORM_FIELDS;
    w->peer_size = (L * (L + 2) * TRANSFORM_FIELDS + 63) / 64 * 64; /* aligned for every thread */
    w->room = transform_allocate((size_t)w->threads * w->workspace);
    w->peer_out = aligned_alloc(64, (size_t)w->threads * w->peer_size * sizeof *w->peer_out);
    w->phi = malloc(w->proposals * V * sizeof *w->phi);
    w->log_q = malloc(w->proposals * sizeof *w->log_q);
    if (!w->room || !w->peer_out || !w->phi || !w->log_q) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    for (int turn = 0; turn < 2; turn++) { /* without FFTW there is no plan */
        fftw_peer_open(L, TRANSFORM_FIELDS, turn == 0, (float *)w->room, w->peer_out, &w->peer[turn]);
    }
    for (size_t i = 0; i < (size_t)w->threads; i++) {
        random_normal_float(random_key(1, "bench", "modes"), i, 0, (float *)(w->room + i * w->workspace),
                            V * TRANSFORM_FIELDS);
    }
    return STATUS_OK;
}

static enum status make(struct work *w, size_t L, struct error *e) {
    struct effective_model *m = &w->model;
    struct effective_filters filters = {0};
    enum status status = make_model(w, L, e);
    THEN(status, effective_lattices_make(m->extents, 2, 0, &w->lattices, e));
    w->transform = w->lattices.lattice[0].transform;
    THEN(status, effective_filters_make(&w->lattices, w->propagator, 1, effective_model_kernels(m), &filters, e));
    THEN(status, effective_level_new(&filters, &m->features, m->coefficients, m->saturation, &w->level, e));
    THEN(status, effective_flow_new(m, STEPS, 1, w->threads, &w->flow, e));
    THEN(status, make_room(w, L, e));
    effective_filters_release(&filters);
    return status;
}

static void release(struct work *w) {
    for (int turn = 0; turn < 2; turn++) {
        fftw_peer_close(&w->peer[turn]);
    }
    effective_model_release(&w->model);
    free(w->propagator);
    effective_level_free(w->level);
    effective_lattices_release(&w->lattices);
    effective_flow_free(w->flow);
    free(w->room);
    free(w->peer_out);
    free(w->phi);
    free(w->log_q);
}

enum { EVALUATE, TRANSFORM, PROPOSE, PEAK, FIELDS_IN_TURN, SITES_IN_TURN, SIDES };

static void report(struct bench *b, const struct work *w, double times[][BENCH_REPETITIONS], size_t n) {
    const struct bench_target none = {BENCH_NO_TARGET, 0};
    const size_t L = w->model.extents[0];
    const double packs = (double)w->threads * (double)w->repeats, count = (double)effective_level_transforms(w->level);
    const double fields = packs * TRANSFORM_FIELDS,
                 of_peak = 100 * packs * count * transform_flop(w->transform) / bench_peak_flop(b);
    char text[80];
    snprintf(text, sizeof text, "effective action: score and divergence, %zux%zu", L, L);
    bench_row(b, text, fields / bench_median(times[EVALUATE], n), "fields/s", NAN, none);
    snprintf(text, sizeof text, "  its %.0f transforms alone (ratio: share of the time)", count);
    bench_row(b, text, fields / bench_median(times[TRANSFORM], n), "fields/s",
              bench_median_ratio(times[TRANSFORM], times[EVALUATE], n), none);
    if (w->peer[0].plan && w->peer[1].plan) {
        const int best = bench_median(times[FIELDS_IN_TURN], n) < bench_median(times[SITES_IN_TURN], n) ? FIELDS_IN_TURN
                                                                                                        : SITES_IN_TURN;
        snprintf(text, sizeof text, "  as many of FFTW, float, %d real fields (ratio to ours)", TRANSFORM_FIELDS);
        bench_row(b, text, fields / bench_median(times[best], n), "fields/s",
                  bench_median_ratio(times[TRANSFORM], times[best], n), none);
    } else {
        bench_text(b, "  as many of FFTW", "no libfftw3f");
    }
    bench_row(b, "  transforms, fraction of the float32 peak",
              of_peak * bench_median_ratio(times[PEAK], times[TRANSFORM], n), "%", NAN, none);
    bench_row(b, "  operations of the transforms in an evaluation, the same",
              of_peak * bench_median_ratio(times[PEAK], times[EVALUATE], n), "%", NAN, none);
    snprintf(text, sizeof text, "  proposals, %d steps (ratio: time of as many evaluations)", STEPS);
    const double proposals = (double)w->proposals,
                 evaluations = proposals * (double)effective_flow_evaluations(w->flow) / fields;
    bench_row(b, text, proposals / bench_median(times[PROPOSE], n), "configurations/s",
              evaluations * bench_median_ratio(times[EVALUATE], times[PROPOSE], n), none);
}

static enum status one_size(struct bench *b, size_t L, struct error *e) {
    enum { REPETITIONS = 5 };
    struct work w = {.threads = b->threads};
    double times[SIDES][BENCH_REPETITIONS];
    enum status status = make(&w, L, e);
    const size_t sides = w.peer[0].plan && w.peer[1].plan ? SIDES : FIELDS_IN_TURN;
    THEN(status, bench_time((struct bench_side[SIDES]){[EVALUATE] = {evaluate, &w},
                                                       [TRANSFORM] = {transform, &w},
                                                       [PROPOSE] = {propose, &w},
                                                       [PEAK] = {bench_peak, b},
                                                       [FIELDS_IN_TURN] = {fields_in_turn, &w},
                                                       [SITES_IN_TURN] = {sites_in_turn, &w}},
                            sides, REPETITIONS, times, e));
    if (status == STATUS_OK) {
        report(b, &w, times, REPETITIONS);
    }
    release(&w);
    return status;
}

enum status bench_effective(struct bench *b, struct error *e) {
    enum status status = STATUS_OK;
    for (size_t L = 32; L <= 128 && status == STATUS_OK; L *= 2) {
        status = one_size(b, L, e);
    }
    return status;
}
