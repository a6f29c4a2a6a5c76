/* Stage `sample`: configurations from a score model by the reverse process (diffusion/reverse.h).
 *
 * Artifact: phi float32 (N, x1..xd); kappa, lambda, thermalised of the training ensemble; chains = N and independent = 1;
 * grid.t, grid.s the times and noise levels of the steps; snapshots float32 (times, configurations, x1..xd) and
 * snapshot-times, where asked for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/progress.h"
#include "diffusion/reverse.h"
#include "diffusion/schedule.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "configurations", .type = PARAMETER_INTEGER, .default_value = "1024", .minimum = 1, .maximum = 1e9,
     .help = "Configurations to draw."},
    {.name = "method", .type = PARAMETER_CHOICE, .default_value = "euler-maruyama",
     .choices = "euler-maruyama|ancestral|direct",
     .help = "euler-maruyama: as published (A 3.9 with unit noise); ancestral: the conditional distribution of a Gaussian field "
             "with the model's propagator, exact for such a field; direct: gaussian models only, white noise filtered."},
    {.name = "grid", .type = PARAMETER_CHOICE, .default_value = "uniform-t", .choices = "uniform-t|log-s",
     .help = "Times of the steps: uniform in t from 1 to t-end as published, or uniform in log s(t)."},
    {.name = "steps", .type = PARAMETER_INTEGER, .default_value = "500", .minimum = 2, .maximum = 1000000,
     .help = "Evaluations of the score a configuration."},
    {.name = "t-end", .type = PARAMETER_REAL, .default_value = "1e-3", .minimum = 1e-10, .maximum = 0.5,
     .help = "Time of the last evaluation."},
    {.name = "snapshots", .type = PARAMETER_REALS, .default_value = "", .minimum = 0, .maximum = 1,
     .help = "Values of tau = 1 - t at which the field is kept as well; 0 is the prior, 1 the result."},
    {.name = "snapshot-configurations", .type = PARAMETER_INTEGER, .default_value = "4", .minimum = 1, .maximum = 65536,
     .help = "Configurations of which snapshots are kept, the first ones."},
    {.name = "seed", .type = PARAMETER_INTEGER, .default_value = "1", .minimum = 0, .maximum = 9007199254740992.0,
     .help = "Seed of the prior and the noise."},
};

static const struct stage_input inputs[] = {
    {"model", "train|checkpoint", true, false, "The score model."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

static struct reverse_settings settings_of(const struct parameters *p) {
    struct reverse_settings s = {.method = parameters_is(p, "method", "ancestral") ? REVERSE_ANCESTRAL
                                           : parameters_is(p, "method", "direct")  ? REVERSE_DIRECT
                                                                                   : REVERSE_EULER_MARUYAMA,
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
    for (size_t i = 0; i < steps; i++)
        s[i] = schedule_noise(m->sigma, t[i]);
    enum status status = npz_add_owned(writer, "grid.t", NPZ_FLOAT64, 1, &steps, t, e);
    if (status != STATUS_OK) {
        free(s);
        return status;
    }
    return npz_add_owned(writer, "grid.s", NPZ_FLOAT64, 1, &steps, s, e);
}

static enum status add_snapshots(const struct score_model *m, const struct reverse_settings *settings,
                                 float *snapshots, struct npz_writer *writer, struct error *e) {
    size_t shape[NPZ_MAX_DIMENSIONS] = {settings->snapshot_count, settings->snapshot_configurations};
    memcpy(shape + 2, m->extents, m->dimensions * sizeof *shape);
    enum status status = npz_add_owned(writer, "snapshots", NPZ_FLOAT32, m->dimensions + 2, shape, snapshots, e);
    return status == STATUS_OK
               ? npz_add_reals(writer, "snapshot-times", settings->snapshot_times, settings->snapshot_count, e)
               : status;
}

static enum status draw(struct stage_context *c, const struct score_model *m, struct error *e) {
    const struct reverse_settings settings = settings_of(c->parameters);
    const size_t count = (size_t)parameters_integer(c->parameters, "configurations");
    const size_t kept = settings.snapshot_count * settings.snapshot_configurations;
    if (kept > 0 && m->dimensions + 2 > NPZ_MAX_DIMENSIONS)
        return error_set(e, STATUS_BAD_INPUT, "snapshots of a field in %zu dimensions: expected at most %d dimensions",
                         m->dimensions, NPZ_MAX_DIMENSIONS - 2);
    float *phi = malloc(count * m->volume * sizeof *phi), *snapshots = NULL;
    if (kept > 0)
        snapshots = calloc(kept * m->volume, sizeof *snapshots);
    if (!phi || (kept > 0 && !snapshots)) {
        free(phi);
        free(snapshots);
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", count);
    }
    struct progress *progress = progress_new("sample", "configurations", count, c->quiet);
    const double begun = clock_seconds();
    enum status status =
        reverse_run(m, &settings, 0, count, c->threads, phi, snapshots, c->interrupted, progress, e);
    const double took = clock_seconds() - begun;
    progress_end(progress);
    if (status == STATUS_OK && took > 0)
        stage_note(c, "configurations_per_second", "%.6g", (double)count / took);
    struct npz_writer *writer = NULL;
    if (status == STATUS_OK)
        status = stage_artifact(c, &writer, e);
    if (status != STATUS_OK) {
        free(phi);
        free(snapshots);
        return status;
    }
    size_t shape[NPZ_MAX_DIMENSIONS] = {count};
    memcpy(shape + 1, m->extents, m->dimensions * sizeof *shape);
    status = npz_add_owned(writer, "phi", NPZ_FLOAT32, m->dimensions + 1, shape, phi, e);
    if (status != STATUS_OK)
        free(snapshots);
    else if (snapshots)
        status = add_snapshots(m, &settings, snapshots, writer, e);
    if (status == STATUS_OK && settings.method != REVERSE_DIRECT)
        status = add_grid(m, &settings, writer, e);
    if (status == STATUS_OK)
        status = npz_add_real(writer, "kappa", m->kappa, e);
    if (status == STATUS_OK)
        status = npz_add_real(writer, "lambda", m->lambda, e);
    if (status == STATUS_OK)
        status = npz_add_integer(writer, "thermalised", m->thermalised, e);
    if (status == STATUS_OK)
        status = npz_add_integer(writer, "chains", (int64_t)count, e);
    return status == STATUS_OK ? npz_add_integer(writer, "independent", 1, e) : status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct score_model m;
    enum status status = score_model_read(stage_input(c, "model", 0), &m, e);
    if (status != STATUS_OK)
        return status;
    m.backend = c->device;
    status = draw(c, &m, e);
    score_model_release(&m);
    return status;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    if (parameters_is(p, "method", "ancestral") && !parameters_is(p, "grid", "log-s"))
        return error_set(e, STATUS_BAD_INPUT, "%s: method ancestral with grid uniform-t found, grid log-s expected", where);
    return STATUS_OK;
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
    .outputs = outputs,
    .run = run,
    .check = check,
};
