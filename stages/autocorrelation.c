/* Stage `autocorrelation`: autocorrelation of |M| along Markov chains and its integrated time tau_int (A 4.11-4.14,
 * Fig. 8), as published and corrected.
 *
 *   as published  the first `configurations` configurations of one chain; tau_int is summed up to the fixed lag t-max
 *   corrected     all chains of a long run (input `long`; without it, the same chains); window and error by the Gamma
 *                 method (statistics/gamma_method.h)
 *
 * Both are computed for two definitions of |M|: abs_M = |mean of phi| (the order parameter, as in the authors' code)
 * and mean_abs_phi = mean of |phi| (A 4.12 as printed). Times are in steps of the algorithm: the distance between
 * stored configurations is the `stride` of the stage `ensemble`, and 1 in a chain of `dm-mcmc`. The published window
 * assumes stride = 1.
 *
 * Artifact: t (lags, in steps); for O = abs_M and mean_abs_phi: O.rho, O.error (lags) of the long run, O.published
 * (lags) of the published window (NaN beyond t-max), O.window (Gamma method, in steps); stride; names, values, errors,
 * tau_int, tau_int_error, error_method, configurations for the stage `table`, with the names
 *   tau_int_abs_M, tau_int_mean_abs_phi              as published; their errors are statistical and do not include the
 *                                                    truncation of the sum
 *   tau_right_abs_M, tau_right_mean_abs_phi          corrected; NaN if the window is longer than a quarter of a chain
 *   abs_M, acceptance                                of the corrected run; acceptance is NaN if it is not known
 * and thermalised, the mark of the corrected run. */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lattice/action.h"
#include "report/estimates.h"
#include "stages/arrays.h"
#include "stages/fields.h"
#include "stages/stage.h"
#include "statistics/autocorrelation.h"
#include "statistics/gamma_method.h"
#include "statistics/running.h"

static const struct parameter parameters[] = {
    {.name = "configurations",
     .type = PARAMETER_INTEGER,
     .default_value = "1024",
     .minimum = 8,
     .maximum = 1e9,
     .help = "Published window: number of configurations, from the start of the first chain."},
    {.name = "t-max",
     .type = PARAMETER_INTEGER,
     .default_value = "100",
     .minimum = 1,
     .maximum = 1e6,
     .unit = "configurations",
     .help = "Published window: last term of the sum A 4.14."},
    {.name = "lags",
     .type = PARAMETER_INTEGER,
     .default_value = "100",
     .minimum = 1,
     .maximum = 1e6,
     .unit = "configurations",
     .help = "Largest lag of the autocorrelation function of the long run; fewer if its chains are shorter than "
             "twice that."},
    {.name = "window",
     .type = PARAMETER_REAL,
     .default_value = "2",
     .minimum = 0.1,
     .maximum = 100,
     .help = "Parameter S of the Gamma method's automatic window (Wolff 2004 eq. 51)."},
};

static const struct stage_input inputs[] = {
    {"fields", "ensemble|import|dm-mcmc|refresh", true, false,
     "The Markov chains; the published window is the start of the first one."},
    {"long", "ensemble|import|dm-mcmc|refresh", false, false,
     "A longer run of the same algorithm, for the corrected numbers."},
};

static const struct stage_array arrays[] = {
    {"t", NPZ_FLOAT64, "lags", "steps", "Lags."},
    {"abs_M.rho", NPZ_FLOAT64, "lags", "", "Normalised autocorrelation of |M|, of all chains."},
    {"abs_M.error", NPZ_FLOAT64, "lags", "", "Its standard error."},
    {"abs_M.published", NPZ_FLOAT64, "lags", "", "The same of the published window; NaN beyond t-max."},
    {"abs_M.window", NPZ_INT64, "", "steps", "Window of the Gamma method."},
    {"mean_abs_phi.rho", NPZ_FLOAT64, "lags", "", "Normalised autocorrelation of the mean of |phi|, of all chains."},
    {"mean_abs_phi.error", NPZ_FLOAT64, "lags", "", "Its standard error."},
    {"mean_abs_phi.published", NPZ_FLOAT64, "lags", "", "The same of the published window; NaN beyond t-max."},
    {"mean_abs_phi.window", NPZ_INT64, "", "steps", "Window of the Gamma method."},
    {"stride", NPZ_INT64, "", "steps", "Steps between two stored configurations."},
    ARRAYS_ESTIMATES,
    ARRAY_THERMALISED,
};

static const char *const outputs[] = {"artifact.npz", NULL};

enum { ABS_M, MEAN_ABS_PHI, SERIES };
static const char *const series_name[SERIES] = {"abs_M", "mean_abs_phi"};

struct chains {
    const char *path;
    size_t count, length; /* chains, configurations of each */
    int64_t stride, thermalised;
    double *series;                      /* (SERIES, count x length) */
    double acceptance, acceptance_error; /* NaN: not known */
};

struct work {
    struct chains fields, long_run; /* the inputs */
    struct chains *corrected;       /* the one for the corrected numbers: long_run if given, else fields */
    size_t lags;
    double *rho, *error, *published; /* (SERIES, lags + 1) */
    struct gamma_result gamma[SERIES];
    double tau[SERIES], tau_error[SERIES];
};

/* --- input --------------------------------------------------------------------------------------- */

/* Mean acceptance of the chains and its error. An ensemble stores one acceptance per chain, dm-mcmc one with its error.
 * If all steps or none were accepted, the error is one over the number of steps. */
static void read_acceptance(const struct npz *npz, struct chains *c) {
    const struct npz_array *a = npz_find(npz, "acceptance"), *error = npz_find(npz, "acceptance_error");
    c->acceptance = c->acceptance_error = NAN;
    if (!a || a->type != NPZ_FLOAT64 || a->count < 1) {
        return;
    }
    const double *x = a->data;
    struct running of_chains = {0};
    for (size_t i = 0; i < a->count; i++) {
        running_add(&of_chains, x[i]);
    }
    c->acceptance = of_chains.mean;
    c->acceptance_error = running_error(&of_chains);
    if (a->count == 1 && error && error->type == NPZ_FLOAT64 && error->count == 1) {
        c->acceptance_error = *(const double *)error->data;
    }
    if (c->acceptance == 0 || c->acceptance == 1) {
        c->acceptance_error = 1 / ((double)(c->count * c->length) * (double)c->stride);
    }
}

static enum status measure(const struct stage_context *c, const struct npz_array *phi, struct chains *chains,
                           struct error *e) {
    const size_t N = phi->shape[0];
    const struct theory theory = {0, 0};
    struct geometry *g = NULL;
    chains->series = malloc(SERIES * N * sizeof *chains->series);
    TRY(chains->series ? geometry_new(phi->shape + 1, phi->dimensions - 1, &g, e)
                       : error_set(e, STATUS_FAILED, "out of memory for %zu configurations", N));
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (size_t i = 0; i < N; i++) {
        const struct configuration_means m =
            configuration_measure_float(g, &theory, (const float *)phi->data + i * g->volume);
        chains->series[i] = fabs(m.field);
        chains->series[N + i] = m.magnitude;
    }
    geometry_free(g);
    for (size_t i = 0; i < N; i++) {
        if (!isfinite(chains->series[N + i])) {
            return error_set(e, STATUS_BAD_INPUT, "%s: phi is not finite in configuration %zu", chains->path, i);
        }
    }
    return STATUS_OK;
}

static enum status read_chains(struct stage_context *c, const char *input, struct chains *chains, struct error *e) {
    const struct npz *npz = stage_input(c, input, 0);
    struct fields fields;
    TRY(fields_read(npz, &fields, e));
    chains->path = fields.path;
    if (fields.phi->type != NPZ_FLOAT32) {
        return error_set(e, STATUS_BAD_INPUT, "%s: phi is float64, expected float32", chains->path);
    }
    chains->thermalised = fields.header.thermalised;
    chains->count = fields.header.chains;
    chains->length = fields.configurations / chains->count;
    if (chains->length < 8) {
        return error_set(e, STATUS_BAD_INPUT, "%s: chains of %zu configurations found, at least 8 expected",
                         chains->path, chains->length);
    }
    const char *stride = stage_input_recipe(c, input, 0, "stride");
    chains->stride = stride ? strtoll(stride, NULL, 10) : 1;
    read_acceptance(npz, chains);
    return measure(c, fields.phi, chains, e);
}

/* --- analysis ------------------------------------------------------------------------------------ */

static enum status analyse_published(const struct parameters *p, struct work *w, struct error *e) {
    const struct chains *f = &w->fields;
    const size_t t_max = (size_t)parameters_integer(p, "t-max");
    const size_t wanted = (size_t)parameters_integer(p, "configurations");
    if (wanted > f->length) {
        return error_set(e, STATUS_BAD_INPUT, "%s: chains of %zu configurations found, configurations = %zu expected",
                         f->path, f->length, wanted);
    }
    double *rho = malloc((t_max + 1) * sizeof *rho);
    enum status status = rho ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for %zu lags", t_max);
    for (size_t o = 0; o < SERIES && status == STATUS_OK; o++) {
        status = autocorrelation_published(f->series + o * f->count * f->length, wanted, t_max, rho, &w->tau[o],
                                           &w->tau_error[o], e);
        w->tau[o] *= (double)f->stride;
        w->tau_error[o] *= (double)f->stride;
        /* at the lags of the corrected run; NaN at those that the published window does not have */
        for (size_t k = 0; k <= w->lags && status == STATUS_OK; k++) {
            const int64_t steps = (int64_t)k * w->corrected->stride;
            const size_t t = (size_t)(steps / f->stride);
            w->published[o * (w->lags + 1) + k] = steps % f->stride == 0 && t <= t_max ? rho[t] : NAN;
        }
    }
    free(rho);
    return status == STATUS_OK ? status : error_prefix(e, "%s", f->path);
}

static enum status analyse_corrected(const struct parameters *p, struct work *w, struct error *e) {
    const struct chains *r = w->corrected;
    const size_t N = r->count * r->length, room = w->lags + 1;
    const struct series series = {r->series, SERIES, N, r->count};
    const struct estimator means = {.values = SERIES};
    enum status status = gamma_method(&series, &means, parameters_real(p, "window"), w->gamma, e);
    for (size_t o = 0; o < SERIES && status == STATUS_OK; o++) {
        const bool open = w->gamma[o].window == 0 || w->gamma[o].window >= r->length / 4;
        status = autocorrelation_function(r->series + o * N, r->count, r->length, room, w->gamma[o].window,
                                          w->rho + o * room, w->error + o * room, e);
        w->gamma[o].tau_int *= open ? NAN : (double)r->stride;
        w->gamma[o].tau_int_error *= open ? NAN : (double)r->stride;
    }
    return status == STATUS_OK ? status : error_prefix(e, "%s", r->path);
}

/* --- output -------------------------------------------------------------------------------------- */

static enum status add_row(struct stage_context *c, const struct work *w, struct npz_writer *writer, struct error *e) {
    static const char *const names[] = {"tau_int_abs_M",          "tau_right_abs_M", "tau_int_mean_abs_phi",
                                        "tau_right_mean_abs_phi", "abs_M",           "acceptance"};
    enum { COUNT = sizeof names / sizeof names[0] };
    static const char *const units[COUNT] = {"steps", "steps", "steps", "steps", "", ""};
    const struct gamma_result *g = w->gamma;
    const double values[COUNT] = {w->tau[ABS_M],           g[ABS_M].tau_int, w->tau[MEAN_ABS_PHI],
                                  g[MEAN_ABS_PHI].tau_int, g[ABS_M].value,   w->corrected->acceptance};
    const double errors[COUNT] = {
        w->tau_error[ABS_M],           g[ABS_M].tau_int_error, w->tau_error[MEAN_ABS_PHI],
        g[MEAN_ABS_PHI].tau_int_error, g[ABS_M].error,         w->corrected->acceptance_error};
    for (size_t v = 0; v < COUNT; v++) {
        stage_note_value(c, names[v], values[v], errors[v], units[v]);
    }
    const struct estimates rows = {.count = COUNT,
                                   .names = names,
                                   .values = values,
                                   .errors = errors,
                                   .method = "windows",
                                   .configurations = w->corrected->count * w->corrected->length};
    return estimates_add(&rows, writer, e);
}

static enum status write_artifact(struct stage_context *c, const struct work *w, struct error *e) {
    const size_t room = w->lags + 1;
    struct npz_writer *writer;
    double *t = malloc(room * sizeof *t);
    enum status status =
        t ? stage_artifact(c, &writer, e) : error_set(e, STATUS_FAILED, "out of memory for %zu lags", room);
    for (size_t k = 0; t && k < room; k++) {
        t[k] = (double)((int64_t)k * w->corrected->stride);
    }
    THEN(status, npz_add_reals(writer, "t", t, room, e));
    free(t);
    for (size_t o = 0; o < SERIES && status == STATUS_OK; o++) {
        const struct {
            const char *name;
            const double *data;
        } columns[] = {{"rho", w->rho}, {"error", w->error}, {"published", w->published}};
        char name[64];
        for (size_t i = 0; i < 3 && status == STATUS_OK; i++) {
            snprintf(name, sizeof name, "%s.%s", series_name[o], columns[i].name);
            status = npz_add_reals(writer, name, columns[i].data + o * room, room, e);
        }
        snprintf(name, sizeof name, "%s.window", series_name[o]);
        THEN(status, npz_add_integer(writer, name, (int64_t)w->gamma[o].window * w->corrected->stride, e));
    }
    THEN(status, npz_add_integer(writer, "stride", w->corrected->stride, e));
    THEN(status, header_add_thermalised(writer, w->corrected->thermalised, e));
    THEN(status, add_row(c, w, writer, e));
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct work w = {0};
    enum status status = read_chains(c, "fields", &w.fields, e);
    w.corrected = &w.fields;
    if (status == STATUS_OK && stage_input_count(c, "long") > 0) {
        status = read_chains(c, "long", &w.long_run, e);
        w.corrected = &w.long_run;
    }
    if (status == STATUS_OK) {
        w.lags = (size_t)parameters_integer(c->parameters, "lags");
        w.lags = w.lags < w.corrected->length / 2 - 1 ? w.lags : w.corrected->length / 2 - 1;
        w.rho = calloc(3 * SERIES * (w.lags + 1), sizeof *w.rho);
        if (!w.rho) {
            status = error_set(e, STATUS_FAILED, "out of memory for %zu lags", w.lags);
        }
        w.error = w.rho + SERIES * (w.lags + 1);
        w.published = w.error + SERIES * (w.lags + 1);
    }
    THEN(status, analyse_published(c->parameters, &w, e));
    THEN(status, analyse_corrected(c->parameters, &w, e));
    THEN(status, write_artifact(c, &w, e));
    free(w.rho);
    free(w.fields.series);
    free(w.long_run.series);
    return status;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    if (parameters_integer(p, "configurations") <= parameters_integer(p, "t-max") + 1) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: t-max %" PRId64 " with configurations %" PRId64
                         " found, fewer than configurations - 1 expected",
                         where, parameters_integer(p, "t-max"), parameters_integer(p, "configurations"));
    }
    return STATUS_OK;
}

const struct stage stage_autocorrelation = {
    .name = "autocorrelation",
    .summary =
        "autocorrelation of |M| along Markov chains and its integrated time, as published and by the Gamma method",
    /* 2: NaN if the window is longer than a quarter of a chain */
    .version = 3,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
    .check = check,
};
