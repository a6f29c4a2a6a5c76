/* Stage `likelihood`: the density that a score model gives to configurations, by its probability flow
 * (diffusion/flow.h; A 3.14, 3.15), against their action (A 4.2, Fig. 7).
 *
 * Artifact, for N configurations:
 *   log_q, log_q_error         standard error over probes; NaN without probes, and of a single one
 *   action_effective, action   -log_q and S of the whole configuration, without log Z
 *   evaluations, cost          of the score; in forward passes, a vector-Jacobian product counting as one
 *   R2, slope, var_log_w, effective_sample_size, acceptance, acceptance_gaussian and R2_error ...
 *                              as statistics/weights.h defines them (R2 is A 4.9 with the difference of the means of S
 *                              and S_eff, the unknown log Z, removed), with jackknife errors
 *   weights-of                 "proposals": fields of the stage `sample`, taken for draws from q; "target": fields of
 *                              `ensemble`, taken for draws from exp(-S)/Z
 *   bins                       of the jackknife: one a configuration where they are independent (at most 1024), else
 *                              one a chain, or 32 parts of a single one
 *   kappa, lambda              of the fields; S is taken with them
 *
 * Samples of the stochastic process are not exactly draws from the density of the flow: what this says of them is the
 * published protocol. Exact proposals are those of flow_sample. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/progress.h"
#include "diffusion/flow.h"
#include "lattice/action.h"
#include "stages/stage.h"
#include "statistics/weights.h"

static const struct parameter parameters[] = {
    {.name = "configurations", .type = PARAMETER_INTEGER, .default_value = "0", .minimum = 0, .maximum = 1e9,
     .help = "The first n configurations; 0: all."},
    {.name = "method", .type = PARAMETER_CHOICE, .default_value = "dopri5", .choices = "dopri5|heun|rk4",
     .help = "Integrator of the probability flow: dopri5, adaptive in t as published; heun, rk4: equal steps in log s."},
    {.name = "steps", .type = PARAMETER_INTEGER, .default_value = "50", .minimum = 1, .maximum = 1000000,
     .help = "Steps of heun (2 evaluations each) and rk4 (4)."},
    {.name = "tolerance", .type = PARAMETER_REAL, .default_value = "1e-5", .minimum = 1e-9, .maximum = 0.1,
     .help = "Absolute and relative tolerance of dopri5."},
    {.name = "divergence", .type = PARAMETER_CHOICE, .default_value = "probes", .choices = "probes|exact|closed",
     .help = "probes: Skilling-Hutchinson as published; exact: a vector-Jacobian product a site; closed: gaussian models "
             "only."},
    {.name = "probes", .type = PARAMETER_INTEGER, .default_value = "10", .minimum = 1, .maximum = 65536,
     .help = "Probes a configuration."},
    {.name = "probe-distribution", .type = PARAMETER_CHOICE, .default_value = "gaussian",
     .choices = "gaussian|rademacher", .help = "Of the probes' elements; rademacher (signs) has less variance."},
    {.name = "t-start", .type = PARAMETER_REAL, .default_value = "1e-5", .minimum = 1e-10, .maximum = 0.5,
     .help = "Time at which the configurations enter the flow; the density is that of the model at this time."},
    {.name = "seed", .type = PARAMETER_INTEGER, .default_value = "1", .minimum = 0, .maximum = 9007199254740992.0,
     .help = "Seed of the probes."},
};

static const struct stage_input inputs[] = {
    {"model", "train", true, false, "The score model."},
    {"fields", "ensemble|sample", true, false, "The configurations."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

/* Configurations that are converted and computed at a time; after each such block there is a checkpoint. */
enum { BLOCK = 256, BINS_MAX = 1024, PARTS = 32 };

struct work {
    const struct npz_array *phi; /* (N or more, x1..xd) in single or double precision */
    struct phi4 theory;
    size_t count, bins;          /* N */
    enum weights_origin origin;
    struct flow_settings settings;
    struct flow_result result;   /* N each, like the following */
    double *action;
};

static struct flow_settings settings_of(const struct parameters *p) {
    return (struct flow_settings){
        .method = parameters_is(p, "method", "heun")  ? RUNGE_KUTTA_HEUN
                  : parameters_is(p, "method", "rk4") ? RUNGE_KUTTA_RK4
                                                      : RUNGE_KUTTA_DOPRI5,
        .steps = parameters_integer(p, "steps"),
        .tolerance = parameters_real(p, "tolerance"),
        .divergence = parameters_is(p, "divergence", "exact")    ? FLOW_EXACT
                      : parameters_is(p, "divergence", "closed") ? FLOW_CLOSED
                                                                 : FLOW_PROBES,
        .probes = (size_t)parameters_integer(p, "probes"),
        .signs = parameters_is(p, "probe-distribution", "rademacher"),
        .t_start = parameters_real(p, "t-start"),
        .seed = (uint64_t)parameters_integer(p, "seed"),
    };
}

/* --- input --------------------------------------------------------------------------------------- */

static double element(const struct npz_array *phi, size_t i) {
    return phi->type == NPZ_FLOAT32 ? (double)((const float *)phi->data)[i] : ((const double *)phi->data)[i];
}

static enum status read_fields(const struct npz *npz, const struct score_model *m, int64_t wanted, struct work *w,
                               struct error *e) {
    const struct npz_array *phi = npz_find(npz, "phi"), *scalar;
    const char *path = npz_path(npz);
    if (!phi || (phi->type != NPZ_FLOAT32 && phi->type != NPZ_FLOAT64) || phi->dimensions < 2)
        return error_set(e, STATUS_BAD_INPUT, "%s: %s, expected phi (configuration, x1, ..., xd) in float32 or float64",
                         path, phi ? "phi is of another type or shape" : "no member phi");
    if (phi->dimensions != m->dimensions + 1 ||
        memcmp(phi->shape + 1, m->extents, m->dimensions * sizeof *m->extents) != 0)
        return error_set(e, STATUS_BAD_INPUT, "%s: phi has another lattice than the model", path);
    const size_t total = phi->shape[0];
    w->phi = phi;
    w->count = wanted ? (size_t)wanted : total;
    if (w->count > total || w->count < 2)
        return error_set(e, STATUS_BAD_INPUT, "%s: %zu configurations found, expected at least %zu", path, total,
                         w->count < 2 ? 2 : w->count);
    for (size_t i = 0; i < w->count * m->volume; i++)
        if (!isfinite(element(phi, i)))
            return error_set(e, STATUS_BAD_INPUT, "%s: phi is not finite in configuration %zu", path, i / m->volume);
    enum status status = npz_require(npz, "kappa", NPZ_FLOAT64, 0, &scalar, e);
    if (status == STATUS_OK) {
        w->theory.kappa = *(const double *)scalar->data;
        status = npz_require(npz, "lambda", NPZ_FLOAT64, 0, &scalar, e);
    }
    if (status == STATUS_OK) {
        w->theory.lambda = *(const double *)scalar->data;
        status = npz_require(npz, "independent", NPZ_INT64, 0, &scalar, e);
    }
    if (status != STATUS_OK)
        return status;
    const bool independent = *(const int64_t *)scalar->data != 0;
    status = npz_require(npz, "chains", NPZ_INT64, 0, &scalar, e);
    if (status != STATUS_OK)
        return status;
    const int64_t chains = *(const int64_t *)scalar->data;
    if (chains < 1 || (uint64_t)chains > total || total % (size_t)chains != 0)
        return error_set(e, STATUS_BAD_INPUT, "%s: %lld chains, expected a divisor of the %zu configurations", path,
                         (long long)chains, total);
    const size_t whole = w->count / (total / (size_t)chains); /* chains that are taken */
    w->bins = independent ? w->count : whole >= 2 ? whole : PARTS;
    w->bins = w->bins > BINS_MAX ? BINS_MAX : w->bins;
    w->bins = w->bins > w->count ? w->count : w->bins;
    return STATUS_OK;
}

static enum status allocate(struct work *w, struct error *e) {
    struct flow_result *r = &w->result;
    r->log_q = calloc(w->count, sizeof *r->log_q);
    r->log_q_error = calloc(w->count, sizeof *r->log_q_error);
    r->evaluations = calloc(w->count, sizeof *r->evaluations);
    r->done = calloc(w->count, sizeof *r->done);
    w->action = calloc(w->count, sizeof *w->action);
    if (!r->log_q || !r->log_q_error || !r->evaluations || !r->done || !w->action)
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", w->count);
    return STATUS_OK;
}

static void release(struct work *w) {
    free(w->result.log_q);
    free(w->result.log_q_error);
    free(w->result.evaluations);
    free(w->result.done);
    free(w->action);
}

/* --- checkpoints --------------------------------------------------------------------------------- */

static enum status save(const struct stage_context *c, const struct work *w, const char *path, struct error *e) {
    struct npz_writer *writer;
    enum status status = npz_create(path, &writer, e);
    if (status != STATUS_OK)
        return status;
    const struct flow_result *r = &w->result;
    status = npz_add_text(writer, "key", c->key, e);
    status = status ? status : npz_add_reals(writer, "log_q", r->log_q, w->count, e);
    status = status ? status : npz_add_reals(writer, "log_q_error", r->log_q_error, w->count, e);
    status = status ? status : npz_add(writer, "evaluations", NPZ_INT64, 1, &w->count, r->evaluations, e);
    status = status ? status : npz_add(writer, "done", NPZ_UINT8, 1, &w->count, r->done, e);
    if (status == STATUS_OK)
        return npz_commit(writer, e);
    npz_abandon(writer);
    return status;
}

static enum status restore(struct stage_context *c, struct work *w, const char *path, struct error *e) {
    struct npz *npz;
    enum status status = npz_read(path, &npz, e);
    if (status != STATUS_OK)
        return status;
    struct flow_result *r = &w->result;
    const struct {
        const char *name;
        enum npz_type type;
        size_t size;
        void *target;
    } arrays[] = {{"log_q", NPZ_FLOAT64, sizeof(double), r->log_q},
                  {"log_q_error", NPZ_FLOAT64, sizeof(double), r->log_q_error},
                  {"evaluations", NPZ_INT64, sizeof(int64_t), r->evaluations},
                  {"done", NPZ_UINT8, 1, r->done}};
    char *key = NULL;
    status = npz_text(npz, "key", &key, e);
    if (status == STATUS_OK && strcmp(key, c->key) != 0)
        status = error_set(e, STATUS_BAD_INPUT, "%s: checkpoint of recipe %.12s, expected %.12s", path, key, c->key);
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0] && status == STATUS_OK; i++) {
        const struct npz_array *a;
        status = npz_require(npz, arrays[i].name, arrays[i].type, 1, &a, e);
        if (status == STATUS_OK && a->count != w->count)
            status = error_set(e, STATUS_BAD_INPUT, "%s: %s has %zu elements, expected %zu", path, arrays[i].name,
                               a->count, w->count);
        if (status == STATUS_OK)
            memcpy(arrays[i].target, a->data, w->count * arrays[i].size);
    }
    for (size_t i = 0; i < w->count && status == STATUS_OK; i++)
        r->finished += r->done[i] != 0;
    free(key);
    npz_free(npz);
    return status;
}

/* --- computing ----------------------------------------------------------------------------------- */

/* All actions, then block by block the densities that are not there yet. */
static enum status compute(struct stage_context *c, const struct score_model *m, struct work *w, const char *checkpoint,
                           struct progress *progress, struct error *e) {
    const size_t V = m->volume, room = w->count < BLOCK ? w->count : BLOCK;
    struct geometry *g = NULL;
    double *phi = malloc(room * V * sizeof *phi);
    enum status status = phi ? geometry_new(m->extents, m->dimensions, &g, e)
                             : error_set(e, STATUS_FAILED, "out of memory for %zu configurations", room);
    for (size_t at = 0; at < w->count && status == STATUS_OK; at += BLOCK) {
        const size_t n = w->count - at < BLOCK ? w->count - at : BLOCK;
        const struct flow_result *all = &w->result;
        for (size_t i = 0; i < n * V; i++)
            phi[i] = element(w->phi, at * V + i);
        for (size_t i = 0; i < n; i++)
            w->action[at + i] = action(g, &w->theory, phi + i * V);
        const size_t before = all->finished;
        struct flow_result part = {all->log_q + at, all->log_q_error + at, all->evaluations + at, all->done + at, before};
        status = flow_log_density(m, &w->settings, at, n, c->threads, phi, NULL, &part, c->interrupted, progress, e);
        w->result.finished = part.finished;
        struct error second;
        const bool worth = part.finished > before && (status != STATUS_OK || at + n < w->count);
        if (worth && (save(c, w, checkpoint, &second) != STATUS_OK) && status == STATUS_OK) {
            *e = second;
            status = second.status;
        }
    }
    geometry_free(g);
    free(phi);
    return status;
}

static enum status find_densities(struct stage_context *c, const struct score_model *m, struct work *w,
                                  struct error *e) {
    char checkpoint[4096];
    if (snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.npz", c->folder) >= (int)sizeof checkpoint)
        return error_set(e, STATUS_BAD_INPUT, "%s: path too long", c->folder);
    struct progress *progress = progress_new("likelihood", "configurations", w->count, c->quiet);
    enum status status = STATUS_OK;
    if (access(checkpoint, F_OK) == 0) {
        status = restore(c, w, checkpoint, e);
        if (status == STATUS_OK) {
            stage_note(c, "resumed", "after %zu configurations", w->result.finished);
            progress_resume(progress, w->result.finished);
        } else {
            error_prefix(e, "cannot resume; remove the checkpoint to start anew");
        }
    }
    if (status == STATUS_OK)
        status = compute(c, m, w, checkpoint, progress, e);
    progress_end(progress);
    return status;
}

/* --- output -------------------------------------------------------------------------------------- */

/* A copy, since what is added has to outlive run(); times -1 for the effective action. */
static enum status add(struct npz_writer *writer, const char *name, const double *values, double factor, size_t n,
                       struct error *e) {
    double *copy = malloc(n * sizeof *copy);
    if (!copy)
        return error_set(e, STATUS_FAILED, "out of memory for array '%s'", name);
    for (size_t i = 0; i < n; i++)
        copy[i] = isnan(values[i]) ? NAN : factor * values[i]; /* a NaN's sign depends on the compiler */
    return npz_add_owned(writer, name, NPZ_FLOAT64, 1, &n, copy, e);
}

static enum status add_cost(struct npz_writer *writer, const struct score_model *m, const struct work *w,
                            struct error *e) {
    const size_t n = w->count;
    int64_t *copy = malloc(n * sizeof *copy);
    double *cost = malloc(n * sizeof *cost);
    if (!copy || !cost) {
        free(copy);
        free(cost);
        return error_set(e, STATUS_FAILED, "out of memory for the cost");
    }
    memcpy(copy, w->result.evaluations, n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        cost[i] = (double)copy[i] * (double)(1 + flow_products(m, &w->settings));
    enum status status = npz_add_owned(writer, "evaluations", NPZ_INT64, 1, &n, copy, e);
    if (status != STATUS_OK) {
        free(cost);
        return status;
    }
    return npz_add_owned(writer, "cost", NPZ_FLOAT64, 1, &n, cost, e);
}

static enum status write_artifact(struct stage_context *c, const struct score_model *m, const struct work *w,
                                  struct error *e) {
    const size_t n = w->count;
    double values[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS];
    struct npz_writer *writer;
    enum status s = weights_analyse(w->action, w->result.log_q, n, w->origin, w->bins, values, errors, e);
    s = s ? s : stage_artifact(c, &writer, e);
    s = s ? s : add(writer, "log_q", w->result.log_q, 1, n, e);
    s = s ? s : add(writer, "log_q_error", w->result.log_q_error, 1, n, e);
    s = s ? s : add(writer, "action_effective", w->result.log_q, -1, n, e);
    s = s ? s : add(writer, "action", w->action, 1, n, e);
    s = s ? s : add_cost(writer, m, w, e);
    for (int v = 0; v < WEIGHTS_STATISTICS && s == STATUS_OK; v++) {
        char name[64];
        snprintf(name, sizeof name, "%s_error", weights_name[v]);
        s = npz_add_real(writer, weights_name[v], values[v], e);
        s = s ? s : npz_add_real(writer, name, errors[v], e);
        stage_note(c, weights_name[v], "%.6g +- %.2g", values[v], errors[v]);
    }
    s = s ? s : npz_add_text(writer, "weights-of", w->origin == WEIGHTS_TARGET ? "target" : "proposals", e);
    s = s ? s : npz_add_integer(writer, "bins", (int64_t)w->bins, e);
    s = s ? s : npz_add_real(writer, "kappa", w->theory.kappa, e);
    return s ? s : npz_add_real(writer, "lambda", w->theory.lambda, e);
}

static void note_cost(struct stage_context *c, const struct score_model *m, const struct work *w) {
    double mean = 0, error = 0;
    for (size_t i = 0; i < w->count; i++) {
        mean += (double)w->result.evaluations[i] / (double)w->count;
        error += w->result.log_q_error[i] / (double)w->count;
    }
    stage_note(c, "evaluations", "%.4g a configuration", mean);
    stage_note(c, "cost", "%.5g forward passes a configuration", mean * (double)(1 + flow_products(m, &w->settings)));
    if (isfinite(error))
        stage_note(c, "log_q_error", "%.3g on average", error);
}

static enum status run(struct stage_context *c, struct error *e) {
    struct score_model m;
    struct work w = {.settings = settings_of(c->parameters)};
    enum status status = score_model_read(stage_input(c, "model", 0), &m, e);
    if (status != STATUS_OK)
        return status;
    m.backend = c->device;
    const char *stage = stage_input_recipe(c, "fields", 0, "stage");
    w.origin = stage && strcmp(stage, "ensemble") == 0 ? WEIGHTS_TARGET : WEIGHTS_PROPOSALS;
    status = read_fields(stage_input(c, "fields", 0), &m, parameters_integer(c->parameters, "configurations"), &w, e);
    status = status ? status : allocate(&w, e);
    status = status ? status : find_densities(c, &m, &w, e);
    if (status == STATUS_OK)
        note_cost(c, &m, &w);
    status = status ? status : write_artifact(c, &m, &w, e);
    release(&w);
    score_model_release(&m);
    return status;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    if (parameters_integer(p, "configurations") == 1)
        return error_set(e, STATUS_BAD_INPUT, "%s: configurations = 1, expected 0 or at least 2", where);
    return STATUS_OK;
}

const struct stage stage_likelihood = {
    .name = "likelihood",
    .summary = "density of configurations by the probability flow of a score model, against their action",
    .version = 1,
    .uses_backend = true,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .outputs = outputs,
    .run = run,
    .check = check,
};
