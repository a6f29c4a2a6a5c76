#include "diffusion/excess.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/random.h"
#include "base/sum.h"
#include "score/schedule.h"

/* score_evaluate of any number of configurations, all at one time. */
static enum status evaluate(struct score_worker *w, size_t capacity, int n, size_t volume, const float *phi,
                            const double *times, float *out, struct error *e) {
    enum status status = STATUS_OK;
    for (size_t at = 0; at < (size_t)n && status == STATUS_OK; at += capacity)
        status = score_evaluate(w, (size_t)n - at < capacity ? n - (int)at : (int)capacity, phi + at * volume, times + at,
                                out + at * volume, e);
    return status;
}

/* Losses of both models on configurations first .. first+n-1 at one noise level. */
static enum status losses(struct score_worker *model, struct score_worker *wiener, size_t capacity,
                          const float *fields, size_t volume, size_t first, int n, double time, double s, struct random_key key, size_t level,
                          double *model_loss, double *wiener_loss, struct error *e) {
    const size_t room = (size_t)n * volume;
    float *phi = malloc(3 * room * sizeof *phi);
    double *times = malloc((size_t)n * sizeof *times);
    if (!phi || !times) {
        free(phi);
        free(times);
        return error_set(e, STATUS_FAILED, "out of memory for the excess loss");
    }
    float *z = phi + room, *out = phi + 2 * room;
    for (int b = 0; b < n; b++) {
        times[b] = time;
        random_normal_float(key, first + (size_t)b, level, z + (size_t)b * volume, volume);
        for (size_t i = 0; i < volume; i++)
            phi[(size_t)b * volume + i] =
                fields[(first + (size_t)b) * volume + i] + (float)s * z[(size_t)b * volume + i];
    }
    enum status status = STATUS_OK;
    for (int which = 0; which < 2 && status == STATUS_OK; which++) {
        status = evaluate(which ? wiener : model, which ? SCORE_BATCH : capacity, n, volume, phi, times, out, e);
        for (int b = 0; b < n; b++) {
            double sum = 0;
            for (size_t i = (size_t)b * volume; i < (size_t)(b + 1) * volume; i++)
                sum += ((double)out[i] + (double)z[i]) * ((double)out[i] + (double)z[i]);
            (which ? wiener_loss : model_loss)[first + (size_t)b] = sum;
        }
    }
    free(phi);
    free(times);
    return status;
}

static void summarise(struct excess *x, size_t k, double *model, double *wiener, size_t count) {
    const double n = (double)count;
    x->loss[k] = sum_tree(model, count) / n;
    x->wiener[k] = sum_tree(wiener, count) / n;
    for (size_t i = 0; i < count; i++)
        model[i] -= wiener[i];
    x->excess[k] = sum_tree(model, count) / n;
    for (size_t i = 0; i < count; i++)
        model[i] = (model[i] - x->excess[k]) * (model[i] - x->excess[k]);
    x->error[k] = count > 1 ? sqrt(sum_tree(model, count) / (n * (n - 1))) : NAN;
}

static enum status measure(struct score *model, struct score *wiener, const struct score_model *m,
                           const float *fields, size_t count, double t_min, uint64_t seed, int threads,
                           struct excess *x, struct error *e) {
    struct score_worker **workers = calloc(2 * (size_t)threads, sizeof *workers);
    double *series = calloc(2 * count, sizeof *series);
    enum status status = workers && series ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for the excess loss");
    const size_t capacity = score_capacity(model);
    const int team = score_workers(model, threads);
    for (int i = 0; i < team && status == STATUS_OK; i++) {
        status = score_worker_new(model, &workers[2 * i], e);
        if (status == STATUS_OK)
            status = score_worker_new(wiener, &workers[2 * i + 1], e);
    }
    const double low = function_log(schedule_noise(m->sigma, t_min)), high = function_log(schedule_noise(m->sigma, 1));
    const struct random_key key = random_key(seed, "train", "excess");
    for (size_t k = 0; k < x->levels && status == STATUS_OK; k++) {
        const double s = function_exp(low + (high - low) * (double)k / (double)(x->levels - 1));
        const double time = schedule_time(m->sigma, s);
        x->sigma[k] = s;
#pragma omp parallel for num_threads(team) schedule(dynamic, 1)
        for (size_t first = 0; first < count; first += capacity) {
            struct score_worker **mine = workers + 2 * omp_get_thread_num();
            struct error own;
            const int n = (int)(count - first < capacity ? count - first : capacity);
            if (losses(mine[0], mine[1], capacity, fields, m->volume, first, n, time, s, key, k, series, series + count, &own) !=
                STATUS_OK)
#pragma omp critical(excess_error)
            {
                *e = own;
                status = own.status;
            }
        }
        if (status == STATUS_OK)
            summarise(x, k, series, series + count, count);
    }
    for (int i = 0; workers && i < 2 * threads; i++)
        score_worker_free(workers[i]);
    free(workers);
    free(series);
    return status;
}

enum status excess_measure(const struct score_model *model, const float *fields, size_t count, size_t levels,
                           double t_min, uint64_t seed, int threads, struct excess *x, struct error *e) {
    *x = (struct excess){.levels = levels};
    double **const arrays[] = {&x->sigma, &x->loss, &x->wiener, &x->excess, &x->error};
    for (size_t i = 0; i < 5; i++)
        if (!(*arrays[i] = calloc(levels, sizeof **arrays[i]))) {
            excess_release(x);
            return error_set(e, STATUS_FAILED, "out of memory for the excess loss");
        }
    const struct score_model linear = score_model_gaussian(model);
    struct score *score = NULL, *wiener = NULL;
    enum status status = score_new(model, &score, e);
    if (status == STATUS_OK)
        status = score_new(&linear, &wiener, e);
    if (status == STATUS_OK)
        status = measure(score, wiener, model, fields, count, t_min, seed, threads, x, e);
    score_free(score);
    score_free(wiener);
    if (status != STATUS_OK)
        excess_release(x);
    return status;
}

void excess_release(struct excess *x) {
    double *const owned[] = {x->sigma, x->loss, x->wiener, x->excess, x->error};
    for (size_t i = 0; i < 5; i++)
        free(owned[i]);
    *x = (struct excess){0};
}
