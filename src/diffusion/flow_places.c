#include "diffusion/flow_places.h"

#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/sum.h"
#include "score/schedule.h"
#include "score/wiener.h"

/* A place on the host. */
struct place {
    struct runge_kutta_vectors *vectors;
    float *probes; /* probes x V */
    double *power; /* probes x V, |v(p)|^2/V: control variate only */
};

/* Who is in a place, and how often it has been evaluated. */
struct visit {
    uint64_t number, evaluations;
};

struct flow_places {
    const struct score_model *model;
    const struct flow_settings *settings;
    struct random_key key;
    size_t capacity, volume, quadratures;
    struct visit *visits;               /* capacity */
    const struct fourier *fourier;      /* control variate only */
    double *transform;                  /* its workspace */
    float *draws;                       /* probes x V and */
    double *power;                      /* likewise, of the places; of one place where they go to a device */
    double *terms;                      /* V or quadratures, whichever is more */
    /* on the host */
    struct score_worker *score;
    struct place *place;                /* capacity */
    float *phi, *out, *probe, *product; /* capacity x V */
    double *t, *traces, *derivative;    /* capacity; capacity x quadratures; V + quadratures */
    /* on a device */
    struct backend *device;
    struct backend_integrator *integrator;
    struct backend_evaluation *evaluations; /* capacity */
    struct runge_kutta_sums *sums;
};

size_t flow_quadratures(const struct flow_settings *settings) {
    return settings->divergence == FLOW_PROBES ? settings->probes : 1;
}

/* --- moving in ----------------------------------------------------------------------------------- */

/* The stream of the random numbers that are a place's probes at its next evaluation. */
static uint64_t stream_of(const struct flow_places *p, size_t place) {
    const struct visit *v = &p->visits[place];
    return v->number + (p->settings->sharing == FLOW_FRESH ? v->evaluations * FLOW_FRESH_MAX : 0);
}

static void draw_probes(const struct flow_places *p, uint64_t stream, float *probes) {
    const size_t V = p->volume;
    for (size_t k = 0; k < p->settings->probes; k++, probes += V) {
        if (!p->settings->signs) {
            random_normal_float(p->key, stream, k, probes, V);
            continue;
        }
        uint32_t words[4] = {0};
        for (size_t i = 0; i < V; i++) {
            if (i % 128 == 0)
                random_block(p->key, stream, k, (uint32_t)(i / 128), words);
            probes[i] = words[i / 32 % 4] >> (i % 32) & 1 ? 1.0f : -1.0f;
        }
    }
}

static void find_power(const struct flow_places *p, const float *probes, double *power) {
    const size_t V = p->volume;
    for (size_t k = 0; k < p->settings->probes; k++) {
        for (size_t i = 0; i < V; i++)
            p->terms[i] = (double)probes[k * V + i];
        fourier_power(p->fourier, p->terms, power + k * V, p->transform);
    }
}

enum status flow_places_start(struct flow_places *p, size_t place, uint64_t number, const double *phi, struct error *e) {
    float *probes = p->integrator ? p->draws : p->place[place].probes;
    double *power = p->integrator ? p->power : p->place[place].power;
    p->visits[place] = (struct visit){number, 0};
    if (probes && p->settings->sharing != FLOW_FRESH)
        draw_probes(p, number, probes);
    if (power)
        find_power(p, probes, power);
    if (p->integrator)
        return p->device->integrator_start(p->integrator, place, phi, power, e);
    runge_kutta_vectors_start(p->place[place].vectors, phi);
    return STATUS_OK;
}

/* --- the divergence, on the host ------------------------------------------------------------------ */

static enum status estimate_traces(struct flow_places *p, size_t n, const struct flow_evaluation *evaluations,
                                   struct error *e) {
    const size_t V = p->volume, q = p->quadratures;
    enum status status = STATUS_OK;
    for (size_t k = 0; k < q && status == STATUS_OK; k++) {
        for (size_t b = 0; b < n; b++)
            memcpy(p->probe + b * V, p->place[evaluations[b].place].probes + k * V, V * sizeof *p->probe);
        status = score_vjp(p->score, (int)n, p->probe, p->product, e);
        for (size_t b = 0; b < n; b++) {
            for (size_t i = 0; i < V; i++)
                p->terms[i] = (double)p->probe[b * V + i] * (double)p->product[b * V + i];
            p->traces[b * q + k] = sum_tree(p->terms, V);
            if (p->fourier)
                p->traces[b * q + k] += wiener_control(p->model, schedule_noise(p->model->sigma, p->t[b]),
                                                       p->place[evaluations[b].place].power + k * V, p->terms);
        }
    }
    return status;
}

static enum status exact_traces(struct flow_places *p, size_t n, const volatile sig_atomic_t *interrupted,
                                struct error *e) {
    const size_t V = p->volume;
    enum status status = STATUS_OK;
    memset(p->traces, 0, n * sizeof *p->traces);
    memset(p->probe, 0, n * V * sizeof *p->probe);
    for (size_t x = 0; x < V && status == STATUS_OK && !*interrupted; x++) {
        for (size_t b = 0; b < n; b++)
            p->probe[b * V + x] = 1;
        status = score_vjp(p->score, (int)n, p->probe, p->product, e);
        for (size_t b = 0; b < n; b++) {
            p->probe[b * V + x] = 0;
            p->traces[b] += (double)p->product[b * V + x];
        }
    }
    return status;
}

/* traces[b x quadratures] of what was just evaluated. */
static enum status find_traces(struct flow_places *p, size_t n, const struct flow_evaluation *evaluations,
                               const volatile sig_atomic_t *interrupted, struct error *e) {
    if (p->settings->divergence == FLOW_PROBES)
        return estimate_traces(p, n, evaluations, e);
    if (p->settings->divergence == FLOW_EXACT)
        return exact_traces(p, n, interrupted, e);
    return score_divergence(p->score, (int)n, p->traces, e);
}

/* --- evaluations --------------------------------------------------------------------------------- */

static enum status evaluate_here(struct flow_places *p, size_t n, struct flow_evaluation *evaluations,
                                 const volatile sig_atomic_t *interrupted, struct error *e) {
    const size_t V = p->volume, q = p->quadratures;
    for (size_t b = 0; b < n; b++) {
        const double *y = runge_kutta_vectors_combine(p->place[evaluations[b].place].vectors, &evaluations[b].order);
        p->t[b] = evaluations[b].t;
        if (p->settings->sharing == FLOW_FRESH && p->place[evaluations[b].place].probes)
            draw_probes(p, stream_of(p, evaluations[b].place), p->place[evaluations[b].place].probes);
        for (size_t i = 0; i < V; i++)
            p->phi[b * V + i] = (float)y[i];
    }
    enum status status = score_evaluate(p->score, (int)n, p->phi, p->t, p->out, e);
    if (status == STATUS_OK)
        status = find_traces(p, n, evaluations, interrupted, e);
    for (size_t b = 0; b < n && status == STATUS_OK && !*interrupted; b++) {
        struct flow_evaluation *v = &evaluations[b];
        for (size_t i = 0; i < V; i++)
            p->derivative[i] = v->factor * (double)p->out[b * V + i];
        for (size_t k = 0; k < q; k++)
            p->derivative[V + k] = v->factor * p->traces[b * q + k];
        runge_kutta_vectors_take(p->place[v->place].vectors, &v->order, p->derivative, &v->sums);
    }
    return status;
}

static enum status evaluate_there(struct flow_places *p, size_t n, struct flow_evaluation *evaluations, struct error *e) {
    for (size_t b = 0; b < n; b++) {
        const struct flow_evaluation *v = &evaluations[b];
        p->evaluations[b] = (struct backend_evaluation){v->place, stream_of(p, v->place), score_frame(p->model, v->t),
                                                        v->factor, v->order};
    }
    const enum status status = p->device->integrator_advance(p->integrator, n, p->evaluations, p->sums, e);
    for (size_t b = 0; b < n && status == STATUS_OK; b++)
        evaluations[b].sums = p->sums[b];
    return status;
}

enum status flow_places_evaluate(struct flow_places *p, size_t n, struct flow_evaluation *evaluations,
                                 const volatile sig_atomic_t *interrupted, struct error *e) {
    const enum status status =
        p->integrator ? evaluate_there(p, n, evaluations, e) : evaluate_here(p, n, evaluations, interrupted, e);
    for (size_t b = 0; b < n; b++)
        p->visits[evaluations[b].place].evaluations++;
    return status;
}

enum status flow_places_finish(struct flow_places *p, size_t place, const struct runge_kutta_order *order, double *y,
                               struct error *e) {
    if (p->integrator)
        return p->device->integrator_finish(p->integrator, place, order, y, e);
    memcpy(y, runge_kutta_vectors_combine(p->place[place].vectors, order), (p->volume + p->quadratures) * sizeof *y);
    return STATUS_OK;
}

/* --- making them --------------------------------------------------------------------------------- */

void flow_places_free(struct flow_places *p) {
    if (!p)
        return;
    if (p->integrator)
        p->device->integrator_free(p->integrator);
    score_worker_free(p->score);
    for (size_t b = 0; p->place && b < p->capacity; b++)
        runge_kutta_vectors_free(p->place[b].vectors);
    void *const memory[] = {p->visits, p->transform, p->draws, p->power, p->terms, p->place, p->phi, p->t, p->evaluations, p->sums};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++)
        free(memory[i]);
    free(p);
}

/* Room for the probes of this many places at once. */
static bool make_probes(struct flow_places *p, size_t places) {
    const size_t room = places * p->quadratures * p->volume;
    p->draws = malloc(room * sizeof *p->draws);
    if (!p->fourier)
        return p->draws;
    p->power = malloc(room * sizeof *p->power);
    p->transform = malloc(fourier_workspace(p->fourier) * sizeof *p->transform);
    return p->draws && p->power && p->transform;
}

static bool make_places(struct flow_places *p) {
    const size_t V = p->volume, q = p->quadratures, capacity = p->capacity, room = capacity * V;
    p->place = calloc(capacity, sizeof *p->place);
    p->phi = malloc(4 * room * sizeof *p->phi);
    p->t = malloc((capacity * (1 + q) + V + q) * sizeof *p->t);
    if (!p->place || !p->phi || !p->t || (p->settings->divergence == FLOW_PROBES && !make_probes(p, capacity)))
        return false;
    p->out = p->phi + room;
    p->probe = p->phi + 2 * room;
    p->product = p->phi + 3 * room;
    p->traces = p->t + capacity;
    p->derivative = p->traces + capacity * q;
    for (size_t b = 0; b < capacity; b++) {
        p->place[b].vectors = runge_kutta_vectors_new(V, q);
        if (!p->place[b].vectors)
            return false;
        p->place[b].probes = p->draws ? p->draws + b * q * V : NULL;
        p->place[b].power = p->power ? p->power + b * q * V : NULL;
    }
    return true;
}

static enum status make(struct flow_places *p, struct score *score, struct error *e) {
    struct backend_network *remote = score_device(score);
    const struct flow_settings *s = p->settings;
    const size_t longest = p->volume > p->quadratures ? p->volume : p->quadratures;
    p->terms = malloc(longest * sizeof *p->terms);
    p->visits = calloc(p->capacity, sizeof *p->visits);
    bool complete = p->terms && p->visits;
    if (remote) { /* which makes its probes itself */
        p->evaluations = calloc(p->capacity, sizeof *p->evaluations);
        p->sums = calloc(p->capacity, sizeof *p->sums);
        complete = complete && p->evaluations && p->sums && (!p->fourier || make_probes(p, 1));
    } else
        complete = complete && make_places(p);
    if (!complete)
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    if (!remote)
        return score_worker_new(score, &p->score, e);
    const struct backend_divergence divergence = {p->key, s->divergence == FLOW_PROBES ? s->probes : 0, s->signs,
                                                  p->fourier != NULL};
    return p->device->integrator_new(remote, &divergence, &p->integrator, e);
}

enum status flow_places_new(struct score *score, const struct score_model *model, const struct flow_settings *settings,
                            struct random_key probe, const struct fourier *fourier, struct flow_places **places,
                            struct error *e) {
    *places = NULL;
    struct flow_places *p = calloc(1, sizeof *p);
    if (!p)
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    p->model = model;
    p->settings = settings;
    p->key = probe;
    p->capacity = score_capacity(score);
    p->volume = model->volume;
    p->quadratures = flow_quadratures(settings);
    p->fourier = fourier;
    p->device = model->backend;
    const enum status status = make(p, score, e);
    if (status != STATUS_OK) {
        flow_places_free(p);
        return status;
    }
    *places = p;
    return STATUS_OK;
}
