/* Training on the CPU. A step is split into micro-batches of SCORE_BATCH configurations, each computed by one thread.
 * Their gradients are added in a fixed tree, so bits do not depend on threads. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu_internal.h"
#include "base/memory.h"

struct backend_training {
    struct backend_network *network;
    const float *fields;
    size_t volume, batch, weight_count;
    float *weights, *first_moment, *second_moment, *average, *gradient; /* (weight_count) */
    float **packed;                                                     /* one gradient per micro-batch of a step */
    size_t micro_batches;
    float *room; /* for each thread: fields, noise and score of a micro-batch */
};

static void release(struct backend_training *t) {
    if (!t) {
        return;
    }
    for (size_t i = 0; t->packed && i < t->micro_batches; i++) {
        free(t->packed[i]);
    }
    cpu_network_free(t->network);
    void *const owned[] = {t->weights, t->first_moment, t->second_moment, t->average, t->gradient, t->packed, t->room};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) {
        free(owned[i]);
    }
    free(t);
}

static enum status build(struct backend_training *t, struct backend *b, const struct score_model *m, size_t count,
                         struct error *e) {
    TRY(cpu_network_new(b, m, SCORE_BATCH, &t->network, e));
    TRY(cpu_network_workers(t->network, e));
    /* the largest batch that will occur */
    const size_t weights = m->weight_count, largest = t->batch < count ? t->batch : count;
    bool complete = true;
    float **const vectors[] = {&t->weights, &t->first_moment, &t->second_moment, &t->average, &t->gradient};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        complete = (*vectors[i] = memory_aligned(weights, sizeof(float))) && complete;
    }
    t->micro_batches = (largest + SCORE_BATCH - 1) / SCORE_BATCH;
    t->packed = calloc(t->micro_batches, sizeof *t->packed);
    t->room = memory_aligned((size_t)t->network->threads * 3 * SCORE_BATCH * t->volume, sizeof *t->room);
    complete = complete && t->packed && t->room;
    for (size_t i = 0; complete && i < t->micro_batches; i++) {
        complete = (t->packed[i] = memory_aligned(score_gradient_size(t->network->score), sizeof *t->packed[i]));
    }
    if (!complete) {
        return error_set(e, STATUS_FAILED, "out of memory for training");
    }
    memcpy(t->weights, m->weights, weights * sizeof *t->weights);
    memcpy(t->average, m->weights, weights * sizeof *t->average);
    return STATUS_OK;
}

static enum status create(struct backend *b, const struct score_model *model, const float *fields, size_t count,
                          size_t batch, size_t steps_an_epoch, struct backend_training **training, struct error *e) {
    *training = NULL;
    struct backend_training *t = calloc(1, sizeof *t);
    (void)steps_an_epoch;
    if (!t) {
        return error_set(e, STATUS_FAILED, "out of memory for training");
    }
    t->fields = fields;
    t->volume = model->volume;
    t->batch = batch;
    t->weight_count = model->weight_count;
    const enum status status = build(t, b, model, count, e);
    if (status != STATUS_OK) {
        release(t);
        return status;
    }
    *training = t;
    return STATUS_OK;
}

/* --- steps ------------------------------------------------------------------------------------------- */

/* The examples of one step. */
struct step {
    size_t count; /* without empty places */
    const struct backend_example *examples;
    const struct score_frame *frames;
    struct random_key noise;
    uint64_t first, epoch;
    double *loss;
};

/* Micro-batch number i: adds the noise, evaluates the score, and sets packed[i] to the gradient of the step's mean
 * loss. */
static enum status micro_batch(struct backend_training *t, const struct step *s, size_t i, struct error *e) {
    const size_t V = t->volume, at = i * SCORE_BATCH, rest = s->count - at;
    const int thread = omp_get_thread_num(), n = rest < SCORE_BATCH ? (int)rest : SCORE_BATCH;
    struct score_worker *worker = t->network->workers[thread];
    float *room = t->room + (size_t)thread * 3 * SCORE_BATCH * V;
    float *phi = room, *z = room + SCORE_BATCH * V, *out = room + 2 * SCORE_BATCH * V;
    double time[SCORE_BATCH];
    for (size_t b = 0; b < (size_t)n; b++) {
        const struct backend_example *example = &s->examples[at + b];
        const float *phi0 = t->fields + example->field * V, sign = example->sign, noise = example->noise;
        float *zb = z + b * V, *phib = phi + b * V;
        time[b] = s->frames[at + b].t;
        random_normal_float(s->noise, s->first + at + b, s->epoch, zb, V);
        for (size_t x = 0; x < V; x++) {
            phib[x] = sign * phi0[x] + noise * zb[x];
        }
    }
    enum status status = score_evaluate(worker, n, phi, time, out, e);
    for (size_t b = 0; b < (size_t)n; b++) {
        double sum = 0;
        float *o = out + b * V;
        const float *zb = z + b * V;
        for (size_t x = 0; x < V; x++) {
            const float r = o[x] + zb[x];
            sum += (double)r * (double)r;
            o[x] = 2.0f * r / (float)s->count;
        }
        s->loss[at + b] = sum;
    }
    THEN(status, score_weight_gradient(worker, n, out, t->packed[i], e));
    return status;
}

/* packed[0] = sum of all gradients, in a binary tree that adds neighbours, then neighbouring pairs, and so on; it
 * depends only on their number. Computed in pieces that stay in the cache; overwrites the others. */
enum { PIECE = 1024 };

static void add_vectors(size_t n, float *restrict to, const float *restrict from) {
    for (size_t k = 0; k < n; k++) {
        to[k] += from[k];
    }
}

static void add_piece(struct backend_training *t, size_t count, size_t first, size_t n) {
    for (size_t apart = 1; apart < count; apart *= 2) {
        for (size_t i = 0; i + apart < count; i += 2 * apart) {
            add_vectors(n, t->packed[i] + first, t->packed[i + apart] + first);
        }
    }
}

static void add_gradients(struct backend_training *t, size_t count) {
    const size_t size = score_gradient_size(t->network->score);
#pragma omp parallel for num_threads(t->network->threads) schedule(static)
    for (size_t first = 0; first < size; first += PIECE) {
        add_piece(t, count, first, size - first < PIECE ? size - first : PIECE);
    }
}

static void update(struct backend_training *t, const struct backend_step *step) {
    const size_t size = t->weight_count, block = 16384;
#pragma omp parallel for num_threads(t->network->threads) schedule(static)
    for (size_t first = 0; first < size; first += block) {
        const size_t n = first + block < size ? block : size - first;
        adam_step(t->weights + first, t->gradient + first, t->first_moment + first, t->second_moment + first, n,
                  &step->adam);
        if (step->average != 0) {
            adam_average(t->average + first, t->weights + first, n, step->average);
        }
    }
}

static enum status run_step(struct backend_training *t, const struct step *s, const struct backend_step *step,
                            struct error *e) {
    const size_t micro_batches = (s->count + SCORE_BATCH - 1) / SCORE_BATCH;
    enum status status = STATUS_OK;
#pragma omp parallel for num_threads(t->network->threads) schedule(dynamic, 1)
    for (size_t i = 0; i < micro_batches; i++) {
        struct error own;
        const enum status mine = micro_batch(t, s, i, &own);
        if (mine != STATUS_OK)
#pragma omp critical(cpu_error)
        {
            *e = own;
            status = mine;
        }
    }
    TRY(status);
    add_gradients(t, micro_batches);
    score_unpack_gradient(t->network->score, t->packed[0], t->gradient);
    update(t, step);
    score_set_weights(t->network->score, t->weights);
    return STATUS_OK;
}

/* Empty places are the last ones of a step, and their loss is not set. */
static enum status run_steps(struct backend_training *t, size_t count, const struct backend_example *examples,
                             const struct score_frame *frames, const struct backend_step *steps,
                             struct random_key noise, uint64_t first, uint64_t epoch, double *loss, struct error *e) {
    enum status status = STATUS_OK;
    for (size_t k = 0; k < count && status == STATUS_OK; k++) {
        const size_t at = k * t->batch;
        struct step s = {0, examples + at, frames + at, noise, first + at, epoch, loss + at};
        while (s.count < t->batch && s.examples[s.count].weight != 0) {
            s.count++;
        }
        status = run_step(t, &s, &steps[k], e);
    }
    return status;
}

/* --- the state --------------------------------------------------------------------------------------- */

static enum status read_state(struct backend_training *t, float *weights, float *first_moment, float *second_moment,
                              float *average, struct error *e) {
    const float *const from[] = {t->weights, t->first_moment, t->second_moment, t->average};
    float *const to[] = {weights, first_moment, second_moment, average};
    (void)e;
    for (int i = 0; i < 4; i++) {
        if (to[i]) {
            memcpy(to[i], from[i], t->weight_count * sizeof *to[i]);
        }
    }
    return STATUS_OK;
}

static enum status write_state(struct backend_training *t, const float *weights, const float *first_moment,
                               const float *second_moment, const float *average, struct error *e) {
    (void)e;
    float *const to[] = {t->weights, t->first_moment, t->second_moment, t->average};
    const float *const from[] = {weights, first_moment, second_moment, average};
    for (int i = 0; i < 4; i++) {
        if (from[i]) {
            memcpy(to[i], from[i], t->weight_count * sizeof *to[i]);
        }
    }
    score_set_weights(t->network->score, t->weights);
    return STATUS_OK;
}

void cpu_training_operations(struct backend *b) {
    b->training_new = create;
    b->training_free = release;
    b->training_steps = run_steps;
    b->training_read = read_state;
    b->training_write = write_state;
}
