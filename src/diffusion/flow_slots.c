#include "diffusion/flow_slots.h"

#include <stdlib.h>

#include "backend/probes.h"

/* The configuration in a slot, and the number of its evaluations. */
struct occupant {
    uint64_t number, evaluations;
};

struct flow_slots {
    const struct score_model *model;
    const struct flow_settings *settings;
    struct random_key key;
    size_t volume;
    struct occupant *occupants; /* one per slot */
    struct backend *backend;
    struct backend_integrator *integrator;
    struct backend_evaluation *evaluations; /* one per slot */
    struct runge_kutta_sums *sums;          /* one per slot */
    /* for the control variate only */
    const struct fourier *fourier;
    float *probes;                     /* (probes, V) */
    double *power, *field, *transform; /* (probes, V); (V); workspace of the transform */
};

size_t flow_quadratures(const struct flow_settings *settings) {
    return settings->divergence == FLOW_PROBES ? settings->probes : 1;
}

/* The stream of the random numbers for a slot's probes at its next evaluation. */
static uint64_t stream_of(const struct flow_slots *s, size_t slot) {
    const struct occupant *o = &s->occupants[slot];
    return o->number + (s->settings->sharing == FLOW_FRESH ? o->evaluations * FLOW_FRESH_MAX : 0);
}

/* Sets power to |v(p)|^2/V of the probes of a configuration. */
static void find_power(struct flow_slots *s, uint64_t number) {
    const size_t V = s->volume, probes = s->settings->probes;
    probes_draw(s->key, number, probes, s->settings->signs, V, s->probes);
    for (size_t k = 0; k < probes; k++) {
        for (size_t i = 0; i < V; i++) {
            s->field[i] = (double)s->probes[k * V + i];
        }
        fourier_power(s->fourier, s->field, s->power + k * V, s->transform);
    }
}

enum status flow_slots_start(struct flow_slots *s, size_t slot, uint64_t number, const double *phi, struct error *e) {
    s->occupants[slot] = (struct occupant){number, 0};
    if (s->fourier) {
        find_power(s, number);
    }
    return s->backend->integrator_start(s->integrator, slot, phi, s->power, e);
}

enum status flow_slots_evaluate(struct flow_slots *s, size_t n, struct flow_evaluation *evaluations, struct error *e) {
    for (size_t b = 0; b < n; b++) {
        const struct flow_evaluation *v = &evaluations[b];
        s->evaluations[b] = (struct backend_evaluation){v->slot, stream_of(s, v->slot), score_frame(s->model, v->t),
                                                        v->factor, v->order};
    }
    const enum status status = s->backend->integrator_advance(s->integrator, n, s->evaluations, s->sums, e);
    for (size_t b = 0; b < n; b++) {
        evaluations[b].sums = s->sums[b];
        s->occupants[evaluations[b].slot].evaluations++;
    }
    return status;
}

enum status flow_slots_finish(struct flow_slots *s, size_t slot, const struct runge_kutta_order *order, double *y,
                              struct error *e) {
    return s->backend->integrator_finish(s->integrator, slot, order, y, e);
}

void flow_slots_free(struct flow_slots *s) {
    if (!s) {
        return;
    }
    if (s->integrator) {
        s->backend->integrator_free(s->integrator);
    }
    void *const memory[] = {s->occupants, s->evaluations, s->sums, s->probes, s->power, s->field, s->transform};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        free(memory[i]);
    }
    free(s);
}

static bool make(struct flow_slots *s) {
    const size_t slots = s->backend->slots(s->backend, s->model), V = s->volume, probes = s->settings->probes;
    s->occupants = calloc(slots, sizeof *s->occupants);
    s->evaluations = calloc(slots, sizeof *s->evaluations);
    s->sums = calloc(slots, sizeof *s->sums);
    if (!s->fourier) {
        return s->occupants && s->evaluations && s->sums;
    }
    s->probes = malloc(probes * V * sizeof *s->probes);
    s->power = malloc(probes * V * sizeof *s->power);
    s->field = malloc(V * sizeof *s->field);
    s->transform = malloc(fourier_workspace(s->fourier) * sizeof *s->transform);
    return s->occupants && s->evaluations && s->sums && s->probes && s->power && s->field && s->transform;
}

enum status flow_slots_new(struct backend *backend, struct backend_network *network, const struct score_model *model,
                           const struct flow_settings *settings, struct random_key probe, const struct fourier *fourier,
                           const volatile sig_atomic_t *interrupted, struct flow_slots **slots, struct error *e) {
    *slots = NULL;
    struct flow_slots *s = calloc(1, sizeof *s);
    if (!s) {
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    }
    *s = (struct flow_slots){.model = model,
                             .settings = settings,
                             .key = probe,
                             .volume = model->volume,
                             .backend = backend,
                             .fourier = fourier};
    const struct backend_divergence divergence = {.key = probe,
                                                  .probes = settings->divergence == FLOW_PROBES ? settings->probes : 0,
                                                  .signs = settings->signs,
                                                  .control = fourier != NULL,
                                                  .closed = settings->divergence == FLOW_CLOSED,
                                                  .interrupted = interrupted};
    const enum status status = make(s) ? backend->integrator_new(network, &divergence, &s->integrator, e)
                                       : error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    if (status != STATUS_OK) {
        flow_slots_free(s);
        return status;
    }
    *slots = s;
    return STATUS_OK;
}
