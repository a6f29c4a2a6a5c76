/* The reverse process on the device (backend.h). A step is one graph, with a counter of steps on the device that it
 * raises itself, so nothing is copied to the host between steps. */
#include <stdlib.h>

#include "cuda/check.h"
#include "cuda/network.h"

struct backend_sampler {
    struct device *device;
    struct network *network;
    bool wiener, coloured;
    size_t volume, batch, steps, done;
    struct score_frame *frames; /* one per step, the same for all configurations */
    struct backend_move *moves;
    uint32_t *counter;
    uint64_t *first;
    float *phi, *z;
    struct random_key prior, noise;
    float start;
    struct recording step;
};

static enum status record_step(void *context, struct error *e) {
    struct backend_sampler *s = (struct backend_sampler *)context;
    struct network *w = s->network;
    const struct frames f = {s->frames, s->counter, 1, 0};
    const struct sites map = network_sites(w);
    const struct draw draw = {s->noise, s->first, NULL};
    cudaStream_t stream = s->device->stream;
    TRY(process_input(map, w->batch, f, s->phi, network_field(w, FIELD_X), stream, e));
    TRY(network_forward(w, f, e));
    if (s->wiener) {
        TRY(filter_score(&w->filter, w->batch, f, s->phi, w->linear, stream, e));
    }
    if (s->coloured) {
        TRY(process_noise(map, w->batch, draw, s->counter, s->z, stream, e));
        TRY(filter_colour(&w->filter, w->batch, f, s->moves, s->z, stream, e));
    }
    TRY(process_move(network_surroundings(w, f, s->wiener), w->batch, s->moves, draw, s->coloured ? s->z : NULL, s->phi,
                     stream, e));
    return process_advance(s->counter, stream, e);
}

static void release(struct backend_sampler *s) {
    if (!s) {
        return;
    }
    recording_release(&s->step);
    void *const memory[] = {s->frames, s->moves, s->counter, s->first, s->phi, s->z};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        device_release(memory[i]);
    }
    network_free(s->network);
    free(s);
}

static enum status build(struct backend_sampler *s, const struct score_model *m, const struct score_frame *frames,
                         const struct backend_move *moves, struct error *e) {
    struct device *d = s->device;
    const size_t field = s->batch * s->volume * sizeof(float);
    TRY(network_new(d, m, s->batch, NETWORK_FORWARD, s->coloured, &s->network, e));
    TRY(device_allocate(d, s->steps * sizeof *frames, "frames", (void **)&s->frames, e));
    TRY(device_allocate(d, s->steps * sizeof *moves, "steps", (void **)&s->moves, e));
    TRY(device_allocate(d, sizeof *s->counter, "the counter", (void **)&s->counter, e));
    TRY(device_allocate(d, sizeof *s->first, "the number", (void **)&s->first, e));
    TRY(device_allocate(d, field, "samples", (void **)&s->phi, e));
    if (s->coloured) {
        TRY(device_allocate(d, field, "noise", (void **)&s->z, e));
    }
    TRY(device_upload(d, s->frames, frames, s->steps * sizeof *frames, e));
    TRY(device_upload(d, s->moves, moves, s->steps * sizeof *moves, e));
    return recording_make(d, record_step, s, &s->step, e);
}

static enum status create(struct backend *base, const struct score_model *model, const struct score_frame *frames,
                          const struct backend_move *moves, size_t steps, struct random_key prior,
                          struct random_key noise, float start, struct backend_sampler **sampler, struct error *e) {
    *sampler = NULL;
    struct backend_sampler *s = (struct backend_sampler *)calloc(1, sizeof *s);
    if (!s) {
        return error_set(e, STATUS_FAILED, "out of memory for a sampler");
    }
    s->device = (struct device *)base;
    s->wiener = score_network(model)->parameterisation == SCORE_WIENER;
    s->coloured = moves[0].coloured;
    s->volume = model->volume;
    s->batch = backend_capacity(model);
    s->steps = steps;
    s->prior = prior;
    s->noise = noise;
    s->start = start;
    const enum status status = build(s, model, frames, moves, e);
    if (status != STATUS_OK) {
        release(s);
        return status;
    }
    *sampler = s;
    return STATUS_OK;
}

static enum status start(struct backend_sampler *s, uint64_t first, size_t n, struct error *e) {
    const uint32_t zero = 0;
    (void)n; /* all places are always computed */
    TRY(device_upload(s->device, s->counter, &zero, sizeof zero, e));
    TRY(device_upload(s->device, s->first, &first, sizeof first, e));
    s->done = 0;
    return process_prior(network_sites(s->network), s->network->batch, {s->prior, s->first, NULL}, s->start, s->phi,
                         s->device->stream, e);
}

static enum status steps(struct backend_sampler *s, size_t count, struct error *e) {
    if (count > s->steps - s->done) {
        return error_set(e, STATUS_FAILED, "%zu steps after %zu found, expected at most %zu steps in all", count,
                         s->done, s->steps);
    }
    s->done += count;
    TRY(recording_launch(s->device, &s->step, count, e));
    return device_wait(s->device, e);
}

static enum status fetch(struct backend_sampler *s, size_t n, float *phi, struct error *e) {
    return device_download(s->device, phi, s->phi, n * s->volume * sizeof *phi, e);
}

void sampler_operations(struct backend *b) {
    b->sampler_new = create;
    b->sampler_free = release;
    b->sampler_start = start;
    b->sampler_steps = steps;
    b->sampler_fetch = fetch;
}
