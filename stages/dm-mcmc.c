/* Stage `dm-mcmc`: the Markov chain of a diffusion model (A 4.13, App. D): proposals of the model are accepted with
 * probability min(1, w'/w), log w = -S - log q (statistics/independence.h).
 *
 *   protocol = exact         fresh proposals of the stage `propose`, each used once, in order. They are drawn from the
 *                            density q, so the chain samples exp(-S)/Z, however wrong the model is. If log q has an
 *                            error from random probes (see the stage `propose`), the chain is pseudo-marginal: exact
 *                            as far as the mean of exp(-error) does not depend on the field.
 *   protocol = as-published  draws with replacement from a fixed pool, usually samples of the stochastic process
 *                            (`sample`) with densities from the flow (`likelihood`). This is not exact: the samples
 *                            are not drawn from that density, and a pool of K configurations gives at most K
 *                            different states, however long the chain is.
 *
 * Artifact, for C chains of n steps after `discard`: phi float32 (C n, x1..xd), chain after chain, as for the stage
 * `ensemble`; chains = C, independent = 0, kappa, lambda; proposal (C n): the number of the proposal that is the
 * state; accepted (C n); log_w of all proposals (pool); acceptance and acceptance_error (Gamma method) of the kept
 * steps; longest_stay, the largest number of steps in one state; from the proposals' weights R2, slope, var_log_w,
 * effective_sample_size, acceptance_expected and acceptance_gaussian with errors; all of them also as names, values,
 * errors ... for the stage `table`; thermalised: 0 if one state takes more than a tenth of the steps of a chain, or,
 * with protocol as-published, if the model is marked 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lattice/action.h"
#include "lattice/thermalisation.h"
#include "score/header.h"
#include "report/estimates.h"
#include "stages/arrays.h"
#include "stages/shared_parameters.h"
#include "stages/stage.h"
#include "statistics/gamma_method.h"
#include "statistics/independence.h"
#include "statistics/weights.h"

static const struct parameter parameters[] = {
    {.name = "protocol",
     .type = PARAMETER_CHOICE,
     .default_value = "exact",
     .choices = "exact|as-published",
     .help = "exact: uses every proposal of the stage propose once, in order; as-published: draws from a pool with "
             "replacement."},
    {.name = "chains",
     .type = PARAMETER_INTEGER,
     .default_value = "1",
     .minimum = 1,
     .maximum = 1e6,
     .help = "Number of Markov chains; with protocol exact, each takes a consecutive part of the proposals."},
    {.name = "steps",
     .type = PARAMETER_INTEGER,
     .default_value = "0",
     .minimum = 0,
     .maximum = 1e9,
     .help = "Steps of each chain, including its start; 0: the number of proposals divided by the number of chains."},
    {.name = "discard",
     .type = PARAMETER_INTEGER,
     .default_value = "0",
     .minimum = 0,
     .maximum = 1e9,
     .unit = "steps",
     .help = "Steps discarded at the start of each chain, which starts from a proposal."},
    PARAMETER_SEED("Seed of acceptance and of the draws from the pool."),
};

static const struct stage_input inputs[] = {
    {"proposals", "propose|sample", true, false, "The proposed configurations."},
    {"likelihood", "likelihood", false, false, "Their densities, if they come from the stage sample."},
};

static const struct stage_array arrays[] = {
    ARRAYS_FIELD,
    {"proposal", NPZ_INT64, "N", "", "Number of the proposal that is the state."},
    {"accepted", NPZ_UINT8, "N", "", "1 where the step accepted its proposal."},
    {"log_w", NPZ_FLOAT64, "pool", "", "Log-weight -S - log q of every proposal."},
    {"acceptance", NPZ_FLOAT64, "", "", "Acceptance of the kept steps (Gamma method)."},
    {"acceptance_error", NPZ_FLOAT64, "", "", "Its standard error."},
    {"acceptance_expected", NPZ_FLOAT64, "", "", "Acceptance expected from pairs of weights."},
    {"acceptance_expected_error", NPZ_FLOAT64, "", "", "Its standard error."},
    {"acceptance_gaussian", NPZ_FLOAT64, "", "",
     "Acceptance expected from Gaussian log-weights of variance var_log_w."},
    {"acceptance_gaussian_error", NPZ_FLOAT64, "", "", "Its standard error."},
    {"R2", NPZ_FLOAT64, "", "", "R^2 (A 4.9) of S_eff as a prediction of S, each minus its mean."},
    {"R2_error", NPZ_FLOAT64, "", "", "Its standard error."},
    {"slope", NPZ_FLOAT64, "", "", "Slope of S against S_eff."},
    {"slope_error", NPZ_FLOAT64, "", "", "Its standard error."},
    {"var_log_w", NPZ_FLOAT64, "", "", "Variance of the log-weights."},
    {"var_log_w_error", NPZ_FLOAT64, "", "", "Its standard error."},
    {"effective_sample_size", NPZ_FLOAT64, "", "", "(sum w)^2 / (N sum w^2)."},
    {"effective_sample_size_error", NPZ_FLOAT64, "", "", "Its standard error."},
    ARRAYS_ESTIMATES_BY("jackknife, for all errors except that of acceptance, which is from the Gamma method if its "
                        "tau_int is not NaN."),
    {"longest_stay", NPZ_INT64, "", "steps", "Longest stay in one state."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

enum { SHARE = 10 };

struct work {
    const struct npz_array *phi; /* (N or more, x1..xd) float32 */
    const char *path;
    size_t volume, pool; /* pool: number of proposals with a density */
    const double *log_q;
    struct theory theory;
    int64_t thermalised;
    double *action, *log_w; /* pool */
    size_t chains, steps, discard;
    size_t *state, *kept; /* proposal that is the state: at all steps, and at the kept steps */
    unsigned char *accepted, *kept_accepted;
};

static enum status read_density(const struct npz *npz, struct work *w, struct error *e) {
    const struct npz_array *log_q;
    TRY(npz_require(npz, "log_q", NPZ_FLOAT64, 1, &log_q, e));
    TRY(header_read_theory(npz, &w->theory, e));
    w->log_q = log_q->data;
    w->pool = log_q->count;
    if (w->pool > w->phi->shape[0] || w->pool < 2) {
        return error_set(e, STATUS_BAD_INPUT, "%s: densities of %zu configurations found, expected 2 to %zu as in %s",
                         npz_path(npz), w->pool, w->phi->shape[0], w->path);
    }
    return STATUS_OK;
}

static enum status read_proposals(struct stage_context *c, struct work *w, struct error *e) {
    const struct npz *npz = stage_input(c, "proposals", 0);
    const char *stage = stage_input_recipe(c, "proposals", 0, "stage");
    const bool fresh = stage && strcmp(stage, "propose") == 0, scored = stage_input_count(c, "likelihood") > 0;
    w->path = npz_path(npz);
    if (parameters_is(c->parameters, "protocol", "exact") && !fresh) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: samples with protocol exact found, proposals of the stage propose expected", w->path);
    }
    if (fresh == scored) {
        return error_set(e, STATUS_BAD_INPUT,
                         fresh ? "%s: proposals with densities found, no input likelihood expected"
                               : "%s: samples without densities found, an input likelihood expected",
                         w->path);
    }
    enum status status = npz_require(npz, "phi", NPZ_FLOAT32, -1, &w->phi, e);
    if (status == STATUS_OK && w->phi->dimensions < 2) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: phi has %zu dimensions, expected (configuration, x1, ..., xd)",
                           w->path, w->phi->dimensions);
    }
    THEN(status, header_read_thermalised(npz, &w->thermalised, e));
    THEN(status, read_density(scored ? stage_input(c, "likelihood", 0) : npz, w, e));
    w->volume = status == STATUS_OK ? w->phi->count / w->phi->shape[0] : 0;
    return status;
}

/* The error of the acceptance needs four steps of a chain; the start of the chain is not a step. */
static size_t least_steps(size_t discard) {
    return discard > 0 ? discard + 4 : 5;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    const size_t steps = (size_t)parameters_integer(p, "steps"),
                 least = least_steps((size_t)parameters_integer(p, "discard"));
    if (steps > 0 && steps < least) {
        return error_set(e, STATUS_BAD_INPUT, "%s: steps = %zu, expected 0 or at least %zu with discard = %lld", where,
                         steps, least, (long long)parameters_integer(p, "discard"));
    }
    return STATUS_OK;
}

static enum status plan_steps(const struct parameters *p, struct work *w, struct error *e) {
    w->chains = (size_t)parameters_integer(p, "chains");
    w->steps = (size_t)parameters_integer(p, "steps");
    w->discard = (size_t)parameters_integer(p, "discard");
    if (w->steps == 0) {
        w->steps = w->pool / w->chains;
    }
    const size_t least = least_steps(w->discard);
    if (w->steps < least) {
        return error_set(e, STATUS_BAD_INPUT, "%zu steps per chain with discard %zu found, at least %zu expected",
                         w->steps, w->discard, least);
    }
    if (parameters_is(p, "protocol", "exact") && w->steps > w->pool / w->chains) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %zu proposals found, %zu expected for %zu chains of %zu steps",
                         w->path, w->pool, w->chains * w->steps, w->chains, w->steps);
    }
    return STATUS_OK;
}

/* Computes the actions of the stored proposals and compares them with those stored with the densities. */
static enum status weigh(struct stage_context *c, struct work *w, struct error *e) {
    const struct npz *density = stage_input(c, stage_input_count(c, "likelihood") > 0 ? "likelihood" : "proposals", 0);
    const struct npz_array *known;
    struct geometry *g = NULL;
    double *phi = malloc(w->volume * sizeof *phi);
    w->action = malloc(2 * w->pool * sizeof *w->action);
    enum status status = npz_require(density, "action", NPZ_FLOAT64, 1, &known, e);
    if (status == STATUS_OK && (!phi || !w->action)) {
        status = error_set(e, STATUS_FAILED, "out of memory for %zu proposals", w->pool);
    }
    if (status == STATUS_OK && known->count != w->pool) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: action has %zu elements, expected %zu", npz_path(density),
                           known->count, w->pool);
    }
    THEN(status, geometry_new(w->phi->shape + 1, w->phi->dimensions - 1, &g, e));
    for (size_t i = 0; i < w->pool && status == STATUS_OK; i++) {
        for (size_t x = 0; x < w->volume; x++) {
            phi[x] = (double)((const float *)w->phi->data)[i * w->volume + x];
        }
        w->action[i] = action(g, &w->theory, phi);
        const double there = ((const double *)known->data)[i];
        if (!(fabs(w->action[i] - there) <= 1e-9 * (fabs(there) + 1))) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: configuration %zu has action %.9g, expected %.9g as in %s",
                               w->path, i, w->action[i], there, npz_path(density));
        }
    }
    if (status == STATUS_OK) {
        w->log_w = w->action + w->pool;
    }
    for (size_t i = 0; i < w->pool && status == STATUS_OK; i++) {
        w->log_w[i] = -w->action[i] - w->log_q[i];
    }
    geometry_free(g);
    free(phi);
    return status;
}

static enum status run_chains(struct stage_context *c, struct work *w, struct error *e) {
    const size_t all = w->chains * w->steps, keep = w->steps - w->discard;
    const uint64_t seed = (uint64_t)parameters_integer(c->parameters, "seed");
    const bool exact = parameters_is(c->parameters, "protocol", "exact");
    size_t *proposal = malloc(w->steps * sizeof *proposal);
    w->state = malloc((all + w->chains * keep) * sizeof *w->state);
    w->accepted = malloc(all + w->chains * keep);
    if (!proposal || !w->state || !w->accepted) {
        free(proposal);
        return error_set(e, STATUS_FAILED, "out of memory for %zu steps", all);
    }
    w->kept = w->state + all;
    w->kept_accepted = w->accepted + all;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < w->chains && status == STATUS_OK; i++) {
        if (exact) {
            independence_fresh(i * w->steps, w->steps, proposal);
        } else {
            status = independence_pool(w->pool, w->steps, random_key(seed, "dm-mcmc", "draw"), i, proposal, e);
        }
        THEN(status, independence_chain(w->log_w, proposal, w->steps, random_key(seed, "dm-mcmc", "accept"), i,
                                        w->state + i * w->steps, w->accepted + i * w->steps, e));
        if (status == STATUS_OK) {
            memcpy(w->kept + i * keep, w->state + i * w->steps + w->discard, keep * sizeof *w->kept);
            memcpy(w->kept_accepted + i * keep, w->accepted + i * w->steps + w->discard, keep);
        }
    }
    free(proposal);
    return status;
}

/* --- output -------------------------------------------------------------------------------------- */

/* Acceptance of the kept steps, without the start, by the Gamma method. If all or none were accepted, the error is one
 * over the number of steps. */
static enum status find_acceptance(const struct work *w, struct gamma_result *result, struct error *e) {
    const size_t keep = w->steps - w->discard, first = w->discard == 0, length = keep - first;
    double *x = malloc(w->chains * length * sizeof *x);
    if (!x) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu steps", w->chains * length);
    }
    for (size_t i = 0; i < w->chains * length; i++) {
        x[i] = w->kept_accepted[i / length * keep + first + i % length];
    }
    const struct series series = {x, 1, w->chains * length, w->chains};
    const struct estimator mean = {.values = 1};
    const enum status status = gamma_method(&series, &mean, GAMMA_METHOD_S, result, e);
    free(x);
    if (status == STATUS_OK && (result->value == 0 || result->value == 1)) {
        result->error = 1 / (double)series.configurations;
        result->tau_int = result->tau_int_error = NAN;
    }
    return status;
}

/* Adds all numbers under their names, and again as rows for the stage `table`. */
static enum status add_numbers(struct stage_context *c, const struct work *w, struct npz_writer *writer,
                               struct error *e) {
    enum { COUNT = WEIGHTS_STATISTICS + 1 };
    double values[COUNT], errors[COUNT], tau[COUNT], tau_error[COUNT];
    const char *names[COUNT];
    const size_t n = w->pool;
    struct gamma_result acceptance;
    TRY(find_acceptance(w, &acceptance, e));
    TRY(weights_analyse(w->action, w->log_q, n, WEIGHTS_PROPOSALS, weights_bins(n), values + 1, errors + 1, e));
    enum status status = STATUS_OK;
    for (int v = 1; v < COUNT; v++) {
        names[v] = v - 1 == WEIGHTS_ACCEPTANCE ? "acceptance_expected" : weights_name[v - 1];
        tau[v] = tau_error[v] = NAN;
    }
    names[0] = "acceptance";
    values[0] = acceptance.value;
    errors[0] = acceptance.error;
    tau[0] = acceptance.tau_int;
    tau_error[0] = acceptance.tau_int_error;
    for (int v = 0; v < COUNT && status == STATUS_OK; v++) {
        char name[64];
        snprintf(name, sizeof name, "%s_error", names[v]);
        status = npz_add_real(writer, names[v], values[v], e);
        THEN(status, npz_add_real(writer, name, errors[v], e));
        stage_note_value(c, names[v], values[v], errors[v], "");
    }
    const struct estimates rows = {.count = COUNT,
                                   .names = names,
                                   .values = values,
                                   .errors = errors,
                                   .tau_int = tau,
                                   .tau_int_error = tau_error,
                                   .method = "jackknife",
                                   .configurations = n};
    THEN(status, estimates_add(&rows, writer, e));
    return status;
}

static enum status add_fields(const struct work *w, struct npz_writer *writer, struct error *e) {
    const size_t n = w->chains * (w->steps - w->discard), V = w->volume;
    size_t shape[NPZ_MAX_DIMENSIONS];
    memcpy(shape, w->phi->shape, sizeof shape);
    shape[0] = n;
    float *phi = malloc(n * V * sizeof *phi);
    int64_t *index = malloc(n * sizeof *index);
    unsigned char *accepted = malloc(n);
    double *log_w = malloc(w->pool * sizeof *log_w);
    enum status status = STATUS_OK;
    if (!phi || !index || !accepted || !log_w) {
        status = error_set(e, STATUS_FAILED, "out of memory for %zu configurations", n);
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        memcpy(phi + i * V, (const float *)w->phi->data + w->kept[i] * V, V * sizeof *phi);
        index[i] = (int64_t)w->kept[i];
        accepted[i] = w->kept_accepted[i];
    }
    if (status == STATUS_OK) {
        memcpy(log_w, w->log_w, w->pool * sizeof *log_w);
    }
    const struct {
        const char *name;
        enum npz_type type;
        size_t dimensions, first;
        void *data;
    } vectors[] = {{"phi", NPZ_FLOAT32, w->phi->dimensions, n, phi},
                   {"proposal", NPZ_INT64, 1, n, index},
                   {"accepted", NPZ_UINT8, 1, n, accepted},
                   {"log_w", NPZ_FLOAT64, 1, w->pool, log_w}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        shape[0] = vectors[i].first;
        if (status == STATUS_OK) {
            status = npz_add_owned(writer, vectors[i].name, vectors[i].type, vectors[i].dimensions, shape,
                                   vectors[i].data, e);
        } else {
            free(vectors[i].data);
        }
    }
    return status;
}

static enum status write_artifact(struct stage_context *c, const struct work *w, struct error *e) {
    const size_t keep = w->steps - w->discard;
    size_t longest = 0, accepted = 0;
    for (size_t i = 0; i < w->chains; i++) {
        const size_t stay = independence_longest_stay(w->kept + i * keep, keep);
        longest = stay > longest ? stay : longest;
    }
    for (size_t i = 0; i < w->chains * keep; i++) {
        accepted += w->kept_accepted[i];
    }
    int64_t thermalised = longest > keep / SHARE ? 0 : 1;
    if (!parameters_is(c->parameters, "protocol", "exact") && w->thermalised < thermalised) {
        thermalised = w->thermalised;
    }
    stage_note_value(c, "accepted", (double)accepted, NAN, "steps");
    stage_note_value(c, "kept", (double)(w->chains * keep), NAN, "steps");
    stage_note_value(c, "longest_stay", (double)longest, NAN, "steps");
    stage_note(c, "thermalised", "%s", thermalisation_mark(thermalised));
    struct npz_writer *writer;
    enum status status = stage_artifact(c, &writer, e);
    THEN(status, add_fields(w, writer, e));
    const struct header header = {w->theory, w->chains, false, thermalised};
    THEN(status, header_add(writer, &header, e));
    THEN(status, npz_add_integer(writer, "longest_stay", (int64_t)longest, e));
    THEN(status, add_numbers(c, w, writer, e));
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct work w = {0};
    enum status status = read_proposals(c, &w, e);
    THEN(status, plan_steps(c->parameters, &w, e));
    THEN(status, weigh(c, &w, e));
    THEN(status, run_chains(c, &w, e));
    THEN(status, write_artifact(c, &w, e));
    free(w.action);
    free(w.state);
    free(w.accepted);
    return status;
}

const struct stage stage_dm_mcmc = {
    .name = "dm-mcmc",
    .summary = "Markov chain of a diffusion model: its proposals accepted or rejected by their density",
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
