/* The probability flow on the CPU: the slots of one thread, which share evaluations of the score. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu_internal.h"
#include "backend/probes.h"
#include "base/sum.h"
#include "score/wiener.h"

struct slot {
    struct runge_kutta_vectors *vectors;
    bool drawn; /* whether its probes are those of `stream` */
    uint64_t stream;
    float *probes; /* (probes, V) */
    double *power; /* (probes, V): |v(p)|^2/V, for the control variate */
};

struct backend_integrator {
    const struct score_model *model;
    struct backend_divergence divergence;
    size_t capacity, volume, quadratures;
    struct score_worker *score;
    struct slot *slots;                 /* (capacity) */
    float *phi, *out, *probe, *product; /* (capacity, V) */
    double *t, *traces, *derivative;    /* (capacity); (capacity, quadratures); (V + quadratures) */
    double *terms;                      /* V or quadratures, whichever is more */
    float *draws;                       /* (capacity, probes, V): memory of the slots' probes */
    double *power;                      /* (capacity, probes, V): memory of the slots' power */
};

/* --- the divergence -------------------------------------------------------------------------------- */

static enum status estimate_traces(struct backend_integrator *p, size_t n, const struct backend_evaluation *evaluations,
                                   struct error *e) {
    const size_t V = p->volume, q = p->quadratures;
    enum status status = STATUS_OK;
    for (size_t k = 0; k < q && status == STATUS_OK; k++) {
        for (size_t b = 0; b < n; b++) {
            memcpy(p->probe + b * V, p->slots[evaluations[b].slot].probes + k * V, V * sizeof *p->probe);
        }
        status = score_vjp(p->score, (int)n, p->probe, p->product, e);
        for (size_t b = 0; b < n; b++) {
            for (size_t i = 0; i < V; i++) {
                p->terms[i] = (double)p->probe[b * V + i] * (double)p->product[b * V + i];
            }
            p->traces[b * q + k] = sum_tree(p->terms, V);
            if (p->divergence.control) {
                p->traces[b * q + k] += wiener_control(p->model, evaluations[b].frame.noise,
                                                       p->slots[evaluations[b].slot].power + k * V, p->terms);
            }
        }
    }
    return status;
}

static enum status exact_traces(struct backend_integrator *p, size_t n, struct error *e) {
    const size_t V = p->volume;
    enum status status = STATUS_OK;
    memset(p->traces, 0, n * sizeof *p->traces);
    memset(p->probe, 0, n * V * sizeof *p->probe);
    for (size_t x = 0; x < V && status == STATUS_OK && !*p->divergence.interrupted; x++) {
        for (size_t b = 0; b < n; b++) {
            p->probe[b * V + x] = 1;
        }
        status = score_vjp(p->score, (int)n, p->probe, p->product, e);
        for (size_t b = 0; b < n; b++) {
            p->probe[b * V + x] = 0;
            p->traces[b] += (double)p->product[b * V + x];
        }
    }
    return status;
}

/* Sets traces (n, quadratures) for the last evaluation. */
static enum status find_traces(struct backend_integrator *p, size_t n, const struct backend_evaluation *evaluations,
                               struct error *e) {
    if (p->divergence.probes) {
        return estimate_traces(p, n, evaluations, e);
    }
    return p->divergence.closed ? score_divergence(p->score, (int)n, p->traces, e) : exact_traces(p, n, e);
}

/* --- integrating ------------------------------------------------------------------------------------ */

static enum status start(struct backend_integrator *p, size_t slot, const double *phi, const double *power,
                         struct error *e) {
    struct slot *s = &p->slots[slot];
    (void)e;
    if (p->divergence.control) {
        memcpy(s->power, power, p->quadratures * p->volume * sizeof *power);
    }
    runge_kutta_vectors_start(s->vectors, phi);
    return STATUS_OK;
}

static void draw_probes(struct backend_integrator *p, const struct backend_evaluation *v) {
    struct slot *s = &p->slots[v->slot];
    if (s->drawn && s->stream == v->stream) {
        return;
    }
    probes_draw(p->divergence.key, v->stream, p->divergence.probes, p->divergence.signs, p->volume, s->probes);
    s->drawn = true;
    s->stream = v->stream;
}

static enum status advance(struct backend_integrator *p, size_t n, const struct backend_evaluation *evaluations,
                           struct runge_kutta_sums *sums, struct error *e) {
    const size_t V = p->volume, q = p->quadratures;
    for (size_t b = 0; b < n; b++) {
        const struct backend_evaluation *v = &evaluations[b];
        const double *y = runge_kutta_vectors_combine(p->slots[v->slot].vectors, &v->order);
        p->t[b] = v->frame.t;
        if (p->divergence.probes) {
            draw_probes(p, v);
        }
        for (size_t i = 0; i < V; i++) {
            p->phi[b * V + i] = (float)y[i];
        }
    }
    enum status status = score_evaluate(p->score, (int)n, p->phi, p->t, p->out, e);
    THEN(status, find_traces(p, n, evaluations, e));
    for (size_t b = 0; b < n && status == STATUS_OK && !*p->divergence.interrupted; b++) {
        const struct backend_evaluation *v = &evaluations[b];
        for (size_t i = 0; i < V; i++) {
            p->derivative[i] = v->factor * (double)p->out[b * V + i];
        }
        for (size_t k = 0; k < q; k++) {
            p->derivative[V + k] = v->factor * p->traces[b * q + k];
        }
        runge_kutta_vectors_take(p->slots[v->slot].vectors, &v->order, p->derivative, &sums[b]);
    }
    return status;
}

static enum status finish(struct backend_integrator *p, size_t slot, const struct runge_kutta_order *order, double *y,
                          struct error *e) {
    (void)e;
    memcpy(y, runge_kutta_vectors_combine(p->slots[slot].vectors, order), (p->volume + p->quadratures) * sizeof *y);
    return STATUS_OK;
}

/* --- construction ------------------------------------------------------------------------------------ */

static void release(struct backend_integrator *p) {
    if (!p) {
        return;
    }
    score_worker_free(p->score);
    for (size_t b = 0; p->slots && b < p->capacity; b++) {
        runge_kutta_vectors_free(p->slots[b].vectors);
    }
    void *const memory[] = {p->slots, p->phi, p->t, p->terms, p->draws, p->power};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        free(memory[i]);
    }
    free(p);
}

static bool make(struct backend_integrator *p) {
    const size_t V = p->volume, q = p->quadratures, capacity = p->capacity, room = capacity * V;
    const size_t draws = p->divergence.probes ? capacity * q * V : 0, power = p->divergence.control ? draws : 0;
    p->slots = calloc(capacity, sizeof *p->slots);
    p->phi = malloc(4 * room * sizeof *p->phi);
    p->t = malloc((capacity * (1 + q) + V + q) * sizeof *p->t);
    p->terms = malloc((V > q ? V : q) * sizeof *p->terms);
    p->draws = malloc((draws + 1) * sizeof *p->draws);
    p->power = malloc((power + 1) * sizeof *p->power);
    if (!p->slots || !p->phi || !p->t || !p->terms || !p->draws || !p->power) {
        return false;
    }
    p->out = p->phi + room;
    p->probe = p->phi + 2 * room;
    p->product = p->phi + 3 * room;
    p->traces = p->t + capacity;
    p->derivative = p->traces + capacity * q;
    for (size_t b = 0; b < capacity; b++) {
        p->slots[b].vectors = runge_kutta_vectors_new(V, q);
        if (!p->slots[b].vectors) {
            return false;
        }
        p->slots[b].probes = draws ? p->draws + b * q * V : NULL;
        p->slots[b].power = power ? p->power + b * q * V : NULL;
    }
    return true;
}

static enum status create(struct backend_network *network, const struct backend_divergence *divergence,
                          struct backend_integrator **integrator, struct error *e) {
    *integrator = NULL;
    struct backend_integrator *p = calloc(1, sizeof *p);
    if (!p) {
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    }
    p->model = network->model;
    p->divergence = *divergence;
    p->capacity = network->batch;
    p->volume = network->model->volume;
    p->quadratures = divergence->probes ? divergence->probes : 1;
    const enum status status = make(p) ? score_worker_new(network->score, &p->score, e)
                                       : error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    if (status != STATUS_OK) {
        release(p);
        return status;
    }
    *integrator = p;
    return STATUS_OK;
}

void cpu_integrator_operations(struct backend *b) {
    b->integrator_new = create;
    b->integrator_free = release;
    b->integrator_start = start;
    b->integrator_advance = advance;
    b->integrator_finish = finish;
}
