/* Stage `trajectories`: the stochastic processes of A Figs. 1 and 2 (B Fig. 1), simulated for the toy model, and their
 * densities (diffusion/toy_process.h).
 *
 * Artifact, in groups of vectors of equal length, for `plot`:
 *   path.number (1, 2, ...), path.time, path.phi                          the stored trajectories, every stride-th
 *   point histogram.time, histogram.phi, histogram.density, histogram.error     bins at each of `times`, with Poisson
 *   errors curve.time, curve.phi, curve.density                                  the exact density at the same times
 *   curve.target                                                          the density of the toy model */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/functions.h"
#include "diffusion/toy_process.h"
#include "stages/shared_parameters.h"
#include "stages/stage.h"
#include "statistics/histogram.h"
#include "statistics/running.h"

enum { CURVE = 401 };

static const struct parameter parameters[] = {
    {.name = "process",
     .type = PARAMETER_CHOICE,
     .default_value = "langevin",
     .choices = "langevin|forward|reverse",
     .help =
         "langevin: from a Gaussian prior towards exp(-S) (A 2.15); forward: data to noise (A 3.1); reverse: noise to "
         "data by the reverse equation with the exact score (A 3.2)."},
    PARAMETERS_TOY("-1", " of the toy model"),
    {.name = "trajectories",
     .type = PARAMETER_INTEGER,
     .default_value = "16384",
     .minimum = 2,
     .maximum = 1e9,
     .help = "Number of trajectories for the histograms."},
    {.name = "kept",
     .type = PARAMETER_INTEGER,
     .default_value = "24",
     .minimum = 1,
     .maximum = 65536,
     .help = "Number of trajectories that are stored for drawing."},
    {.name = "stride",
     .type = PARAMETER_INTEGER,
     .default_value = "1",
     .minimum = 1,
     .maximum = 1000000,
     .help = "Steps between two stored points of a trajectory; a divisor of the number of steps."},
    {.name = "steps",
     .type = PARAMETER_INTEGER,
     .default_value = "500",
     .minimum = 2,
     .maximum = 1000000,
     .help = "Number of time steps."},
    {.name = "duration",
     .type = PARAMETER_REAL,
     .default_value = "4",
     .minimum = 1e-6,
     .maximum = 1e6,
     .help = "Total Langevin time; the other processes run over a time of 1."},
    {.name = "width",
     .type = PARAMETER_REAL,
     .default_value = "1",
     .minimum = 1e-3,
     .maximum = 1e3,
     .help = "Standard deviation of the prior of langevin; that of reverse is s(1)."},
    PARAMETER_SIGMA,
    PARAMETER_T_END("Time of the last evaluation of the score."),
    {.name = "times",
     .type = PARAMETER_REALS,
     .default_value = "0,0.25,0.5,0.75,1",
     .minimum = 0,
     .maximum = 1,
     .help = "Times at which densities are stored, as fractions of the total time; the nearest steps are used."},
    {.name = "bins",
     .type = PARAMETER_INTEGER,
     .default_value = "60",
     .minimum = 2,
     .maximum = 10000,
     .help = "Number of bins of the histograms."},
    {.name = "range",
     .type = PARAMETER_REAL,
     .default_value = "6",
     .minimum = 0.1,
     .maximum = 1e4,
     .help = "Histograms and curves go from -range to range."},
    PARAMETER_SEED("Seed of the starts and the noise."),
};

static const struct stage_array arrays[] = {
    {"path.number", NPZ_FLOAT64, "n", "",
     "Number of the trajectory, 1, 2, ...; the first group of vectors holds the stored trajectories, every stride-th "
     "point."},
    {"path.time", NPZ_FLOAT64, "n", "", "Time."},
    {"path.phi", NPZ_FLOAT64, "n", "", "The field."},
    {"histogram.time", NPZ_FLOAT64, "n", "", "Time; the second group holds the bins at each of the parameter times."},
    {"histogram.phi", NPZ_FLOAT64, "n", "", "Centre of the bin."},
    {"histogram.density", NPZ_FLOAT64, "n", "", "Density in the bin."},
    {"histogram.error", NPZ_FLOAT64, "n", "", "Its Poisson error."},
    {"curve.time", NPZ_FLOAT64, "n", "", "Time; the third group holds the exact densities at the same times."},
    {"curve.phi", NPZ_FLOAT64, "n", "", "The field."},
    {"curve.density", NPZ_FLOAT64, "n", "", "Exact density."},
    {"curve.target", NPZ_FLOAT64, "n", "", "Density of the toy model."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

struct result {
    size_t count, stride, points, rows, curve_rows;
    double *paths, *snapshot;
    size_t *snapshot_steps;
    double *path[3], *histogram[4], *curve[4];
};

static const char *const process_name[] = {
    [TOY_LANGEVIN] = "langevin", [TOY_FORWARD] = "forward", [TOY_REVERSE] = "reverse"};

static struct toy_process_settings settings_of(const struct parameters *p) {
    return (struct toy_process_settings){.process = (enum toy_process)PARAMETERS_WORD(p, "process", process_name),
                                         .duration = parameters_real(p, "duration"),
                                         .width = parameters_real(p, "width"),
                                         .sigma = parameters_real(p, "sigma"),
                                         .t_end = parameters_real(p, "t-end"),
                                         .steps = (size_t)parameters_integer(p, "steps"),
                                         .seed = (uint64_t)parameters_integer(p, "seed")};
}

static double *reals(size_t n, enum status *s, struct error *e) {
    double *x = calloc(n + 1, sizeof *x);
    if (!x && *s == STATUS_OK) {
        *s = error_set(e, STATUS_FAILED, "out of memory for %zu numbers", n);
    }
    return x;
}

static enum status allocate(const struct parameters *p, struct toy_process_settings *settings, struct result *r,
                            struct error *e) {
    enum status status = STATUS_OK;
    const double *times = parameters_reals(p, "times", &settings->snapshots);
    r->count = (size_t)parameters_integer(p, "trajectories");
    settings->kept = (size_t)parameters_integer(p, "kept");
    settings->kept = settings->kept < r->count ? settings->kept : r->count;
    r->stride = (size_t)parameters_integer(p, "stride");
    r->points = settings->kept * (settings->steps / r->stride + 1);
    r->rows = settings->snapshots * (size_t)parameters_integer(p, "bins");
    r->curve_rows = settings->snapshots * CURVE;
    r->paths = reals(settings->kept * (settings->steps + 1), &status, e);
    r->snapshot = reals(settings->snapshots * r->count, &status, e);
    for (int i = 0; i < 3; i++) {
        r->path[i] = reals(r->points, &status, e);
    }
    for (int i = 0; i < 4; i++) {
        r->histogram[i] = reals(r->rows, &status, e);
        r->curve[i] = reals(r->curve_rows, &status, e);
    }
    r->snapshot_steps = calloc(settings->snapshots + 1, sizeof *r->snapshot_steps);
    if (status == STATUS_OK && !r->snapshot_steps) {
        return error_set(e, STATUS_FAILED, "out of memory for the times");
    }
    for (size_t k = 0; status == STATUS_OK && k < settings->snapshots; k++) {
        r->snapshot_steps[k] = (size_t)lround(times[k] * (double)settings->steps);
    }
    settings->snapshot_steps = r->snapshot_steps;
    return status;
}

static void release(struct result *r) {
    free(r->paths);
    free(r->snapshot);
    free(r->snapshot_steps);
    for (int i = 0; i < 3; i++) {
        free(r->path[i]);
    }
    for (int i = 0; i < 4; i++) {
        free(r->histogram[i]);
        free(r->curve[i]);
    }
}

static void fill_paths(const struct toy_process_settings *settings, struct result *r) {
    const size_t length = settings->steps / r->stride + 1;
    for (size_t i = 0; i < r->points; i++) {
        const size_t path = i / length, step = i % length * r->stride;
        r->path[0][i] = (double)(path + 1);
        r->path[1][i] = toy_process_time(settings, step);
        r->path[2][i] = r->paths[path * (settings->steps + 1) + step];
    }
}

static void fill_histograms(struct stage_context *c, const struct toy_process_settings *settings, struct result *r) {
    const double range = parameters_real(c->parameters, "range");
    const size_t bins = (size_t)parameters_integer(c->parameters, "bins");
    const double width = 2 * range / (double)bins, unit = 1 / ((double)r->count * width);
    for (size_t k = 0; k < settings->snapshots; k++) {
        double *counts = r->histogram[2] + k * bins, *errors = r->histogram[3] + k * bins;
        histogram_fill(r->snapshot + k * r->count, r->count, -range, range, bins, counts);
        for (size_t i = 0; i < bins; i++) {
            r->histogram[0][k * bins + i] = toy_process_time(settings, settings->snapshot_steps[k]);
            r->histogram[1][k * bins + i] = -range + ((double)i + 0.5) * width;
            errors[i] = sqrt(counts[i]) * unit;
            counts[i] *= unit;
        }
    }
}

static enum status fill_curves(const struct parameters *p, const struct toy *toy,
                               const struct toy_process_settings *settings, struct result *r, struct error *e) {
    const double range = parameters_real(p, "range");
    enum status status = STATUS_OK;
    for (size_t k = 0; k < settings->snapshots && status == STATUS_OK; k++) {
        const size_t at = k * CURVE;
        for (size_t i = 0; i < CURVE; i++) {
            r->curve[0][at + i] = toy_process_time(settings, settings->snapshot_steps[k]);
            r->curve[1][at + i] = range * ((double)i / (0.5 * (CURVE - 1)) - 1);
            toy_smeared(toy, 0, r->curve[1][at + i], &r->curve[3][at + i], NULL);
            r->curve[3][at + i] = function_exp(r->curve[3][at + i]);
        }
        status = toy_process_density(toy, settings, settings->snapshot_steps[k], CURVE, r->curve[1] + at,
                                     r->curve[2] + at, e);
    }
    return status;
}

/* <phi^2> of the last snapshot against that of the toy model. */
static void note_square(struct stage_context *c, const struct toy *toy, const struct toy_process_settings *settings,
                        const struct result *r) {
    if (settings->snapshots == 0) {
        return;
    }
    const double *x = r->snapshot + (settings->snapshots - 1) * r->count;
    struct running squares = {0};
    for (size_t i = 0; i < r->count; i++) {
        running_add(&squares, x[i] * x[i]);
    }
    stage_note_value(c, "phi2_generated", squares.mean, running_error(&squares), "");
    stage_note_value(c, "phi2_exact", toy_moment(toy, 2), NAN, "");
}

static enum status add(struct npz_writer *w, const char *const *names, size_t count, double **x, size_t rows,
                       struct error *e) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = npz_add_owned(w, names[i], NPZ_FLOAT64, 1, &rows, x[i], e);
        x[i] = NULL;
    }
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    static const char *const path[] = {"path.number", "path.time", "path.phi"};
    static const char *const histogram[] = {"histogram.time", "histogram.phi", "histogram.density", "histogram.error"};
    static const char *const curve[] = {"curve.time", "curve.phi", "curve.density", "curve.target"};
    const struct parameters *p = c->parameters;
    const struct toy_theory theory = {parameters_real(p, "mu2"), parameters_real(p, "g")};
    struct toy_process_settings settings = settings_of(p);
    settings.interrupted = c->interrupted;
    struct result r = {0};
    struct npz_writer *w = NULL;
    struct toy *toy;
    TRY(toy_new(&theory, &toy, e));
    enum status status = allocate(p, &settings, &r, e);
    THEN(status, toy_process_run(toy, &settings, r.count, c->threads, r.paths, r.snapshot, e));
    if (status == STATUS_OK) {
        fill_paths(&settings, &r);
        fill_histograms(c, &settings, &r);
        note_square(c, toy, &settings, &r);
    }
    THEN(status, fill_curves(p, toy, &settings, &r, e));
    THEN(status, stage_artifact(c, &w, e));
    THEN(status, add(w, path, 3, r.path, r.points, e));
    THEN(status, add(w, histogram, 4, r.histogram, r.rows, e));
    THEN(status, add(w, curve, 4, r.curve, r.curve_rows, e));
    release(&r);
    toy_free(toy);
    return status;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    const struct toy_theory theory = {parameters_real(p, "mu2"), parameters_real(p, "g")};
    struct toy *toy;
    size_t times;
    parameters_reals(p, "times", &times);
    if (times == 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter times: found none, expected at least one", where);
    }
    if (parameters_integer(p, "steps") % parameters_integer(p, "stride") != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter stride: found %lld, expected a divisor of steps = %lld",
                         where, (long long)parameters_integer(p, "stride"), (long long)parameters_integer(p, "steps"));
    }
    enum status status = toy_new(&theory, &toy, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s", where);
    }
    toy_free(toy);
    return STATUS_OK;
}

const struct stage stage_trajectories = {
    .name = "trajectories",
    .summary = "Langevin, forward and reverse trajectories of the toy model, with their densities",
    .version = 1,
    .uses_backend = false,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = NULL,
    .input_count = 0,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
    .check = check,
};
