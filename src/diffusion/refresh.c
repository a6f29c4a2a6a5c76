#include "diffusion/refresh.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/sum.h"
#include "lattice/action.h"

struct refresh {
    const struct score_model *model;
    const struct score_refresh *kind;
    struct score_refresh_settings settings;
    void *own;
    struct geometry *geometry;
    struct theory theory;
    struct random_key noise, accept, sign;
    int threads;
    void **rooms;   /* (threads): workspaces */
    double *fields; /* (threads, V) */
    struct refresh_chains chains;
    float *new_state, *new_phi;             /* (C, V) */
    double *new_log_q, *log_ratio, *action; /* (C) */
};

static void *reserve(size_t count, size_t size, bool *all) {
    void *p = calloc(count, size);
    *all = *all && p;
    return p;
}

static enum status allocate(struct refresh *r, struct error *e) {
    const size_t C = r->chains.count, V = r->model->volume;
    bool all = true;
    r->rooms = reserve((size_t)r->threads, sizeof *r->rooms, &all);
    r->fields = reserve((size_t)r->threads * V, sizeof *r->fields, &all);
    r->chains.state = reserve(C * V, sizeof(float), &all);
    r->chains.phi = reserve(C * V, sizeof(float), &all);
    r->new_state = reserve(C * V, sizeof(float), &all);
    r->new_phi = reserve(C * V, sizeof(float), &all);
    r->chains.accepted = reserve(4 * C, sizeof(int64_t), &all);
    r->chains.log_q = reserve(4 * C, sizeof(double), &all);
    for (int i = 0; all && i < r->threads; i++) {
        r->rooms[i] = r->kind->room(r->own);
        all = r->rooms[i];
    }
    if (!all) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu chains of %zu sites", C, V);
    }
    r->chains.rejected = r->chains.accepted + C;
    r->chains.stay = r->chains.rejected + C;
    r->chains.longest_stay = r->chains.stay + C;
    r->new_log_q = r->chains.log_q + C;
    r->log_ratio = r->new_log_q + C;
    r->action = r->log_ratio + C;
    return STATUS_OK;
}

enum status refresh_new(const struct score_model *m, const struct score_refresh_settings *settings, uint64_t seed,
                        size_t chains, int threads, struct refresh **out, struct error *e) {
    *out = NULL;
    if (!score_model_refresh(m)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "a kind of model with partial refresh expected, such as effective-action, found %s",
                         score_model_kind(m));
    }
    struct refresh *r = calloc(1, sizeof *r);
    if (!r) {
        return error_set(e, STATUS_FAILED, "out of memory for chains");
    }
    *r = (struct refresh){.model = m,
                          .kind = score_model_refresh(m),
                          .settings = *settings,
                          .threads = threads > 0 ? threads : 1,
                          .theory = m->theory,
                          .chains.count = chains,
                          .noise = random_key(seed, "refresh", "noise"),
                          .accept = random_key(seed, "refresh", "accept"),
                          .sign = random_key(seed, "refresh", "sign")};
    enum status status = geometry_new(m->extents, m->dimensions, &r->geometry, e);
    THEN(status, r->kind->make(m, settings, r->threads, &r->own, e));
    THEN(status, allocate(r, e));
    if (status == STATUS_OK) {
        *out = r;
    } else {
        refresh_free(r);
    }
    return status;
}

void refresh_free(struct refresh *r) {
    if (!r) {
        return;
    }
    for (int i = 0; r->rooms && i < r->threads; i++) {
        free(r->rooms[i]);
    }
    free(r->rooms);
    free(r->fields);
    free(r->chains.state);
    free(r->chains.phi);
    free(r->new_state);
    free(r->new_phi);
    free(r->chains.accepted);
    free(r->chains.log_q);
    r->kind->release(r->own);
    geometry_free(r->geometry);
    free(r);
}

struct refresh_chains *refresh_where(struct refresh *r) {
    return &r->chains;
}

/* Returns the number of chains of a pack, and sets *first to its first chain. */
static size_t pack_of(const struct refresh *r, size_t pack, size_t *first) {
    *first = pack * r->kind->pack;
    const size_t rest = r->chains.count - *first;
    return rest < r->kind->pack ? rest : r->kind->pack;
}

static size_t packs(const struct refresh *r) {
    return (r->chains.count + r->kind->pack - 1) / r->kind->pack;
}

static double action_of(const struct refresh *r, const float *phi) {
    double *field = r->fields + (size_t)omp_get_thread_num() * r->model->volume;
    for (size_t x = 0; x < r->model->volume; x++) {
        field[x] = (double)phi[x];
    }
    return action(r->geometry, &r->theory, field);
}

void refresh_resume(struct refresh *r) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
    for (size_t i = 0; i < r->chains.count; i++) {
        r->action[i] = action_of(r, r->chains.phi + i * r->model->volume);
    }
}

enum status refresh_begin(struct refresh *r, const float *phi, struct error *e) {
    const size_t V = r->model->volume;
    struct refresh_chains *c = &r->chains;
#pragma omp parallel for num_threads(r->threads) schedule(static, 1)
    for (size_t pack = 0; pack < packs(r); pack++) {
        void *room = r->rooms[omp_get_thread_num()];
        size_t at;
        const size_t n = pack_of(r, pack, &at);
        r->kind->begin(r->own, n, phi + at * V, c->state + at * V, room);
        r->kind->land(r->own, n, c->state + at * V, c->phi + at * V, c->log_q + at, room);
    }
    refresh_resume(r);
    for (size_t i = 0; i < c->count; i++) {
        if (!isfinite(c->log_q[i]) || !isfinite(r->action[i])) {
            return error_set(e, STATUS_BAD_INPUT,
                             "configuration %zu of the start: the model's flow from it becomes infinite or leaves the "
                             "model's phase",
                             i);
        }
    }
    return STATUS_OK;
}

/* Accepts or rejects the proposal of chain i. */
static void decide(struct refresh *r, size_t i) {
    const size_t V = r->model->volume;
    struct refresh_chains *c = &r->chains;
    const double proposed = action_of(r, r->new_phi + i * V), change = r->action[i] - proposed + r->log_ratio[i];
    double u;
    random_uniform(r->accept, i, (uint64_t)c->steps, &u, 1);
    c->rejected[i] += isfinite(change) ? 0 : 1;
    if (isfinite(change) && function_log(u) < change) {
        memcpy(c->state + i * V, r->new_state + i * V, V * sizeof *c->phi);
        memcpy(c->phi + i * V, r->new_phi + i * V, V * sizeof *c->phi);
        c->log_q[i] = r->new_log_q[i];
        r->action[i] = proposed;
        c->accepted[i]++;
        c->stay[i] = 0;
    } else if (++c->stay[i] > c->longest_stay[i]) {
        c->longest_stay[i] = c->stay[i];
    }
}

void refresh_step(struct refresh *r) {
    const size_t V = r->model->volume;
#pragma omp parallel for num_threads(r->threads) schedule(static, 1)
    for (size_t pack = 0; pack < packs(r); pack++) {
        size_t at;
        const size_t n = pack_of(r, pack, &at);
        const struct score_refresh_step step = {.key = r->noise,
                                                .first = at,
                                                .count = n,
                                                .step = (uint64_t)r->chains.steps,
                                                .state = r->chains.state + at * V,
                                                .log_q = r->chains.log_q + at,
                                                .new_state = r->new_state + at * V,
                                                .phi = r->new_phi + at * V,
                                                .new_log_q = r->new_log_q + at,
                                                .log_ratio = r->log_ratio + at};
        r->kind->propose(r->own, &step, r->rooms[omp_get_thread_num()]);
        for (size_t i = at; i < at + n; i++) {
            decide(r, i);
        }
    }
    r->chains.steps++;
}

void refresh_field(const struct refresh *r, size_t i, float *phi) {
    const size_t V = r->model->volume;
    double u = 1;
    if (r->model->one_phase) {
        random_uniform(r->sign, i, (uint64_t)r->chains.steps, &u, 1);
    }
    for (size_t x = 0; x < V; x++) {
        phi[x] = u < 0.5 ? -r->chains.phi[i * V + x] : r->chains.phi[i * V + x];
    }
}

double refresh_action(const struct refresh *r, size_t i) {
    return r->action[i];
}

size_t refresh_evaluations(const struct refresh *r) {
    return r->kind->evaluations(r->own);
}

enum status refresh_step_error(const struct refresh *r, double *error, struct error *e) {
    const size_t C = r->chains.count, V = r->model->volume;
    *error = 0;
    if (r->settings.method == SCORE_REFRESH_PATHS) {
        return STATUS_OK;
    }
    struct score_refresh_settings finer = r->settings;
    finer.steps *= 2;
    void *twice;
    double *log_q = malloc(2 * C * sizeof *log_q), *change = log_q + C;
    enum status status = log_q ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for %zu chains", C);
    THEN(status, r->kind->make(r->model, &finer, r->threads, &twice, e));
    if (status == STATUS_OK) {
#pragma omp parallel for num_threads(r->threads) schedule(static, 1)
        for (size_t pack = 0; pack < packs(r); pack++) {
            size_t at;
            const size_t n = pack_of(r, pack, &at);
            r->kind->land(twice, n, r->chains.state + at * V, r->new_phi + at * V, log_q + at,
                          r->rooms[omp_get_thread_num()]);
            for (size_t i = at; i < at + n; i++) {
                change[i] = r->action[i] + r->chains.log_q[i] - action_of(r, r->new_phi + i * V) - log_q[i];
            }
        }
        const double mean = sum_tree(change, C) / (double)C;
        for (size_t i = 0; i < C; i++) {
            change[i] = (change[i] - mean) * (change[i] - mean);
        }
        *error = sqrt(sum_tree(change, C) / (double)C);
        r->kind->release(twice);
    }
    free(log_q);
    return status;
}
