#include "score/gaussian.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/random.h"
#include "base/sum.h"
#include "lattice/fourier.h"
#include "score/schedule.h"
#include "score/wiener.h"

/* --- the score ------------------------------------------------------------------------------------- */

struct shared {
    const struct score_model *model;
    struct fourier *fourier;
};

struct worker {
    const struct score_model *model;
    struct wiener *wiener;
    double *terms; /* (volume) */
    double noise[SCORE_BATCH];
};

static enum status shared_new(const struct score_model *m, size_t batch, void **shared, struct error *e) {
    (void)batch;
    struct shared *s = calloc(1, sizeof *s);
    *shared = s;
    if (!s) {
        return error_set(e, STATUS_FAILED, "out of memory for the score model");
    }
    s->model = m;
    return fourier_new(m->extents, m->dimensions, &s->fourier, e);
}

static void shared_free(void *shared) {
    struct shared *s = shared;
    if (s) {
        fourier_free(s->fourier);
    }
    free(s);
}

static enum status worker_new(void *shared, void **worker, struct error *e) {
    const struct shared *s = shared;
    struct worker *w = calloc(1, sizeof *w);
    *worker = w;
    if (w) {
        w->model = s->model;
        w->terms = malloc(s->model->volume * sizeof *w->terms);
    }
    return w && w->terms ? wiener_new(s->model, s->fourier, &w->wiener, e)
                         : error_set(e, STATUS_FAILED, "out of memory for a worker");
}

static void worker_free(void *worker) {
    struct worker *w = worker;
    if (!w) {
        return;
    }
    wiener_free(w->wiener);
    free(w->terms);
    free(w);
}

/* The filter, for fields and for probes. */
static enum status filter(struct worker *w, int n, const float *in, float *out) {
    const size_t volume = w->model->volume;
    memset(out, 0, (size_t)n * volume * sizeof *out);
    for (int b = 0; b < n; b++) {
        wiener_add(w->wiener, w->noise[b], in + (size_t)b * volume, out + (size_t)b * volume);
    }
    return STATUS_OK;
}

static enum status evaluate(void *worker, int n, const float *phi, const double *t, float *out, struct error *e) {
    struct worker *w = worker;
    (void)e;
    for (int b = 0; b < n; b++) {
        w->noise[b] = schedule_noise(w->model->sigma, t[b]);
    }
    return filter(w, n, phi, out);
}

static enum status vjp(void *worker, int n, const float *probe, float *out, struct error *e) {
    (void)e;
    return filter(worker, n, probe, out);
}

static enum status divergence(void *worker, int n, double *traces, struct error *e) {
    struct worker *w = worker;
    (void)e;
    for (int b = 0; b < n; b++) {
        traces[b] = wiener_trace(w->model, w->noise[b], w->terms);
    }
    return STATUS_OK;
}

/* --- draws without a process ----------------------------------------------------------------------- */

/* State shared by all threads. */
struct plan {
    const struct score_model *model;
    const struct score_draw *draw;
    struct fourier *fourier;
    double *gain;    /* (volume): sqrt(G) */
    double *weight;  /* (volume): 1/(2 G) */
    double constant; /* log q at the mean field */
};

static enum status plan_make(struct plan *p, const struct score_model *m, const struct score_draw *draw,
                             struct error *e) {
    const size_t V = m->volume;
    *p = (struct plan){.model = m, .draw = draw};
    p->gain = malloc(3 * V * sizeof *p->gain);
    if (!p->gain) {
        return error_set(e, STATUS_FAILED, "out of memory for a Gaussian field");
    }
    p->weight = p->gain + V;
    enum status status = fourier_new(m->extents, m->dimensions, &p->fourier, e);
    THEN(status, fourier_gaussian_gain(p->fourier, m->propagator, p->gain, e));
    double *terms = p->weight + V;
    for (size_t i = 0; i < V && status == STATUS_OK; i++) {
        const double G = p->gain[i] * p->gain[i];
        if (!(G > 0 || (G == 0 && !draw->log_q)) || !isfinite(G)) {
            status = error_set(e, STATUS_BAD_INPUT, "the propagator of mode %zu is %g, expected a finite number %s", i,
                               G, draw->log_q ? "> 0" : ">= 0");
        }
        p->weight[i] = 0.5 / G;
        terms[i] = -0.5 * function_log(6.283185307179586477 * G);
    }
    if (status == STATUS_OK) {
        p->constant = sum_tree(terms, V) + (double)V * function_log(fabs(m->factor));
    }
    return status;
}

/* Draws one configuration. scratch: 2 V numbers, and the workspace of the transform. */
static void draw_with_density(const struct plan *p, uint64_t number, float *phi, double *log_q, double *scratch) {
    const struct score_model *m = p->model;
    const size_t V = m->volume;
    double *x = scratch, *power = x + V, *workspace = power + V;
    random_normal(p->draw->key, number, 0, x, V);
    fourier_filter(p->fourier, p->gain, x, x, workspace);
    for (size_t i = 0; i < V; i++) {
        phi[i] = (float)(x[i] / m->factor + m->offset);
        x[i] = ((double)phi[i] - m->offset) * m->factor;
    }
    fourier_power(p->fourier, x, power, workspace);
    *log_q = p->constant - dot_tree(power, p->weight, V);
}

static void draw_field(const struct plan *p, uint64_t number, float *phi, double *scratch) {
    const struct score_model *m = p->model;
    const size_t V = m->volume;
    double *x = scratch;
    random_normal_float(p->draw->key, number, 0, phi, V);
    for (size_t i = 0; i < V; i++) {
        x[i] = (double)phi[i];
    }
    fourier_filter(p->fourier, p->gain, x, x, scratch + 2 * V);
    for (size_t i = 0; i < V; i++) {
        phi[i] = (float)((double)(float)x[i] / m->factor + m->offset);
    }
}

static enum status draw_all(const struct plan *p, struct error *e) {
    const struct score_draw *d = p->draw;
    const size_t V = p->model->volume, need = 2 * V + fourier_workspace(p->fourier);
    bool no_memory = false;
    size_t done = 0;
#pragma omp parallel num_threads(d->threads)
    {
        double *scratch = malloc(need * sizeof *scratch);
        if (!scratch)
#pragma omp atomic write
            no_memory = true;
#pragma omp for schedule(dynamic, 64)
        for (size_t i = 0; i < d->count; i++) {
            if (!scratch || *d->interrupted) {
                continue;
            }
            if (d->log_q) {
                draw_with_density(p, d->first + i, d->phi + i * V, &d->log_q[i], scratch);
            } else {
                draw_field(p, d->first + i, d->phi + i * V, scratch);
            }
            size_t now;
#pragma omp atomic capture
            now = ++done;
            if (d->progress && (now % 256 == 0 || now == d->count)) {
                progress_update(d->progress, d->first + now, NULL);
            }
        }
        free(scratch);
    }
    if (no_memory) {
        return error_set(e, STATUS_FAILED, "out of memory for a Gaussian field");
    }
    return *d->interrupted ? error_set(e, STATUS_FAILED, "interrupted while drawing") : STATUS_OK;
}

static enum status draw(const struct score_model *model, const struct score_draw *draw, struct error *e) {
    struct plan plan;
    enum status status = plan_make(&plan, model, draw, e);
    THEN(status, draw_all(&plan, e));
    fourier_free(plan.fourier);
    free(plan.gain);
    return status;
}

const struct score_kind score_gaussian = {
    .name = "gaussian",
    .shared_new = shared_new,
    .shared_free = shared_free,
    .worker_new = worker_new,
    .worker_free = worker_free,
    .evaluate = evaluate,
    .vjp = vjp,
    .divergence = divergence,
    .draw = draw,
};
