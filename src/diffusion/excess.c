#include "diffusion/excess.h"

#include <math.h>
#include <stdlib.h>

#include "backend/cpu.h"
#include "base/functions.h"
#include "base/random.h"
#include "base/sum.h"
#include "score/schedule.h"

/* A model and its evaluation. */
struct side {
    struct backend_cpu cpu;
    struct backend *backend;
    struct backend_network *network;
    size_t capacity;
};

static enum status side_new(struct side *s, const struct score_model *m, int threads, struct error *e) {
    s->backend = backend_of(m, threads, &s->cpu);
    s->capacity = s->backend->capacity(s->backend, m);
    return s->backend->network_new(s->backend, m, &s->network, e);
}

static void side_release(struct side *s) {
    if (s->network) {
        s->backend->network_free(s->network);
    }
}

/* The configurations of one call of the model, at one noise level. */
struct batch {
    float *phi, *z, *out; /* (capacity, V) */
    struct score_frame *frames;
};

/* Sets loss[first .. first + n - 1] to the losses of one side on a batch. */
static enum status losses(const struct side *s, const struct batch *x, size_t first, size_t n, size_t V, double *loss,
                          struct error *e) {
    enum status status = STATUS_OK;
    for (size_t at = 0; at < n && status == STATUS_OK; at += s->capacity) {
        const size_t part = n - at < s->capacity ? n - at : s->capacity;
        status = s->backend->evaluate(s->network, part, x->phi + at * V, x->frames + at, x->out + at * V, e);
    }
    for (size_t b = 0; b < n; b++) {
        double sum = 0;
        for (size_t i = b * V; i < (b + 1) * V; i++) {
            sum += ((double)x->out[i] + (double)x->z[i]) * ((double)x->out[i] + (double)x->z[i]);
        }
        loss[first + b] = sum;
    }
    return status;
}

static void perturb(const struct batch *x, const float *fields, size_t first, size_t n, size_t V, double s,
                    struct random_key key, size_t level, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t b = 0; b < n; b++) {
        float *z = x->z + b * V;
        random_normal_float(key, first + b, level, z, V);
        for (size_t i = 0; i < V; i++) {
            x->phi[b * V + i] = fields[(first + b) * V + i] + (float)s * z[i];
        }
    }
}

/* Mean of numbers, and its standard error; changes them. */
static void average(double *numbers, size_t count, double *mean, double *error) {
    const double n = (double)count;
    *mean = sum_tree(numbers, count) / n;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (numbers[i] - *mean) * (numbers[i] - *mean);
    }
    *error = count > 1 ? sqrt(sum_tree(numbers, count) / (n * (n - 1))) : NAN;
}

/* integral: of the excess of each configuration, to which this level is added with its weight. */
static void summarise(struct excess *x, size_t k, double *model, double *wiener, double weight, double *integral,
                      size_t count) {
    x->loss[k] = sum_tree(model, count) / (double)count;
    x->wiener[k] = sum_tree(wiener, count) / (double)count;
    for (size_t i = 0; i < count; i++) {
        model[i] -= wiener[i];
        integral[i] += weight * model[i];
    }
    average(model, count, &x->excess[k], &x->error[k]);
}

/* series: workspace of 3 count zeros, for the losses of both sides on all configurations and the integral of the
 * excess. */
static enum status measure(const struct side *model, const struct side *wiener, const struct batch *batch,
                           const struct score_model *m, const float *fields, size_t count, double t_min, uint64_t seed,
                           int threads, double *series, struct excess *x, struct error *e) {
    const double low = function_log(schedule_noise(m->sigma, t_min)), high = function_log(schedule_noise(m->sigma, 1));
    const struct random_key key = random_key(seed, "train", "excess");
    const size_t V = m->volume, last = x->levels - 1;
    const double spacing = (high - low) / (double)last;
    enum status status = STATUS_OK;
    for (size_t k = 0; k < x->levels && status == STATUS_OK; k++) {
        const double s = function_exp(low + (high - low) * (double)k / (double)last);
        const double time = schedule_time(m->sigma, s);
        const struct score_frame frame = score_frame(m, time);
        x->sigma[k] = s;
        for (size_t i = 0; i < model->capacity; i++) {
            batch->frames[i] = frame;
        }
        for (size_t first = 0; first < count && status == STATUS_OK; first += model->capacity) {
            const size_t n = count - first < model->capacity ? count - first : model->capacity;
            perturb(batch, fields, first, n, V, s, key, k, threads);
            status = losses(model, batch, first, n, V, series, e);
            THEN(status, losses(wiener, batch, first, n, V, series + count, e));
        }
        if (status == STATUS_OK) {
            const double weight = k == 0 || k == last ? 0.5 * spacing : spacing;
            summarise(x, k, series, series + count, weight, series + 2 * count, count);
        }
    }
    average(series + 2 * count, count, &x->nats, &x->nats_error);
    return status;
}

enum status excess_measure(const struct score_model *model, const float *fields, size_t count, size_t levels,
                           double t_min, uint64_t seed, int threads, struct excess *x, struct error *e) {
    *x = (struct excess){.levels = levels};
    double **const arrays[] = {&x->sigma, &x->loss, &x->wiener, &x->excess, &x->error};
    for (size_t i = 0; i < 5; i++) {
        if (!(*arrays[i] = calloc(levels, sizeof **arrays[i]))) {
            excess_release(x);
            return error_set(e, STATUS_FAILED, "out of memory for the excess loss");
        }
    }
    const struct score_model linear = score_model_gaussian(model);
    struct side own = {0}, wiener = {0};
    struct batch batch = {0};
    enum status status = side_new(&own, model, threads, e);
    THEN(status, side_new(&wiener, &linear, threads, e));
    double *series = calloc(3 * count, sizeof *series);
    batch.frames = calloc(own.capacity, sizeof *batch.frames);
    batch.phi = malloc(3 * own.capacity * model->volume * sizeof *batch.phi);
    if (status == STATUS_OK && (!series || !batch.frames || !batch.phi)) {
        status = error_set(e, STATUS_FAILED, "out of memory for the excess loss");
    }
    if (status == STATUS_OK) {
        batch.z = batch.phi + own.capacity * model->volume;
        batch.out = batch.z + own.capacity * model->volume;
        status = measure(&own, &wiener, &batch, model, fields, count, t_min, seed, threads, series, x, e);
    }
    free(series);
    free(batch.frames);
    free(batch.phi);
    side_release(&own);
    side_release(&wiener);
    if (status != STATUS_OK) {
        excess_release(x);
    }
    return status;
}

void excess_release(struct excess *x) {
    double *const owned[] = {x->sigma, x->loss, x->wiener, x->excess, x->error};
    for (size_t i = 0; i < 5; i++) {
        free(owned[i]);
    }
    *x = (struct excess){0};
}
