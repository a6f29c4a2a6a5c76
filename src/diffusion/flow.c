#include "diffusion/flow.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/random.h"
#include "base/sum.h"
#include "backend/cpu.h"
#include "diffusion/flow_slots.h"
#include "diffusion/flow_prior.h"
#include "lattice/transform.h"
#include "score/schedule.h"

/* State shared by all workers. */
struct job {
    const struct score_model *model;
    const struct flow_settings *settings;
    bool draw;       /* from the prior to the data; else from the data to the prior */
    double from, to; /* of t, or of log s */
    size_t first, count, quadratures;
    double *phi, *latent; /* phi of flow_sample and latent are outputs; latent may be NULL */
    const double *fields; /* input of flow_log_density */
    struct flow_result *result;
    struct random_key draws, probe;
    struct flow_prior *prior;
    struct fourier *fourier; /* control variate only */
    const volatile sig_atomic_t *interrupted;
    struct progress *progress;
    size_t next, failed; /* next configuration; the first one that failed, or count */
    int stop;
};

/* A configuration that is being computed; when it is finished, the next one takes its place. */
struct slot {
    bool busy;
    size_t item;
    double square; /* drawing: flow_prior_square of the draw, for log p_T */
    struct runge_kutta solver;
};

struct worker {
    struct flow_slots *batch;
    size_t capacity;
    struct slot *slots;                  /* (capacity) */
    struct flow_evaluation *evaluations; /* (capacity), of the occupied slots */
    double *state, *terms;               /* (V + quadratures) each */
    double *prior;                       /* workspace of the prior */
};

size_t flow_products(const struct score_model *model, const struct flow_settings *settings) {
    return settings->modes                       ? 0
           : settings->divergence == FLOW_PROBES ? settings->probes
           : settings->divergence == FLOW_EXACT  ? model->volume
                                                 : 0;
}

/* --- one configuration --------------------------------------------------------------------------- */

static enum status admit(const struct job *j, struct worker *w, size_t at, size_t item, struct error *e) {
    const struct score_model *m = j->model;
    const size_t V = m->volume;
    struct slot *slot = &w->slots[at];
    double *start = w->state;
    if (j->draw) {
        random_normal(j->draws, j->first + item, 0, start, V);
        flow_prior_draw(j->prior, start, w->prior);
        if (j->latent) {
            memcpy(j->latent + item * V, start, V * sizeof *start);
        }
    } else {
        for (size_t i = 0; i < V; i++) {
            start[i] = (j->fields[item * V + i] - m->offset) * m->factor;
            if (!isfinite(start[i])) {
                return error_set(e, STATUS_BAD_INPUT, "configuration %zu is not finite", j->first + item);
            }
        }
    }
    const uint64_t probes_of = j->settings->sharing == FLOW_SHARED ? 0 : j->first + item;
    TRY(flow_slots_start(w->batch, at, probes_of, start, e));
    slot->item = item;
    slot->busy = true;
    runge_kutta_start(&slot->solver, j->settings->method, V, j->quadratures, j->from, j->to, j->settings->steps,
                      j->settings->tolerance);
    slot->square = j->draw ? flow_prior_square(j->prior, start, w->prior) : 0;
    return STATUS_OK;
}

static enum status retire(struct job *j, struct worker *w, size_t at, struct error *e) {
    const struct score_model *m = j->model;
    struct slot *slot = &w->slots[at];
    const size_t V = m->volume, item = slot->item, q = j->quadratures;
    const double *y = w->state, *integral = y + V;
    TRY(flow_slots_finish(w->batch, at, &slot->solver.order, w->state, e));
    struct flow_result *r = j->result;
    double square = slot->square;
    if (j->draw) {
        for (size_t i = 0; i < V; i++) {
            j->phi[item * V + i] = y[i] / m->factor + m->offset;
        }
    } else {
        square = flow_prior_square(j->prior, y, w->prior);
        if (j->latent) {
            memcpy(j->latent + item * V, y, V * sizeof *y);
        }
    }
    /* int div(dphi/dt) dt up to t = 1; from t = 1 down it has the opposite sign */
    const double mean = sum_tree(integral, q) / (double)q;
    r->log_q[item] =
        flow_prior_log_density(j->prior, square) + (j->draw ? -mean : mean) + (double)V * function_log(fabs(m->factor));
    for (size_t p = 0; p < q; p++) {
        w->terms[p] = (integral[p] - mean) * (integral[p] - mean);
    }
    r->log_q_error[item] = q > 1 ? sqrt(sum_tree(w->terms, q) / (double)(q * (q - 1))) : NAN;
    r->evaluations[item] = runge_kutta_evaluations(&slot->solver);
    slot->busy = false;
#pragma omp critical(flow_progress)
    {
        r->done[item] = 1;
        r->finished++;
        if (j->progress) {
            progress_update(j->progress, r->finished, NULL);
        }
    }
    return STATUS_OK;
}

/* --- all configurations -------------------------------------------------------------------------- */

static enum status explain(const struct job *j, const struct slot *slot, enum runge_kutta_state state,
                           struct error *e) {
    const double x = runge_kutta_point(&slot->solver);
    const double t = j->settings->method == RUNGE_KUTTA_DOPRI5 ? x : schedule_time(j->model->sigma, function_exp(x));
    if (state == RUNGE_KUTTA_NOT_FINITE) {
        return error_set(e, STATUS_FAILED, "configuration %zu: the flow is not finite at t = %g", j->first + slot->item,
                         t);
    }
    return error_set(e, STATUS_FAILED,
                     "configuration %zu: dopri5 makes no progress at t = %g after %lld evaluations: expected a "
                     "tolerance above %g",
                     j->first + slot->item, t, (long long)runge_kutta_evaluations(&slot->solver),
                     j->settings->tolerance);
}

/* Makes one evaluation of n slots. *at: the configuration of an error. */
static enum status advance(struct job *j, struct worker *w, size_t n, size_t *at, struct error *e) {
    const struct score_model *m = j->model;
    const bool logarithmic = j->settings->method != RUNGE_KUTTA_DOPRI5;
    for (size_t b = 0; b < n; b++) {
        struct flow_evaluation *v = &w->evaluations[b];
        const struct runge_kutta *solver = &w->slots[v->slot].solver;
        const double x = runge_kutta_point(solver);
        v->t = logarithmic ? schedule_time(m->sigma, function_exp(x)) : x;
        const double s = schedule_noise(m->sigma, v->t);
        v->factor = logarithmic ? -s : -0.5 * schedule_g2(m->sigma, v->t) / s;
        v->order = solver->order;
    }
    *at = w->slots[w->evaluations[0].slot].item; /* if the evaluation of all fails */
    enum status status = flow_slots_evaluate(w->batch, n, w->evaluations, e);
    for (size_t b = 0; b < n && status == STATUS_OK && !*j->interrupted; b++) {
        struct flow_evaluation *v = &w->evaluations[b];
        struct slot *slot = &w->slots[v->slot];
        const enum runge_kutta_state state = runge_kutta_advance(&slot->solver, &v->sums);
        *at = slot->item;
        if (state == RUNGE_KUTTA_DONE) {
            status = retire(j, w, v->slot, e);
        } else if (state != RUNGE_KUTTA_MORE) {
            status = explain(j, slot, state, e);
        }
    }
    return status;
}

/* The next configuration to compute; count if there is none. */
static size_t take(struct job *j) {
    size_t item;
    do {
#pragma omp atomic capture
        item = j->next++;
    } while (item < j->count && j->result->done[item]);
    return item < j->count ? item : j->count;
}

static enum status work(struct job *j, struct worker *w, size_t *at, struct error *e) {
    enum status status = STATUS_OK;
    for (;;) {
        size_t n = 0;
        int stop;
        for (size_t b = 0; b < w->capacity && status == STATUS_OK; b++) {
            if (!w->slots[b].busy) {
                const size_t item = take(j);
                if (item < j->count) {
                    *at = item;
                    status = admit(j, w, b, item, e);
                }
            }
            if (w->slots[b].busy) {
                w->evaluations[n++].slot = b;
            }
        }
#pragma omp atomic read
        stop = j->stop;
        if (status != STATUS_OK || n == 0 || stop || *j->interrupted) {
            return status;
        }
        status = advance(j, w, n, at, e);
    }
}

static void worker_release(struct worker *w) {
    flow_slots_free(w->batch);
    free(w->slots);
    free(w->evaluations);
    free(w->state);
    free(w->prior);
}

static enum status worker_prepare(const struct job *j, struct backend *b, struct backend_network *network,
                                  struct worker *w, struct error *e) {
    const size_t length = j->model->volume + j->quadratures;
    w->capacity = b->slots(b, j->model);
    w->slots = calloc(w->capacity, sizeof *w->slots);
    w->evaluations = calloc(w->capacity, sizeof *w->evaluations);
    w->state = malloc(2 * length * sizeof *w->state);
    w->prior = malloc(flow_prior_workspace(j->prior) * sizeof *w->prior);
    if (!w->slots || !w->evaluations || !w->state || !w->prior) {
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    }
    w->terms = w->state + length;
    return flow_slots_new(b, network, j->model, j->settings, j->probe, j->fourier, j->interrupted, &w->batch, e);
}

static enum status run(struct job *j, struct backend *b, struct backend_network *network, struct worker *workers,
                       struct error *e) {
    const int threads = b->integrators;
    enum status status = STATUS_OK;
    for (int i = 0; i < threads && status == STATUS_OK; i++) {
        status = worker_prepare(j, b, network, &workers[i], e);
    }
    TRY(status);
#pragma omp parallel num_threads(threads)
    {
        struct error own;
        size_t at = 0;
        const enum status mine = work(j, &workers[omp_get_thread_num()], &at, &own);
        if (mine != STATUS_OK) {
#pragma omp atomic write
            j->stop = 1;
#pragma omp critical(flow_error)
            if (status == STATUS_OK || at < j->failed) {
                j->failed = at;
                *e = own;
                status = mine;
            }
        }
    }
    if (status == STATUS_OK && *j->interrupted) {
        status = error_set(e, STATUS_FAILED, "interrupted while following the probability flow");
    }
    return status;
}

static enum status check(const struct score_model *m, const struct flow_settings *s, struct error *e) {
    if (s->divergence == FLOW_CLOSED && !score_model_closed(m)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "divergence closed with a model of kind %s found, expected a kind with a closed divergence, "
                         "such as gaussian",
                         score_model_kind(m));
    }
    if (s->divergence == FLOW_PROBES && s->probes < 1) {
        return error_set(e, STATUS_BAD_INPUT, "0 probes found, at least 1 expected");
    }
    if (s->sharing == FLOW_FRESH && s->control) {
        return error_set(e, STATUS_BAD_INPUT,
                         "a control variate found, expected none with new probes at each "
                         "evaluation");
    }
    if (!(s->t_start > 0 && s->t_start < 1)) {
        return error_set(e, STATUS_BAD_INPUT, "t-start is %g, expected a time above 0 and below 1", s->t_start);
    }
    if (s->method == RUNGE_KUTTA_DOPRI5 ? !(s->tolerance > 0) : s->steps < 1) {
        return error_set(e, STATUS_BAD_INPUT, "tolerance %g and %lld steps found, expected positive numbers",
                         s->tolerance, (long long)s->steps);
    }
    return STATUS_OK;
}

/* --- in normalised modes ------------------------------------------------------------------------- */

/* Rejects a finished draw that is NaN: sets it to 0 at all sites, with an infinite log q. */
static void reject(size_t V, double *phi, double *log_q) {
    *log_q = INFINITY;
    for (size_t x = 0; x < V; x++) {
        phi[x] = 0;
    }
}

static enum status flow_modes(struct job *j, int threads, struct error *e) {
    const size_t V = j->model->volume, n = j->count;
    const struct random_key key = random_key(j->settings->seed, "flow", "modes");
    struct flow_result *r = j->result;
    float *phi = malloc(n * V * sizeof *phi);
    if (!phi) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", n);
    }
    for (size_t i = 0; !j->draw && i < n * V; i++) {
        phi[i] = (float)j->fields[i];
    }
    const struct score_modes work = {.steps = (size_t)j->settings->steps,
                                     .stretch = j->settings->stretch,
                                     .roughness = j->settings->roughness,
                                     .key = j->draw ? &key : NULL,
                                     .first = j->first,
                                     .count = n,
                                     .threads = threads,
                                     .phi = phi,
                                     .log_q = r->log_q,
                                     .interrupted = j->interrupted,
                                     .progress = j->progress};
    enum status status = score_model_modes(j->model, &work, e);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        for (size_t x = 0; j->draw && x < V; x++) {
            j->phi[i * V + x] = (double)phi[i * V + x];
        }
        if (j->draw && isnan(r->log_q[i])) {
            reject(V, j->phi + i * V, &r->log_q[i]);
        } else if (isnan(r->log_q[i])) {
            status = error_set(e, STATUS_FAILED, "configuration %zu: the flow is not finite", j->first + i);
        }
        r->log_q_error[i] = NAN;
        r->evaluations[i] = 4 * j->settings->steps;
        r->finished += !r->done[i];
        r->done[i] = 1;
    }
    free(phi);
    return status;
}

/* Sets up and follows the flow in either direction. */
static enum status flow(struct job *j, int threads, struct error *e) {
    const struct score_model *m = j->model;
    const struct flow_settings *s = j->settings;
    if (s->modes) {
        return flow_modes(j, threads, e);
    }
    TRY(check(m, s, e));
    if (s->sharing == FLOW_FRESH && j->first + j->count > FLOW_FRESH_MAX) {
        return error_set(e, STATUS_BAD_INPUT,
                         "configurations up to %zu found, expected at most %zu with new probes at each evaluation",
                         j->first + j->count, FLOW_FRESH_MAX);
    }
    double low = s->t_start, high = 1;
    if (s->method != RUNGE_KUTTA_DOPRI5) {
        low = function_log(schedule_noise(m->sigma, low));
        high = function_log(schedule_noise(m->sigma, high));
    }
    j->from = j->draw ? high : low;
    j->to = j->draw ? low : high;
    j->quadratures = flow_quadratures(s);
    j->failed = j->count;
    j->draws = random_key(s->seed, "flow", "prior");
    j->probe = random_key(s->seed, "flow", "probe");
    struct backend_cpu cpu;
    struct backend *b = backend_of(m, threads, &cpu);
    struct worker *workers = calloc((size_t)b->integrators, sizeof *workers);
    if (!workers) {
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    }
    struct backend_network *network = NULL;
    enum status status = b->network_new(b, m, &network, e);
    THEN(status, flow_prior_new(m, s->gaussian_prior, &j->prior, e));
    if (status == STATUS_OK && s->divergence == FLOW_PROBES && s->control) {
        status = fourier_new(m->extents, m->dimensions, &j->fourier, e);
    }
    THEN(status, run(j, b, network, workers, e));
    for (int i = 0; i < b->integrators; i++) {
        worker_release(&workers[i]);
    }
    free(workers);
    fourier_free(j->fourier);
    flow_prior_free(j->prior);
    b->network_free(network);
    return status;
}

enum status flow_log_density(const struct score_model *model, const struct flow_settings *settings, size_t first,
                             size_t count, int threads, const double *phi, double *latent, struct flow_result *result,
                             const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e) {
    struct job j = {.model = model,
                    .settings = settings,
                    .first = first,
                    .count = count,
                    .fields = phi,
                    .latent = latent,
                    .result = result,
                    .interrupted = interrupted,
                    .progress = progress};
    return flow(&j, threads, e);
}

enum status flow_sample(const struct score_model *model, const struct flow_settings *settings, size_t first,
                        size_t count, int threads, double *phi, double *latent, struct flow_result *result,
                        const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e) {
    struct job j = {.model = model,
                    .settings = settings,
                    .draw = true,
                    .first = first,
                    .count = count,
                    .phi = phi,
                    .latent = latent,
                    .result = result,
                    .interrupted = interrupted,
                    .progress = progress};
    return flow(&j, threads, e);
}

size_t flow_part(const struct score_model *model, const struct flow_settings *settings) {
    enum {
        PART = 256,
        ROUNDS = 4,
        SITES = 1 << 24
    };                     /* large parts: the set-up of a device, and empty slots at the end, occur once per part */
    if (settings->modes) { /* the tables of the levels are made once per part; a multiple of PART, so that packs of
                              fields stay the same */
        const size_t parts = SITES / model->volume / PART;
        return parts > 0 ? parts * PART : PART;
    }
    struct backend_cpu cpu;
    const struct backend *b = backend_of(model, 1, &cpu);
    const size_t slots = b->placed ? ROUNDS * b->slots(b, model) : 0;
    return slots > PART ? slots : PART;
}

size_t flow_grain(const struct flow_settings *settings) {
    return settings->modes ? TRANSFORM_FIELDS : 1;
}
