/* Stage `refresh`: Markov chains whose steps refresh a part of the field by a diffusion model (diffusion/refresh.h): a
 * step adds noise of level s, removes it by the model, and is accepted or rejected. The chain is exact, however wrong
 * the model is. It is meant for lattices where independent proposals (`propose`, `dm-mcmc`) are accepted too rarely.
 *
 * Artifact, for C chains of n configurations, `stride` steps apart: phi float32 (C n, x1..xd), chain after chain;
 * chains = C, independent = 0, kappa, lambda of the model; acceptance (C), of all steps; action (C n), S/V;
 * longest_stay, the largest number of steps in one state; rejected, the number of proposals that became infinite or
 * left the phase of the model; evaluations of the score per step; step_error, for method = flow; the numbers as names,
 * values, errors ... for the stage `table`; thermalised: 0 if one state takes more than a tenth of the steps of its
 * chain, else that of the start, -1 if the start is not marked. An interrupted run resumes from its last checkpoint. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/progress.h"
#include "diffusion/checkpoint.h"
#include "diffusion/refresh.h"
#include "lattice/thermalisation.h"
#include "report/estimates.h"
#include "stages/arrays.h"
#include "stages/fields.h"
#include "stages/shared_parameters.h"
#include "stages/stage.h"
#include "statistics/running.h"

static const char *const method_name[] = {[SCORE_REFRESH_FLOW] = "flow", [SCORE_REFRESH_PATHS] = "paths"};

static const struct parameter parameters[] = {
    {.name = "method",
     .type = PARAMETER_CHOICE,
     .default_value = "flow",
     .choices = "flow|paths",
     .help = "flow: a part of the white noise at the upper end of the model's flow is redrawn; the density is known in "
             "closed form. paths: noise is added, then removed by the reverse process, and the probabilities of both "
             "paths give the weight; exact for any number of steps, without a divergence or an integrator."},
    {.name = "level",
     .type = PARAMETER_REAL,
     .default_value = "10",
     .minimum = 1e-4,
     .maximum = 1e6,
     .unit = "lattice units",
     .help = "Noise level s: modes with a propagator far below s^2 are redrawn, those far above hardly change. The "
             "zero mode needs s^2 of the order of the susceptibility."},
    {.name = "lowest-level",
     .type = PARAMETER_REAL,
     .default_value = "0.15",
     .minimum = 1e-4,
     .maximum = 1e6,
     .unit = "lattice units",
     .help = "For paths with several steps: the lowest noise level above 0; the levels from it to `level` are "
             "equidistant in ln s."},
    {.name = "steps",
     .type = PARAMETER_INTEGER,
     .default_value = "16",
     .minimum = 1,
     .maximum = 100000,
     .help = "For paths: number of noise levels, with 2 steps - 1 evaluations of the score per proposal; for the flow: "
             "number of Runge-Kutta steps, with 4 evaluations each."},
    PARAMETER_CONFIGURATIONS("4096", 2, "Total number of configurations."),
    {.name = "chains",
     .type = PARAMETER_INTEGER,
     .default_value = "64",
     .minimum = 1,
     .maximum = 1e6,
     .help = "Number of Markov chains, each with the same number of configurations. Chains are computed in groups of "
             "32, one group per thread."},
    {.name = "thermalisation",
     .type = PARAMETER_INTEGER,
     .default_value = "1",
     .minimum = 1,
     .maximum = 1e12,
     .unit = "steps",
     .help = "Steps from the start of a chain to its first configuration."},
    PARAMETER_STRIDE("1", "steps"),
    PARAMETER_SEED("Seed of the noise and of acceptance."),
};

static const struct stage_input inputs[] = {
    {"model", "train|checkpoint", true, false, "The score model, of kind effective-action."},
    {"start", "ensemble|import|dm-mcmc|refresh|propose", true, false,
     "Start of the chains: equidistant configurations of this ensemble, one for each chain, with the model's lattice "
     "and couplings."},
};

static const struct stage_array arrays[] = {
    ARRAYS_FIELD,
    {"acceptance", NPZ_FLOAT64, "C", "", "Acceptance of each chain over all its steps."},
    {"action", NPZ_FLOAT64, "N", "", "S/V, the action per site."},
    {"longest_stay", NPZ_INT64, "", "steps", "Longest stay in one state."},
    {"rejected", NPZ_INT64, "", "", "Number of proposals that became infinite or left the phase of the model."},
    {"evaluations", NPZ_INT64, "", "", "Evaluations of the score per step."},
    {"step_error", NPZ_FLOAT64, "", "",
     "Change of log w of the chains' last fields with twice the integrator's steps, root mean square after "
     "subtraction of the mean; 0 for paths."},
    ARRAYS_ESTIMATES_BY("How errors were estimated: from the spread of the chains."),
};

static const char *const outputs[] = {"artifact.npz", NULL};

enum { SHARE = 10 }; /* one state may take 1/SHARE of the steps of a chain */

struct work {
    struct score_model model;
    struct fields start;
    size_t chains, each, volume; /* each: configurations per chain */
    int64_t thermalisation, stride, steps;
    struct refresh *refresh;
    float *phi;     /* (chains, each, V) */
    double *action; /* (chains, each) */
};

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    const int64_t configurations = parameters_integer(p, "configurations"), chains = parameters_integer(p, "chains");
    if (configurations % chains != 0) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: configurations %lld with chains %lld found, a multiple of chains expected", where,
                         (long long)configurations, (long long)chains);
    }
    const double level = parameters_real(p, "level"), lowest = parameters_real(p, "lowest-level");
    if (parameters_is(p, "method", "paths") && parameters_integer(p, "steps") > 1 && level <= lowest) {
        return error_set(e, STATUS_BAD_INPUT, "%s: level %g with lowest-level %g found, level > lowest-level expected",
                         where, level, lowest);
    }
    return STATUS_OK;
}

/* Checks that the start has the model's theory and lattice, and a configuration for each chain. */
static enum status suits(const struct work *w, const char *model, struct error *e) {
    const struct fields *f = &w->start;
    const struct score_model *m = &w->model;
    bool same = f->dimensions == m->dimensions;
    for (size_t mu = 0; same && mu < m->dimensions; mu++) {
        same = f->extents[mu] == m->extents[mu];
    }
    if (!same) {
        return error_set(
            e, STATUS_BAD_INPUT,
            "%s: configurations on another lattice than that of the model %s found, the same lattice expected", f->path,
            model);
    }
    TRY(theory_same(&m->theory, &f->header.theory, f->path, model, e));
    if (f->configurations < w->chains) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %zu configurations found, %zu expected, one for each chain", f->path,
                         f->configurations, w->chains);
    }
    return STATUS_OK;
}

static enum status prepare(struct stage_context *c, struct work *w, struct error *e) {
    const struct parameters *p = c->parameters;
    const struct score_refresh_settings settings = {
        .method = (enum score_refresh_method)PARAMETERS_WORD(p, "method", method_name),
        .level = parameters_real(p, "level"),
        .lowest = parameters_real(p, "lowest-level"),
        .steps = (size_t)parameters_integer(p, "steps")};
    const struct npz *model = stage_input(c, "model", 0);
    w->chains = (size_t)parameters_integer(p, "chains");
    w->each = (size_t)parameters_integer(p, "configurations") / w->chains;
    w->thermalisation = parameters_integer(p, "thermalisation");
    w->stride = parameters_integer(p, "stride");
    w->steps = w->thermalisation + ((int64_t)w->each - 1) * w->stride;
    enum status status = score_model_read(model, &w->model, e);
    w->volume = w->model.volume;
    THEN(status, fields_read(stage_input(c, "start", 0), &w->start, e));
    if (status == STATUS_OK && !score_model_refresh(&w->model)) {
        status = error_set(e, STATUS_BAD_INPUT,
                           "%s: model of kind %s found, a kind with partial refresh expected, such as effective-action",
                           npz_path(model), score_model_kind(&w->model));
    }
    THEN(status, suits(w, npz_path(model), e));
    THEN(status, refresh_new(&w->model, &settings, (uint64_t)parameters_integer(p, "seed"), w->chains, c->threads,
                             &w->refresh, e));
    TRY(status);
    w->phi = malloc(w->chains * w->each * w->volume * sizeof *w->phi);
    w->action = malloc(w->chains * w->each * sizeof *w->action);
    return w->phi && w->action
               ? STATUS_OK
               : error_set(e, STATUS_FAILED, "out of memory for %zu configurations", w->chains * w->each);
}

/* --- checkpoints --------------------------------------------------------------------------------- */

/* Number of configurations of each chain that are stored after the given number of steps. */
static size_t kept_after(const struct work *w, int64_t steps) {
    return steps < w->thermalisation ? 0 : (size_t)((steps - w->thermalisation) / w->stride) + 1;
}

static enum status save(const struct work *w, const struct stage_context *c, const char *path, struct error *e) {
    const struct refresh_chains *r = refresh_where(w->refresh);
    const size_t C = w->chains, kept = kept_after(w, r->steps), state = C * w->volume, numbers = 4 * C;
    const size_t all = C * w->each, fields = all * w->volume;
    struct npz_writer *writer;
    TRY(checkpoint_create(path, c->key, NULL, &writer, e));
    enum status status = npz_add_integer(writer, "steps", r->steps, e);
    THEN(status, npz_add(writer, "state", NPZ_FLOAT32, 1, &state, r->state, e));
    THEN(status, npz_add(writer, "field", NPZ_FLOAT32, 1, &state, r->phi, e));
    THEN(status, npz_add(writer, "log_q", NPZ_FLOAT64, 1, &C, r->log_q, e));
    THEN(status, npz_add(writer, "chains", NPZ_INT64, 1, &numbers, r->accepted, e));
    if (status == STATUS_OK && kept > 0) {
        status = npz_add(writer, "phi", NPZ_FLOAT32, 1, &fields, w->phi, e);
        THEN(status, npz_add(writer, "action", NPZ_FLOAT64, 1, &all, w->action, e));
    }
    if (status == STATUS_OK) {
        return npz_commit(writer, e);
    }
    npz_abandon(writer);
    return status;
}

static enum status copy(const struct npz *npz, const char *name, enum npz_type type, size_t count, void *target,
                        struct error *e) {
    const struct npz_array *a;
    TRY(npz_require(npz, name, type, 1, &a, e));
    if (a->count != count) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s has %zu elements, expected %zu", npz_path(npz), name, a->count,
                         count);
    }
    memcpy(target, a->data, a->count * a->item_size);
    return STATUS_OK;
}

static enum status restore(struct work *w, const struct npz *npz, struct error *e) {
    struct refresh_chains *r = refresh_where(w->refresh);
    const size_t C = w->chains, V = w->volume;
    const struct npz_array *steps;
    TRY(npz_require(npz, "steps", NPZ_INT64, 0, &steps, e));
    r->steps = *(const int64_t *)steps->data;
    if (r->steps < 0 || r->steps > w->steps) {
        return error_set(e, STATUS_BAD_INPUT, "%s: steps is %lld, expected 0 to %lld", npz_path(npz),
                         (long long)r->steps, (long long)w->steps);
    }
    enum status status = copy(npz, "state", NPZ_FLOAT32, C * V, r->state, e);
    THEN(status, copy(npz, "field", NPZ_FLOAT32, C * V, r->phi, e));
    THEN(status, copy(npz, "log_q", NPZ_FLOAT64, C, r->log_q, e));
    THEN(status, copy(npz, "chains", NPZ_INT64, 4 * C, r->accepted, e));
    if (status == STATUS_OK && kept_after(w, r->steps) > 0) {
        status = copy(npz, "phi", NPZ_FLOAT32, C * w->each * V, w->phi, e);
        THEN(status, copy(npz, "action", NPZ_FLOAT64, C * w->each, w->action, e));
    }
    if (status == STATUS_OK) {
        refresh_resume(w->refresh);
    }
    return status;
}

static enum status start(const struct work *w, struct error *e) {
    const size_t C = w->chains, V = w->volume;
    const struct npz_array *all = w->start.phi;
    float *phi = malloc(C * V * sizeof *phi);
    if (!phi) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu chains", C);
    }
    for (size_t i = 0; i < C; i++) {
        const size_t from = i * w->start.configurations / C * V;
        for (size_t x = 0; x < V; x++) {
            phi[i * V + x] = all->type == NPZ_FLOAT32 ? ((const float *)all->data)[from + x]
                                                      : (float)((const double *)all->data)[from + x];
        }
    }
    const enum status status = refresh_begin(w->refresh, phi, e);
    free(phi);
    return status == STATUS_OK ? status : error_prefix(e, "%s", w->start.path);
}

/* Starts the chains, or resumes them from the checkpoint of an interrupted run. */
static enum status begin(struct stage_context *c, struct work *w, const char *path, struct progress *progress,
                         struct error *e) {
    struct npz *npz;
    if (access(path, F_OK) != 0) {
        return start(w, e);
    }
    enum status status = checkpoint_read(path, c->key, NULL, &npz, e);
    if (status == STATUS_OK) {
        status = restore(w, npz, e);
        npz_free(npz);
    }
    if (status != STATUS_OK) {
        return error_prefix(e, "cannot resume; remove the checkpoint to start again");
    }
    stage_note_value(c, "resumed_after", (double)refresh_where(w->refresh)->steps, NAN, "steps");
    progress_resume(progress, (uint64_t)refresh_where(w->refresh)->steps);
    return STATUS_OK;
}

/* --- the run ------------------------------------------------------------------------------------- */

static void keep(struct work *w, int64_t steps) {
    if (steps < w->thermalisation || (steps - w->thermalisation) % w->stride != 0) {
        return;
    }
    const size_t at = kept_after(w, steps) - 1;
    for (size_t i = 0; i < w->chains; i++) {
        refresh_field(w->refresh, i, w->phi + (i * w->each + at) * w->volume);
        w->action[i * w->each + at] = refresh_action(w->refresh, i) / (double)w->volume;
    }
}

/* Makes the remaining steps. Checkpoints are so rare that saving takes less than about 5% of the time. */
static enum status follow(struct stage_context *c, struct work *w, struct progress *progress, struct error *e) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/checkpoint.npz", c->folder) >= (int)sizeof path) {
        return error_set(e, STATUS_BAD_INPUT, "%s: path too long", c->folder);
    }
    TRY(begin(c, w, path, progress, e));
    enum status status = STATUS_OK;
    const struct refresh_chains *r = refresh_where(w->refresh);
    const int64_t before = r->steps;
    const double begun = clock_seconds();
    double last = begun, cost = 0, saving = 0;
    while (r->steps < w->steps && status == STATUS_OK) {
        refresh_step(w->refresh);
        keep(w, r->steps);
        progress_update(progress, (uint64_t)r->steps, NULL);
        if (*c->interrupted) {
            status = error_set(e, STATUS_FAILED, "interrupted after %lld steps", (long long)r->steps);
        }
        const double now = clock_seconds();
        if (r->steps == w->steps || (status == STATUS_OK && now - last < 20 * cost)) {
            continue;
        }
        struct error second;
        if (save(w, c, path, &second) != STATUS_OK && status == STATUS_OK) {
            *e = second;
            status = second.status;
        }
        last = clock_seconds();
        cost = last - now;
        saving += cost;
    }
    const double took = clock_seconds() - begun - saving;
    if (status == STATUS_OK && took > 0 && r->steps > before) {
        stage_note_value(c, "steps_per_second", (double)(w->chains * (size_t)(r->steps - before)) / took, NAN, "1/s");
    }
    return status;
}

/* --- output -------------------------------------------------------------------------------------- */

/* The mark `thermalised`: 0 if a chain stayed too long in one state, else that of the start. */
static int64_t mark_of(struct stage_context *c, const struct work *w, int64_t longest) {
    const char *stage = stage_input_recipe(c, "start", 0, "stage");
    return longest > w->steps / SHARE && w->steps >= SHARE ? 0
           : stage && !strcmp(stage, "propose")            ? -1
                                                           : w->start.header.thermalised;
}

static enum status add_numbers(struct stage_context *c, struct work *w, struct npz_writer *writer, struct error *e) {
    enum { COUNT = 4 };
    static const char *const names[COUNT] = {"acceptance", "rejected", "evaluations", "step_error"};
    const struct refresh_chains *r = refresh_where(w->refresh);
    const size_t C = w->chains;
    struct running acceptance = {0};
    int64_t rejected = 0, longest = 0;
    double step_error, *each = malloc(C * sizeof *each);
    enum status status =
        each ? refresh_step_error(w->refresh, &step_error, e) : error_set(e, STATUS_FAILED, "out of memory");
    for (size_t i = 0; i < C && status == STATUS_OK; i++) {
        each[i] = (double)r->accepted[i] / (double)r->steps;
        running_add(&acceptance, each[i]);
        rejected += r->rejected[i];
        longest = r->longest_stay[i] > longest ? r->longest_stay[i] : longest;
    }
    if (status != STATUS_OK) {
        free(each);
        return status;
    }
    const int64_t mark = mark_of(c, w, longest);
    const double values[COUNT] = {acceptance.mean, (double)rejected, (double)refresh_evaluations(w->refresh),
                                  step_error};
    const double errors[COUNT] = {C > 1 ? running_error(&acceptance) : (double)NAN, NAN, NAN, NAN};
    stage_note_value(c, "acceptance", values[0], errors[0], "");
    stage_note_value(c, "evaluations", (double)refresh_evaluations(w->refresh), NAN, "per step");
    stage_note_value(c, "rejected", (double)rejected, NAN, "steps");
    stage_note_value(c, "longest_stay", (double)longest, NAN, "steps");
    stage_note(c, "thermalised", "%s", thermalisation_mark(mark));
    if (parameters_is(c->parameters, "method", "flow")) {
        stage_note_value(c, "step_error", step_error, NAN, "");
    }
    const struct estimates rows = {.count = COUNT,
                                   .names = names,
                                   .values = values,
                                   .errors = errors,
                                   .method = "chains",
                                   .configurations = C * w->each};
    status = npz_add_owned(writer, "acceptance", NPZ_FLOAT64, 1, &C, each, e);
    THEN(status, npz_add_integer(writer, "longest_stay", longest, e));
    THEN(status, npz_add_integer(writer, "rejected", rejected, e));
    THEN(status, npz_add_integer(writer, "evaluations", (int64_t)refresh_evaluations(w->refresh), e));
    THEN(status, npz_add_real(writer, "step_error", step_error, e));
    THEN(status, header_add_thermalised(writer, mark, e));
    THEN(status, estimates_add(&rows, writer, e));
    return status;
}

/* Hands the arrays of w over to the writer. */
static enum status write_artifact(struct stage_context *c, struct work *w, struct error *e) {
    size_t shape[NPZ_MAX_DIMENSIONS] = {w->chains * w->each};
    memcpy(shape + 1, w->model.extents, w->model.dimensions * sizeof *shape);
    struct npz_writer *writer;
    enum status status = stage_artifact(c, &writer, e);
    if (status == STATUS_OK) {
        status = npz_add_owned(writer, "phi", NPZ_FLOAT32, w->model.dimensions + 1, shape, w->phi, e);
        w->phi = NULL;
    }
    const struct header header = {.theory = w->model.theory, .chains = w->chains};
    THEN(status, header_add_layout(writer, &header, e));
    THEN(status, npz_add_reals(writer, "action", w->action, w->chains * w->each, e));
    THEN(status, add_numbers(c, w, writer, e));
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct work w = {0};
    enum status status = prepare(c, &w, e);
    if (status == STATUS_OK) {
        struct progress *progress = progress_new("refresh", "steps", (uint64_t)w.steps, c->quiet);
        status = follow(c, &w, progress, e);
        progress_end(progress);
    }
    THEN(status, write_artifact(c, &w, e));
    refresh_free(w.refresh);
    score_model_release(&w.model);
    free(w.phi);
    free(w.action);
    return status;
}

const struct stage stage_refresh = {
    .name = "refresh",
    .summary = "Markov chains whose steps refresh a part of the field by a diffusion model, accepted or rejected",
    .version = 1,
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
