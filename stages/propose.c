/* Stage `propose`: draws configurations from the probability flow of a score model, with their density q: proposals for
 * an exact Markov chain (A 4.13, stage `dm-mcmc`).
 *
 * A field from the prior at t = 1 (N(0, s^2(1)), or the Gaussian field of the noisy data) follows the flow to t-start
 * (diffusion/flow.h); log q is accumulated along the path. method = direct needs no flow: it draws a Gaussian field
 * with the propagator of a gaussian model, whose density is known in closed form (score/gaussian.h).
 *
 * With divergence = probes, log q has a random error (log_q_error), which is drawn with the proposal and kept with it.
 * A chain of such proposals is exact for the joint distribution of field and probes. For the field alone it is exact
 * only as far as the mean of exp(-error) does not depend on the field: a constant variance of the error does no harm,
 * one that varies with the field does. divergence = exact (V vector-Jacobian products per evaluation, for small
 * lattices), closed, and method direct have no such error.
 *
 * Artifact: phi float32 (N, x1..xd); log_q, log_q_error, action, evaluations, cost (N) as for the stage `likelihood`,
 * where S is the action of phi as stored, with kappa and lambda of the target theory; log_w = -S - log q;
 * action_centred, action_effective_centred and action_difference (stages/densities.h);
 * with method modes: step_error, the change of log w with twice the steps (root mean square of 256), and rejected, the
 * number of proposals that became infinite or left the phase; they are 0 at all sites and have weight 0;
 * statistics of the weights (R2, slope, ...; names, values, errors for tables); chains = N, independent = 1;
 * thermalised as the model is marked. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "base/sum.h"
#include "lattice/action.h"
#include "score/header.h"
#include "stages/arrays.h"
#include "stages/densities.h"
#include "stages/shared_parameters.h"

static const struct parameter parameters[] = {
    PARAMETER_CONFIGURATIONS("1024", 2, "Number of proposals to draw."),
    {.name = "method",
     .type = PARAMETER_CHOICE,
     .default_value = "dopri5",
     .choices = "dopri5|heun|rk4|direct|modes",
     .help = "Integrator of the probability flow: dopri5, adaptive in t as published; heun, rk4: equal steps in log "
             "s. direct: for gaussian models only, filtered white noise with its exact density. modes: for "
             "effective-action models only, rk4 in normalised modes with the divergence in closed form, starting from "
             "the Gaussian field of the noisy data; 24 steps are enough."},
    DENSITIES_PARAMETERS,
    {.name = "kappa",
     .type = PARAMETER_REAL,
     .default_value = "0",
     .minimum = -100,
     .maximum = 100,
     .later = true,
     .help = "Hopping parameter of the target theory of the proposals; 0: that of the model's training ensemble."},
    {.name = "lambda",
     .type = PARAMETER_REAL,
     .default_value = "-1",
     .minimum = -1,
     .maximum = 1e6,
     .later = true,
     .help = "Quartic coupling of the target theory; -1: that of the model's training ensemble."},
    PARAMETER_T_START("Time at which the flow ends; the density is that of the model at this time."),
    PARAMETER_SEED("Seed of the prior and the probes."),
};

static const struct stage_input inputs[] = {
    {"model", "train|checkpoint", true, false, "The score model."},
};

static const struct stage_array arrays[] = {
    ARRAYS_FIELD,
    {"step_error", NPZ_FLOAT64, "", "",
     "With method modes: change of log w with twice the steps, root mean square over the first 256 after subtraction "
     "of the mean."},
    {"rejected", NPZ_FLOAT64, "", "",
     "With method modes: number of proposals that became infinite or left the phase; they are 0 at all sites and have "
     "weight 0."},
    {"log_q", NPZ_FLOAT64, "N", "", "Log-density of each configuration under the model."},
    {"log_q_error", NPZ_FLOAT64, "N", "", "Its standard error over probes; NaN without probes, or with a single one."},
    {"action", NPZ_FLOAT64, "N", "", "S of each configuration, without log Z."},
    {"evaluations", NPZ_INT64, "N", "", "Evaluations of the score."},
    {"cost", NPZ_FLOAT64, "N", "forward passes",
     "The same including vector-Jacobian products, each counted as one forward pass."},
    {"action_centred", NPZ_FLOAT64, "N", "", "S minus its mean."},
    {"action_effective_centred", NPZ_FLOAT64, "N", "", "S_eff = -log q minus its mean."},
    {"action_difference", NPZ_FLOAT64, "N", "", "S - S_eff minus its mean: the deviation from the line of slope 1."},
    {"log_w", NPZ_FLOAT64, "N", "", "Log-weight -S - log q of each proposal."},
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
};

static const char *const outputs[] = {"artifact.npz", NULL};

struct work {
    const struct stage_context *stage;
    const struct score_model *model;
    const struct flow_settings *settings;
    struct densities *densities;
    struct progress *progress;
};

static enum status find_actions(const struct work *w, const struct parts_range *range, struct error *e) {
    const struct score_model *m = w->model;
    struct densities *d = w->densities;
    struct geometry *g;
    double *phi = malloc(m->volume * sizeof *phi);
    enum status status = phi ? geometry_new(m->extents, m->dimensions, &g, e)
                             : error_set(e, STATUS_FAILED, "out of memory for %zu sites", m->volume);
    if (status != STATUS_OK) {
        free(phi);
        return status;
    }
    for (size_t i = range->first; i < range->first + range->count; i++) {
        for (size_t x = 0; x < m->volume; x++) {
            phi[x] = (double)d->phi[i * m->volume + x];
        }
        d->action[i] = action(g, &m->theory, phi);
    }
    geometry_free(g);
    free(phi);
    return STATUS_OK;
}

static enum status draw_directly(const struct work *w, const struct parts_range *range, struct error *e) {
    struct densities *d = w->densities;
    const struct score_draw direct = {random_key(w->settings->seed, "propose", "gaussian"),
                                      range->first,
                                      range->count,
                                      w->stage->threads,
                                      d->phi + range->first * d->volume,
                                      d->result.log_q + range->first,
                                      w->stage->interrupted,
                                      w->progress};
    for (size_t i = 0; i < range->count; i++) {
        d->result.log_q_error[range->first + i] = NAN;
    }
    return score_model_draw(w->model, &direct, e);
}

/* Computes a range of proposals; if the run is interrupted, the finished ones are marked so that they are kept. */
static enum status follow_flow(const struct work *w, const struct parts_range *range, struct error *e) {
    struct densities *d = w->densities;
    const size_t V = d->volume;
    struct flow_result part = densities_part(d, range);
    double *phi = malloc(range->count * V * sizeof *phi);
    if (!phi) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", range->count);
    }
    const enum status status = flow_sample(w->model, w->settings, range->first, range->count, w->stage->threads, phi,
                                           NULL, &part, w->stage->interrupted, w->progress, e);
    for (size_t i = 0; i < range->count; i++) {
        for (size_t x = 0; range->done[i] && x < V; x++) {
            d->phi[(range->first + i) * V + x] = (float)phi[i * V + x];
        }
    }
    free(phi);
    return status;
}

static enum status draw_range(void *context, const struct parts_range *range, struct error *e) {
    const struct work *w = context;
    const bool direct = parameters_is(w->stage->parameters, "method", "direct");
    enum status status = direct ? draw_directly(w, range, e) : follow_flow(w, range, e);
    struct error second;
    const enum status actions = find_actions(w, range, &second);
    if (status == STATUS_OK && actions != STATUS_OK) {
        *e = second;
    }
    THEN(status, actions);
    return status;
}

/* Change of log q with twice the steps: root mean square over the first configurations after subtraction of the mean,
 * which does not affect the weights. */
static enum status find_step_error(struct stage_context *c, const struct score_model *m,
                                   const struct flow_settings *settings, const struct densities *d, double *error,
                                   struct error *e) {
    enum { MOST = 256 };
    const size_t n = d->count < MOST ? d->count : MOST, V = m->volume;
    struct flow_settings finer = *settings;
    finer.steps *= 2;
    struct densities twice = {0};
    double *phi = malloc(n * V * sizeof *phi), *change = malloc(n * sizeof *change);
    twice.result.done = calloc(n, 1);
    enum status status = phi && change && twice.result.done
                             ? densities_allocate(&twice, m, n, false, e)
                             : error_set(e, STATUS_FAILED, "out of memory for %zu configurations", n);
    THEN(status, flow_sample(m, &finer, 0, n, c->threads, phi, NULL, &twice.result, c->interrupted, NULL, e));
    struct geometry *g = NULL;
    THEN(status, geometry_new(m->extents, m->dimensions, &g, e));
    size_t some = 0;
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        change[some] = -action(g, &m->theory, phi + i * V) - twice.result.log_q[i] + d->action[i] + d->result.log_q[i];
        some += isfinite(change[some]) ? 1 : 0;
    }
    if (status == STATUS_OK) {
        const double mean = sum_tree(change, some) / (double)some;
        for (size_t i = 0; i < some; i++) {
            change[i] = (change[i] - mean) * (change[i] - mean);
        }
        *error = sqrt(sum_tree(change, some) / (double)some);
    }
    geometry_free(g);
    free(twice.result.done);
    densities_release(&twice);
    free(phi);
    free(change);
    return status;
}

static enum status draw(struct stage_context *c, const struct score_model *m, const struct flow_settings *settings,
                        struct densities *d, bool *whole, struct error *e) {
    struct progress *progress = progress_new("propose", "configurations", d->count, c->quiet);
    struct work work = {c, m, settings, d, progress};
    const enum status status = densities_run(c, d, settings, draw_range, &work, progress, whole, e);
    progress_end(progress);
    return status;
}

/* Hands d->phi over to the writer. */
static enum status write_artifact(struct stage_context *c, const struct score_model *m,
                                  const struct flow_settings *settings, size_t products, struct densities *d,
                                  struct error *e) {
    const size_t n = d->count;
    d->modes = settings->modes;
    if (d->modes) {
        TRY(find_step_error(c, m, settings, d, &d->step_error, e));
        for (size_t i = 0; i < n; i++) {
            d->rejected += d->result.log_q[i] == INFINITY;
        }
    }
    size_t shape[NPZ_MAX_DIMENSIONS] = {n};
    memcpy(shape + 1, m->extents, m->dimensions * sizeof *shape);
    struct npz_writer *writer;
    densities_note(c, d, products);
    enum status status = stage_artifact(c, &writer, e);
    if (status == STATUS_OK) {
        status = npz_add_owned(writer, "phi", NPZ_FLOAT32, m->dimensions + 1, shape, d->phi, e);
        d->phi = NULL;
    }
    double *log_w = malloc(n * sizeof *log_w);
    if (status == STATUS_OK && !log_w) {
        status = error_set(e, STATUS_FAILED, "out of memory for %zu weights", n);
    }
    for (size_t i = 0; log_w && i < n; i++) {
        log_w[i] = -d->action[i] - d->result.log_q[i];
    }
    THEN(status, densities_add(d, products, writer, e));
    THEN(status, densities_add_centred(d, writer, e));
    THEN(status, npz_add_reals(writer, "log_w", log_w, n, e));
    free(log_w);
    THEN(status, densities_add_weights(c, d, WEIGHTS_PROPOSALS, weights_bins(n), writer, e));
    THEN(status, header_add_samples(writer, &m->theory, m->thermalised, n, e));
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct score_model m;
    struct densities d = {0};
    bool whole = false;
    const struct flow_settings settings = densities_settings(c->parameters);
    const bool direct = parameters_is(c->parameters, "method", "direct");
    TRY(score_model_read(stage_input(c, "model", 0), &m, e));
    enum status status = backend_attach(c->device, &m, e);
    const double kappa = parameters_real(c->parameters, "kappa");
    const double lambda = parameters_real(c->parameters, "lambda");
    m.theory.kappa = kappa == 0 ? m.theory.kappa : kappa;
    m.theory.lambda = lambda < 0 ? m.theory.lambda : lambda;
    const size_t count = (size_t)parameters_integer(c->parameters, "configurations");
    THEN(status, densities_allocate(&d, &m, count, true, e));
    THEN(status, draw(c, &m, &settings, &d, &whole, e));
    if (status == STATUS_OK && whole) {
        status = write_artifact(c, &m, &settings, direct ? 0 : flow_products(&m, &settings), &d, e);
    }
    densities_release(&d);
    score_model_release(&m);
    return status;
}

static size_t items(const struct stage_node *node) {
    return (size_t)parameters_integer(node->parameters, "configurations");
}

const struct stage stage_propose = {
    .name = "propose",
    .summary = "configurations from the probability flow of a score model, with the density they are drawn from",
    .version = 2,
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
};
