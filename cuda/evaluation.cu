/* Evaluations of a score model, vector-Jacobian products and traces of the Jacobian on the device (backend.h). Each is
 * one graph; probes are made on the device and stay there. */
#include <stdlib.h>

#include "cuda/check.h"
#include "cuda/evaluation.h"

struct frames evaluation_frames(const struct backend_network *b) {
    return {b->frames, b->counter, 0, 1};
}

static enum status record_evaluate(void *context, struct error *e) {
    struct backend_network *b = (struct backend_network *)context;
    struct network *w = b->network;
    const struct frames f = evaluation_frames(b);
    cudaStream_t stream = b->device->stream;
    TRY(process_input(network_sites(w), w->batch, f, b->phi, network_field(w, FIELD_X), stream, e));
    TRY(network_forward(w, f, e));
    if (b->wiener) {
        TRY(filter_score(&w->filter, w->batch, f, b->phi, w->linear, stream, e));
    }
    return process_score(network_surroundings(w, f, b->wiener), w->batch, b->phi, b->out, stream, e);
}

static enum status record_vjp(void *context, struct error *e) {
    struct backend_network *b = (struct backend_network *)context;
    struct network *w = b->network;
    const struct frames f = evaluation_frames(b);
    cudaStream_t stream = b->device->stream;
    TRY(process_probe(network_sites(w), w->batch, f, b->probe, network_field(w, FIELD_GRADIENT), stream, e));
    TRY(network_backward(w, e));
    if (b->wiener) {
        TRY(filter_score(&w->filter, w->batch, f, b->probe, w->linear, stream, e));
    }
    return process_product(network_surroundings(w, f, b->wiener), w->batch, b->probe, b->product, stream, e);
}

static enum status record_trace(void *context, struct error *e) {
    struct backend_network *b = (struct backend_network *)context;
    const struct sites map = network_sites(b->network);
    const int n = (int)b->batch, exact = b->probes == 0;
    uint32_t *counter = b->counter + 1;
    cudaStream_t stream = b->device->stream;
    TRY(process_draw_probe(map, n, b->key, b->numbers, counter, b->signs, exact, b->probe, stream, e));
    TRY(record_vjp(context, e));
    TRY(process_trace(map, n, b->probe, b->product, counter, (int)b->probes, exact, b->traces, stream, e));
    return process_advance(counter, stream, e);
}

static void release(struct backend_network *b) {
    if (!b) {
        return;
    }
    recording_release(&b->evaluate);
    recording_release(&b->vjp);
    recording_release(&b->trace);
    void *const memory[] = {b->frames, b->counter, b->phi, b->out, b->probe, b->product, b->numbers, b->traces};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        device_release(memory[i]);
    }
    network_free(b->network);
    free(b);
}

static enum status build(struct backend_network *b, const struct score_model *m, struct error *e) {
    struct device *d = b->device;
    const bool products = !d->base.forward_only;
    const size_t field = b->batch * b->volume * sizeof(float);
    TRY(network_new(d, m, b->batch, products ? NETWORK_PRODUCTS : NETWORK_FORWARD, false, &b->network, e));
    TRY(device_allocate(d, b->batch * sizeof *b->frames, "frames", (void **)&b->frames, e));
    TRY(device_allocate(d, 2 * sizeof *b->counter, "counters", (void **)&b->counter, e));
    TRY(device_allocate(d, b->batch * sizeof *b->numbers, "numbers", (void **)&b->numbers, e));
    float **const fields[] = {&b->phi, &b->out, &b->probe, &b->product};
    for (int i = 0; i < (products ? 4 : 2); i++) {
        TRY(device_allocate(d, field, "scores", (void **)fields[i], e));
    }
    TRY(recording_make(d, record_evaluate, b, &b->evaluate, e));
    return products ? recording_make(d, record_vjp, b, &b->vjp, e) : STATUS_OK;
}

static enum status create(struct backend *base, const struct score_model *model, struct backend_network **network,
                          struct error *e) {
    *network = NULL;
    struct backend_network *b = (struct backend_network *)calloc(1, sizeof *b);
    if (!b) {
        return error_set(e, STATUS_FAILED, "out of memory for the score model");
    }
    b->device = (struct device *)base;
    b->wiener = score_network(model)->parameterisation == SCORE_WIENER;
    b->volume = model->volume;
    b->propagator = model->propagator;
    b->batch = backend_capacity(model);
    const enum status status = build(b, model, e);
    if (status != STATUS_OK) {
        release(b);
        return status;
    }
    *network = b;
    return STATUS_OK;
}

static enum status set_weights(struct backend_network *b, const float *weights, struct error *e) {
    return network_set_weights(b->network, weights, e);
}

enum status evaluation_score(struct backend_network *b, struct error *e) {
    return recording_launch(b->device, &b->evaluate, 1, e);
}

static enum status evaluate(struct backend_network *b, size_t n, const float *phi, const struct score_frame *frames,
                            float *out, struct error *e) {
    struct device *d = b->device;
    const size_t bytes = n * b->volume * sizeof *phi;
    TRY(device_upload(d, b->frames, frames, n * sizeof *frames, e));
    TRY(device_upload(d, b->phi, phi, bytes, e));
    TRY(evaluation_score(b, e));
    return device_download(d, out, b->out, bytes, e);
}

static enum status vjp(struct backend_network *b, size_t n, const float *probe, float *out, struct error *e) {
    struct device *d = b->device;
    const size_t bytes = n * b->volume * sizeof *probe;
    if (d->base.forward_only) {
        return error_set(e, STATUS_BAD_INPUT, "backend '%s' has no gradients: expected cuda or cuda-float32",
                         d->base.name);
    }
    TRY(device_upload(d, b->probe, probe, bytes, e));
    TRY(recording_launch(d, &b->vjp, 1, e));
    return device_download(d, out, b->product, bytes, e);
}

/* Makes the graph for one probe; it counts the probes itself. */
static enum status prepare_traces(struct backend_network *b, struct random_key key, size_t probes, bool signs,
                                  struct error *e) {
    const size_t room = b->batch * (probes ? probes : 1);
    if (b->recorded && b->probes == probes && b->signs == signs && b->key.word[0] == key.word[0] &&
        b->key.word[1] == key.word[1]) {
        return STATUS_OK;
    }
    recording_release(&b->trace);
    b->recorded = false;
    if (room > b->traces_room) {
        device_release(b->traces);
        b->traces = NULL;
        b->traces_room = 0;
        TRY(device_allocate(b->device, room * sizeof *b->traces, "traces", (void **)&b->traces, e));
        b->traces_room = room;
    }
    b->key = key;
    b->probes = probes;
    b->signs = signs;
    const uint32_t zero = 0;
    TRY(device_upload(b->device, b->counter + 1, &zero, sizeof zero, e));
    TRY(recording_make(b->device, record_trace, b, &b->trace, e));
    b->recorded = true;
    return STATUS_OK;
}

enum status evaluation_traces(struct backend_network *b, struct random_key key, size_t probes, bool signs,
                              struct error *e) {
    const size_t each = probes ? probes : 1;
    TRY(prepare_traces(b, key, probes, signs, e));
    CUDA_TRY(cudaMemsetAsync(b->counter + 1, 0, sizeof *b->counter, b->device->stream));
    CUDA_TRY(cudaMemsetAsync(b->traces, 0, b->batch * each * sizeof *b->traces, b->device->stream));
    return recording_launch(b->device, &b->trace, probes ? probes : b->volume, e);
}

static enum status traces(struct backend_network *b, size_t n, struct random_key key, const uint64_t *configuration,
                          size_t probes, bool signs, double *out, struct error *e) {
    struct device *d = b->device;
    if (d->base.forward_only) {
        return error_set(e, STATUS_BAD_INPUT, "backend '%s' has no gradients: expected cuda or cuda-float32",
                         d->base.name);
    }
    TRY(device_upload(d, b->numbers, configuration, n * sizeof *configuration, e));
    TRY(evaluation_traces(b, key, probes, signs, e));
    return device_download(d, out, b->traces, n * (probes ? probes : 1) * sizeof *out, e);
}

void evaluation_operations(struct backend *b) {
    b->network_new = create;
    b->network_free = release;
    b->set_weights = set_weights;
    b->evaluate = evaluate;
    b->vjp = vjp;
    b->traces = traces;
}
