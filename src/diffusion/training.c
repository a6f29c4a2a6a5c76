#include "diffusion/training_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/functions.h"
#include "base/random.h"
#include "base/sum.h"
#include "score/schedule.h"

static void *need(size_t count, size_t size, bool *complete) {
    void *p = calloc(count + 1, size);
    if (!p) {
        *complete = false;
    }
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
    if (!t) {
        return error_set(e, STATUS_FAILED, "out of memory for training");
    }
    t->model = model;
    t->count = count;
    t->settings = *settings;
    t->backend = backend_of(model, threads, &t->cpu);
    const size_t weights = model->weight_count, batch = (size_t)settings->batch, stretch = t->backend->training_stretch;
    const size_t calls = (batches(t) < stretch ? batches(t) : stretch) * batch; /* configurations of one call */
    bool complete = true;
    t->weights = need(weights, sizeof *t->weights, &complete);
    t->first_moment = need(weights, sizeof *t->first_moment, &complete);
    t->second_moment = need(weights, sizeof *t->second_moment, &complete);
    t->average = need(weights, sizeof *t->average, &complete);
    t->kept = need(settings->keep_count * weights, sizeof *t->kept, &complete);
    t->loss = need((size_t)settings->epochs, sizeof *t->loss, &complete);
    t->took = need((size_t)settings->epochs, sizeof *t->took, &complete);
    t->order = need(count, sizeof *t->order, &complete);
    t->epoch_loss = need(batches(t), sizeof *t->epoch_loss, &complete);
    t->examples = need(calls, sizeof *t->examples, &complete);
    t->frames = need(calls, sizeof *t->frames, &complete);
    t->losses = need(calls, sizeof *t->losses, &complete);
    t->steps = need(calls / batch, sizeof *t->steps, &complete);
    enum status status = complete ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for training");
    THEN(status, t->backend->training_new(t->backend, model, fields, count, batch, batches(t), &t->work, e));
    if (status != STATUS_OK) {
        training_free(t);
        return status;
    }
    t->shuffle = random_key(settings->seed, "train", "shuffle");
    t->time = random_key(settings->seed, "train", "time");
    t->noise = random_key(settings->seed, "train", "noise");
    t->sign = random_key(settings->seed, "train", "sign");
    training_shuffle(t);
    *training = t;
    return STATUS_OK;
}

void training_free(struct training *t) {
    if (!t) {
        return;
    }
    if (t->work) {
        t->backend->training_free(t->work);
    }
    void *const owned[] = {t->weights, t->first_moment, t->second_moment, t->average, t->loss,   t->took, t->kept,
                           t->order,   t->epoch_loss,   t->examples,      t->frames,  t->losses, t->steps};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) {
        free(owned[i]);
    }
    free(t);
}

static double draw_time(const struct training *t, size_t place) {
    double u;
    random_uniform(t->time, place, (uint64_t)t->epoch, &u, 1);
    const double t_min = t->settings.t_min;
    if (!t->settings.log_noise) {
        return t_min + u * (1.0 - t_min);
    }
    const double sigma = t->model->sigma, low = function_log(schedule_noise(sigma, t_min)),
                 high = function_log(schedule_noise(sigma, 1.0));
    return schedule_time(sigma, function_exp(low + u * (high - low)));
}

/* Z2 augmentation: the sign of the configuration at this position in the epoch's order. */
static float draw_sign(const struct training *t, size_t place) {
    if (!t->settings.flip) {
        return 1;
    }
    uint32_t word[4];
    random_block(t->sign, place, (uint64_t)t->epoch, 0, word);
    return word[0] & 1 ? -1.0f : 1.0f;
}

static double rate(const struct training *t) {
    if (!t->settings.cosine) {
        return t->settings.learning_rate;
    }
    const double total = (double)(t->settings.epochs * (int64_t)batches(t));
    double sine, cosine;
    function_sincos_turns(0.5 * (double)t->step / total, &sine, &cosine);
    return t->settings.learning_rate * (0.505 + 0.495 * cosine);
}

/* Decay of the running average, smaller in the first steps so that it quickly forgets the starting weights. */
static double decay(const struct training *t) {
    const double early = (double)(1 + t->step) / (double)(10 + t->step);
    return early < t->settings.ema ? early : t->settings.ema;
}

/* Makes `count` steps from the batch at `first` of the epoch's order on; sets loss[count] to the means over the
 * batches. A smaller last batch is padded with empty examples. */
static enum status take_steps(struct training *t, size_t first, size_t count, double *loss, struct error *e) {
    const size_t batch = (size_t)t->settings.batch;
    for (size_t k = 0; k < count; k++) {
        const size_t at = first + k * batch, n = at + batch > t->count ? t->count - at : batch;
        for (size_t b = 0; b < batch; b++) {
            const size_t place = b < n ? at + b : at;
            const double time = draw_time(t, place);
            t->frames[k * batch + b] = score_frame(t->model, time);
            t->examples[k * batch + b] =
                (struct backend_example){t->order[place], draw_sign(t, place),
                                         (float)schedule_noise(t->model->sigma, time), b < n ? 2.0f / (float)n : 0.0f};
        }
        const double step_rate = rate(t);
        t->step++;
        t->steps[k] = (struct backend_step){adam_scalars(t->step, step_rate, 0.9, 0.999, 1e-8),
                                            t->settings.ema > 0 ? (float)(1 - decay(t)) : 0.0f};
    }
    enum status status = t->backend->training_steps(t->work, count, t->examples, t->frames, t->steps, t->noise, first,
                                                    (uint64_t)t->epoch, t->losses, e);
    for (size_t k = 0; k < count && status == STATUS_OK; k++) {
        const size_t at = first + k * batch, n = at + batch > t->count ? t->count - at : batch;
        loss[k] = sum_tree(t->losses + k * batch, n) / (double)n;
        if (!isfinite(loss[k])) {
            status =
                error_set(e, STATUS_FAILED, "the loss is not finite in epoch %" PRId64 ", batch %zu: training diverged",
                          t->epoch + 1, at / batch + 1);
        }
    }
    return status;
}

/* --- steps and epochs ---------------------------------------------------------------------------- */

enum status training_step(struct training *t, size_t first, double *loss, struct error *e) {
    return take_steps(t, first, 1, loss, e);
}

/* Makes an epoch, in calls of as many steps as the backend takes. An interrupted epoch is discarded. */
static enum status run_epoch(struct training *t, const volatile sig_atomic_t *interrupted, struct error *e) {
    const size_t count = batches(t), stretch = t->backend->training_stretch;
    enum status status = STATUS_OK;
    training_shuffle(t);
    for (size_t b = 0, n; b < count && status == STATUS_OK; b += n) {
        n = count - b < stretch ? count - b : stretch;
        status = take_steps(t, b * (size_t)t->settings.batch, n, t->epoch_loss + b, e);
        if (status == STATUS_OK && *interrupted) {
            status = error_set(e, STATUS_FAILED, "interrupted in epoch %" PRId64 " of %" PRId64, t->epoch + 1,
                               t->settings.epochs);
        }
    }
    return status;
}

static const float *result(const struct training *t) {
    return t->settings.ema > 0 ? t->average : t->weights;
}

static enum status keep(struct training *t, struct error *e) {
    for (size_t i = 0; i < t->settings.keep_count; i++) {
        if (t->settings.keep[i] != t->epoch) {
            continue;
        }
        TRY(training_pull(t, e));
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
        TRY(run_epoch(t, interrupted, e));
        t->loss[t->epoch++] = sum_tree(t->epoch_loss, count) / (double)count;
        TRY(keep(t, e));
        if (t->timed < (size_t)epochs) { /* a training that was restored from a checkpoint may do more */
            t->took[t->timed++] = clock_seconds() - begun;
        }
        char note[48];
        snprintf(note, sizeof note, "loss %.3f", t->loss[t->epoch - 1]);
        progress_update(progress, (uint64_t)t->epoch, note);
        if (checkpoint && t->epoch < epochs && clock_seconds() - last_save > 20 * cost) {
            const double start = clock_seconds();
            TRY(training_save(t, checkpoint, key, e));
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
    if (t->timed == 0) {
        return 0;
    }
    qsort(t->took, t->timed, sizeof *t->took, by_size); /* their order is not needed */
    return (t->took[(t->timed - 1) / 2] + t->took[t->timed / 2]) / 2;
}

const float *training_kept(const struct training *t) {
    return t->kept;
}

void training_finish(struct training *t) {
    memcpy(t->model->weights, result(t), t->model->weight_count * sizeof *t->weights);
}
