/* Stage `sample`: configurations from a score model by the reverse process (diffusion/reverse.h).
 *
 * Artifact: phi float32 (N, x1..xd); kappa, lambda, thermalised of the training ensemble; chains = N and independent =
 * 1; for methods with a grid, grid.t and grid.s, the times and noise levels of the steps; for methods modes and
 * modes-noisy, redrawn, the number of rejected draws; if requested, snapshots float32 (times, configurations, x1..xd)
 * and snapshot-times. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "diffusion/reverse.h"
#include "score/header.h"
#include "score/schedule.h"
#include "stages/arrays.h"
#include "stages/parts.h"
#include "stages/shared_parameters.h"

static const struct parameter parameters[] = {
    PARAMETER_CONFIGURATIONS("1024", 1, "Number of configurations to draw."),
    {.name = "method",
     .type = PARAMETER_CHOICE,
     .default_value = "euler-maruyama",
     .choices = "euler-maruyama|ancestral|modes|modes-noisy|direct",
     .help =
         "euler-maruyama: as published (A 3.9 with unit noise). ancestral: steps from the conditional distribution "
         "of a Gaussian field with the model's propagator, exact for such a field. modes: for effective-action "
         "models only, the probability flow in normalised modes; 24 steps are enough. modes-noisy: for "
         "effective-action models only, the reverse process in the same modes at levels equidistant in ln s, exact "
         "for a Gaussian field at any number of steps. direct: for gaussian models only, filtered white noise. grid "
         "and t-end apply to the first "
         "two."},
    {.name = "grid",
     .type = PARAMETER_CHOICE,
     .default_value = "uniform-t",
     .choices = "uniform-t|log-s",
     .help = "Times of the steps: uniform in t from 1 to t-end as published, or uniform in log s(t)."},
    {.name = "steps",
     .type = PARAMETER_INTEGER,
     .default_value = "500",
     .minimum = 2,
     .maximum = 1000000,
     .help = "Number of steps, each with one evaluation of the score; with method modes, each with four."},
    PARAMETER_T_END("Time of the last evaluation."),
    {.name = "snapshots",
     .type = PARAMETER_REALS,
     .default_value = "",
     .minimum = 0,
     .maximum = 1,
     .help = "Values of tau = 1 - t at which the field is stored as well; 0 is the prior, 1 the result."},
    {.name = "snapshot-configurations",
     .type = PARAMETER_INTEGER,
     .default_value = "4",
     .minimum = 1,
     .maximum = 65536,
     .help = "Number of configurations, from the first on, whose snapshots are stored."},
    PARAMETER_SEED("Seed of the prior and the noise."),
};

static const struct stage_input inputs[] = {
    {"model", "train|checkpoint", true, false, "The score model."},
};

static const struct stage_array arrays[] = {
    ARRAYS_FIELD,
    {"snapshots", NPZ_FLOAT32, "T, n, x1, ..., xd", "lattice units",
     "The first n configurations during the process, if requested."},
    {"snapshot-times", NPZ_FLOAT64, "T", "", "Values of tau = 1 - t of the snapshots."},
    {"grid.t", NPZ_FLOAT64, "steps", "", "Times of the steps, for methods with a grid."},
    {"grid.s", NPZ_FLOAT64, "steps", "scaled field", "Noise levels s(t) of the steps."},
    {"redrawn", NPZ_INT64, "", "",
     "Number of draws that became infinite or left the phase of the model and were repeated, for method = modes and "
     "modes-noisy."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

static const char *const method_name[] = {[REVERSE_EULER_MARUYAMA] = "euler-maruyama",
                                          [REVERSE_ANCESTRAL] = "ancestral",
                                          [REVERSE_MODES] = "modes",
                                          [REVERSE_MODES_NOISY] = "modes-noisy",
                                          [REVERSE_DIRECT] = "direct"};

static enum reverse_method method_of(const struct parameters *p) {
    return (enum reverse_method)PARAMETERS_WORD(p, "method", method_name);
}

static struct reverse_settings settings_of(const struct parameters *p) {
    struct reverse_settings s = {.method = method_of(p),
                                 .log_grid = parameters_is(p, "grid", "log-s"),
                                 .steps = parameters_integer(p, "steps"),
                                 .t_end = parameters_real(p, "t-end"),
                                 .seed = (uint64_t)parameters_integer(p, "seed")};
    s.snapshot_times = parameters_reals(p, "snapshots", &s.snapshot_count);
    const size_t kept = (size_t)parameters_integer(p, "snapshot-configurations");
    const size_t count = (size_t)parameters_integer(p, "configurations");
    s.snapshot_configurations = kept < count ? kept : count;
    return s;
}

static enum status add_grid(const struct score_model *m, const struct reverse_settings *settings,
                            struct npz_writer *writer, struct error *e) {
    const size_t steps = (size_t)settings->steps;
    double *t = malloc(steps * sizeof *t), *s = malloc(steps * sizeof *s);
    if (!t || !s) {
        free(t);
        free(s);
        return error_set(e, STATUS_FAILED, "out of memory for the grid");
    }
    reverse_grid(settings, m->sigma, t);
    for (size_t i = 0; i < steps; i++) {
        s[i] = schedule_noise(m->sigma, t[i]);
    }
    enum status status = npz_add_owned(writer, "grid.t", NPZ_FLOAT64, 1, &steps, t, e);
    if (status != STATUS_OK) {
        free(s);
        return status;
    }
    return npz_add_owned(writer, "grid.s", NPZ_FLOAT64, 1, &steps, s, e);
}

static enum status add_snapshots(const struct score_model *m, const struct reverse_settings *settings, float *snapshots,
                                 struct npz_writer *writer, struct error *e) {
    size_t shape[NPZ_MAX_DIMENSIONS] = {settings->snapshot_count, settings->snapshot_configurations};
    memcpy(shape + 2, m->extents, m->dimensions * sizeof *shape);
    enum status status = npz_add_owned(writer, "snapshots", NPZ_FLOAT32, m->dimensions + 2, shape, snapshots, e);
    THEN(status, npz_add_reals(writer, "snapshot-times", settings->snapshot_times, settings->snapshot_count, e));
    return status;
}

/* Configurations with their snapshots, and the model and settings that draw them. */
struct samples {
    const struct stage_context *stage;
    const struct score_model *model;
    struct reverse_settings settings;
    struct progress *progress;
    size_t count, volume, kept; /* kept: fields in the snapshots */
    float *phi, *snapshots;     /* (count, volume); (kept, volume) or NULL */
    int64_t *redrawn; /* (count), for methods without a grid: number of each call, at its first configuration */
};

static enum status draw_range(void *context, const struct parts_range *range, struct error *e) {
    struct samples *s = context;
    struct reverse_settings settings = s->settings;
    size_t redrawn = 0;
    settings.redrawn = &redrawn;
    const enum status status =
        reverse_run(s->model, &settings, range->first, range->count, s->stage->threads,
                    s->phi + range->first * s->volume, s->snapshots, s->stage->interrupted, s->progress, e);
    s->redrawn[range->first] = (int64_t)redrawn;
    return status;
}

/* Draws in parts. The snapshots at each time are a column that only the first configurations have. */
static enum status draw(struct stage_context *c, struct samples *s, bool *whole, struct error *e) {
    enum { FIXED = 2 };
    const size_t times = s->snapshots ? s->settings.snapshot_count : 0, kept = s->settings.snapshot_configurations;
    struct parts_column *columns = calloc(FIXED + times, sizeof *columns);
    char(*names)[32] = calloc(times + 1, sizeof *names);
    enum status status =
        columns && names ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory for %zu snapshots", times);
    if (status == STATUS_OK) {
        columns[0] = (struct parts_column){"phi", NPZ_FLOAT32, s->volume, s->phi, 0};
        columns[1] = (struct parts_column){"redrawn", NPZ_INT64, 1, s->redrawn, 0};
        for (size_t k = 0; k < times; k++) {
            snprintf(names[k], sizeof names[k], "snapshots.%zu", k);
            columns[FIXED + k] =
                (struct parts_column){names[k], NPZ_FLOAT32, s->volume, s->snapshots + k * kept * s->volume, kept};
        }
        const struct parts parts = {.unit = "configurations",
                                    .count = s->count,
                                    .size = reverse_part(s->model, s->settings.method),
                                    .grain = reverse_grain(s->model, s->settings.method),
                                    .at_once = reverse_at_once(s->model, s->settings.method, c->threads),
                                    .columns = columns,
                                    .column_count = FIXED + times,
                                    .model = s->model,
                                    .compute = draw_range,
                                    .context = s};
        struct parts_outcome outcome;
        status = parts_run(c, &parts, s->progress, &outcome, e);
        *whole = outcome.whole;
        if (status == STATUS_OK && outcome.computed > 0 && outcome.seconds > 0) {
            stage_note_value(c, "configurations_per_second", (double)outcome.computed / outcome.seconds, NAN, "1/s");
        }
    }
    free(columns);
    free(names);
    return status;
}

/* Hands the arrays of s over to the writer. */
static enum status write_artifact(struct stage_context *c, const struct score_model *m, struct samples *s,
                                  struct error *e) {
    const struct reverse_settings *settings = &s->settings;
    struct npz_writer *writer;
    TRY(stage_artifact(c, &writer, e));
    size_t shape[NPZ_MAX_DIMENSIONS] = {s->count};
    memcpy(shape + 1, m->extents, m->dimensions * sizeof *shape);
    enum status status = npz_add_owned(writer, "phi", NPZ_FLOAT32, m->dimensions + 1, shape, s->phi, e);
    s->phi = NULL;
    if (status == STATUS_OK && s->snapshots) {
        status = add_snapshots(m, settings, s->snapshots, writer, e);
        s->snapshots = NULL;
    }
    if (status == STATUS_OK && reverse_has_grid(settings->method)) {
        status = add_grid(m, settings, writer, e);
    }
    if (status == STATUS_OK && (settings->method == REVERSE_MODES || settings->method == REVERSE_MODES_NOISY)) {
        int64_t redrawn = 0;
        for (size_t i = 0; i < s->count; i++) {
            redrawn += s->redrawn[i];
        }
        status = npz_add_integer(writer, "redrawn", redrawn, e);
        stage_note_value(c, "redrawn", (double)redrawn, NAN, "configurations");
    }
    THEN(status, header_add_samples(writer, &m->theory, m->thermalised, s->count, e));
    return status;
}

/* Allocates, draws and writes the configurations. */
static enum status make(struct stage_context *c, const struct score_model *m, struct error *e) {
    struct samples s = {.stage = c,
                        .model = m,
                        .settings = settings_of(c->parameters),
                        .count = (size_t)parameters_integer(c->parameters, "configurations"),
                        .volume = m->volume};
    bool whole = false;
    s.kept = s.settings.snapshot_count * s.settings.snapshot_configurations;
    if (s.kept > 0 && m->dimensions + 2 > NPZ_MAX_DIMENSIONS) {
        return error_set(e, STATUS_BAD_INPUT, "snapshots of a field in %zu dimensions: expected at most %d dimensions",
                         m->dimensions, NPZ_MAX_DIMENSIONS - 2);
    }
    s.redrawn = calloc(s.count, sizeof *s.redrawn);
    s.phi = malloc(s.count * s.volume * sizeof *s.phi);
    if (s.kept > 0) {
        s.snapshots = calloc(s.kept * s.volume, sizeof *s.snapshots);
    }
    enum status status = STATUS_OK;
    if (!s.phi || !s.redrawn || (s.kept > 0 && !s.snapshots)) {
        status = error_set(e, STATUS_FAILED, "out of memory for %zu configurations", s.count);
    }
    if (status == STATUS_OK) {
        s.progress = progress_new("sample", "configurations", s.count, c->quiet);
        status = draw(c, &s, &whole, e);
        progress_end(s.progress);
    }
    if (status == STATUS_OK && whole) {
        status = write_artifact(c, m, &s, e);
    }
    free(s.redrawn);
    free(s.phi);
    free(s.snapshots);
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct score_model m;
    TRY(score_model_read(stage_input(c, "model", 0), &m, e));
    enum status status = backend_attach(c->device, &m, e);
    THEN(status, make(c, &m, e));
    score_model_release(&m);
    return status;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    if (parameters_is(p, "method", "ancestral") && !parameters_is(p, "grid", "log-s")) {
        return error_set(e, STATUS_BAD_INPUT, "%s: method ancestral with grid uniform-t found, grid log-s expected",
                         where);
    }
    size_t times;
    parameters_reals(p, "snapshots", &times);
    const char *method = parameters_text(p, "method");
    if (times > 0 && !reverse_has_grid(method_of(p))) {
        return error_set(e, STATUS_BAD_INPUT, "%s: method %s has no intermediate times: expected no snapshots", where,
                         method);
    }
    return STATUS_OK;
}

static size_t items(const struct stage_node *node) {
    return (size_t)parameters_integer(node->parameters, "configurations");
}

const struct stage stage_sample = {
    .name = "sample",
    .summary = "configurations from a score model by the reverse process",
    .version = 3,
    .uses_backend = true,
    .half_precision = true,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
    .items = items,
    .check = check,
};
