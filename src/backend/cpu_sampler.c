/* The reverse process on the CPU. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu_internal.h"
#include "lattice/fourier.h"

/* Workspace of a thread. */
struct room {
    float *out, *z;                  /* (batch, volume); (volume) */
    double *t;                       /* (batch) */
    double *gain, *fine, *workspace; /* for coloured noise: (volume); (volume); workspace of the transform */
};

struct backend_sampler {
    struct backend_network *network;
    struct room *rooms;
    struct fourier *fourier; /* for coloured noise */
    struct score_frame *frames;
    struct backend_move *moves;
    size_t steps, done, n;
    uint64_t first;
    float *phi; /* (capacity, volume) */
    struct random_key prior, noise;
    float start;
};

static void sampler_free(struct backend_sampler *s) {
    if (!s) {
        return;
    }
    for (int i = 0; s->rooms && i < s->network->threads; i++) {
        void *const owned[] = {s->rooms[i].out,  s->rooms[i].z,    s->rooms[i].t,
                               s->rooms[i].gain, s->rooms[i].fine, s->rooms[i].workspace};
        for (size_t k = 0; k < sizeof owned / sizeof owned[0]; k++) {
            free(owned[k]);
        }
    }
    cpu_network_free(s->network);
    fourier_free(s->fourier);
    free(s->rooms);
    free(s->frames);
    free(s->moves);
    free(s->phi);
    free(s);
}

static bool make_room(const struct backend_sampler *s, struct room *r) {
    const size_t V = s->network->model->volume;
    r->out = malloc(s->network->batch * V * sizeof *r->out);
    r->z = malloc(V * sizeof *r->z);
    r->t = malloc(s->network->batch * sizeof *r->t);
    if (!s->fourier) {
        return r->out && r->z && r->t;
    }
    r->gain = malloc(V * sizeof *r->gain);
    r->fine = malloc(V * sizeof *r->fine);
    r->workspace = malloc(fourier_workspace(s->fourier) * sizeof *r->workspace);
    return r->out && r->z && r->t && r->gain && r->fine && r->workspace;
}

static void *copy(const void *from, size_t size) {
    void *to = malloc(size);
    return to ? memcpy(to, from, size) : NULL;
}

static enum status build(struct backend_sampler *s, struct backend *b, const struct score_model *m, struct error *e) {
    TRY(cpu_network_new(b, m, score_batch(m), &s->network, e));
    TRY(cpu_network_workers(s->network, e));
    if (s->moves && s->moves[0].coloured) {
        TRY(fourier_new(m->extents, m->dimensions, &s->fourier, e));
    }
    s->phi = malloc(b->capacity(b, m) * m->volume * sizeof *s->phi);
    s->rooms = calloc((size_t)s->network->threads, sizeof *s->rooms);
    bool complete = s->phi && s->rooms && s->frames && s->moves;
    for (int i = 0; complete && i < s->network->threads; i++) {
        complete = make_room(s, &s->rooms[i]);
    }
    return complete ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for a sampler");
}

static enum status sampler_new(struct backend *b, const struct score_model *model, const struct score_frame *frames,
                               const struct backend_move *moves, size_t steps, struct random_key prior,
                               struct random_key noise, float start, struct backend_sampler **sampler,
                               struct error *e) {
    *sampler = NULL;
    struct backend_sampler *s = calloc(1, sizeof *s);
    if (!s) {
        return error_set(e, STATUS_FAILED, "out of memory for a sampler");
    }
    s->frames = copy(frames, steps * sizeof *frames);
    s->moves = copy(moves, steps * sizeof *moves);
    s->steps = steps;
    s->prior = prior;
    s->noise = noise;
    s->start = start;
    const enum status status = build(s, b, model, e);
    if (status != STATUS_OK) {
        sampler_free(s);
        return status;
    }
    *sampler = s;
    return STATUS_OK;
}

static enum status sampler_start(struct backend_sampler *s, uint64_t first, size_t n, struct error *e) {
    const size_t V = s->network->model->volume;
    (void)e;
    s->first = first;
    s->n = n;
    s->done = 0;
#pragma omp parallel for num_threads(s->network->threads) schedule(dynamic, 8)
    for (size_t i = 0; i < n; i++) {
        float *phi = s->phi + i * V;
        random_normal_float(s->prior, first + i, 0, phi, V);
        for (size_t x = 0; x < V; x++) {
            phi[x] *= s->start;
        }
    }
    return STATUS_OK;
}

/* phi <- (phi + drift (s score)) + amplitude z */
static void move(size_t n, const struct backend_move *m, const float *restrict score, const float *restrict z,
                 float *restrict phi) {
    const float drift = m->drift, amplitude = m->amplitude;
    for (size_t i = 0; i < n; i++) {
        phi[i] = (phi[i] + drift * score[i]) + amplitude * z[i];
    }
}

/* Gives white noise z the covariance D (G + next^2)/(G + s^2). */
static void colour(const struct backend_sampler *s, struct room *r, double noise, double next) {
    const struct score_model *m = s->network->model;
    const double d = noise * noise - next * next;
    for (size_t i = 0; i < m->volume; i++) {
        const double g = m->propagator[i];
        r->gain[i] = sqrt(d * (g + next * next) / (g + noise * noise));
        r->fine[i] = (double)r->z[i];
    }
    fourier_filter(s->fourier, r->gain, r->fine, r->fine, r->workspace);
    for (size_t i = 0; i < m->volume; i++) {
        r->z[i] = (float)r->fine[i];
    }
}

/* Makes step k of n configurations from `at` on. */
static enum status step(struct backend_sampler *s, struct score_worker *worker, struct room *r, size_t k, size_t at,
                        int n, struct error *e) {
    const size_t V = s->network->model->volume;
    const struct backend_move *m = &s->moves[k];
    float *phi = s->phi + at * V;
    for (int b = 0; b < n; b++) {
        r->t[b] = s->frames[k].t;
    }
    const enum status status = score_evaluate(worker, n, phi, r->t, r->out, e);
    for (size_t b = 0; b < (size_t)n && status == STATUS_OK; b++) {
        if (m->amplitude != 0) {
            random_normal_float(s->noise, s->first + at + b, k, r->z, V);
        } else {
            memset(r->z, 0, V * sizeof *r->z);
        }
        if (m->coloured) {
            colour(s, r, s->frames[k].noise, m->next);
        }
        move(V, m, r->out + b * V, r->z, phi + b * V);
    }
    return status;
}

static enum status sampler_steps(struct backend_sampler *s, size_t count, struct error *e) {
    const size_t batch = s->network->batch;
    enum status status = STATUS_OK;
#pragma omp parallel for num_threads(s->network->threads) schedule(dynamic, 1)
    for (size_t at = 0; at < s->n; at += batch) {
        const int thread = omp_get_thread_num(), n = (int)(s->n - at < batch ? s->n - at : batch);
        struct error own;
        enum status mine = STATUS_OK;
        for (size_t k = s->done; k < s->done + count && mine == STATUS_OK; k++) {
            mine = step(s, s->network->workers[thread], &s->rooms[thread], k, at, n, &own);
        }
        if (mine != STATUS_OK)
#pragma omp critical(cpu_error)
        {
            *e = own;
            status = mine;
        }
    }
    s->done += count;
    return status;
}

static enum status sampler_fetch(struct backend_sampler *s, size_t n, float *phi, struct error *e) {
    (void)e;
    memcpy(phi, s->phi, n * s->network->model->volume * sizeof *phi);
    return STATUS_OK;
}

void cpu_sampler_operations(struct backend *b) {
    b->sampler_new = sampler_new;
    b->sampler_free = sampler_free;
    b->sampler_start = sampler_start;
    b->sampler_steps = sampler_steps;
    b->sampler_fetch = sampler_fetch;
}
