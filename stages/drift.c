/* Stage `drift`: the learned score of a model of the toy theory against the exact one from quadrature (A Fig. 3, B
 * Fig. 2).
 *
 * At every tau = 1 - t it computes
 *   the learned score s_theta and the exact score s, both in the units of the field;
 *   the effective action S_DM(phi) = -int s_theta dphi (A prints it without the sign: grad S_DM = -s), shifted by the
 *   constant Delta S_0 that brings its minimum to that of the action, and -log p_t shifted in the same way;
 *   the root of the mean square of s_theta - s with respect to p_t.
 * Integrals over phi use the trapezoidal rule: for S_DM on the grid, for the errors wherever p_t is not negligible.
 *
 * Artifact, in groups of vectors of equal length, for `plot`:
 *   tau, phi, score, exact, action, exact_action, force, theory   (taus x points): theory and force of tau = 1, S and
 *       -dS/dphi, at every phi
 *   error.tau, error.noise, error.rms, error.relative, error.scaled, error.exact   (taus): rms of s_theta - s; over the
 *       rms of the exact score; times s(t), whose square is the excess of the loss over the best one; rms of s
 *   bin.phi, bin.exact, bin.exact_error, bin.generated, bin.generated_error, bin.density   (bins): densities of the
 *       draws and of the samples, with Poisson errors, and the exact one averaged over the bin
 *   moment.power, moment.exact, moment.draws, moment.draws_error, moment.generated, moment.generated_error   (2, 4)
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "score/schedule.h"
#include "score/score.h"
#include "lattice/toy.h"
#include "stages/stage.h"
#include "statistics/histogram.h"
#include "statistics/running.h"

static const struct parameter parameters[] = {
    {.name = "taus",
     .type = PARAMETER_REALS,
     .default_value = "0,0.2,0.4,0.6,0.7,0.8,0.9,0.95,0.99",
     .minimum = 0,
     .maximum = 0.99999,
     .help = "Times tau = 1 - t; 0 is the prior, 0.99 nearly the data."},
    {.name = "range",
     .type = PARAMETER_REAL,
     .default_value = "6",
     .minimum = 0.1,
     .maximum = 1000,
     .help = "The grid of phi goes from -range to range."},
    {.name = "points",
     .type = PARAMETER_INTEGER,
     .default_value = "241",
     .minimum = 11,
     .maximum = 100000,
     .help = "Number of points of the grid, odd, so that phi = 0 is one of them."},
    {.name = "bins",
     .type = PARAMETER_INTEGER,
     .default_value = "40",
     .minimum = 2,
     .maximum = 10000,
     .help = "Bins of the histograms, from -range to range."},
    {.name = "compared",
     .type = PARAMETER_INTEGER,
     .default_value = "1024",
     .minimum = 2,
     .maximum = 1e9,
     .help = "Number of draws, from the first on, that are compared with the samples; all if there are fewer."},
};

static const struct stage_input inputs[] = {
    {"model", "train", true, false, "The score model, of fields of one site."},
    {"draws", "toy", true, false, "Exact draws, which also define the theory."},
    {"generated", "sample", true, false, "Samples of the model."},
};

static const struct stage_array arrays[] = {
    {"tau", NPZ_FLOAT64, "n", "", "tau = 1 - t; the first group of vectors is a grid of taus x points."},
    {"phi", NPZ_FLOAT64, "n", "", "The field."},
    {"score", NPZ_FLOAT64, "n", "", "Learned score, in the units of the field."},
    {"exact", NPZ_FLOAT64, "n", "", "Exact score."},
    {"action", NPZ_FLOAT64, "n", "", "Effective action S_DM = -int score dphi, shifted to the minimum of the action."},
    {"exact_action", NPZ_FLOAT64, "n", "", "-log p_t, shifted in the same way."},
    {"force", NPZ_FLOAT64, "n", "", "-dS/dphi of the toy model."},
    {"theory", NPZ_FLOAT64, "n", "", "S of the toy model."},
    {"error.tau", NPZ_FLOAT64, "taus", "", "tau; the second group is the difference of the scores."},
    {"error.noise", NPZ_FLOAT64, "taus", "", "s(t), in the units of the field."},
    {"error.rms", NPZ_FLOAT64, "taus", "", "Root of the mean square of learned - exact score with respect to p_t."},
    {"error.relative", NPZ_FLOAT64, "taus", "", "error.rms over error.exact."},
    {"error.scaled", NPZ_FLOAT64, "taus", "",
     "error.rms times s(t); its square is the excess of the loss over the smallest possible one."},
    {"error.exact", NPZ_FLOAT64, "taus", "", "Root of the mean square of the exact score."},
    {"bin.phi", NPZ_FLOAT64, "bins", "", "Centre of the bin; the third group compares densities."},
    {"bin.exact", NPZ_FLOAT64, "bins", "", "Density of the draws."},
    {"bin.exact_error", NPZ_FLOAT64, "bins", "", "Its Poisson error."},
    {"bin.generated", NPZ_FLOAT64, "bins", "", "Density of the samples."},
    {"bin.generated_error", NPZ_FLOAT64, "bins", "", "Its Poisson error."},
    {"bin.density", NPZ_FLOAT64, "bins", "", "Exact density, averaged over the bin."},
    {"moment.power", NPZ_FLOAT64, "2", "", "2 and 4; the last group compares moments."},
    {"moment.exact", NPZ_FLOAT64, "2", "", "Exact moment."},
    {"moment.draws", NPZ_FLOAT64, "2", "", "Moment of the draws."},
    {"moment.draws_error", NPZ_FLOAT64, "2", "", "Its standard error."},
    {"moment.generated", NPZ_FLOAT64, "2", "", "Moment of the samples."},
    {"moment.generated_error", NPZ_FLOAT64, "2", "", "Its standard error."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    size_t count;
    parameters_reals(p, "taus", &count);
    if (count == 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter taus: found none, expected at least one", where);
    }
    if (parameters_integer(p, "points") % 2 == 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter points: found %lld, expected an odd number", where,
                         (long long)parameters_integer(p, "points"));
    }
    return STATUS_OK;
}

/* Columns of one length, freed together or handed to the writer. */
enum { GRID_COLUMNS = 8, ERROR_COLUMNS = 6, BIN_COLUMNS = 6, MOMENT_COLUMNS = 6 };

struct columns {
    const char *const *names;
    size_t count, rows;
    double *x[8];
};

static enum status columns_new(struct columns *c, const char *const *names, size_t count, size_t rows,
                               struct error *e) {
    *c = (struct columns){names, count, rows, {NULL}};
    for (size_t i = 0; i < count; i++) {
        if (!(c->x[i] = calloc(rows, sizeof *c->x[i]))) {
            return error_set(e, STATUS_FAILED, "out of memory for %zu points", rows);
        }
    }
    return STATUS_OK;
}

static void columns_free(struct columns *c) {
    for (size_t i = 0; i < c->count; i++) {
        free(c->x[i]);
    }
}

static enum status columns_add(struct columns *c, struct npz_writer *w, struct error *e) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < c->count && status == STATUS_OK; i++) {
        status = npz_add_owned(w, c->names[i], NPZ_FLOAT64, 1, &c->rows, c->x[i], e);
        c->x[i] = NULL;
    }
    return status;
}

/* The learned score of n fields at one time, in the units of the field. */
static enum status learned(struct score_worker *worker, const struct score_model *m, double t, size_t n,
                           const double *phi, double *score, struct error *e) {
    const double noise = schedule_noise(m->sigma, t);
    for (size_t at = 0; at < n; at += SCORE_BATCH) {
        float x[SCORE_BATCH], out[SCORE_BATCH];
        double times[SCORE_BATCH];
        const size_t count = n - at < SCORE_BATCH ? n - at : SCORE_BATCH;
        for (size_t b = 0; b < count; b++) {
            x[b] = (float)((phi[at + b] - m->offset) * m->factor);
            times[b] = t;
        }
        TRY(score_evaluate(worker, (int)count, x, times, out, e));
        for (size_t b = 0; b < count; b++) {
            score[at + b] = (double)out[b] / noise * m->factor;
        }
    }
    return STATUS_OK;
}

/* s^2(t) in the units of the field. */
static double smearing(const struct score_model *m, double t) {
    return schedule_variance(m->sigma, t) / (m->factor * m->factor);
}

/* x -> x - min(x) + minimum */
static void shift(double *x, size_t n, double minimum) {
    double least = x[0];
    for (size_t i = 1; i < n; i++) {
        least = x[i] < least ? x[i] : least;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] += minimum - least;
    }
}

static const char *const grid_names[GRID_COLUMNS] = {"tau",    "phi",          "score", "exact",
                                                     "action", "exact_action", "force", "theory"};

static enum status fill_grid(const struct parameters *p, const struct toy *toy, const struct toy_theory *theory,
                             const struct score_model *m, struct score_worker *worker, struct columns *c,
                             struct error *e) {
    size_t taus;
    const double *tau = parameters_reals(p, "taus", &taus), range = parameters_real(p, "range");
    const size_t points = (size_t)parameters_integer(p, "points");
    const double h = 2 * range / (double)(points - 1);
    enum status status = columns_new(c, grid_names, GRID_COLUMNS, taus * points, e);
    for (size_t k = 0; k < taus && status == STATUS_OK; k++) {
        double *at[GRID_COLUMNS];
        for (int i = 0; i < GRID_COLUMNS; i++) {
            at[i] = c->x[i] + k * points;
        }
        for (size_t i = 0; i < points; i++) {
            at[0][i] = tau[k];
            at[1][i] = ((double)i - 0.5 * (double)(points - 1)) * h;
        }
        status = learned(worker, m, 1 - tau[k], points, at[1], at[2], e);
        for (size_t i = 0; i < points && status == STATUS_OK; i++) {
            toy_smeared(toy, smearing(m, 1 - tau[k]), at[1][i], &at[5][i], &at[3][i]);
            at[4][i] = i == 0 ? 0 : at[4][i - 1] - 0.5 * h * (at[2][i - 1] + at[2][i]);
            at[5][i] = -at[5][i];
            at[6][i] = toy_force(theory, at[1][i]);
            at[7][i] = toy_action(theory, at[1][i]);
        }
        shift(at[4], points, toy_minimum(theory));
        shift(at[5], points, toy_minimum(theory));
    }
    return status;
}

static const char *const error_names[ERROR_COLUMNS] = {"error.tau",      "error.noise",  "error.rms",
                                                       "error.relative", "error.scaled", "error.exact"};

/* Mean squares with respect to p_t by the trapezoidal rule, on a grid that is wide enough for the noise. */
static enum status fill_errors(struct stage_context *context, const struct toy *toy, const struct score_model *m,
                               struct score_worker *worker, struct columns *c, struct error *e) {
    enum { POINTS = 801 };
    size_t taus;
    const double *tau = parameters_reals(context->parameters, "taus", &taus);
    double *phi = malloc(POINTS * sizeof *phi), *score = malloc(POINTS * sizeof *score);
    enum status status = columns_new(c, error_names, ERROR_COLUMNS, taus, e);
    if (status == STATUS_OK && (!phi || !score)) {
        status = error_set(e, STATUS_FAILED, "out of memory for %d points", POINTS);
    }
    for (size_t k = 0; k < taus && status == STATUS_OK; k++) {
        const double variance = smearing(m, 1 - tau[k]);
        /* seven standard deviations beyond the wells, which are near phi = +-<phi^4>^(1/4) */
        const double reach = 1.5 * sqrt(sqrt(toy_moment(toy, 4))) + 7 * sqrt(fmin(toy_moment(toy, 2), 1) + variance);
        for (int i = 0; i < POINTS; i++) {
            phi[i] = reach * (2.0 * i / (POINTS - 1) - 1);
        }
        status = learned(worker, m, 1 - tau[k], POINTS, phi, score, e);
        double norm = 0, difference = 0, square = 0;
        for (int i = 0; i < POINTS && status == STATUS_OK; i++) {
            double log_density, exact;
            toy_smeared(toy, variance, phi[i], &log_density, &exact);
            const double weight = function_exp(log_density);
            norm += weight;
            difference += weight * (score[i] - exact) * (score[i] - exact);
            square += weight * exact * exact;
        }
        c->x[0][k] = tau[k];
        c->x[1][k] = sqrt(variance);
        c->x[2][k] = sqrt(difference / norm);
        c->x[3][k] = sqrt(difference / square);
        c->x[4][k] = sqrt(difference / norm * variance);
        c->x[5][k] = sqrt(square / norm);
        char name[40];
        snprintf(name, sizeof name, "drift_error_tau_%g", tau[k]);
        stage_note_value(context, name, c->x[2][k], NAN, "");
        snprintf(name, sizeof name, "rms_drift_tau_%g", tau[k]);
        stage_note_value(context, name, c->x[5][k], NAN, "");
    }
    free(phi);
    free(score);
    return status;
}

/* Reads phi of an artifact with one site, at most the first `most` numbers (0: all), as doubles. */
static enum status read_draws(const struct npz *npz, size_t most, double **x, size_t *count, struct error *e) {
    const struct npz_array *phi;
    TRY(npz_require(npz, "phi", NPZ_FLOAT32, 2, &phi, e));
    if (phi->shape[1] != 1 || phi->shape[0] < 2) {
        return error_set(e, STATUS_BAD_INPUT, "%s: phi is %zu x %zu, expected at least 2 configurations of one site",
                         npz_path(npz), phi->shape[0], phi->shape[1]);
    }
    *count = most > 0 && most < phi->shape[0] ? most : phi->shape[0];
    *x = malloc(*count * sizeof **x);
    if (!*x) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", npz_path(npz));
    }
    for (size_t i = 0; i < *count; i++) {
        (*x)[i] = (double)((const float *)phi->data)[i];
    }
    return STATUS_OK;
}

static const char *const bin_names[BIN_COLUMNS] = {"bin.phi",       "bin.exact",           "bin.exact_error",
                                                   "bin.generated", "bin.generated_error", "bin.density"};

static enum status fill_bins(const struct parameters *p, const struct toy *toy, double *const x[2], const size_t n[2],
                             struct columns *c, struct error *e) {
    const double range = parameters_real(p, "range");
    const size_t bins = (size_t)parameters_integer(p, "bins");
    const double width = 2 * range / (double)bins;
    enum status status = columns_new(c, bin_names, BIN_COLUMNS, bins, e);
    for (int k = 0; k < 2 && status == STATUS_OK; k++) {
        double *counts = c->x[1 + 2 * k], *errors = c->x[2 + 2 * k];
        histogram_fill(x[k], n[k], -range, range, bins, counts);
        for (size_t i = 0; i < bins; i++) {
            errors[i] = sqrt(counts[i]) / ((double)n[k] * width);
            counts[i] /= (double)n[k] * width;
        }
    }
    for (size_t i = 0; i < bins && status == STATUS_OK; i++) {
        const double left = -range + (double)i * width;
        c->x[0][i] = left + 0.5 * width;
        c->x[5][i] = (toy_cumulative(toy, left + width) - toy_cumulative(toy, left)) / width;
    }
    return status;
}

/* <phi^power> and its standard error. */
static void moment(const double *x, size_t n, int power, double *value, double *error) {
    struct running powers = {0};
    for (size_t i = 0; i < n; i++) {
        running_add(&powers, power == 2 ? x[i] * x[i] : x[i] * x[i] * x[i] * x[i]);
    }
    *value = powers.mean;
    *error = running_error(&powers);
}

static const char *const moment_names[MOMENT_COLUMNS] = {
    "moment.power", "moment.exact", "moment.draws", "moment.draws_error", "moment.generated", "moment.generated_error"};

static enum status fill_moments(struct stage_context *context, const struct toy *toy, double *const x[2],
                                const size_t n[2], struct columns *c, struct error *e) {
    enum status status = columns_new(c, moment_names, MOMENT_COLUMNS, 2, e);
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        const int power = 2 + 2 * i;
        c->x[0][i] = power;
        c->x[1][i] = toy_moment(toy, power);
        moment(x[0], n[0], power, &c->x[2][i], &c->x[3][i]);
        moment(x[1], n[1], power, &c->x[4][i], &c->x[5][i]);
        static const char *const notes[2][3] = {{"phi2_exact", "phi2_drawn", "phi2_generated"},
                                                {"phi4_exact", "phi4_drawn", "phi4_generated"}};
        stage_note_value(context, notes[i][0], c->x[1][i], NAN, "");
        stage_note_value(context, notes[i][1], c->x[2][i], c->x[3][i], "");
        stage_note_value(context, notes[i][2], c->x[4][i], c->x[5][i], "");
    }
    return status;
}

static enum status compare(struct stage_context *c, const struct toy_theory *theory, const struct score_model *m,
                           struct error *e) {
    struct columns grid = {0}, errors = {0}, bins = {0}, moments = {0};
    struct toy *toy = NULL;
    struct score *score = NULL;
    struct score_worker *worker = NULL;
    struct npz_writer *w = NULL;
    double *x[2] = {NULL, NULL};
    size_t n[2];
    enum status status = toy_new(theory, &toy, e);
    THEN(status, read_draws(stage_input(c, "draws", 0), (size_t)parameters_integer(c->parameters, "compared"), &x[0],
                            &n[0], e));
    THEN(status, read_draws(stage_input(c, "generated", 0), 0, &x[1], &n[1], e));
    THEN(status, score_new(m, SCORE_BATCH, &score, e));
    THEN(status, score_worker_new(score, &worker, e));
    THEN(status, fill_grid(c->parameters, toy, theory, m, worker, &grid, e));
    THEN(status, fill_errors(c, toy, m, worker, &errors, e));
    THEN(status, fill_bins(c->parameters, toy, x, n, &bins, e));
    THEN(status, fill_moments(c, toy, x, n, &moments, e));
    THEN(status, stage_artifact(c, &w, e));
    struct columns *all[] = {&grid, &errors, &bins, &moments};
    for (int i = 0; i < 4; i++) {
        THEN(status, columns_add(all[i], w, e));
        columns_free(all[i]);
    }
    score_worker_free(worker);
    score_free(score);
    toy_free(toy);
    free(x[0]);
    free(x[1]);
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct score_model m;
    struct toy_theory theory = {0, 0};
    const struct npz *draws = stage_input(c, "draws", 0), *model = stage_input(c, "model", 0);
    TRY(npz_real(draws, "mu2", &theory.mu2, e));
    TRY(npz_real(draws, "g", &theory.g, e));
    TRY(score_model_read(model, &m, e));
    const struct theory own = toy_to_theory(&theory);
    enum status status = m.volume == 1
                             ? theory_same(&own, &m.theory, npz_path(model), "the draws", e)
                             : error_set(e, STATUS_BAD_INPUT, "%s: a model of %zu sites found, one of 1 site expected",
                                         npz_path(model), m.volume);
    THEN(status, compare(c, &theory, &m, e));
    score_model_release(&m);
    return status;
}

const struct stage stage_drift = {
    .name = "drift",
    .summary = "learned drift and effective action of the toy model against the exact ones",
    .version = 1,
    .uses_backend = false,
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
