/* The probability flow on the device (backend.h, diffusion/flow_slots.h). The vectors of all slots stay on the device.
 * For an evaluation, orders and times are copied to it, and the sums that determine the next step are copied back. */
#include <stdlib.h>

#include "cuda/check.h"
#include "cuda/evaluation.h"

struct backend_integrator {
    struct backend_network *network;
    struct backend_divergence divergence;
    struct integration state;
    struct integration_order *orders; /* (batch), on the device */
    struct runge_kutta_sums *sums;    /* (batch), on the device */
    double *propagator, *power;       /* (V); (batch, probes, V); for the control variate */
    /* (batch), on the host */
    struct integration_order *next_orders;
    struct score_frame *next_frames;
    uint64_t *next_streams;
    struct runge_kutta_sums *found;
};

static void release(struct backend_integrator *i) {
    if (!i) {
        return;
    }
    void *const memory[] = {i->state.vectors, i->orders, i->sums, i->propagator, i->power};
    for (size_t k = 0; k < sizeof memory / sizeof memory[0]; k++) {
        device_release(memory[k]);
    }
    free(i->next_orders);
    free(i->next_frames);
    free(i->next_streams);
    free(i->found);
    free(i);
}

static enum status build(struct backend_integrator *i, struct error *e) {
    struct device *d = i->network->device;
    const size_t batch = i->network->batch, V = i->state.volume, q = i->state.quadratures;
    i->next_orders = (struct integration_order *)calloc(batch, sizeof *i->next_orders);
    i->next_frames = (struct score_frame *)calloc(batch, sizeof *i->next_frames);
    i->next_streams = (uint64_t *)calloc(batch, sizeof *i->next_streams);
    i->found = (struct runge_kutta_sums *)calloc(batch, sizeof *i->found);
    if (!i->next_orders || !i->next_frames || !i->next_streams || !i->found) {
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    }
    TRY(device_allocate(d, batch * INTEGRATION_VECTORS * (V + q) * sizeof(double), "the integrator",
                        (void **)&i->state.vectors, e));
    TRY(device_allocate(d, batch * sizeof *i->orders, "orders", (void **)&i->orders, e));
    TRY(device_allocate(d, batch * sizeof *i->sums, "sums", (void **)&i->sums, e));
    i->state.orders = i->orders;
    if (!i->divergence.control) {
        return STATUS_OK;
    }
    TRY(device_allocate(d, batch * q * V * sizeof *i->power, "the control variate", (void **)&i->power, e));
    TRY(device_allocate(d, V * sizeof *i->propagator, "the propagator", (void **)&i->propagator, e));
    return device_upload(d, i->propagator, i->network->propagator, V * sizeof *i->propagator, e);
}

static enum status create(struct backend_network *network, const struct backend_divergence *divergence,
                          struct backend_integrator **integrator, struct error *e) {
    *integrator = NULL;
    if (network->device->base.forward_only) {
        return error_set(e, STATUS_BAD_INPUT, "backend '%s' has no gradients, which the probability flow needs",
                         network->device->base.name);
    }
    struct backend_integrator *i = (struct backend_integrator *)calloc(1, sizeof *i);
    if (!i) {
        return error_set(e, STATUS_FAILED, "out of memory for the probability flow");
    }
    i->network = network;
    i->divergence = *divergence;
    i->state.volume = network->volume;
    i->state.quadratures = divergence->probes ? divergence->probes : 1;
    const enum status status = build(i, e);
    if (status != STATUS_OK) {
        release(i);
        return status;
    }
    *integrator = i;
    return STATUS_OK;
}

static double *vector_at(const struct backend_integrator *i, size_t slot, size_t which) {
    return i->state.vectors + (slot * INTEGRATION_VECTORS + which) * (i->state.volume + i->state.quadratures);
}

static enum status start(struct backend_integrator *i, size_t slot, const double *phi, const double *power,
                         struct error *e) {
    struct device *d = i->network->device;
    const size_t V = i->state.volume, q = i->state.quadratures;
    double *y = vector_at(i, slot, INTEGRATION_Y), *next = vector_at(i, slot, INTEGRATION_NEXT);
    CUDA_TRY(cudaMemsetAsync(y, 0, (V + q) * sizeof *y, d->stream));
    TRY(device_upload(d, y, phi, V * sizeof *y, e));
    CUDA_TRY(cudaMemcpyAsync(next, y, (V + q) * sizeof *y, cudaMemcpyDeviceToDevice, d->stream));
    return i->divergence.control ? device_upload(d, i->power + slot * q * V, power, q * V * sizeof *power, e)
                                 : STATUS_OK;
}

/* Copies the orders and times of these slots to the device; other slots are not busy. */
static enum status give(struct backend_integrator *i, size_t n, const struct backend_evaluation *evaluations,
                        struct error *e) {
    struct backend_network *b = i->network;
    for (size_t k = 0; k < b->batch; k++) {
        i->next_orders[k].busy = 0;
    }
    for (size_t k = 0; k < n; k++) {
        const struct backend_evaluation *v = &evaluations[k];
        i->next_orders[v->slot] = {1, v->factor, v->order};
        i->next_frames[v->slot] = v->frame;
    }
    TRY(device_upload(b->device, i->orders, i->next_orders, b->batch * sizeof *i->orders, e));
    TRY(device_upload(b->device, b->frames, i->next_frames, b->batch * sizeof *b->frames, e));
    return flow_combine(i->state, (int)b->batch, b->phi, b->device->stream, e);
}

static enum status advance(struct backend_integrator *i, size_t n, const struct backend_evaluation *evaluations,
                           struct runge_kutta_sums *sums, struct error *e) {
    struct backend_network *b = i->network;
    struct device *d = b->device;
    const struct backend_divergence *v = &i->divergence;
    const int batch = (int)b->batch;
    for (size_t k = 0; k < n; k++) {
        i->next_streams[evaluations[k].slot] = evaluations[k].stream;
    }
    TRY(device_upload(d, b->numbers, i->next_streams, b->batch * sizeof *b->numbers, e));
    TRY(give(i, n, evaluations, e));
    TRY(evaluation_score(b, e));
    TRY(evaluation_traces(b, v->key, v->probes, v->signs, e));
    if (v->control) {
        TRY(flow_control(i->state, batch, evaluation_frames(b), i->propagator, i->power, b->traces, d->stream, e));
    }
    TRY(flow_derive(i->state, batch, b->out, b->traces, d->stream, e));
    TRY(flow_measure(i->state, batch, i->sums, d->stream, e));
    TRY(device_download(d, i->found, i->sums, b->batch * sizeof *i->found, e));
    for (size_t k = 0; k < n; k++) {
        sums[k] = i->found[evaluations[k].slot];
    }
    return STATUS_OK;
}

static enum status finish(struct backend_integrator *i, size_t slot, const struct runge_kutta_order *order, double *y,
                          struct error *e) {
    const struct backend_evaluation only = {slot, 0, i->next_frames[slot], 0, *order};
    TRY(give(i, 1, &only, e));
    return device_download(i->network->device, y, vector_at(i, slot, INTEGRATION_NEXT),
                           (i->state.volume + i->state.quadratures) * sizeof *y, e);
}

void integrator_operations(struct backend *b) {
    b->integrator_new = create;
    b->integrator_free = release;
    b->integrator_start = start;
    b->integrator_advance = advance;
    b->integrator_finish = finish;
}
