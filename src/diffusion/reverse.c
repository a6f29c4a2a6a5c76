#include "diffusion/reverse.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/random.h"
#include "backend/backend.h"
#include "score/schedule.h"
#include "lattice/fourier.h"

/* What all workers share. */
struct plan {
    const struct score_model *model;
    const struct reverse_settings *settings;
    size_t steps;
    double *t, *s;               /* the grid and its noise levels */
    size_t *snapshot_step;       /* evaluation before which a snapshot is taken; steps: the result */
    struct random_key prior, noise;
    struct fourier *fourier;     /* ancestral only */
};

struct worker {
    struct score_worker *score;
    float *phi, *out, *z;             /* SCORE_BATCH x volume */
    double *gain, *fine, *workspace;  /* for filtering noise */
};

void reverse_grid(const struct reverse_settings *settings, double sigma, double *t) {
    const int64_t n = settings->steps;
    const double low = function_log(schedule_noise(sigma, settings->t_end));
    const double high = function_log(schedule_noise(sigma, 1.0));
    for (int64_t i = 0; i < n; i++) {
        const double part = (double)i / (double)(n - 1);
        t[i] = settings->log_grid ? schedule_time(sigma, function_exp(high + (low - high) * part))
                                  : 1.0 + (settings->t_end - 1.0) * part;
    }
    t[0] = 1.0;
}

static void place_snapshots(struct plan *p) {
    const struct reverse_settings *s = p->settings;
    for (size_t k = 0; k < s->snapshot_count; k++) {
        const double t = 1.0 - s->snapshot_times[k];
        size_t best = 0;
        for (size_t i = 1; i < p->steps; i++)
            if (fabs(p->t[i] - t) < fabs(p->t[best] - t))
                best = i;
        p->snapshot_step[k] = t <= 0 ? p->steps : best;
    }
}

static void take_snapshots(const struct plan *p, size_t step, size_t first, int n, const float *phi,
                           float *snapshots) {
    const struct score_model *m = p->model;
    const size_t kept = p->settings->snapshot_configurations;
    for (size_t k = 0; snapshots && k < p->settings->snapshot_count; k++)
        for (int b = 0; p->snapshot_step[k] == step && b < n && first + (size_t)b < kept; b++)
            for (size_t i = 0; i < m->volume; i++)
                snapshots[(k * kept + first + (size_t)b) * m->volume + i] =
                    (float)((double)phi[(size_t)b * m->volume + i] / m->factor + m->offset);
}

/* phi += drift * (s score) + amplitude * z */
static void move(size_t n, float drift, const float *restrict score, float amplitude, const float *restrict z,
                 float *restrict phi) {
    for (size_t i = 0; i < n; i++)
        phi[i] = (phi[i] + drift * score[i]) + amplitude * z[i];
}

/* White noise z to covariance D (G + s'^2)/(G + s^2). */
static void colour(const struct plan *p, struct worker *w, double s, double next, float *z) {
    const struct score_model *m = p->model;
    const double d = s * s - next * next;
    for (size_t i = 0; i < m->volume; i++) {
        const double g = m->propagator[i];
        w->gain[i] = sqrt(d * (g + next * next) / (g + s * s));
        w->fine[i] = (double)z[i];
    }
    fourier_filter(p->fourier, w->gain, w->fine, w->fine, w->workspace);
    for (size_t i = 0; i < m->volume; i++)
        z[i] = (float)w->fine[i];
}

/* D of the step from grid point i. */
static double step_variance(const struct plan *p, size_t i) {
    const double s = p->s[i], next = i + 1 == p->steps ? 0.0 : p->s[i + 1];
    if (p->settings->log_grid)
        return s * s - next * next;
    return schedule_g2(p->model->sigma, p->t[i]) * (1.0 - p->settings->t_end) / (double)(p->steps - 1);
}

/* One step of n configurations from grid point i; `first` is the number of the first of them. */
static void step(const struct plan *p, struct worker *w, size_t i, size_t first, int n) {
    const struct score_model *m = p->model;
    const size_t volume = m->volume;
    const bool last = i + 1 == p->steps;
    const double s = p->s[i], next = last ? 0.0 : p->s[i + 1], variance = step_variance(p, i);
    const bool ancestral = p->settings->method == REVERSE_ANCESTRAL;
    for (int b = 0; b < n; b++) {
        const size_t at = (size_t)b * volume;
        float amplitude = 0;
        if (ancestral || !last) {
            random_normal_float(p->noise, first + (size_t)b, i, w->z, volume);
            if (ancestral)
                colour(p, w, s, next, w->z);
            amplitude = ancestral ? 1.0f : (float)sqrt(variance);
        } else
            memset(w->z, 0, volume * sizeof *w->z);
        move(volume, (float)(variance / s), w->out + at, amplitude, w->z, w->phi + at);
    }
}

static enum status draw(const struct plan *p, struct worker *w, size_t first, int n, float *phi, float *snapshots,
                        const volatile sig_atomic_t *interrupted, struct error *e) {
    const struct score_model *m = p->model;
    const size_t volume = m->volume;
    const float start = (float)schedule_noise(m->sigma, 1.0);
    for (int b = 0; b < n; b++) {
        float *own = w->phi + (size_t)b * volume;
        random_normal_float(p->prior, first + (size_t)b, 0, own, volume);
        for (size_t i = 0; i < volume; i++)
            own[i] *= start;
    }
    for (size_t i = 0; i < p->steps; i++) {
        double t[SCORE_BATCH];
        for (int b = 0; b < n; b++)
            t[b] = p->t[i];
        take_snapshots(p, i, first, n, w->phi, snapshots);
        enum status status = score_evaluate(w->score, n, w->phi, t, w->out, e);
        if (status != STATUS_OK)
            return status;
        step(p, w, i, first, n);
        if (*interrupted)
            return error_set(e, STATUS_FAILED, "interrupted while sampling");
    }
    take_snapshots(p, p->steps, first, n, w->phi, snapshots);
    for (size_t i = 0; i < (size_t)n * volume; i++) {
        if (!isfinite(w->phi[i]))
            return error_set(e, STATUS_FAILED, "configuration %zu is not finite: the sampler diverged",
                             first + i / volume);
        phi[i] = (float)((double)w->phi[i] / m->factor + m->offset);
    }
    return STATUS_OK;
}

static void worker_release(struct worker *w) {
    score_worker_free(w->score);
    free(w->phi);
    free(w->out);
    free(w->z);
    free(w->gain);
    free(w->fine);
    free(w->workspace);
}

static enum status worker_prepare(const struct plan *p, struct score *score, struct worker *w, struct error *e) {
    const size_t volume = p->model->volume, room = SCORE_BATCH * volume;
    w->phi = malloc(room * sizeof *w->phi);
    w->out = malloc(room * sizeof *w->out);
    w->z = malloc(volume * sizeof *w->z);
    bool complete = w->phi && w->out && w->z;
    if (p->fourier) {
        w->gain = malloc(volume * sizeof *w->gain);
        w->fine = malloc(volume * sizeof *w->fine);
        w->workspace = malloc(fourier_workspace(p->fourier) * sizeof *w->workspace);
        complete = complete && w->gain && w->fine && w->workspace;
    }
    if (!complete)
        return error_set(e, STATUS_FAILED, "out of memory for a sampler");
    return score_worker_new(score, &w->score, e);
}

static enum status plan_make(struct plan *p, const struct score_model *model, const struct reverse_settings *settings,
                             struct error *e) {
    *p = (struct plan){.model = model, .settings = settings, .steps = (size_t)settings->steps};
    p->prior = random_key(settings->seed, "sample", "prior");
    p->noise = random_key(settings->seed, "sample", "noise");
    p->t = calloc(p->steps + 1, sizeof *p->t);
    p->s = calloc(p->steps + 1, sizeof *p->s);
    p->snapshot_step = calloc(settings->snapshot_count + 1, sizeof *p->snapshot_step);
    if (!p->t || !p->s || !p->snapshot_step)
        return error_set(e, STATUS_FAILED, "out of memory for a sampler");
    reverse_grid(settings, model->sigma, p->t);
    for (size_t i = 0; i < p->steps; i++)
        p->s[i] = schedule_noise(model->sigma, p->t[i]);
    place_snapshots(p);
    if (settings->method == REVERSE_EULER_MARUYAMA)
        return STATUS_OK;
    return fourier_new(model->extents, model->dimensions, &p->fourier, e);
}

static void plan_release(struct plan *p) {
    free(p->t);
    free(p->s);
    free(p->snapshot_step);
    fourier_free(p->fourier);
}

static enum status run(const struct plan *p, struct score *score, struct worker *workers, size_t first, size_t count,
                       int threads, float *phi, float *snapshots, const volatile sig_atomic_t *interrupted,
                       struct progress *progress, struct error *e) {
    enum status status = STATUS_OK;
    for (int i = 0; i < threads && status == STATUS_OK; i++)
        status = worker_prepare(p, score, &workers[i], e);
    if (status != STATUS_OK)
        return status;
    size_t done = 0, failed = count; /* first configuration of the first batch that failed */
    int stop = 0;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (size_t at = 0; at < count; at += SCORE_BATCH) {
        const int n = count - at < SCORE_BATCH ? (int)(count - at) : SCORE_BATCH;
        struct error own;
        int skip;
#pragma omp atomic read
        skip = stop;
        if (skip || *interrupted)
            continue;
        if (draw(p, &workers[omp_get_thread_num()], first + at, n, phi + at * p->model->volume, snapshots, interrupted,
                 &own) != STATUS_OK) {
#pragma omp atomic write
            stop = 1;
#pragma omp critical(reverse_error)
            if (at < failed) {
                failed = at;
                *e = own;
                status = own.status;
            }
        }
#pragma omp critical(reverse_progress)
        {
            done += (size_t)n;
            if (progress)
                progress_update(progress, first + done, NULL);
        }
    }
    if (status == STATUS_OK && *interrupted)
        status = error_set(e, STATUS_FAILED, "interrupted while sampling");
    return status;
}

/* --- a device ------------------------------------------------------------------------------------ */

/* Whether a snapshot is due at this point of the grid. */
static bool snapshot_due(const struct plan *p, size_t step) {
    for (size_t k = 0; k < p->settings->snapshot_count; k++)
        if (p->snapshot_step[k] == step)
            return true;
    return false;
}

/* What a step does, as for the CPU in step(). */
static struct backend_move move_of(const struct plan *p, size_t i) {
    const bool last = i + 1 == p->steps, ancestral = p->settings->method == REVERSE_ANCESTRAL;
    const double variance = step_variance(p, i), next = last ? 0.0 : p->s[i + 1];
    return (struct backend_move){.drift = (float)(variance / p->s[i]),
                                 .amplitude = ancestral ? 1.0f : last ? 0.0f : (float)sqrt(variance),
                                 .coloured = ancestral,
                                 .next = next};
}

/* Configurations first .. first+n-1, which have one batch of the device, from the prior to the end. */
static enum status remote_batch(const struct plan *p, struct backend_sampler *sampler, size_t first, size_t n,
                                float *field, float *snapshots, const volatile sig_atomic_t *interrupted,
                                struct error *e) {
    enum { STRETCH = 64 }; /* steps between two looks at *interrupted */
    struct backend *device = p->model->backend;
    const bool kept = snapshots && first < p->settings->snapshot_configurations;
    enum status status = device->sampler_start(sampler, first, e);
    for (size_t i = 0; i < p->steps && status == STATUS_OK;) {
        if (kept && snapshot_due(p, i)) {
            status = device->sampler_fetch(sampler, n, field, e);
            if (status == STATUS_OK)
                take_snapshots(p, i, first, (int)n, field, snapshots);
        }
        size_t stretch = 1;
        while (i + stretch < p->steps && stretch < STRETCH && !(kept && snapshot_due(p, i + stretch)))
            stretch++;
        if (status == STATUS_OK)
            status = device->sampler_steps(sampler, stretch, e);
        i += stretch;
        if (status == STATUS_OK && *interrupted)
            status = error_set(e, STATUS_FAILED, "interrupted while sampling");
    }
    if (status == STATUS_OK)
        status = device->sampler_fetch(sampler, n, field, e);
    if (status == STATUS_OK && kept)
        take_snapshots(p, p->steps, first, (int)n, field, snapshots);
    return status;
}

static enum status remote_run(const struct plan *p, size_t first, size_t count, float *phi, float *snapshots,
                              const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e) {
    const struct score_model *m = p->model;
    struct backend *device = m->backend;
    const size_t capacity = device->capacity(m), volume = m->volume;
    struct score_frame *frames = calloc(p->steps, sizeof *frames);
    struct backend_move *moves = calloc(p->steps, sizeof *moves);
    struct backend_sampler *sampler = NULL;
    float *field = malloc(capacity * volume * sizeof *field);
    enum status status =
        frames && moves && field ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for a sampler");
    for (size_t i = 0; i < p->steps && status == STATUS_OK; i++) {
        frames[i] = score_frame(m, p->t[i]);
        moves[i] = move_of(p, i);
    }
    if (status == STATUS_OK)
        status = device->sampler_new(device, m, frames, moves, p->steps, p->prior, p->noise,
                                     (float)schedule_noise(m->sigma, 1.0), &sampler, e);
    /* Batches begin at multiples of the capacity, so that a configuration has its place whatever the split. */
    for (size_t at = first, n; at < first + count && status == STATUS_OK; at += n) {
        const size_t begin = at - at % capacity, skip = at - begin;
        n = first + count - at < capacity - skip ? first + count - at : capacity - skip;
        status = remote_batch(p, sampler, begin, skip + n, field, snapshots, interrupted, e);
        for (size_t i = 0; i < n * volume && status == STATUS_OK; i++) {
            const float x = field[skip * volume + i];
            if (!isfinite(x))
                status = error_set(e, STATUS_FAILED, "configuration %zu is not finite: the sampler diverged",
                                   at + i / volume);
            phi[(at - first) * volume + i] = (float)((double)x / m->factor + m->offset);
        }
        if (progress && status == STATUS_OK)
            progress_update(progress, at + n, NULL);
    }
    if (sampler)
        device->sampler_free(sampler);
    free(frames);
    free(moves);
    free(field);
    return status;
}

enum status reverse_run(const struct score_model *model, const struct reverse_settings *settings, size_t first,
                        size_t count, int threads, float *phi, float *snapshots,
                        const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e) {
    if (settings->method == REVERSE_ANCESTRAL && !settings->log_grid)
        return error_set(e, STATUS_BAD_INPUT, "method ancestral needs grid log-s");
    if (settings->method == REVERSE_DIRECT) {
        const struct score_draw draw = {random_key(settings->seed, "sample", "prior"), first, count, threads, phi, NULL,
                                        interrupted, progress};
        return score_model_draw(model, &draw, e);
    }
    struct plan plan;
    struct score *score = NULL;
    struct worker *workers = calloc((size_t)threads, sizeof *workers);
    enum status status = workers ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for a sampler");
    if (status == STATUS_OK) {
        status = plan_make(&plan, model, settings, e);
        const bool remote = score_model_device(model);
        if (status == STATUS_OK && remote)
            status = remote_run(&plan, first, count, phi, snapshots, interrupted, progress, e);
        else if (status == STATUS_OK)
            status = score_new(model, &score, e);
        if (status == STATUS_OK && !remote)
            status = run(&plan, score, workers, first, count, threads, phi, snapshots, interrupted, progress, e);
        plan_release(&plan);
    }
    for (int i = 0; workers && i < threads; i++)
        worker_release(&workers[i]);
    free(workers);
    score_free(score);
    return status;
}

size_t reverse_part(const struct score_model *model, int threads) {
    enum { BATCHES = 16 }; /* between two ends at which threads wait for each other, or a device for its set-up */
    const struct backend *device = score_model_device(model);
    if (device)
        return BATCHES * device->capacity(model);
    return BATCHES * SCORE_BATCH * (size_t)threads;
}
