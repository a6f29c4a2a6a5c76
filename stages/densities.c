/* See densities.h. */
#include "stages/densities.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sum.h"
#include "report/estimates.h"
#include "statistics/running.h"

static const char *const divergence_name[] = {
    [FLOW_PROBES] = "probes", [FLOW_EXACT] = "exact", [FLOW_CLOSED] = "closed"};

struct flow_settings densities_settings(const struct parameters *p) {
    return (struct flow_settings){
        .modes = parameters_is(p, "method", "modes"),
        .method = parameters_is(p, "method", "heun")  ? RUNGE_KUTTA_HEUN
                  : parameters_is(p, "method", "rk4") ? RUNGE_KUTTA_RK4
                                                      : RUNGE_KUTTA_DOPRI5,
        .steps = parameters_integer(p, "steps"),
        .tolerance = parameters_real(p, "tolerance"),
        .divergence = (enum flow_divergence)PARAMETERS_WORD(p, "divergence", divergence_name),
        .probes = (size_t)parameters_integer(p, "probes"),
        .signs = parameters_is(p, "probe-distribution", "rademacher"),
        .control = parameters_is(p, "control-variate", "wiener"),
        .t_start = parameters_real(p, "t-start"),
        .roughness = parameters_real(p, "roughness"),
        .stretch = parameters_real(p, "stretch"),
        .gaussian_prior = parameters_is(p, "prior", "gaussian"),
        .seed = (uint64_t)parameters_integer(p, "seed"),
    };
}

enum status densities_allocate(struct densities *d, const struct score_model *m, size_t count, bool phi,
                               struct error *e) {
    struct flow_result *r = &d->result;
    d->count = count;
    d->volume = m->volume;
    d->model = m;
    r->log_q = calloc(count, sizeof *r->log_q);
    r->log_q_error = calloc(count, sizeof *r->log_q_error);
    r->evaluations = calloc(count, sizeof *r->evaluations);
    d->action = calloc(count, sizeof *d->action);
    d->phi = phi ? calloc(count, m->volume * sizeof *d->phi) : NULL;
    if (!r->log_q || !r->log_q_error || !r->evaluations || !d->action || (phi && !d->phi)) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", count);
    }
    return STATUS_OK;
}

void densities_release(struct densities *d) {
    void *all[] = {d->result.log_q, d->result.log_q_error, d->result.evaluations, d->action, d->phi};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
}

/* --- parts --------------------------------------------------------------------------------------- */

enum status densities_run(struct stage_context *c, struct densities *d, const struct flow_settings *settings,
                          enum status (*compute)(void *context, const struct parts_range *range, struct error *e),
                          void *context, struct progress *progress, bool *whole, struct error *e) {
    const struct flow_result *r = &d->result;
    const struct parts_column columns[] = {
        {"log_q", NPZ_FLOAT64, 1, r->log_q, 0},           {"log_q_error", NPZ_FLOAT64, 1, r->log_q_error, 0},
        {"evaluations", NPZ_INT64, 1, r->evaluations, 0}, {"action", NPZ_FLOAT64, 1, d->action, 0},
        {"phi", NPZ_FLOAT32, d->volume, d->phi, 0},
    };
    const struct parts parts = {.unit = "configurations",
                                .count = d->count,
                                .size = flow_part(d->model, settings),
                                .grain = flow_grain(settings),
                                .columns = columns,
                                .column_count = sizeof columns / sizeof columns[0] - (d->phi ? 0 : 1),
                                .model = d->model,
                                .compute = compute,
                                .context = context};
    struct parts_outcome outcome;
    const enum status status = parts_run(c, &parts, progress, &outcome, e);
    *whole = outcome.whole;
    if (status == STATUS_OK && outcome.computed > 0 && outcome.seconds > 0) {
        stage_note_value(c, "configurations_per_second", (double)outcome.computed / outcome.seconds, NAN, "1/s");
    }
    return status;
}

struct flow_result densities_part(const struct densities *d, const struct parts_range *range) {
    const struct flow_result *r = &d->result;
    const size_t at = range->first;
    return (struct flow_result){r->log_q + at, r->log_q_error + at, r->evaluations + at, range->done, range->finished};
}

/* --- output -------------------------------------------------------------------------------------- */

enum status densities_add(const struct densities *d, size_t products, struct npz_writer *writer, struct error *e) {
    const size_t n = d->count;
    enum status status = npz_add_reals(writer, "log_q", d->result.log_q, n, e);
    THEN(status, npz_add_reals(writer, "log_q_error", d->result.log_q_error, n, e));
    THEN(status, npz_add_reals(writer, "action", d->action, n, e));
    int64_t *copy = malloc(n * sizeof *copy);
    double *cost = malloc(n * sizeof *cost);
    if (status == STATUS_OK && (!copy || !cost)) {
        status = error_set(e, STATUS_FAILED, "out of memory for the cost");
    }
    if (status != STATUS_OK) {
        free(copy);
        free(cost);
        return status;
    }
    memcpy(copy, d->result.evaluations, n * sizeof *copy);
    for (size_t i = 0; i < n; i++) {
        cost[i] = (double)copy[i] * (double)(1 + products);
    }
    status = npz_add_owned(writer, "evaluations", NPZ_INT64, 1, &n, copy, e);
    if (status != STATUS_OK) {
        free(cost);
        return status;
    }
    return npz_add_owned(writer, "cost", NPZ_FLOAT64, 1, &n, cost, e);
}

enum status densities_add_centred(const struct densities *d, struct npz_writer *writer, struct error *e) {
    const size_t n = d->count;
    const double *S = d->action, *log_q = d->result.log_q;
    double *x = calloc(3 * n, sizeof *x);
    if (!x) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", n);
    }
    size_t kept = 0; /* not rejected */
    for (size_t i = 0; i < n; i++) {
        if (isfinite(log_q[i])) {
            x[kept] = S[i];
            x[n + kept++] = log_q[i];
        }
    }
    const double mean_S = sum_tree(x, kept) / (double)kept, mean_q = sum_tree(x + n, kept) / (double)kept;
    for (size_t i = 0; i < n; i++) {
        x[i] = isfinite(log_q[i]) ? S[i] - mean_S : NAN;
        x[n + i] = isfinite(log_q[i]) ? mean_q - log_q[i] : NAN;
        x[2 * n + i] = x[i] - x[n + i];
    }
    enum status status = npz_add_reals(writer, "action_centred", x, n, e);
    THEN(status, npz_add_reals(writer, "action_effective_centred", x + n, n, e));
    THEN(status, npz_add_reals(writer, "action_difference", x + 2 * n, n, e));
    free(x);
    return status;
}

void densities_note(struct stage_context *c, const struct densities *d, size_t products) {
    double mean = 0, error = 0;
    for (size_t i = 0; i < d->count; i++) {
        mean += (double)d->result.evaluations[i] / (double)d->count;
        error += d->result.log_q_error[i] / (double)d->count;
    }
    stage_note_value(c, "evaluations", mean, NAN, "per configuration");
    stage_note_value(c, "cost", mean * (double)(1 + products), NAN, "forward passes per configuration");
    if (isfinite(error)) {
        stage_note_value(c, "log_q_error", error, NAN, "nats");
    }
}

/* Mean over configurations of the variance of log q from the probes, and its error. */
static void find_noise(const struct densities *d, double *value, double *error) {
    struct running variances = {0};
    for (size_t i = 0; i < d->count; i++) {
        running_add(&variances, d->result.log_q_error[i] * d->result.log_q_error[i]);
    }
    *value = variances.mean;
    *error = running_error(&variances);
}

enum status densities_add_weights(struct stage_context *c, const struct densities *d, enum weights_origin origin,
                                  size_t bins, struct npz_writer *writer, struct error *e) {
    enum { NOISE = WEIGHTS_STATISTICS, STEPS, REJECTED, COUNT };
    double values[COUNT], errors[COUNT];
    const char *names[COUNT] = {[NOISE] = "var_probes", [STEPS] = "step_error", [REJECTED] = "rejected"};
    const size_t count = d->modes ? COUNT : STEPS;
    values[STEPS] = d->step_error;
    values[REJECTED] = (double)d->rejected;
    errors[STEPS] = errors[REJECTED] = NAN;
    enum status status = weights_analyse(d->action, d->result.log_q, d->count, origin, bins, values, errors, e);
    find_noise(d, &values[NOISE], &errors[NOISE]);
    for (size_t v = 0; v < count && status == STATUS_OK; v++) {
        char name[64];
        names[v] = v < WEIGHTS_STATISTICS ? weights_name[v] : names[v];
        snprintf(name, sizeof name, "%s_error", names[v]);
        status = npz_add_real(writer, names[v], values[v], e);
        if (v < STEPS) {
            THEN(status, npz_add_real(writer, name, errors[v], e));
        }
        stage_note_value(c, names[v], values[v], errors[v], "");
    }
    const struct estimates rows = {.count = count,
                                   .names = names,
                                   .values = values,
                                   .errors = errors,
                                   .method = "jackknife",
                                   .configurations = d->count};
    THEN(status, estimates_add(&rows, writer, e));
    return status;
}
