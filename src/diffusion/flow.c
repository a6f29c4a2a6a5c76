#include "diffusion/flow.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/random.h"
#include "base/sum.h"
#include "diffusion/schedule.h"
#include "lattice/fourier.h"

/* What all workers share. */
struct job {
    const struct score_model *model;
    const struct flow_settings *settings;
    bool draw;               /* from the prior down, else from the data up */
    double from, to;         /* t, or log s */
    size_t first, count, quadratures;
    double *phi, *latent;    /* either may be an input or an output; latent may be NULL */
    const double *fields;    /* input of log_density */
    struct flow_result *result;
    struct random_key prior, probe;
    struct fourier *fourier; /* control variate only */
    const volatile sig_atomic_t *interrupted;
    struct progress *progress;
    size_t next, failed;     /* next configuration; the first that failed, else count */
    int stop;
};

/* The places of a batch. Each holds one integration; where one is done, the next configuration moves in. */
struct place {
    bool busy;
    size_t item;
    struct runge_kutta *solver;
    float *probes; /* probes x V */
    double *power; /* probes x V, |v(p)|^2/V: control variate only */
};

struct worker {
    struct score_worker *score;
    size_t capacity;
    struct place *places, **busy;       /* capacity; those at work */
    double *t;                          /* capacity: their times */
    uint64_t *number;                   /* capacity: their configurations, for probes made on a device */
    float *phi, *out, *probe, *product; /* capacity x V */
    double *derivative, *terms;         /* V + quadratures; V or probes, whichever is more */
    double *traces;                     /* capacity x quadratures */
    double *transform;                  /* workspace of the control variate's Fourier transform, or NULL */
};

size_t flow_products(const struct score_model *model, const struct flow_settings *settings) {
    return settings->divergence == FLOW_PROBES ? settings->probes
           : settings->divergence == FLOW_EXACT ? model->volume
                                                : 0;
}

/* --- one configuration --------------------------------------------------------------------------- */

/* The configuration whose probes this one has. */
static uint64_t probe_number(const struct job *j, size_t item) {
    return j->settings->shared ? 0 : j->first + item;
}

static void draw_probes(const struct job *j, size_t item, float *probes) {
    const size_t V = j->model->volume;
    const uint64_t number = probe_number(j, item);
    for (size_t p = 0; p < j->settings->probes; p++, probes += V) {
        if (!j->settings->signs) {
            random_normal_float(j->probe, number, p, probes, V);
            continue;
        }
        uint32_t words[4] = {0};
        for (size_t i = 0; i < V; i++) {
            if (i % 128 == 0)
                random_block(j->probe, number, p, (uint32_t)(i / 128), words);
            probes[i] = words[i / 32 % 4] >> (i % 32) & 1 ? 1.0f : -1.0f;
        }
    }
}

static enum status move_in(const struct job *j, struct worker *w, struct place *place, size_t item, struct error *e) {
    const struct score_model *m = j->model;
    const size_t V = m->volume;
    double *start = w->derivative;
    if (j->draw) {
        const double s = schedule_noise(m->sigma, 1);
        random_normal(j->prior, j->first + item, 0, start, V);
        for (size_t i = 0; i < V; i++)
            start[i] *= s;
        if (j->latent)
            memcpy(j->latent + item * V, start, V * sizeof *start);
    } else {
        for (size_t i = 0; i < V; i++) {
            start[i] = (j->fields[item * V + i] - m->offset) * m->factor;
            if (!isfinite(start[i]))
                return error_set(e, STATUS_BAD_INPUT, "configuration %zu is not finite", j->first + item);
        }
    }
    if (place->probes)
        draw_probes(j, item, place->probes);
    for (size_t p = 0; j->fourier && p < j->quadratures; p++) {
        for (size_t i = 0; i < V; i++)
            w->terms[i] = (double)place->probes[p * V + i];
        fourier_power(j->fourier, w->terms, place->power + p * V, w->transform);
    }
    place->item = item;
    place->busy = true;
    runge_kutta_start(place->solver, j->from, j->to, start, j->settings->steps, j->settings->tolerance);
    /* log p_T of a draw is taken now, from numbers that will be gone, and kept where the result will be */
    for (size_t i = 0; j->draw && i < V; i++)
        start[i] *= start[i];
    if (j->draw)
        j->result->log_q[item] = sum_tree(start, V);
    return STATUS_OK;
}

/* log N(0, s^2(1)) of a field with this sum of squares. */
static double log_prior(const struct score_model *m, double squares) {
    const double variance = schedule_variance(m->sigma, 1);
    return -0.5 * ((double)m->volume * function_log(6.283185307179586477 * variance) + squares / variance);
}

static void move_out(struct job *j, struct worker *w, struct place *place) {
    const struct score_model *m = j->model;
    const size_t V = m->volume, item = place->item, q = j->quadratures;
    const double *y = runge_kutta_at(place->solver), *integral = y + V;
    struct flow_result *r = j->result;
    double squares = j->draw ? r->log_q[item] : 0;
    if (j->draw) {
        for (size_t i = 0; i < V; i++)
            j->phi[item * V + i] = y[i] / m->factor + m->offset;
    } else {
        for (size_t i = 0; i < V; i++)
            w->terms[i] = y[i] * y[i];
        squares = sum_tree(w->terms, V);
        if (j->latent)
            memcpy(j->latent + item * V, y, V * sizeof *y);
    }
    /* int div(dphi/dt) dt up to t = 1; downwards it comes with the other sign */
    const double mean = sum_tree(integral, q) / (double)q;
    r->log_q[item] = log_prior(m, squares) + (j->draw ? -mean : mean) + (double)V * function_log(fabs(m->factor));
    for (size_t p = 0; p < q; p++)
        w->terms[p] = (integral[p] - mean) * (integral[p] - mean);
    r->log_q_error[item] = q > 1 ? sqrt(sum_tree(w->terms, q) / (double)(q * (q - 1))) : NAN;
    r->evaluations[item] = runge_kutta_evaluations(place->solver);
    place->busy = false;
#pragma omp critical(flow_progress)
    {
        r->done[item] = 1;
        r->finished++;
        if (j->progress)
            progress_update(j->progress, r->finished, NULL);
    }
}

/* --- the divergence ------------------------------------------------------------------------------ */

static double closed_trace(const struct score_model *m, double s, double *terms) {
    for (size_t p = 0; p < m->volume; p++)
        terms[p] = -s / (m->propagator[p] + s * s);
    return sum_tree(terms, m->volume);
}

/* What the control variate adds to the estimate of a probe: the trace of the Wiener filter less its estimate by this
 * probe. */
static double control(const struct score_model *m, double s, const double *power, double *terms) {
    for (size_t p = 0; p < m->volume; p++)
        terms[p] = s / (m->propagator[p] + s * s) * (power[p] - 1);
    return sum_tree(terms, m->volume);
}

/* traces[b x quadratures] of n configurations that were just evaluated; busy[b] are their places. */
static enum status find_traces(const struct job *j, struct worker *w, int n, struct place *const *busy,
                               const double *t, struct error *e) {
    const struct score_model *m = j->model;
    if (w->number) {
        for (int b = 0; b < n; b++)
            w->number[b] = probe_number(j, busy[b]->item);
        return score_traces(w->score, (size_t)n, j->probe, w->number,
                            j->settings->divergence == FLOW_PROBES ? j->quadratures : 0, j->settings->signs, w->traces, e);
    }
    const size_t V = m->volume, q = j->quadratures, room = (size_t)n * V;
    enum status status = STATUS_OK;
    for (int b = 0; b < n && j->settings->divergence == FLOW_CLOSED; b++)
        w->traces[b] = closed_trace(m, schedule_noise(m->sigma, t[b]), w->terms);
    for (size_t p = 0; p < q && j->settings->divergence == FLOW_PROBES && status == STATUS_OK; p++) {
        for (size_t b = 0; b < (size_t)n; b++)
            memcpy(w->probe + b * V, busy[b]->probes + p * V, V * sizeof *w->probe);
        status = score_vjp(w->score, n, w->probe, w->product, e);
        for (size_t b = 0; b < (size_t)n; b++) {
            for (size_t i = 0; i < V; i++)
                w->terms[i] = (double)w->probe[b * V + i] * (double)w->product[b * V + i];
            w->traces[b * q + p] = sum_tree(w->terms, V);
            if (j->fourier)
                w->traces[b * q + p] += control(m, schedule_noise(m->sigma, t[b]), busy[b]->power + p * V, w->terms);
        }
    }
    if (j->settings->divergence != FLOW_EXACT)
        return status;
    memset(w->traces, 0, (size_t)n * sizeof *w->traces);
    memset(w->probe, 0, room * sizeof *w->probe);
    for (size_t x = 0; x < V && status == STATUS_OK && !*j->interrupted; x++) {
        for (size_t b = 0; b < (size_t)n; b++)
            w->probe[b * V + x] = 1;
        status = score_vjp(w->score, n, w->probe, w->product, e);
        for (size_t b = 0; b < (size_t)n; b++) {
            w->probe[b * V + x] = 0;
            w->traces[b] += (double)w->product[b * V + x];
        }
    }
    return status;
}

/* --- all of them --------------------------------------------------------------------------------- */

static enum status explain(const struct job *j, const struct place *place, enum runge_kutta_state state,
                           struct error *e) {
    const double x = runge_kutta_point(place->solver);
    const double t = j->settings->method == RUNGE_KUTTA_DOPRI5 ? x : schedule_time(j->model->sigma, function_exp(x));
    if (state == RUNGE_KUTTA_NOT_FINITE)
        return error_set(e, STATUS_FAILED, "configuration %zu: the flow is not finite at t = %g",
                         j->first + place->item, t);
    return error_set(e, STATUS_FAILED,
                     "configuration %zu: dopri5 makes no progress at t = %g after %lld evaluations; expected a "
                     "tolerance above %g", j->first + place->item, t,
                     (long long)runge_kutta_evaluations(place->solver), j->settings->tolerance);
}

/* One evaluation of every busy place. *at: the configuration an error is about. */
static enum status advance(struct job *j, struct worker *w, int n, struct place *const *busy, size_t *at,
                           struct error *e) {
    const struct score_model *m = j->model;
    const size_t V = m->volume, q = j->quadratures;
    const bool logarithmic = j->settings->method != RUNGE_KUTTA_DOPRI5;
    double *t = w->t;
    for (int b = 0; b < n; b++) {
        const double x = runge_kutta_point(busy[b]->solver), *y = runge_kutta_at(busy[b]->solver);
        t[b] = logarithmic ? schedule_time(m->sigma, function_exp(x)) : x;
        for (size_t i = 0; i < V; i++)
            w->phi[(size_t)b * V + i] = (float)y[i];
    }
    enum status status = score_evaluate(w->score, n, w->phi, t, w->out, e);
    if (status == STATUS_OK)
        status = find_traces(j, w, n, busy, t, e);
    for (int b = 0; b < n && status == STATUS_OK && !*j->interrupted; b++) {
        const double s = schedule_noise(m->sigma, t[b]);
        const double factor = logarithmic ? -s : -0.5 * schedule_g2(m->sigma, t[b]) / s;
        for (size_t i = 0; i < V; i++)
            w->derivative[i] = factor * (double)w->out[(size_t)b * V + i];
        for (size_t p = 0; p < q; p++)
            w->derivative[V + p] = factor * w->traces[(size_t)b * q + p];
        const enum runge_kutta_state state = runge_kutta_advance(busy[b]->solver, w->derivative);
        *at = busy[b]->item;
        if (state == RUNGE_KUTTA_DONE)
            move_out(j, w, busy[b]);
        else if (state != RUNGE_KUTTA_MORE)
            status = explain(j, busy[b], state, e);
    }
    return status;
}

/* The next configuration that is to be done; count when there is none. */
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
        struct place **busy = w->busy;
        int n = 0, stop;
        for (size_t b = 0; b < w->capacity && status == STATUS_OK; b++) {
            struct place *place = &w->places[b];
            if (!place->busy) {
                *at = take(j);
                if (*at < j->count)
                    status = move_in(j, w, place, *at, e);
            }
            if (place->busy)
                busy[n++] = place;
        }
#pragma omp atomic read
        stop = j->stop;
        if (status != STATUS_OK || n == 0 || stop || *j->interrupted)
            return status;
        status = advance(j, w, n, busy, at, e);
    }
}

static void worker_release(struct worker *w) {
    score_worker_free(w->score);
    for (size_t b = 0; w->places && b < w->capacity; b++)
        runge_kutta_free(w->places[b].solver);
    if (w->places) {
        free(w->places[0].probes);
        free(w->places[0].power);
    }
    free(w->transform);
    free(w->places);
    free(w->busy);
    free(w->t);
    free(w->number);
    free(w->phi);
    free(w->derivative);
}

static enum status worker_prepare(const struct job *j, struct score *score, struct worker *w, struct error *e) {
    const size_t V = j->model->volume, q = j->quadratures, capacity = score_capacity(score), room = capacity * V;
    const bool remote = score_on_device(score) && !j->fourier; /* which makes its probes itself, if nothing else needs them */
    const size_t probes = j->settings->divergence == FLOW_PROBES && !remote ? q : 0;
    w->capacity = capacity;
    w->places = calloc(capacity, sizeof *w->places);
    w->busy = calloc(capacity, sizeof *w->busy);
    w->t = calloc(capacity, sizeof *w->t);
    w->number = remote ? calloc(capacity, sizeof *w->number) : NULL;
    bool complete = w->places && w->busy && w->t && (w->number || !remote);
    for (size_t b = 0; b < capacity && complete; b++) {
        w->places[b].solver = runge_kutta_new(j->settings->method, V, q);
        complete = complete && w->places[b].solver;
    }
    w->phi = malloc(4 * room * sizeof *w->phi);
    if (complete && probes)
        complete = (w->places[0].probes = malloc(room * probes * sizeof *w->phi)) != NULL;
    if (complete && j->fourier) {
        w->places[0].power = malloc(room * probes * sizeof *w->transform);
        w->transform = malloc(fourier_workspace(j->fourier) * sizeof *w->transform);
        complete = w->places[0].power && w->transform;
    }
    w->derivative = malloc((2 * V + (2 + capacity) * q) * sizeof *w->derivative);
    if (!complete || !w->phi || !w->derivative)
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    w->out = w->phi + room;
    w->probe = w->phi + 2 * room;
    w->product = w->phi + 3 * room;
    for (size_t b = 1; b < capacity && probes; b++) {
        w->places[b].probes = w->places[0].probes + b * probes * V;
        w->places[b].power = j->fourier ? w->places[0].power + b * probes * V : NULL;
    }
    w->terms = w->derivative + V + q;
    w->traces = w->terms + V + q;
    return score_worker_new(score, &w->score, e);
}

static enum status run(struct job *j, struct score *score, struct worker *workers, int threads, struct error *e) {
    enum status status = STATUS_OK;
    for (int i = 0; i < threads && status == STATUS_OK; i++)
        status = worker_prepare(j, score, &workers[i], e);
    if (status != STATUS_OK)
        return status;
#pragma omp parallel num_threads(threads)
    {
        struct error own;
        size_t at = 0;
        const enum status mine = work(j, &workers[omp_get_thread_num()], &at, &own);
        if (mine != STATUS_OK) {
#pragma omp atomic write
            j->stop = 1;
#pragma omp critical(flow_error)
            if (at < j->failed) {
                j->failed = at;
                *e = own;
                status = mine;
            }
        }
    }
    if (status == STATUS_OK && *j->interrupted)
        status = error_set(e, STATUS_FAILED, "interrupted while following the probability flow");
    return status;
}

static enum status check(const struct score_model *m, const struct flow_settings *s, struct error *e) {
    if (s->divergence == FLOW_CLOSED && m->kind != SCORE_GAUSSIAN)
        return error_set(e, STATUS_BAD_INPUT, "divergence closed needs a gaussian model, found a unet");
    if (s->divergence == FLOW_PROBES && s->probes < 1)
        return error_set(e, STATUS_BAD_INPUT, "0 probes found, at least 1 expected");
    if (!(s->t_start > 0 && s->t_start < 1))
        return error_set(e, STATUS_BAD_INPUT, "t-start is %g, expected a time above 0 and below 1", s->t_start);
    if (s->method == RUNGE_KUTTA_DOPRI5 ? !(s->tolerance > 0) : s->steps < 1)
        return error_set(e, STATUS_BAD_INPUT, "tolerance %g and %lld steps found, expected positive numbers",
                         s->tolerance, (long long)s->steps);
    return STATUS_OK;
}

/* Sets up what both directions have in common, and runs. */
static enum status flow(struct job *j, int threads, struct error *e) {
    const struct score_model *m = j->model;
    const struct flow_settings *s = j->settings;
    enum status status = check(m, s, e);
    if (status != STATUS_OK)
        return status;
    double low = s->t_start, high = 1;
    if (s->method != RUNGE_KUTTA_DOPRI5) {
        low = function_log(schedule_noise(m->sigma, low));
        high = function_log(schedule_noise(m->sigma, high));
    }
    j->from = j->draw ? high : low;
    j->to = j->draw ? low : high;
    j->quadratures = s->divergence == FLOW_PROBES ? s->probes : 1;
    j->failed = j->count;
    j->prior = random_key(s->seed, "flow", "prior");
    j->probe = random_key(s->seed, "flow", "probe");
    struct worker *workers = calloc((size_t)threads, sizeof *workers);
    if (!workers)
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    struct score *score = NULL;
    status = score_new(m, &score, e);
    if (status == STATUS_OK && s->divergence == FLOW_PROBES && s->control)
        status = fourier_new(m->extents, m->dimensions, &j->fourier, e);
    if (status == STATUS_OK)
        status = run(j, score, workers, score_workers(score, threads), e);
    for (int i = 0; i < threads; i++)
        worker_release(&workers[i]);
    free(workers);
    fourier_free(j->fourier);
    score_free(score);
    return status;
}

enum status flow_log_density(const struct score_model *model, const struct flow_settings *settings, size_t first,
                             size_t count, int threads, const double *phi, double *latent, struct flow_result *result,
                             const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e) {
    struct job j = {.model = model, .settings = settings, .first = first, .count = count, .fields = phi,
                    .latent = latent, .result = result, .interrupted = interrupted, .progress = progress};
    return flow(&j, threads, e);
}

enum status flow_sample(const struct score_model *model, const struct flow_settings *settings, size_t first,
                        size_t count, int threads, double *phi, double *latent, struct flow_result *result,
                        const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e) {
    struct job j = {.model = model, .settings = settings, .draw = true, .first = first, .count = count, .phi = phi,
                    .latent = latent, .result = result, .interrupted = interrupted, .progress = progress};
    return flow(&j, threads, e);
}
