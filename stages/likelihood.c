/* Stage `likelihood`: the density of configurations under a score model, from its probability flow (diffusion/flow.h;
 * A 3.14, 3.15), against their action (A 4.2, Fig. 7).
 *
 * Artifact, for N configurations:
 *   log_q, log_q_error         the error is the standard error over probes; NaN without probes or with a single one
 *   action_effective, action   S_eff = -log_q and S of the whole configuration, without log Z
 *   evaluations, cost          evaluations of the score; cost in forward passes, where a vector-Jacobian product counts
 *                              as one
 *   R2, slope, var_log_w, effective_sample_size, acceptance, acceptance_gaussian and R2_error ...
 *                              as defined in statistics/weights.h (R2 is A 4.9 after subtraction of the difference of
 *                              the means of S and S_eff, the unknown log Z), with jackknife errors
 *   weights-of                 "proposals": fields of the stage `sample`, treated as draws from q; "target": fields of
 *                              `ensemble`, treated as draws from exp(-S)/Z
 *   bins                       bins of the jackknife: one per configuration if they are independent (at most 1024),
 *                              else one per chain, or 32 parts of a single chain
 *   kappa, lambda, thermalised of the fields; the couplings are those of S
 *   action_difference          S - S_eff minus its mean: the deviation from the line of slope 1
 *   action_centred, action_effective_centred   S and S_eff, each minus its mean, for the figure (A Fig. 7)
 *   var_probes                 mean variance of log q from the probes, a part of var_log_w unless probes are shared
 *   names, values, errors, ... the same statistics for the stage `table`
 *
 * Samples of the stochastic process are not exactly draws from the density of the flow; to treat them so is the
 * published protocol. Exact proposals come from the stage `propose`. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "lattice/action.h"
#include "stages/arrays.h"
#include "stages/densities.h"
#include "stages/fields.h"
#include "stages/shared_parameters.h"

static const struct parameter parameters[] = {
    PARAMETER_CONFIGURATIONS("0", 0, "Number of configurations, from the first on; 0: all."),
    {.name = "method",
     .type = PARAMETER_CHOICE,
     .default_value = "dopri5",
     .choices = "dopri5|heun|rk4|modes",
     .help = "Integrator of the probability flow: dopri5, adaptive in t as published; heun, rk4: equal steps in log s. "
             "modes: for effective-action models only, see stage propose."},
    DENSITIES_PARAMETERS,
    {.name = "probe-sharing",
     .type = PARAMETER_CHOICE,
     .default_value = "own",
     .choices = "own|shared|fresh",
     .help = "own: each configuration has its own probes, fixed along its path. fresh: new probes at each evaluation "
             "of the score, as in the authors' released code. shared: all configurations have the same probes. Then "
             "the errors of log q are mostly a common constant, which does not affect R2 and the weights; but log q is "
             "not an estimate of a normalised density."},
    PARAMETER_T_START(
        "Time at which the configurations enter the flow; the density is that of the model at this time."),
    PARAMETER_SEED("Seed of the probes."),
};

static const struct stage_input inputs[] = {
    {"model", "train|checkpoint", true, false, "The score model."},
    {"fields", "ensemble|import|sample|propose", true, false, "The configurations."},
};

static const struct stage_array arrays[] = {
    {"log_q", NPZ_FLOAT64, "N", "", "Log-density of each configuration under the model."},
    {"log_q_error", NPZ_FLOAT64, "N", "", "Its standard error over probes; NaN without probes, or with a single one."},
    {"action", NPZ_FLOAT64, "N", "", "S of each configuration, without log Z."},
    {"evaluations", NPZ_INT64, "N", "", "Evaluations of the score."},
    {"cost", NPZ_FLOAT64, "N", "forward passes",
     "The same including vector-Jacobian products, each counted as one forward pass."},
    {"action_centred", NPZ_FLOAT64, "N", "", "S minus its mean."},
    {"action_effective_centred", NPZ_FLOAT64, "N", "", "S_eff = -log q minus its mean."},
    {"action_difference", NPZ_FLOAT64, "N", "", "S - S_eff minus its mean: the deviation from the line of slope 1."},
    {"action_effective", NPZ_FLOAT64, "N", "", "S_eff = -log q."},
    {"R2", NPZ_FLOAT64, "", "", "R^2 (A 4.9) of S_eff as a prediction of S, each minus its mean."},
    {"R2_error", NPZ_FLOAT64, "", "", "Its standard error (jackknife)."},
    {"slope", NPZ_FLOAT64, "", "", "Slope of S against S_eff."},
    {"slope_error", NPZ_FLOAT64, "", "", "Its standard error (jackknife)."},
    {"var_log_w", NPZ_FLOAT64, "", "", "Variance of the log-weights log w = -S - log q."},
    {"var_log_w_error", NPZ_FLOAT64, "", "", "Its standard error (jackknife)."},
    {"effective_sample_size", NPZ_FLOAT64, "", "", "(sum w)^2 / (N sum w^2)."},
    {"effective_sample_size_error", NPZ_FLOAT64, "", "", "Its standard error (jackknife)."},
    {"acceptance", NPZ_FLOAT64, "", "",
     "Mean acceptance of the exact chain of independent proposals, from pairs of weights."},
    {"acceptance_error", NPZ_FLOAT64, "", "", "Its standard error (jackknife)."},
    {"acceptance_gaussian", NPZ_FLOAT64, "", "",
     "Acceptance for Gaussian log-weights of variance var_log_w: erfc(sqrt(var_log_w)/2)."},
    {"acceptance_gaussian_error", NPZ_FLOAT64, "", "", "Its standard error (jackknife)."},
    {"var_probes", NPZ_FLOAT64, "", "", "Mean variance of log q from the probes, a part of var_log_w."},
    {"var_probes_error", NPZ_FLOAT64, "", "", "Its standard error (jackknife)."},
    ARRAYS_ESTIMATES,
    {"weights-of", NPZ_BYTES, "", "",
     "proposals: the configurations are treated as draws from q; target: as draws from exp(-S)/Z."},
    {"bins", NPZ_INT64, "", "", "Bins of the jackknife."},
    ARRAYS_COUPLINGS,
    ARRAY_THERMALISED,
};

static const char *const outputs[] = {"artifact.npz", NULL};

enum { PARTS = 32 };

struct work {
    struct fields fields; /* N or more */
    size_t count, bins;   /* count: N */
    enum weights_origin origin;
    struct flow_settings settings;
    struct densities densities;
    const struct stage_context *stage;
    const struct score_model *model;
    struct progress *progress;
};

/* --- input --------------------------------------------------------------------------------------- */

static double element(const struct npz_array *phi, size_t i) {
    return phi->type == NPZ_FLOAT32 ? (double)((const float *)phi->data)[i] : ((const double *)phi->data)[i];
}

static enum status read_fields(const struct npz *npz, const struct score_model *m, int64_t wanted, struct work *w,
                               struct error *e) {
    struct fields *f = &w->fields;
    TRY(fields_read(npz, f, e));
    if (f->dimensions != m->dimensions || memcmp(f->extents, m->extents, m->dimensions * sizeof *m->extents) != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: phi has another lattice than the model", f->path);
    }
    w->count = wanted ? (size_t)wanted : f->configurations;
    if (w->count > f->configurations) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %zu configurations found, expected at least %zu", f->path,
                         f->configurations, w->count);
    }
    for (size_t i = 0; i < w->count * m->volume; i++) {
        if (!isfinite(element(f->phi, i))) {
            return error_set(e, STATUS_BAD_INPUT, "%s: phi is not finite in configuration %zu", f->path, i / m->volume);
        }
    }
    const size_t whole =
        w->count / (f->configurations / f->header.chains); /* chains among the first `count` configurations */
    w->bins = f->header.independent ? w->count : whole >= 2 ? whole : PARTS;
    w->bins = weights_bins(w->bins < w->count ? w->bins : w->count);
    return STATUS_OK;
}

/* --- computing ----------------------------------------------------------------------------------- */

static enum status compute(void *context, const struct parts_range *range, struct error *e) {
    const struct work *w = context;
    const struct score_model *m = w->model;
    const size_t V = m->volume, n = range->count;
    struct flow_result part = densities_part(&w->densities, range);
    struct geometry *g = NULL;
    double *phi = malloc(n * V * sizeof *phi);
    enum status status = phi ? geometry_new(m->extents, m->dimensions, &g, e)
                             : error_set(e, STATUS_FAILED, "out of memory for %zu configurations", n);
    for (size_t i = 0; status == STATUS_OK && i < n * V; i++) {
        phi[i] = element(w->fields.phi, range->first * V + i);
    }
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        w->densities.action[range->first + i] = action(g, &w->fields.header.theory, phi + i * V);
    }
    THEN(status, flow_log_density(m, &w->settings, range->first, n, w->stage->threads, phi, NULL, &part,
                                  w->stage->interrupted, w->progress, e));
    geometry_free(g);
    free(phi);
    return status;
}

static enum status find_densities(struct stage_context *c, const struct score_model *m, struct work *w, bool *whole,
                                  struct error *e) {
    w->stage = c;
    w->model = m;
    w->progress = progress_new("likelihood", "configurations", w->count, c->quiet);
    const enum status status = densities_run(c, &w->densities, &w->settings, compute, w, w->progress, whole, e);
    progress_end(w->progress);
    return status;
}

/* --- output -------------------------------------------------------------------------------------- */

static enum status write_artifact(struct stage_context *c, const struct score_model *m, const struct work *w,
                                  struct error *e) {
    const size_t n = w->count, products = flow_products(m, &w->settings);
    const struct densities *d = &w->densities;
    struct npz_writer *writer;
    densities_note(c, d, products);
    double *effective = malloc(n * sizeof *effective);
    enum status status = effective ? stage_artifact(c, &writer, e)
                                   : error_set(e, STATUS_FAILED, "out of memory for %zu effective actions", n);
    for (size_t i = 0; effective && i < n; i++) {
        effective[i] = -d->result.log_q[i];
    }
    THEN(status, densities_add(d, products, writer, e));
    THEN(status, npz_add_reals(writer, "action_effective", effective, n, e));
    free(effective);
    THEN(status, densities_add_weights(c, d, w->origin, w->bins, writer, e));
    THEN(status, densities_add_centred(d, writer, e));
    THEN(status, npz_add_text(writer, "weights-of", w->origin == WEIGHTS_TARGET ? "target" : "proposals", e));
    THEN(status, npz_add_integer(writer, "bins", (int64_t)w->bins, e));
    THEN(status, header_add_thermalised(writer, w->fields.header.thermalised, e));
    THEN(status, header_add_theory(writer, &w->fields.header.theory, e));
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct score_model m;
    struct work w = {.settings = densities_settings(c->parameters)};
    bool whole = false;
    static const char *const sharing_name[] = {[FLOW_OWN] = "own", [FLOW_SHARED] = "shared", [FLOW_FRESH] = "fresh"};
    w.settings.sharing = (enum flow_sharing)PARAMETERS_WORD(c->parameters, "probe-sharing", sharing_name);
    TRY(score_model_read(stage_input(c, "model", 0), &m, e));
    const char *stage = stage_input_recipe(c, "fields", 0, "stage");
    w.origin =
        stage && (strcmp(stage, "ensemble") == 0 || strcmp(stage, "import") == 0) ? WEIGHTS_TARGET : WEIGHTS_PROPOSALS;
    enum status status = backend_attach(c->device, &m, e);
    THEN(status,
         read_fields(stage_input(c, "fields", 0), &m, parameters_integer(c->parameters, "configurations"), &w, e));
    THEN(status, densities_allocate(&w.densities, &m, w.count, false, e));
    THEN(status, find_densities(c, &m, &w, &whole, e));
    if (status == STATUS_OK && whole) {
        status = write_artifact(c, &m, &w, e);
    }
    densities_release(&w.densities);
    score_model_release(&m);
    return status;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    if (parameters_integer(p, "configurations") == 1) {
        return error_set(e, STATUS_BAD_INPUT, "%s: configurations = 1, expected 0 or at least 2", where);
    }
    if (parameters_is(p, "probe-sharing", "fresh") && parameters_is(p, "control-variate", "wiener")) {
        return error_set(
            e, STATUS_BAD_INPUT,
            "%s: probe-sharing = fresh with control-variate = wiener found, expected control-variate = none", where);
    }
    return STATUS_OK;
}

/* The number of configurations; with configurations = 0 that of the fields, if the planner knows it. */
static size_t items(const struct stage_node *node) {
    const size_t wanted = (size_t)parameters_integer(node->parameters, "configurations");
    const struct stage_node *fields = node->input(node, "fields", 0);
    for (size_t i = 0; !wanted && fields && i < fields->stage->parameter_count; i++) {
        if (strcmp(fields->stage->parameters[i].name, "configurations") == 0) {
            return (size_t)parameters_integer(fields->parameters, "configurations");
        }
    }
    return wanted;
}

const struct stage stage_likelihood = {
    .name = "likelihood",
    .summary = "density of configurations by the probability flow of a score model, against their action",
    .version = 3,
    .uses_backend = true,
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
