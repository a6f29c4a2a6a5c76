#include "diffusion/reverse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/random.h"
#include "backend/cpu.h"
#include "lattice/transform.h"
#include "score/schedule.h"

/* A run of the reverse process: its grid, snapshots and random numbers. */
struct plan {
    const struct score_model *model;
    const struct reverse_settings *settings;
    size_t steps;
    double *t, *s;         /* times and noise levels of the grid */
    size_t *snapshot_step; /* evaluation before which a snapshot is taken; `steps` stands for the result */
    struct random_key prior, noise;
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
        for (size_t i = 1; i < p->steps; i++) {
            if (fabs(p->t[i] - t) < fabs(p->t[best] - t)) {
                best = i;
            }
        }
        p->snapshot_step[k] = t <= 0 ? p->steps : best;
    }
}

static void take_snapshots(const struct plan *p, size_t step, size_t first, int n, const float *phi, float *snapshots) {
    const struct score_model *m = p->model;
    const size_t kept = p->settings->snapshot_configurations;
    for (size_t k = 0; snapshots && k < p->settings->snapshot_count; k++) {
        for (int b = 0; p->snapshot_step[k] == step && b < n && first + (size_t)b < kept; b++) {
            for (size_t i = 0; i < m->volume; i++) {
                snapshots[(k * kept + first + (size_t)b) * m->volume + i] =
                    (float)((double)phi[(size_t)b * m->volume + i] / m->factor + m->offset);
            }
        }
    }
}

/* D = s_i^2 - s_(i+1)^2 of the step from grid point i. */
static double step_variance(const struct plan *p, size_t i) {
    const double s = p->s[i], next = i + 1 == p->steps ? 0.0 : p->s[i + 1];
    if (p->settings->log_grid) {
        return s * s - next * next;
    }
    return schedule_g2(p->model->sigma, p->t[i]) * (1.0 - p->settings->t_end) / (double)(p->steps - 1);
}

static enum status plan_make(struct plan *p, const struct score_model *model, const struct reverse_settings *settings,
                             struct error *e) {
    *p = (struct plan){.model = model, .settings = settings, .steps = (size_t)settings->steps};
    p->prior = random_key(settings->seed, "sample", "prior");
    p->noise = random_key(settings->seed, "sample", "noise");
    p->t = calloc(p->steps + 1, sizeof *p->t);
    p->s = calloc(p->steps + 1, sizeof *p->s);
    p->snapshot_step = calloc(settings->snapshot_count + 1, sizeof *p->snapshot_step);
    if (!p->t || !p->s || !p->snapshot_step) {
        return error_set(e, STATUS_FAILED, "out of memory for a sampler");
    }
    reverse_grid(settings, model->sigma, p->t);
    for (size_t i = 0; i < p->steps; i++) {
        p->s[i] = schedule_noise(model->sigma, p->t[i]);
    }
    place_snapshots(p);
    return STATUS_OK;
}

static void plan_release(struct plan *p) {
    free(p->t);
    free(p->s);
    free(p->snapshot_step);
}

/* Whether a snapshot is due at this point of the grid. */
static bool snapshot_due(const struct plan *p, size_t step) {
    for (size_t k = 0; k < p->settings->snapshot_count; k++) {
        if (p->snapshot_step[k] == step) {
            return true;
        }
    }
    return false;
}

/* The coefficients of step i. */
static struct backend_move move_of(const struct plan *p, size_t i) {
    const bool last = i + 1 == p->steps, ancestral = p->settings->method == REVERSE_ANCESTRAL;
    const double variance = step_variance(p, i), next = last ? 0.0 : p->s[i + 1];
    return (struct backend_move){.drift = (float)(variance / p->s[i]),
                                 .amplitude = ancestral ? 1.0f
                                              : last    ? 0.0f
                                                        : (float)sqrt(variance),
                                 .coloured = ancestral,
                                 .next = next};
}

/* Draws configurations first .. first+n-1 in one call, from the prior to the end. Progress is counted from `done` on,
 * for `fresh` configurations. */
static enum status draw(const struct plan *p, struct backend *b, struct backend_sampler *sampler, size_t first,
                        size_t n, float *field, float *snapshots, const volatile sig_atomic_t *interrupted,
                        struct progress *progress, size_t done, size_t fresh, struct error *e) {
    const bool kept = snapshots && first < p->settings->snapshot_configurations;
    enum status status = b->sampler_start(sampler, first, n, e);
    for (size_t i = 0; i < p->steps && status == STATUS_OK;) {
        if (kept && snapshot_due(p, i)) {
            status = b->sampler_fetch(sampler, n, field, e);
            if (status == STATUS_OK) {
                take_snapshots(p, i, first, (int)n, field, snapshots);
            }
        }
        size_t stretch = 1;
        while (i + stretch < p->steps && stretch < b->sampler_stretch && !(kept && snapshot_due(p, i + stretch))) {
            stretch++;
        }
        THEN(status, b->sampler_steps(sampler, stretch, e));
        i += stretch;
        if (status == STATUS_OK && *interrupted) {
            status = error_set(e, STATUS_FAILED, "interrupted while sampling");
        }
        progress_update(progress, done + fresh * i / p->steps, NULL);
    }
    THEN(status, b->sampler_fetch(sampler, n, field, e));
    if (status == STATUS_OK && kept) {
        take_snapshots(p, p->steps, first, (int)n, field, snapshots);
    }
    return status;
}

static enum status run(const struct plan *p, struct backend *b, size_t first, size_t count, float *phi,
                       float *snapshots, const volatile sig_atomic_t *interrupted, struct progress *progress,
                       struct error *e) {
    const struct score_model *m = p->model;
    const size_t capacity = b->capacity(b, m), volume = m->volume;
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
    THEN(status, b->sampler_new(b, m, frames, moves, p->steps, p->prior, p->noise, (float)schedule_noise(m->sigma, 1.0),
                                &sampler, e));
    for (size_t at = first, n; at < first + count && status == STATUS_OK; at += n) {
        const size_t skip = b->placed ? at % capacity : 0;
        n = first + count - at < capacity - skip ? first + count - at : capacity - skip;
        status = draw(p, b, sampler, at - skip, skip + n, field, snapshots, interrupted, progress, at, n, e);
        for (size_t i = 0; i < n * volume && status == STATUS_OK; i++) {
            const float x = field[skip * volume + i];
            if (!isfinite(x)) {
                status = error_set(e, STATUS_FAILED, "configuration %zu is not finite: the sampler diverged",
                                   at + i / volume);
            }
            phi[(at - first) * volume + i] = (float)((double)x / m->factor + m->offset);
        }
    }
    if (sampler) {
        b->sampler_free(sampler);
    }
    free(frames);
    free(moves);
    free(field);
    return status;
}

/* --- in normalised modes ------------------------------------------------------------------------- */

bool reverse_has_grid(enum reverse_method method) {
    return method == REVERSE_EULER_MARUYAMA || method == REVERSE_ANCESTRAL;
}

static enum status run_modes(const struct score_model *m, const struct reverse_settings *settings, size_t first,
                             size_t count, int threads, float *phi, const volatile sig_atomic_t *interrupted,
                             struct progress *progress, struct error *e) {
    enum { TRIES = 32 };
    double *log_q = malloc(count * sizeof *log_q);
    if (!log_q) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", count);
    }
    const struct random_key key = random_key(settings->seed, "sample", "modes");
    struct score_modes work = {.steps = (size_t)settings->steps,
                               .noisy = settings->method == REVERSE_MODES_NOISY,
                               .key = &key,
                               .first = first,
                               .count = count,
                               .threads = threads,
                               .phi = phi,
                               .log_q = log_q,
                               .interrupted = interrupted,
                               .progress = progress};
    enum status status = score_model_modes(m, &work, e);
    for (size_t i = 0; i < count; i++) {
        for (int try = 1; status == STATUS_OK && isnan(log_q[i]); try++) {
            char purpose[32];
            snprintf(purpose, sizeof purpose, "modes %d", try);
            const struct random_key other = random_key(settings->seed, "sample", purpose);
            if (try == TRIES) {
                status = error_set(e, STATUS_FAILED, "configuration %zu: %d draws became infinite or left the phase",
                                   first + i, TRIES);
            }
            work = (struct score_modes){.steps = work.steps,
                                        .noisy = work.noisy,
                                        .key = &other,
                                        .first = first + i,
                                        .count = 1,
                                        .threads = threads,
                                        .phi = phi + i * m->volume,
                                        .log_q = log_q + i,
                                        .interrupted = interrupted};
            THEN(status, score_model_modes(m, &work, e));
            if (settings->redrawn) {
                ++*settings->redrawn;
            }
        }
    }
    free(log_q);
    return status;
}

enum status reverse_run(const struct score_model *model, const struct reverse_settings *settings, size_t first,
                        size_t count, int threads, float *phi, float *snapshots,
                        const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e) {
    if (settings->method == REVERSE_ANCESTRAL && !settings->log_grid) {
        return error_set(e, STATUS_BAD_INPUT, "method ancestral needs grid log-s");
    }
    if (settings->method == REVERSE_DIRECT) {
        const struct score_draw draw = {
            random_key(settings->seed, "sample", "prior"), first, count, threads, phi, NULL, interrupted, progress};
        return score_model_draw(model, &draw, e);
    }
    if (!reverse_has_grid(settings->method)) {
        return run_modes(model, settings, first, count, threads, phi, interrupted, progress, e);
    }
    struct plan plan;
    struct backend_cpu cpu;
    struct backend *b = backend_of(model, threads, &cpu);
    enum status status = plan_make(&plan, model, settings, e);
    THEN(status, run(&plan, b, first, count, phi, snapshots, interrupted, progress, e));
    plan_release(&plan);
    return status;
}

static bool in_modes(enum reverse_method method) {
    return method == REVERSE_MODES || method == REVERSE_MODES_NOISY;
}

size_t reverse_part(const struct score_model *model, enum reverse_method method) {
    enum { PART = 256, CALLS = 16, SITES = 1 << 24 }; /* CALLS of a device, whose set-up is paid once a part */
    if (in_modes(method)) {                           /* the tables of its levels are made once a part */
        return SITES / model->volume + 1;
    }
    struct backend_cpu cpu;
    const struct backend *b = backend_of(model, 1, &cpu);
    return b->placed ? CALLS * b->capacity(b, model) : PART;
}

size_t reverse_grain(const struct score_model *model, enum reverse_method method) {
    struct backend_cpu cpu;
    const struct backend *b = backend_of(model, 1, &cpu);
    return in_modes(method) ? TRANSFORM_FIELDS /* whole packs (effective_flow.h) */
           : b->placed      ? b->capacity(b, model)
                            : 1;
}

size_t reverse_at_once(const struct score_model *model, enum reverse_method method, int threads) {
    struct backend_cpu cpu;
    const struct backend *b = backend_of(model, threads, &cpu);
    return in_modes(method) ? 0 : b->capacity(b, model);
}
