#include "diffusion/toy_process.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/random.h"
#include "score/schedule.h"
#include "lattice/fokker_planck.h"

enum { TABLE = 513 }; /* points of the score's table */

/* A table of the score at one time, between -reach and reach, for cubic interpolation. */
struct table {
    double reach, step, score[TABLE];
};

double toy_process_time(const struct toy_process_settings *s, size_t step) {
    if (s->process == TOY_LANGEVIN) {
        return s->duration * (double)step / (double)s->steps;
    }
    if (s->process == TOY_FORWARD) {
        return (double)step / (double)s->steps;
    }
    return step < s->steps ? (1 - s->t_end) * (double)step / (double)(s->steps - 1) : 1;
}

static void table_fill(struct table *t, const struct toy *toy, double variance, int threads) {
    t->reach = toy_reach(toy) + 6 * sqrt(variance);
    t->step = 2 * t->reach / (TABLE - 1);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int i = 0; i < TABLE; i++) {
        double unused;
        toy_smeared(toy, variance, -t->reach + i * t->step, &unused, &t->score[i]);
    }
}

/* Lagrange's cubic through four points; linear beyond the table, where there is almost no trajectory. */
static double table_read(const struct table *t, double phi) {
    const double place = (phi + t->reach) / t->step;
    int i = place < 1 ? 1 : place > TABLE - 3 ? TABLE - 3 : (int)place;
    const double *y = t->score + i, x = place - i;
    if (x < -1 || x > 2) { /* outside */
        return x < 0 ? y[-1] + (x + 1) * (y[0] - y[-1]) : y[2] + (x - 2) * (y[2] - y[1]);
    }
    return y[-1] * (-x * (x - 1) * (x - 2) / 6) + y[0] * ((x + 1) * (x - 1) * (x - 2) / 2) +
           y[1] * (-(x + 1) * x * (x - 2) / 2) + y[2] * ((x + 1) * x * (x - 1) / 6);
}

static double start(const struct toy *toy, const struct toy_process_settings *s, size_t trajectory) {
    double phi;
    if (s->process == TOY_FORWARD) {
        toy_draw(toy, s->seed, "process", trajectory, 1, &phi);
        return phi;
    }
    random_normal(random_key(s->seed, "toy", "prior"), trajectory, 0, &phi, 1);
    return phi * (s->process == TOY_LANGEVIN ? s->width : schedule_noise(s->sigma, 1));
}

static void keep(const struct toy_process_settings *s, size_t step, size_t count, const double *phi, double *paths,
                 double *snapshot) {
    for (size_t i = 0; i < s->kept; i++) {
        paths[i * (s->steps + 1) + step] = phi[i];
    }
    for (size_t k = 0; k < s->snapshots; k++) {
        if (s->snapshot_steps[k] == step) {
            memcpy(snapshot + k * count, phi, count * sizeof *phi);
        }
    }
}

/* Makes one step. drift: dtau for langevin, D = g^2 dt for reverse, the factor of the force or score. noise: standard
 * deviation of the noise. */
static void advance(const struct toy *toy, const struct toy_process_settings *s, const struct table *table, size_t step,
                    double drift, double noise, size_t count, int threads, double *phi) {
    const struct random_key key = random_key(s->seed, "toy", "noise");
    const struct toy_theory *theory = toy_couplings(toy);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t at = 0; at < count; at += RANDOM_LANES) {
        double z[RANDOM_LANES] = {0};
        if (noise > 0) {
            random_normal_lanes(key, at, step, z, 1);
        }
        for (size_t i = at; i < count && i < at + RANDOM_LANES; i++) {
            double force = 0;
            if (s->process == TOY_LANGEVIN) {
                force = toy_force(theory, phi[i]);
            } else if (s->process == TOY_REVERSE) {
                force = table_read(table, phi[i]);
            }
            phi[i] = phi[i] + drift * force + noise * z[i - at];
        }
    }
}

enum status toy_process_run(const struct toy *toy, const struct toy_process_settings *s, size_t count, int threads,
                            double *paths, double *snapshot, struct error *e) {
    struct table *table = malloc(sizeof *table);
    double *phi = calloc(count, sizeof *phi);
    if (!table || !phi) {
        free(table);
        free(phi);
        return error_set(e, STATUS_FAILED, "out of memory for %zu trajectories", count);
    }
    for (size_t i = 0; i < count; i++) {
        phi[i] = start(toy, s, i);
    }
    keep(s, 0, count, phi, paths, snapshot);
    bool interrupted = false;
    for (size_t step = 0; step < s->steps && !interrupted; step++) {
        interrupted = s->interrupted && *s->interrupted;
        const double time = toy_process_time(s, step), next = toy_process_time(s, step + 1);
        double drift = 0, noise;
        if (s->process == TOY_LANGEVIN) {
            drift = next - time;
            noise = sqrt(2 * drift);
        } else if (s->process == TOY_FORWARD) {
            noise = sqrt(schedule_variance(s->sigma, next) - schedule_variance(s->sigma, time));
        } else {
            table_fill(table, toy, schedule_variance(s->sigma, 1 - time), threads);
            drift = schedule_g2(s->sigma, 1 - time) * (1 - s->t_end) / (double)(s->steps - 1);
            noise = step + 1 < s->steps ? sqrt(drift) : 0;
        }
        advance(toy, s, table, step, drift, noise, count, threads, phi);
        keep(s, step + 1, count, phi, paths, snapshot);
    }
    enum status status = interrupted ? error_set(e, STATUS_FAILED, "interrupted") : STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (!isfinite(phi[i])) {
            status = error_set(e, STATUS_FAILED, "trajectory %zu is not finite, expected more steps", i);
        }
    }
    free(table);
    free(phi);
    return status;
}

/* Density of langevin: solves the Fokker-Planck equation on a separate grid and interpolates linearly. */
static enum status langevin_density(const struct toy *toy, const struct toy_process_settings *s, double time, size_t n,
                                    const double *phi, double *density, struct error *e) {
    enum { POINTS = 4001, STEPS = 2000 };
    /* no wider than necessary, since the rates grow with the slope of the action */
    const double range = fmax(toy_reach(toy), 6 * s->width), h = 2 * range / (POINTS - 1);
    double *p = malloc(POINTS * sizeof *p);
    if (!p) {
        return error_set(e, STATUS_FAILED, "out of memory for a density");
    }
    for (int i = 0; i < POINTS; i++) {
        const double x = (-range + i * h) / s->width;
        p[i] = function_exp(-0.5 * x * x) / (2.50662827463100050 * s->width);
    }
    enum status status = fokker_planck(toy_couplings(toy), range, POINTS, time, STEPS, p, e);
    for (size_t k = 0; k < n && status == STATUS_OK; k++) {
        const double place = (phi[k] + range) / h;
        const int i = place < 0 || place >= POINTS - 1 ? -1 : (int)place;
        density[k] = i < 0 ? 0 : p[i] + (place - i) * (p[i + 1] - p[i]);
    }
    free(p);
    return status;
}

enum status toy_process_density(const struct toy *toy, const struct toy_process_settings *s, size_t step, size_t n,
                                const double *phi, double *density, struct error *e) {
    const double time = toy_process_time(s, step);
    if (s->process == TOY_LANGEVIN) {
        return langevin_density(toy, s, time, n, phi, density, e);
    }
    const double variance = schedule_variance(s->sigma, s->process == TOY_FORWARD ? time : 1 - time);
    for (size_t k = 0; k < n; k++) {
        toy_smeared(toy, variance, phi[k], &density[k], NULL);
        density[k] = function_exp(density[k]);
    }
    return STATUS_OK;
}
