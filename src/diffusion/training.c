#include "diffusion/training_internal.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/functions.h"
#include "base/random.h"
#include "base/sum.h"
#include "score/schedule.h"
#include "network/adam.h"

static void *need(size_t count, size_t size, bool *complete) {
    void *p = aligned_alloc(64, (count * size + 127) / 64 * 64);
    if (p)
        memset(p, 0, count * size);
    else
        *complete = false;
    return p;
}

static size_t batches(const struct training *t) {
    return (t->count + (size_t)t->settings.batch - 1) / (size_t)t->settings.batch;
}

enum status training_new(struct score_model *model, const float *fields, size_t count,
                         const struct training_settings *settings, int threads, struct training **training,
                         struct error *e) {
    *training = NULL;
    struct training *t = calloc(1, sizeof *t);
    if (!t)
        return error_set(e, STATUS_FAILED, "out of memory for training");
    t->model = model;
    t->fields = fields;
    t->count = count;
    t->settings = *settings;
    t->threads = threads;
    struct backend *device = score_model_device(model);
    enum status status = device ? STATUS_OK : score_new(model, &t->score, e);
    if (status != STATUS_OK) {
        training_free(t);
        return status;
    }
    const size_t weights = model->weight_count, batch = (size_t)settings->batch;
    bool complete = true;
    const size_t largest = batch < count ? batch : count; /* of the batches that there will be */
    t->micro_batches = device ? 0 : (largest + SCORE_BATCH - 1) / SCORE_BATCH;
    t->workers = need((size_t)threads, sizeof *t->workers, &complete);
    t->weights = need(weights, sizeof *t->weights, &complete);
    t->first_moment = need(weights, sizeof *t->first_moment, &complete);
    t->second_moment = need(weights, sizeof *t->second_moment, &complete);
    t->average = need(weights, sizeof *t->average, &complete);
    t->gradient = need(weights, sizeof *t->gradient, &complete);
    t->kept = need(settings->keep_count * weights, sizeof *t->kept, &complete);
    t->loss = need((size_t)settings->epochs, sizeof *t->loss, &complete);
    t->took = need((size_t)settings->epochs, sizeof *t->took, &complete);
    t->order = need(count, sizeof *t->order, &complete);
    t->batch_loss = need(largest, sizeof *t->batch_loss, &complete);
    t->epoch_loss = need(batches(t), sizeof *t->epoch_loss, &complete);
    t->packed = need(t->micro_batches, sizeof *t->packed, &complete);
    t->room = need(device ? 0 : (size_t)threads * 3 * SCORE_BATCH * model->volume, sizeof *t->room, &complete);
    if (device) {
        t->places = need(batches(t) * batch, sizeof *t->places, &complete);
        t->frames = need(batches(t) * batch, sizeof *t->frames, &complete);
        t->losses = need(batches(t) * batch, sizeof *t->losses, &complete);
        t->steps = need(batches(t), sizeof *t->steps, &complete);
    }
    if (complete)
        for (size_t i = 0; i < t->micro_batches; i++)
            t->packed[i] = need(score_gradient_size(t->score), sizeof *t->packed[i], &complete);
    if (!complete) {
        training_free(t);
        return error_set(e, STATUS_FAILED, "out of memory for training");
    }
    for (int i = 0; i < threads && status == STATUS_OK && !device; i++)
        status = score_worker_new(t->score, &t->workers[i], e);
    if (device)
        status = device->training_new(device, model, fields, count, batch, batches(t), &t->remote, e);
    if (status != STATUS_OK) {
        training_free(t);
        return status;
    }
    memcpy(t->weights, model->weights, weights * sizeof *t->weights);
    memcpy(t->average, model->weights, weights * sizeof *t->average);
    t->shuffle = random_key(settings->seed, "train", "shuffle");
    t->time = random_key(settings->seed, "train", "time");
    t->noise = random_key(settings->seed, "train", "noise");
    t->sign = random_key(settings->seed, "train", "sign");
    training_shuffle(t);
    *training = t;
    return STATUS_OK;
}

void training_free(struct training *t) {
    if (!t)
        return;
    for (int i = 0; t->workers && i < t->threads; i++)
        score_worker_free(t->workers[i]);
    for (size_t i = 0; t->packed && i < t->micro_batches; i++)
        free(t->packed[i]);
    score_free(t->score);
    if (t->remote)
        t->model->backend->training_free(t->remote);
    void *owned[] = {t->workers, t->weights,    t->first_moment, t->second_moment, t->average,  t->loss, t->took, t->kept,
                     t->order,   t->batch_loss, t->epoch_loss,   t->packed,        t->gradient, t->room,
                     t->places,  t->frames,     t->losses,       t->steps};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
    free(t);
}

static double draw_time(const struct training *t, size_t place) {
    double u;
    random_uniform(t->time, place, (uint64_t)t->epoch, &u, 1);
    const double t_min = t->settings.t_min;
    if (!t->settings.log_noise)
        return t_min + u * (1.0 - t_min);
    const double sigma = t->model->sigma, low = function_log(schedule_noise(sigma, t_min)),
                 high = function_log(schedule_noise(sigma, 1.0));
    return schedule_time(sigma, function_exp(low + u * (high - low)));
}

/* Z2 augmentation: the sign of the configuration at this place of the epoch. */
static float draw_sign(const struct training *t, size_t place) {
    if (!t->settings.flip)
        return 1;
    uint32_t word[4];
    random_block(t->sign, place, (uint64_t)t->epoch, 0, word);
    return word[0] & 1 ? -1.0f : 1.0f;
}

/* One micro-batch: perturbs, evaluates, and leaves the gradient of the batch's mean loss in `packed`. */
static enum status micro_batch(struct training *t, struct score_worker *worker, size_t first, int n, size_t batch,
                               float *packed, double *loss, struct error *e) {
    const size_t volume = t->model->volume;
    float *room = t->room + (size_t)omp_get_thread_num() * 3 * SCORE_BATCH * volume;
    float *phi = room, *z = room + SCORE_BATCH * volume, *out = room + 2 * SCORE_BATCH * volume;
    double time[SCORE_BATCH];
    for (int b = 0; b < n; b++) {
        const size_t place = first + (size_t)b;
        const float *phi0 = t->fields + (size_t)t->order[place] * volume;
        time[b] = draw_time(t, place);
        const float s = (float)schedule_noise(t->model->sigma, time[b]);
        const float sign = draw_sign(t, place);
        float *zb = z + (size_t)b * volume, *phib = phi + (size_t)b * volume;
        random_normal_float(t->noise, place, (uint64_t)t->epoch, zb, volume);
        for (size_t i = 0; i < volume; i++)
            phib[i] = sign * phi0[i] + s * zb[i];
    }
    enum status status = score_evaluate(worker, n, phi, time, out, e);
    for (int b = 0; b < n; b++) {
        double sum = 0;
        float *o = out + (size_t)b * volume;
        const float *zb = z + (size_t)b * volume;
        for (size_t i = 0; i < volume; i++) {
            const float r = o[i] + zb[i];
            sum += (double)r * (double)r;
            o[i] = 2.0f * r / (float)batch;
        }
        loss[b] = sum;
    }
    if (status == STATUS_OK)
        status = score_weight_gradient(worker, n, out, packed, e);
    return status;
}

/* packed[0] = sum of all, in the binary tree that adds neighbours, then neighbouring pairs, and so on: it depends only
 * on their number. A piece at a time, with one partial sum a height of the tree. */
enum { PIECE = 256, HEIGHTS = 32 };

static void add_vectors(size_t n, float *restrict to, const float *restrict from) {
    for (size_t k = 0; k < n; k++)
        to[k] += from[k];
}

static void add_piece(struct training *t, size_t count, size_t first, size_t n) {
    float partial[HEIGHTS][PIECE];
    size_t held = 0; /* bit h: partial[h] is the sum of 2^h gradients */
    for (size_t i = 0; i < count; i++) {
        const float *next = t->packed[i] + first;
        size_t h = 0;
        for (; held >> h & 1; h++) {
            add_vectors(n, partial[h], next);
            next = partial[h];
        }
        memcpy(partial[h], next, n * sizeof *next);
        held = i + 1;
    }
    /* where their number is no power of two the last sums go to the ones before them */
    float *sum = NULL;
    for (size_t h = 0; h < HEIGHTS; h++) {
        if (!(held >> h & 1))
            continue;
        if (sum)
            add_vectors(n, partial[h], sum);
        sum = partial[h];
    }
    memcpy(t->packed[0] + first, sum, n * sizeof *sum);
}

static void add_gradients(struct training *t, size_t count) {
    const size_t size = score_gradient_size(t->score);
#pragma omp parallel for num_threads(t->threads) schedule(static)
    for (size_t first = 0; first < size; first += PIECE)
        add_piece(t, count, first, size - first < PIECE ? size - first : PIECE);
}

static double rate(const struct training *t) {
    if (!t->settings.cosine)
        return t->settings.learning_rate;
    const double total = (double)(t->settings.epochs * (int64_t)batches(t));
    double sine, cosine;
    function_sincos_turns(0.5 * (double)t->step / total, &sine, &cosine);
    return t->settings.learning_rate * (0.505 + 0.495 * cosine);
}

/* The running average forgets the starting weights at first as fast as it can. */
static double decay(const struct training *t) {
    const double early = (double)(1 + t->step) / (double)(10 + t->step);
    return early < t->settings.ema ? early : t->settings.ema;
}

static void update(struct training *t) {
    const size_t size = t->model->weight_count, block = 16384;
    const double step_rate = rate(t);
    t->step++;
    const double step_decay = decay(t);
#pragma omp parallel for num_threads(t->threads) schedule(static)
    for (size_t first = 0; first < size; first += block) {
        const size_t n = first + block < size ? block : size - first;
        adam_step(t->weights + first, t->gradient + first, t->first_moment + first, t->second_moment + first, n,
                  t->step, step_rate, 0.9, 0.999, 1e-8);
        if (t->settings.ema > 0)
            adam_average(t->average + first, t->weights + first, n, step_decay);
    }
}

/* --- a device ------------------------------------------------------------------------------------ */

/* `count` steps from the batch at `first` of the epoch's order, on the device. Where the last batch is smaller its
 * places are filled up with empty ones. */
static enum status remote_steps(struct training *t, size_t first, size_t count, double *loss, struct error *e) {
    const size_t batch = (size_t)t->settings.batch;
    for (size_t k = 0; k < count; k++) {
        const size_t at = first + k * batch, n = at + batch > t->count ? t->count - at : batch;
        for (size_t b = 0; b < batch; b++) {
            const size_t place = b < n ? at + b : at;
            const double time = draw_time(t, place);
            t->frames[k * batch + b] = score_frame(t->model, time);
            t->places[k * batch + b] =
                (struct backend_place){t->order[place], draw_sign(t, place),
                                       (float)schedule_noise(t->model->sigma, time), b < n ? 2.0f / (float)n : 0.0f};
        }
        const double step_rate = rate(t);
        t->step++;
        t->steps[k] = (struct backend_step){adam_scalars(t->step, step_rate, 0.9, 0.999, 1e-8),
                                            t->settings.ema > 0 ? (float)(1 - decay(t)) : 0.0f};
    }
    enum status status = t->model->backend->training_steps(t->remote, count, t->places, t->frames, t->steps, t->noise,
                                                           first, (uint64_t)t->epoch, t->losses, e);
    for (size_t k = 0; k < count && status == STATUS_OK; k++) {
        const size_t at = first + k * batch, n = at + batch > t->count ? t->count - at : batch;
        loss[k] = sum_tree(t->losses + k * batch, n) / (double)n;
        if (!isfinite(loss[k]))
            status = error_set(e, STATUS_FAILED, "the loss is not finite in epoch %" PRId64 ", batch %zu: training diverged",
                               t->epoch + 1, at / batch + 1);
    }
    return status;
}

/* --- steps and epochs ---------------------------------------------------------------------------- */

enum status training_step(struct training *t, size_t first, double *loss, struct error *e) {
    if (t->remote)
        return remote_steps(t, first, 1, loss, e);
    size_t batch = (size_t)t->settings.batch;
    if (first + batch > t->count)
        batch = t->count - first;
    const size_t tasks = (batch + SCORE_BATCH - 1) / SCORE_BATCH;
    enum status status = STATUS_OK;
#pragma omp parallel for num_threads(t->threads) schedule(dynamic, 1)
    for (size_t i = 0; i < tasks; i++) {
        const size_t at = i * SCORE_BATCH, rest = batch - at;
        struct error own;
        if (micro_batch(t, t->workers[omp_get_thread_num()], first + at, rest < SCORE_BATCH ? (int)rest : SCORE_BATCH,
                        batch, t->packed[i], t->batch_loss + at, &own) != STATUS_OK)
#pragma omp critical(training_error)
        {
            *e = own;
            status = own.status;
        }
    }
    if (status != STATUS_OK)
        return status;
    *loss = sum_tree(t->batch_loss, batch) / (double)batch;
    if (!isfinite(*loss))
        return error_set(e, STATUS_FAILED, "the loss is not finite in epoch %" PRId64 ", batch %zu: training diverged",
                         t->epoch + 1, first / (size_t)t->settings.batch + 1);
    add_gradients(t, tasks);
    score_unpack_gradient(t->score, t->packed[0], t->gradient);
    update(t);
    return score_set_weights(t->score, t->weights, e);
}

static const float *result(const struct training *t) {
    return t->settings.ema > 0 ? t->average : t->weights;
}

static enum status keep(struct training *t, struct error *e) {
    for (size_t i = 0; i < t->settings.keep_count; i++) {
        if (t->settings.keep[i] != t->epoch)
            continue;
        const enum status status = training_pull(t, e);
        if (status != STATUS_OK)
            return status;
        memcpy(t->kept + i * t->model->weight_count, result(t), t->model->weight_count * sizeof *t->kept);
    }
    return STATUS_OK;
}

enum status training_run(struct training *t, const char *checkpoint, const char *key,
                         const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e) {
    const int64_t epochs = t->settings.epochs;
    const size_t count = batches(t);
    double last_save = clock_seconds(), cost = 0;
    progress_resume(progress, (uint64_t)t->epoch);
    while (t->epoch < epochs) {
        const double begun = clock_seconds();
        training_shuffle(t);
        if (t->remote) { /* an epoch takes less than a second */
            enum status status = remote_steps(t, 0, count, t->epoch_loss, e);
            if (status != STATUS_OK)
                return status;
            if (*interrupted)
                return error_set(e, STATUS_FAILED, "interrupted in epoch %" PRId64 " of %" PRId64, t->epoch + 1, epochs);
        }
        for (size_t b = 0; b < count && !t->remote; b++) {
            enum status status = training_step(t, b * (size_t)t->settings.batch, &t->epoch_loss[b], e);
            if (status != STATUS_OK)
                return status;
            if (*interrupted) /* the epoch begun is lost, those before it are not */
                return error_set(e, STATUS_FAILED, "interrupted in epoch %" PRId64 " of %" PRId64, t->epoch + 1, epochs);
        }
        t->loss[t->epoch++] = sum_tree(t->epoch_loss, count) / (double)count;
        if (keep(t, e) != STATUS_OK)
            return e->status;
        if (t->timed < (size_t)epochs) /* one that was set back may do more */
            t->took[t->timed++] = clock_seconds() - begun;
        char note[48];
        snprintf(note, sizeof note, "loss %.3f", t->loss[t->epoch - 1]);
        progress_update(progress, (uint64_t)t->epoch, note);
        if (checkpoint && t->epoch < epochs && clock_seconds() - last_save > 20 * cost) {
            const double start = clock_seconds();
            enum status status = training_save(t, checkpoint, key, e);
            if (status != STATUS_OK)
                return status;
            last_save = clock_seconds();
            cost = last_save - start;
        }
    }
    return training_pull(t, e);
}

int64_t training_epoch(const struct training *t) {
    return t->epoch;
}

const double *training_loss(const struct training *t) {
    return t->loss;
}

static int by_size(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

double training_epoch_seconds(const struct training *t) {
    if (t->timed == 0)
        return 0;
    qsort(t->took, t->timed, sizeof *t->took, by_size); /* their order is of no use */
    return (t->took[(t->timed - 1) / 2] + t->took[t->timed / 2]) / 2;
}

const float *training_kept(const struct training *t) {
    return t->kept;
}

void training_finish(struct training *t) {
    memcpy(t->model->weights, result(t), t->model->weight_count * sizeof *t->weights);
}
