/* Training on the device (backend.h). A step, from noisy fields to new weights, is one graph, with a counter of steps
 * on the device that it raises itself. Training set, weights and moments stay on the device. */
#include <stdlib.h>

#include "cuda/check.h"
#include "cuda/network.h"

struct backend_training {
    struct device *device;
    struct network *network;
    bool wiener;
    size_t volume, batch, steps; /* steps: largest number in one call */
    float *fields;               /* the training set */
    struct backend_example *examples;
    struct score_frame *frames;
    struct backend_step *rates;
    double *loss;
    uint32_t *counter;
    uint64_t *first; /* (2): number of the first example, epoch */
    float *phi, *z, *first_moment, *second_moment, *average;
    struct random_key noise;
    struct recording step;
    bool recorded;
};

static enum status record_step(void *context, struct error *e) {
    struct backend_training *t = (struct backend_training *)context;
    struct network *w = t->network;
    const struct frames f = {t->frames, t->counter, (uint32_t)t->batch, 1};
    const struct sites map = network_sites(w);
    const struct draw draw = {t->noise, t->first, t->first + 1};
    cudaStream_t stream = t->device->stream;
    TRY(process_perturb(map, w->batch, f, t->examples, t->fields, draw, t->z, t->phi, network_field(w, FIELD_X), stream,
                        e));
    TRY(network_forward(w, f, e));
    if (t->wiener) {
        TRY(filter_score(&w->filter, w->batch, f, t->phi, w->linear, stream, e));
    }
    TRY(process_loss(network_surroundings(w, f, t->wiener), w->batch, t->examples, t->phi, t->z,
                     network_field(w, FIELD_GRADIENT), t->loss, w->bias, stream, e));
    TRY(network_backward(w, e));
    TRY(process_adam(w->layout.weights, t->rates, t->counter, w->gradient, w->weights, t->first_moment,
                     t->second_moment, t->average, stream, e));
    return process_advance(t->counter, stream, e);
}

static void release(struct backend_training *t) {
    if (!t) {
        return;
    }
    recording_release(&t->step);
    void *const memory[] = {t->fields, t->examples, t->frames, t->rates,        t->loss,          t->counter,
                            t->first,  t->phi,      t->z,      t->first_moment, t->second_moment, t->average};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        device_release(memory[i]);
    }
    network_free(t->network);
    free(t);
}

static enum status build(struct backend_training *t, const struct score_model *m, const float *fields, size_t count,
                         struct error *e) {
    struct device *d = t->device;
    const size_t set = count * t->volume * sizeof *fields, field = t->batch * t->volume * sizeof *fields;
    const size_t examples = t->steps * t->batch;
    TRY(network_new(d, m, t->batch, NETWORK_TRAINING, false, &t->network, e));
    const size_t vector = t->network->layout.weights * sizeof(float);
    TRY(device_allocate(d, set, "the training set", (void **)&t->fields, e));
    TRY(device_upload(d, t->fields, fields, set, e));
    TRY(device_allocate(d, examples * sizeof *t->examples, "examples", (void **)&t->examples, e));
    TRY(device_allocate(d, examples * sizeof *t->frames, "frames", (void **)&t->frames, e));
    TRY(device_allocate(d, examples * sizeof *t->loss, "losses", (void **)&t->loss, e));
    TRY(device_allocate(d, t->steps * sizeof *t->rates, "rates", (void **)&t->rates, e));
    TRY(device_allocate(d, sizeof *t->counter, "the counter", (void **)&t->counter, e));
    TRY(device_allocate(d, 2 * sizeof *t->first, "numbers", (void **)&t->first, e));
    TRY(device_allocate(d, field, "perturbed fields", (void **)&t->phi, e));
    TRY(device_allocate(d, field, "noise", (void **)&t->z, e));
    float **const vectors[] = {&t->first_moment, &t->second_moment, &t->average};
    for (int i = 0; i < 3; i++) {
        TRY(device_allocate(d, vector, "moments", (void **)vectors[i], e));
    }
    return network_put(t->network, m->weights, t->average, e);
}

static enum status create(struct backend *base, const struct score_model *model, const float *fields, size_t count,
                          size_t batch, size_t steps, struct backend_training **training, struct error *e) {
    *training = NULL;
    struct backend_training *t = (struct backend_training *)calloc(1, sizeof *t);
    if (!t) {
        return error_set(e, STATUS_FAILED, "out of memory for training");
    }
    t->device = (struct device *)base;
    t->wiener = score_network(model)->parameterisation == SCORE_WIENER;
    t->volume = model->volume;
    t->batch = batch;
    t->steps = steps;
    const enum status status = build(t, model, fields, count, e);
    if (status != STATUS_OK) {
        release(t);
        return status;
    }
    *training = t;
    return STATUS_OK;
}

static enum status read_state(struct backend_training *t, float *weights, float *first_moment, float *second_moment,
                              float *average, struct error *e) {
    const float *const from[] = {t->network->weights, t->first_moment, t->second_moment, t->average};
    float *const to[] = {weights, first_moment, second_moment, average};
    for (int i = 0; i < 4; i++) {
        if (to[i]) {
            TRY(network_get(t->network, from[i], to[i], e));
        }
    }
    return STATUS_OK;
}

static enum status write_state(struct backend_training *t, const float *weights, const float *first_moment,
                               const float *second_moment, const float *average, struct error *e) {
    float *const to[] = {t->network->weights, t->first_moment, t->second_moment, t->average};
    const float *const from[] = {weights, first_moment, second_moment, average};
    for (int i = 0; i < 4; i++) {
        if (from[i]) {
            TRY(network_put(t->network, from[i], to[i], e));
        }
    }
    return STATUS_OK;
}

/* The warm-up of a recording makes a real step, so the state is saved before and restored after it. */
static enum status record(struct backend_training *t, struct random_key noise, struct error *e) {
    float *const state[] = {t->network->weights, t->first_moment, t->second_moment, t->average};
    const size_t bytes = t->network->layout.weights * sizeof(float);
    float *kept;
    t->noise = noise;
    TRY(device_allocate(t->device, 4 * bytes, "a copy of the weights", (void **)&kept, e));
    enum status status = STATUS_OK;
    for (int back = 0; back < 2; back++) {
        for (int i = 0; i < 4 && status == STATUS_OK; i++) {
            char *copy = (char *)kept + (size_t)i * bytes;
            const cudaError_t code = cudaMemcpyAsync(back ? (void *)state[i] : copy, back ? copy : (void *)state[i],
                                                     bytes, cudaMemcpyDeviceToDevice, t->device->stream);
            if (code != cudaSuccess) {
                status = cuda_failed(code, "cudaMemcpyAsync of the weights", e);
            }
        }
        if (!back && status == STATUS_OK) {
            status = recording_make(t->device, record_step, t, &t->step, e);
        }
    }
    struct error second;
    if (device_wait(t->device, status == STATUS_OK ? e : &second) != STATUS_OK && status == STATUS_OK) {
        status = e->status;
    }
    device_release(kept);
    t->recorded = status == STATUS_OK;
    return status;
}

static enum status run_steps(struct backend_training *t, size_t count, const struct backend_example *examples,
                             const struct score_frame *frames, const struct backend_step *rates,
                             struct random_key noise, uint64_t first, uint64_t epoch, double *loss, struct error *e) {
    struct device *d = t->device;
    const size_t total = count * t->batch;
    const uint32_t zero = 0;
    const uint64_t numbers[2] = {first, epoch};
    if (count > t->steps) {
        return error_set(e, STATUS_FAILED, "%zu steps at once, expected at most %zu", count, t->steps);
    }
    TRY(device_upload(d, t->examples, examples, total * sizeof *examples, e));
    TRY(device_upload(d, t->frames, frames, total * sizeof *frames, e));
    TRY(device_upload(d, t->rates, rates, count * sizeof *rates, e));
    TRY(device_upload(d, t->first, numbers, sizeof numbers, e));
    for (int twice = 0; twice < 2; twice++) { /* again after a recording, whose warm-up raises the counter */
        TRY(device_upload(d, t->counter, &zero, sizeof zero, e));
        if (t->recorded && t->noise.word[0] == noise.word[0] && t->noise.word[1] == noise.word[1]) {
            break;
        }
        recording_release(&t->step);
        TRY(record(t, noise, e));
    }
    TRY(recording_launch(d, &t->step, count, e));
    return device_download(d, loss, t->loss, total * sizeof *loss, e);
}

void training_operations(struct backend *b) {
    b->training_new = create;
    b->training_free = release;
    b->training_steps = run_steps;
    b->training_read = read_state;
    b->training_write = write_state;
}
