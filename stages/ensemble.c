/* Stage `ensemble`: configurations of phi^4 theory (A 4.2) from Markov chains: hybrid Monte Carlo, local or global
 * Metropolis, Langevin or cluster flips (src/lattice/ensemble.h).
 *
 * Artifact: phi float32 (N, x1..xd), chain after chain; kappa, lambda; chains C; independent (1: one configuration
 * per chain); acceptance and exp_minus_dH (C); virial and action (N), of the field before rounding; thermalised
 * (1: passed the tests of lattice/thermalisation.h, 0: failed, -1: too few chains to test), thermalisation.names and
 * thermalisation.sigmas. The mark `thermalised` is passed on to everything made from the ensemble.
 *
 * Version 2 at first marked ensembles with chains that never moved as -1, and passed ensembles on their virial alone.
 * This was corrected without a new version, because few marks change and a new version would recompute all ensembles
 * (CHANGELOG.md). */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/progress.h"
#include "lattice/ensemble.h"
#include "lattice/thermalisation.h"
#include "score/header.h"
#include "stages/arrays.h"
#include "stages/parts.h"
#include "stages/shared_parameters.h"
#include "statistics/running.h"

static const struct parameter parameters[] = {
    {.name = "lattice",
     .type = PARAMETER_INTEGERS,
     .default_value = "32,32",
     .minimum = 2,
     .maximum = 65536,
     .unit = "sites",
     .help = "Extents of the periodic lattice, one per dimension."},
    PARAMETERS_THEORY("0.21", "0.022", "."),
    {.name = "algorithm",
     .type = PARAMETER_CHOICE,
     .default_value = "hmc",
     .choices = "hmc|metropolis|langevin|cluster|metropolis-global|random-walk",
     .help = "hmc: hybrid Monte Carlo. metropolis: sweeps of single-site Metropolis. langevin: the Langevin equation "
             "A 2.15 with noise of variance 2 dt, which has errors of order dt. cluster: a sweep of single-site "
             "Metropolis and a Swendsen-Wang sweep that flips clusters of signs, efficient also at criticality and in "
             "the broken phase. metropolis-global: proposes to shift every site by metropolis-step times N(0,1), and "
             "accepts or rejects all shifts together (on 32x32 with metropolis-step = 1, none is ever accepted). "
             "random-walk: the same shifts without rejection, as in the authors' released code; it does not sample "
             "the theory."},
    PARAMETER_CONFIGURATIONS("1024", 1, "Total number of configurations."),
    {.name = "chains",
     .type = PARAMETER_INTEGER,
     .default_value = "0",
     .minimum = 0,
     .maximum = 1e9,
     .help = "Number of Markov chains, each with the same number of configurations; 0: one chain per configuration, as "
             "published, so that all are independent. Chains are computed in groups of 8."},
    {.name = "thermalisation",
     .type = PARAMETER_INTEGER,
     .default_value = "164",
     .minimum = 1,
     .maximum = 1e12,
     .unit = "trajectories, sweeps or Langevin steps",
     .help = "Steps from the start of a chain to its first configuration. Published: 100 steps of burn-in, and the "
             "configuration after 64 more. Acceptance and exp(-dH) are averages after the first half. Langevin needs "
             "many times 1/dt steps."},
    PARAMETER_STRIDE("10", "trajectories, sweeps or Langevin steps"),
    {.name = "trajectory-length",
     .type = PARAMETER_REAL,
     .default_value = "1",
     .minimum = 1e-6,
     .maximum = 1000,
     .unit = "molecular dynamics time",
     .help = "Length of an HMC trajectory."},
    {.name = "leapfrog-steps",
     .type = PARAMETER_INTEGER,
     .default_value = "10",
     .minimum = 1,
     .maximum = 1e6,
     .help = "Steps of the integrator in an HMC trajectory."},
    {.name = "integrator",
     .type = PARAMETER_CHOICE,
     .default_value = "leapfrog",
     .choices = "leapfrog|omelyan",
     .later = true,
     .help = "Integrator of HMC. omelyan: second-order minimum-norm integrator with two forces per step and a tenth of "
             "leapfrog's error at the same step size. For trajectories of the published length, two such steps "
             "give an acceptance of 97%, ten leapfrog steps 93%."},
    {.name = "precision",
     .type = PARAMETER_CHOICE,
     .default_value = "float64",
     .choices = "float64|float32",
     .later = true,
     .help = "Precision of HMC. float32: field, momenta and forces in single precision, energies and acceptance in "
             "double precision; more than twice as fast."},
    {.name = "metropolis-step",
     .type = PARAMETER_REAL,
     .default_value = "2",
     .minimum = 1e-9,
     .maximum = 1e6,
     .help = "Size d of the proposed shifts: metropolis and cluster shift a site by a uniform number in [-d, d]; "
             "metropolis-global and random-walk shift every site by d times N(0,1), d = 1 in the authors' code."},
    {.name = "langevin-step",
     .type = PARAMETER_REAL,
     .default_value = "0.01",
     .minimum = 1e-12,
     .maximum = 10,
     .unit = "Langevin time",
     .help = "Step dt of the Langevin equation."},
    {.name = "start",
     .type = PARAMETER_CHOICE,
     .default_value = "hot",
     .choices = "hot|cold",
     .help = "hot: every site is drawn from N(0,1), as published; cold: every site is at the minimum of the classical "
             "potential, with a random sign for each chain."},
    {.name = "test-chains",
     .type = PARAMETER_INTEGER,
     .default_value = "128",
     .minimum = 0,
     .maximum = 1e6,
     .help = "Number of further chains from the other start (hot or cold), of `thermalisation` steps. The comparison "
             "with them tests whether the ensemble depends on its start; 0: no comparison."},
    PARAMETER_SEED("Seed of all random numbers; training and test data need different ones."),
};

static void read_extents(const struct parameters *p, size_t *extents, size_t *dimensions) {
    const int64_t *list = parameters_integers(p, "lattice", dimensions);
    for (size_t mu = 0; mu < *dimensions && mu < GEOMETRY_MAX_DIMENSIONS; mu++) {
        extents[mu] = (size_t)list[mu];
    }
}

static const char *const algorithm_name[] = {[SAMPLER_HMC] = "hmc",
                                             [SAMPLER_METROPOLIS] = "metropolis",
                                             [SAMPLER_LANGEVIN] = "langevin",
                                             [SAMPLER_CLUSTER] = "cluster",
                                             [SAMPLER_METROPOLIS_GLOBAL] = "metropolis-global",
                                             [SAMPLER_RANDOM_WALK] = "random-walk"};
/* Units of the progress display. */
static const char *const step_name[] = {
    [SAMPLER_HMC] = "trajectories", [SAMPLER_METROPOLIS] = "sweeps",       [SAMPLER_LANGEVIN] = "steps",
    [SAMPLER_CLUSTER] = "steps",    [SAMPLER_METROPOLIS_GLOBAL] = "steps", [SAMPLER_RANDOM_WALK] = "steps"};
static const char *const start_name[] = {[SAMPLER_HOT] = "hot", [SAMPLER_COLD] = "cold"};
static const char *const integrator_name[] = {[INTEGRATOR_LEAPFROG] = "leapfrog", [INTEGRATOR_OMELYAN] = "omelyan"};

/* Checks that involve several parameters: the volume, a bounded action, equal lengths of chains. */
static enum status check(const struct parameters *p, const char *where, struct error *e) {
    size_t extents[GEOMETRY_MAX_DIMENSIONS], dimensions;
    read_extents(p, extents, &dimensions);
    enum status status = geometry_check(extents, dimensions, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s", where);
    }
    const struct theory theory = shared_theory(p);
    status = theory_check(&theory, dimensions, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s", where);
    }
    if (!parameters_is(p, "algorithm", "hmc") &&
        (parameters_is(p, "precision", "float32") || parameters_is(p, "integrator", "omelyan"))) {
        return error_set(e, STATUS_BAD_INPUT, "%s: algorithm %s with %s found, expected only for algorithm hmc", where,
                         parameters_text(p, "algorithm"),
                         parameters_is(p, "precision", "float32") ? "precision float32" : "integrator omelyan");
    }
    const int64_t configurations = parameters_integer(p, "configurations");
    const int64_t chains = parameters_integer(p, "chains");
    if (chains > 0 && configurations % chains != 0) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: configurations %" PRId64 " with chains %" PRId64 " found, a multiple of chains expected",
                         where, configurations, chains);
    }
    return STATUS_OK;
}

static struct ensemble_plan read_plan(const struct stage_context *c) {
    const struct parameters *p = c->parameters;
    const int64_t configurations = parameters_integer(p, "configurations");
    const int64_t chains = parameters_integer(p, "chains") > 0 ? parameters_integer(p, "chains") : configurations;
    return (struct ensemble_plan){
        .sampler =
            {
                .theory = shared_theory(p),
                .algorithm = (enum sampler_algorithm)PARAMETERS_WORD(p, "algorithm", algorithm_name),
                .start = (enum sampler_start)PARAMETERS_WORD(p, "start", start_name),
                .trajectory_length = parameters_real(p, "trajectory-length"),
                .leapfrog_steps = (size_t)parameters_integer(p, "leapfrog-steps"),
                .integrator = (enum integrator_kind)PARAMETERS_WORD(p, "integrator", integrator_name),
                .single_precision = parameters_is(p, "precision", "float32"),
                .metropolis_step = parameters_real(p, "metropolis-step"),
                .langevin_step = parameters_real(p, "langevin-step"),
                .seed = (uint64_t)parameters_integer(p, "seed"),
            },
        .chains = (uint64_t)chains,
        .measurements = (uint64_t)(configurations / chains),
        .thermalisation = (uint64_t)parameters_integer(p, "thermalisation"),
        .stride = (uint64_t)parameters_integer(p, "stride"),
        .threads = c->threads > 0 ? c->threads : 1,
    };
}

/* The state of a run. The items of its parts are chains. */
struct work {
    const struct stage_context *stage;
    const struct geometry *geometry;
    struct ensemble_plan plan; /* of all chains */
    struct ensemble out;
    struct progress *progress;
    uint64_t steps, before; /* steps of one chain; steps of the chains that are finished already */
};

static bool report(void *context, uint64_t steps) {
    const struct work *w = context;
    progress_update(w->progress, w->before + steps, NULL);
    return !*w->stage->interrupted;
}

static enum status run_chains(void *context, const struct parts_range *range, struct error *e) {
    struct work *w = context;
    struct ensemble_plan plan = w->plan;
    const size_t first = range->first, n = first * (size_t)plan.measurements;
    const struct ensemble out = {w->out.phi + n * w->geometry->volume, w->out.action + n, w->out.virial + n,
                                 w->out.acceptance + first, w->out.exp_minus_dH + first};
    plan.first_chain = first;
    plan.chains = range->count;
    w->before = range->finished * w->steps;
    return ensemble_generate(w->geometry, &plan, &out, report, w, e);
}

/* Computes the missing chains of this process's share. */
static enum status run_parts(struct stage_context *c, struct work *w, bool *whole, struct error *e) {
    const struct ensemble_plan *plan = &w->plan;
    const size_t k = (size_t)plan->measurements;
    const struct parts_column columns[] = {
        {"phi", NPZ_FLOAT32, k * w->geometry->volume, w->out.phi, 0},
        {"action", NPZ_FLOAT64, k, w->out.action, 0},
        {"virial", NPZ_FLOAT64, k, w->out.virial, 0},
        {"acceptance", NPZ_FLOAT64, 1, w->out.acceptance, 0},
        {"exp_minus_dH", NPZ_FLOAT64, 1, w->out.exp_minus_dH, 0},
    };
    enum { LANES = LATTICE_LANES };
    const struct parts parts = {.unit = "chains",
                                .count = (size_t)plan->chains,
                                .size = LANES,
                                .grain = LANES,
                                /* few at once: an interruption loses the chains in progress */
                                .at_once = (size_t)(LANES * plan->threads),
                                .columns = columns,
                                .column_count = sizeof columns / sizeof columns[0],
                                .compute = run_chains,
                                .context = w,
                                .progress_an_item = w->steps};
    struct parts_outcome outcome;
    w->progress = progress_new("ensemble", step_name[plan->sampler.algorithm], plan->chains * w->steps, c->quiet);
    const enum status status = parts_run(c, &parts, w->progress, &outcome, e);
    progress_end(w->progress);
    if (status == STATUS_OK && outcome.computed > 0 && outcome.seconds > 0) { /* with the thermalisation */
        stage_note_value(c, "configurations_per_second", (double)(outcome.computed * k) / outcome.seconds, NAN, "1/s");
        stage_note_value(c, "steps_per_second", (double)(outcome.computed * w->steps) / outcome.seconds, NAN, "1/s");
    }
    *whole = outcome.whole;
    return status;
}

/* Runs the chains from the other start and tests the ensemble. */
static enum status test(struct stage_context *c, struct work *w, struct thermalisation *found, struct error *e) {
    const uint64_t chains = (uint64_t)parameters_integer(c->parameters, "test-chains");
    w->before = 0;
    w->progress = progress_new("ensemble: test", "steps", chains * w->plan.thermalisation, c->quiet);
    const enum status status = thermalisation_test(w->geometry, &w->plan, &w->out, chains, report, w, found, e);
    progress_end(w->progress);
    return status;
}

/* Notes the mean of x[n] and its error from `blocks` equal blocks, the chains, which are independent. A single chain is
 * cut into up to 16 blocks. */
static void note_mean(struct stage_context *c, const char *name, const double *x, size_t n, size_t blocks) {
    if (blocks == 1) {
        blocks = n < 16 ? n : 16;
    }
    const size_t length = n / blocks;
    struct running means = {0};
    for (size_t b = 0; b < blocks; b++) {
        double sum = 0.0;
        for (size_t i = 0; i < length; i++) {
            sum += x[b * length + i];
        }
        running_add(&means, sum / (double)length);
    }
    stage_note_value(c, name, means.mean, blocks > 1 ? running_error(&means) : NAN, "");
}

/* Hands data over to the writer; frees it if something has failed before. */
static void give(struct npz_writer *w, const char *name, enum npz_type type, size_t dimensions, const size_t *shape,
                 void *data, enum status *s, struct error *e) {
    if (*s == STATUS_OK) {
        *s = npz_add_owned(w, name, type, dimensions, shape, data, e);
    } else {
        free(data);
    }
}

static enum status add_thermalisation(struct npz_writer *w, const struct thermalisation *t, struct error *e) {
    enum status status = header_add_thermalised(w, t->verdict, e);
    THEN(status, npz_add_texts(w, "thermalisation.names", thermalisation_name, THERMALISATION_TESTS, e));
    THEN(status, npz_add_reals(w, "thermalisation.sigmas", t->sigmas, THERMALISATION_TESTS, e));
    return status;
}

/* Hands the arrays of `out` over to the artifact. */
static enum status write_artifact(struct stage_context *c, const struct ensemble_plan *plan, const struct geometry *g,
                                  const struct ensemble *out, const struct thermalisation *t, struct error *e) {
    const size_t chains = (size_t)plan->chains;
    const struct header header = {plan->sampler.theory, chains, plan->measurements == 1, t->verdict};
    size_t shape[GEOMETRY_MAX_DIMENSIONS + 1] = {(size_t)(plan->chains * plan->measurements)};
    for (size_t mu = 0; mu < g->dimensions; mu++) {
        shape[mu + 1] = g->extents[mu];
    }
    struct npz_writer *w = NULL;
    enum status status = stage_artifact(c, &w, e);
    give(w, "phi", NPZ_FLOAT32, g->dimensions + 1, shape, out->phi, &status, e);
    THEN(status, header_add_layout(w, &header, e));
    give(w, "acceptance", NPZ_FLOAT64, 1, &chains, out->acceptance, &status, e);
    if (plan->sampler.algorithm == SAMPLER_HMC) {
        give(w, "exp_minus_dH", NPZ_FLOAT64, 1, &chains, out->exp_minus_dH, &status, e);
    } else {
        free(out->exp_minus_dH);
    }
    give(w, "virial", NPZ_FLOAT64, 1, shape, out->virial, &status, e);
    give(w, "action", NPZ_FLOAT64, 1, shape, out->action, &status, e);
    THEN(status, add_thermalisation(w, t, e));
    return status;
}

static void release(const struct ensemble *out) {
    free(out->phi);
    free(out->action);
    free(out->virial);
    free(out->acceptance);
    free(out->exp_minus_dH);
}

static enum status generate(struct stage_context *c, const struct geometry *g, struct error *e) {
    struct work w = {.stage = c, .geometry = g, .plan = read_plan(c)};
    const struct ensemble_plan *plan = &w.plan;
    const size_t chains = (size_t)plan->chains, n = (size_t)(plan->chains * plan->measurements);
    struct thermalisation thermalisation = {0};
    bool whole = false;
    w.steps = plan->thermalisation + (plan->measurements - 1) * plan->stride;
    w.out = (struct ensemble){
        .phi = calloc(n, g->volume * sizeof *w.out.phi),
        .action = calloc(n, sizeof *w.out.action),
        .virial = calloc(n, sizeof *w.out.virial),
        .acceptance = calloc(chains, sizeof *w.out.acceptance),
        .exp_minus_dH = calloc(chains, sizeof *w.out.exp_minus_dH),
    };
    enum status status = STATUS_OK;
    if (w.out.phi == NULL || w.out.action == NULL || w.out.virial == NULL || w.out.acceptance == NULL ||
        w.out.exp_minus_dH == NULL) {
        status =
            error_set(e, STATUS_FAILED, "ensemble: out of memory for %zu configurations of %zu sites", n, g->volume);
    }
    THEN(status, run_parts(c, &w, &whole, e));
    THEN(status, whole ? test(c, &w, &thermalisation, e) : STATUS_OK);
    if (status != STATUS_OK || !whole) {
        release(&w.out);
        return status;
    }
    note_mean(c, "acceptance", w.out.acceptance, chains, chains);
    if (plan->sampler.algorithm == SAMPLER_HMC) {
        note_mean(c, "exp(-dH)", w.out.exp_minus_dH, chains, chains);
    }
    note_mean(c, "virial", w.out.virial, n, chains);
    char verdict[128];
    thermalisation_text(&thermalisation, verdict, sizeof verdict);
    stage_note(c, "thermalisation", "%s", verdict);
    return write_artifact(c, plan, g, &w.out, &thermalisation, e);
}

static enum status run(struct stage_context *c, struct error *e) {
    size_t extents[GEOMETRY_MAX_DIMENSIONS], dimensions;
    read_extents(c->parameters, extents, &dimensions);
    struct geometry *g;
    enum status status = geometry_new(extents, dimensions, &g, e);
    if (status == STATUS_OK) {
        status = generate(c, g, e);
        geometry_free(g);
    }
    return status;
}

static const struct stage_array arrays[] = {
    ARRAYS_FIELD,
    {"acceptance", NPZ_FLOAT64, "C", "", "Acceptance of each chain."},
    {"exp_minus_dH", NPZ_FLOAT64, "C", "",
     "Mean of exp(-dH) of each chain of HMC; its expectation value is 1 in equilibrium."},
    {"virial", NPZ_FLOAT64, "N", "",
     "Mean of phi dS/dphi per site, of the field before rounding; its expectation value is 1 in equilibrium."},
    {"action", NPZ_FLOAT64, "N", "", "S/V, the action per site, of the field before rounding."},
    {"thermalisation.names", NPZ_BYTES, "T", "", "Tests of equilibrium (lattice/thermalisation.h)."},
    {"thermalisation.sigmas", NPZ_FLOAT64, "T", "standard errors", "Result of each test; NaN if it was not made."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

/* The number of chains. */
static size_t items(const struct stage_node *node) {
    const int64_t chains = parameters_integer(node->parameters, "chains");
    return (size_t)(chains > 0 ? chains : parameters_integer(node->parameters, "configurations"));
}

const struct stage stage_ensemble = {
    .name = "ensemble",
    .summary = "phi^4 configurations from Markov chains (hybrid Monte Carlo, Metropolis, Langevin, clusters)",
    .version = 2,
    .uses_backend = false,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = NULL,
    .input_count = 0,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
    .items = items,
    .check = check,
};
