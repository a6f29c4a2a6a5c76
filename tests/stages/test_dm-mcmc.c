/* The stages `dm-mcmc` and `autocorrelation` from command line to artifact, with `propose`, `sample`, `likelihood` and
 * `observables` before and after them: a chain of proposals of a wrong free field has the observables of the right one;
 * contents of the artifacts; digests that tie their bits to the stages' versions; refusals. */
#include "base/sum.h"
#include "lattice/action.h"
#include "statistics/autocorrelation.h"
#include "statistics/gamma_method.h"
#include "statistics/independence.h"
#include "tests/stages/artifacts.h"

extern const struct stage stage_propose, stage_sample, stage_likelihood, stage_dm_mcmc, stage_autocorrelation,
    stage_observables, stage_ensemble;

enum { V = 16 };

/* The model is a free field with kappa = 0.2, used as a model for kappa = 0.16, lambda = 0. */
static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("dm-mcmc"));
    struct score_model m = free_field(2, (size_t[]){4, 4}, 0.2);
    m.theory.kappa = 0.16;
    m.theory.lambda = 0;
    make_model("model.npz", &m);
    const char *model = option("--model=", "", "model.npz");
    assert_int_equal(run_into(&stage_propose, "proposals",
                              (const char *[]){model, "--method=direct", "--configurations=20000", NULL}),
                     0);
    assert_int_equal(
        run_into(&stage_propose, "few", (const char *[]){model, "--method=direct", "--configurations=64", NULL}), 0);
    assert_int_equal(
        run_into(&stage_sample, "sample", (const char *[]){model, "--method=direct", "--configurations=40", NULL}), 0);
    assert_int_equal(run_into(&stage_likelihood, "likelihood",
                              (const char *[]){model, option("--fields=", "sample", "artifact.npz"), "--method=heun",
                                               "--steps=40", "--divergence=closed", NULL}),
                     0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static double value_of(const struct npz *npz, const char *name, double *error) {
    const struct npz_array *names = npz_find(npz, "names");
    for (size_t i = 0; i < names->count; i++) {
        if (strncmp((const char *)names->data + i * names->item_size, name, names->item_size) == 0) {
            *error = reals(npz, "errors", names->count)[i];
            return reals(npz, "values", names->count)[i];
        }
    }
    fail_msg("no value %s", name);
    return 0;
}

/* Four chains of 5000 proposals: their field has kappa = 0.16. */
static void test_exact(void **state) {
    (void)state;
    enum { CHAINS = 4, STEPS = 5000, DISCARD = 100, KEEP = STEPS - DISCARD };
    assert_int_equal(run_into(&stage_dm_mcmc, "chain",
                              (const char *[]){option("--proposals=", "proposals", "artifact.npz"), "--chains=4",
                                               "--discard=100", "--seed=9", NULL}),
                     0);
    assert_int_equal(run_into(&stage_observables, "observables",
                              (const char *[]){option("--fields=", "chain", "artifact.npz"), NULL}),
                     0);
    struct npz *chain = open_artifact("chain"), *proposals = open_artifact("proposals"),
               *measured = open_artifact("observables");
    struct score_model right = free_field(2, (size_t[]){4, 4}, 0.16), wrong = free_field(2, (size_t[]){4, 4}, 0.2);
    double error;
    const double phi2 = value_of(measured, "phi2", &error);
    assert_near(phi2, right.variance, 4 * error);
    assert_true(fabs(phi2 - wrong.variance) > 10 * error);
    const double chi2 = value_of(measured, "chi2", &error);
    assert_near(chi2, right.propagator[0], 4 * error);
    assert_true(fabs(chi2 - wrong.propagator[0]) > 10 * error);
    const double action_density = value_of(measured, "action", &error);
    assert_near(action_density, 0.5, 4 * error); /* V/2 of a free field */

    /* step by step */
    size_t *proposal = test_alloc(STEPS, sizeof *proposal), *at = test_alloc(STEPS, sizeof *at), accepted = 0;
    unsigned char *taken = test_alloc(STEPS, 1);
    struct error e = {0};
    const double *log_w = reals(proposals, "log_w", CHAINS * STEPS);
    assert_memory_equal(reals(chain, "log_w", CHAINS * STEPS), log_w, CHAINS * STEPS * sizeof *log_w);
    const int64_t *index = reference_array(chain, "proposal", NPZ_INT64)->data;
    const unsigned char *flags = reference_array(chain, "accepted", NPZ_UINT8)->data;
    const float *phi = reference_array(chain, "phi", NPZ_FLOAT32)->data;
    const float *source = reference_array(proposals, "phi", NPZ_FLOAT32)->data;
    size_t longest = 0;
    for (size_t c = 0; c < CHAINS; c++) {
        independence_fresh(c * STEPS, STEPS, proposal);
        assert_ok(independence_chain(log_w, proposal, STEPS, random_key(9, "dm-mcmc", "accept"), c, at, taken, &e));
        const size_t stay = independence_longest_stay(at + DISCARD, KEEP);
        longest = stay > longest ? stay : longest;
        for (size_t i = 0; i < KEEP; i++) {
            const size_t k = c * KEEP + i;
            assert_true(index[k] == (int64_t)at[DISCARD + i] && flags[k] == taken[DISCARD + i]);
            assert_memory_equal(phi + k * V, source + at[DISCARD + i] * V, V * sizeof *phi);
            accepted += flags[k];
        }
    }
    assert_near(*reals(chain, "acceptance", 1), (double)accepted / (CHAINS * KEEP), 1e-12);
    const double found = *reals(chain, "acceptance", 1), found_error = *reals(chain, "acceptance_error", 1);
    assert_near(found, *reals(chain, "acceptance_expected", 1),
                4 * hypot(found_error, *reals(chain, "acceptance_expected_error", 1)));
    assert_true(found_error > 0 && found_error < 0.01 && found > 0.5 && found < 0.99);
    assert_true(integer(chain, "longest_stay") == (int64_t)longest && integer(chain, "thermalised") == 1);
    assert_true(integer(chain, "chains") == CHAINS && integer(chain, "independent") == 0);
    assert_true(*reals(chain, "kappa", 1) == 0.16 && *reals(chain, "lambda", 1) == 0);
    assert_int_equal(npz_find(chain, "phi")->shape[0], CHAINS * KEEP);
    void *all[] = {proposal, at, taken};
    for (size_t i = 0; i < 3; i++) {
        free(all[i]);
    }
    npz_free(chain);
    npz_free(proposals);
    npz_free(measured);
    score_model_release(&right);
    score_model_release(&wrong);
}

/* Repeated draws from a pool of samples with the densities of the stage `likelihood`. */
static void test_as_published(void **state) {
    (void)state;
    enum { POOL = 40, STEPS = 500 };
    assert_int_equal(
        run_into(&stage_dm_mcmc, "published",
                 (const char *[]){"--protocol=as-published", option("--proposals=", "sample", "artifact.npz"),
                                  option("--likelihood=", "likelihood", "artifact.npz"), "--steps=500", "--seed=2",
                                  NULL}),
        0);
    struct npz *chain = open_artifact("published"), *density = open_artifact("likelihood"),
               *pool = open_artifact("sample");
    const double *S = reals(density, "action", POOL), *log_q = reals(density, "log_q", POOL),
                 *log_w = reals(chain, "log_w", POOL);
    const int64_t *index = reference_array(chain, "proposal", NPZ_INT64)->data;
    size_t proposal[STEPS], at[STEPS];
    unsigned char taken[STEPS];
    struct error e = {0};
    for (size_t i = 0; i < POOL; i++) {
        assert_near(log_w[i], -S[i] - log_q[i], 1e-9);
    }
    assert_ok(independence_pool(POOL, STEPS, random_key(2, "dm-mcmc", "draw"), 0, proposal, &e));
    assert_ok(independence_chain(log_w, proposal, STEPS, random_key(2, "dm-mcmc", "accept"), 0, at, taken, &e));
    for (size_t i = 0; i < STEPS; i++) {
        assert_true(index[i] == (int64_t)at[i] && index[i] < POOL);
        assert_memory_equal((const float *)npz_find(chain, "phi")->data + i * V,
                            (const float *)npz_find(pool, "phi")->data + at[i] * V, V * sizeof(float));
    }
    npz_free(chain);
    npz_free(density);
    npz_free(pool);
}

/* The autocorrelation of the chain: the numbers of the library for the series measured here, in units of an ensemble's
 * stride. */
static void test_autocorrelation(void **state) {
    (void)state;
    enum { N = 1200, LAGS = 20 };
    assert_int_equal(
        run_into(&stage_dm_mcmc, "single",
                 (const char *[]){option("--proposals=", "proposals", "artifact.npz"), "--steps=1200", NULL}),
        0);
    assert_int_equal(run_into(&stage_autocorrelation, "times",
                              (const char *[]){option("--fields=", "single", "artifact.npz"), "--configurations=1000",
                                               "--t-max=50", "--lags=20", NULL}),
                     0);
    struct npz *chain = open_artifact("single"), *times = open_artifact("times");
    double x[2 * N], rho[LAGS + 1], error[LAGS + 1], published[51], tau, tau_error, found_error;
    const float *phi = reference_array(chain, "phi", NPZ_FLOAT32)->data;
    struct error e = {0};
    for (size_t i = 0; i < N; i++) {
        double sum = 0, magnitude = 0;
        for (size_t k = 0; k < V; k++) {
            sum += (double)phi[i * V + k] / V;
            magnitude += fabs((double)phi[i * V + k]) / V;
        }
        x[i] = fabs(sum);
        x[N + i] = magnitude;
    }
    struct gamma_result g[2];
    const struct series series = {x, 2, N, 1};
    const struct estimator means = {.values = 2};
    assert_ok(gamma_method(&series, &means, GAMMA_METHOD_S, g, &e));
    assert_near(value_of(times, "tau_right_abs_M", &found_error), g[0].tau_int, 1e-6);
    assert_near(found_error, g[0].tau_int_error, 1e-6);
    assert_near(value_of(times, "tau_right_mean_abs_phi", &found_error), g[1].tau_int, 1e-6);
    assert_near(value_of(times, "abs_M", &found_error), g[0].value, 1e-9);
    assert_ok(autocorrelation_function(x, 1, N, LAGS + 1, g[0].window, rho, error, &e));
    assert_ok(autocorrelation_published(x, 1000, 50, published, &tau, &tau_error, &e));
    assert_near(value_of(times, "tau_int_abs_M", &found_error), tau, 1e-6);
    assert_near(found_error, tau_error, 1e-6);
    assert_near(value_of(times, "acceptance", &found_error), *reals(chain, "acceptance", 1), 0);
    for (size_t t = 0; t <= LAGS; t++) {
        assert_true(reals(times, "t", LAGS + 1)[t] == (double)t);
        assert_near(reals(times, "abs_M.rho", LAGS + 1)[t], rho[t], 1e-9);
        assert_near(reals(times, "abs_M.error", LAGS + 1)[t], error[t], 1e-9);
        assert_near(reals(times, "abs_M.published", LAGS + 1)[t], published[t], 1e-9);
    }
    npz_free(chain);
    npz_free(times);
}

/* Times of a long run with a stride are in steps; the published function is given at its lags. */
static void test_stride(void **state) {
    (void)state;
    static const char *const common[] = {"--lattice=4x4", "--algorithm=metropolis", "--thermalisation=50",
                                         "--test-chains=0", NULL};
    assert_int_equal(run_into(&stage_ensemble, "short",
                              (const char *[]){common[0], common[1], common[2], common[3], "--chains=1",
                                               "--configurations=200", "--stride=1", NULL}),
                     0);
    assert_int_equal(run_into(&stage_ensemble, "long",
                              (const char *[]){common[0], common[1], common[2], common[3], "--chains=8",
                                               "--configurations=4000", "--stride=3", NULL}),
                     0);
    assert_int_equal(run_into(&stage_autocorrelation, "strided",
                              (const char *[]){option("--fields=", "short", "artifact.npz"),
                                               option("--long=", "long", "artifact.npz"), "--configurations=200",
                                               "--t-max=30", "--lags=12", NULL}),
                     0);
    assert_int_equal(run_into(&stage_observables, "long-observables",
                              (const char *[]){option("--fields=", "long", "artifact.npz"), NULL}),
                     0);
    struct npz *times = open_artifact("strided"), *measured = open_artifact("long-observables");
    double error;
    assert_int_equal(integer(times, "stride"), 3);
    for (size_t k = 0; k < 13; k++) {
        assert_true(reals(times, "t", 13)[k] == 3.0 * (double)k);
        assert_true(isnan(reals(times, "abs_M.published", 13)[k]) == (3 * k > 30));
    }
    const struct npz_array *names = npz_find(measured, "names");
    for (size_t i = 0; i < names->count; i++) {
        if (strncmp((const char *)names->data + i * names->item_size, "abs_M", names->item_size) == 0) {
            const double tau = reals(measured, "tau_int", names->count)[i];
            assert_near(value_of(times, "tau_right_abs_M", &error), 3 * tau, 1e-6 * tau);
            assert_near(value_of(times, "abs_M", &error), reals(measured, "values", names->count)[i], 1e-9);
        }
    }
    assert_true(value_of(times, "acceptance", &error) > 0.2 && error > 0 && error < 0.05);
    npz_free(times);
    npz_free(measured);
}

/* A run is marked if one chain spends a tenth of its steps in one state, however many chains there are. */
static void test_stuck(void **state) {
    (void)state;
    assert_int_equal(run_into(&stage_dm_mcmc, "stuck",
                              (const char *[]){option("--proposals=", "proposals", "artifact.npz"), "--chains=12",
                                               "--steps=20", NULL}),
                     0);
    struct npz *chain = open_artifact("stuck");
    assert_in_range(integer(chain, "longest_stay"), 3, 20);
    assert_true(integer(chain, "thermalised") == 0);
    npz_free(chain);
}

/* Chains that never move have NaN for all autocorrelation times. */
static void test_frozen(void **state) {
    (void)state;
    assert_int_equal(
        run_into(&stage_ensemble, "frozen",
                 (const char *[]){"--lattice=4x4", "--algorithm=metropolis-global", "--metropolis-step=1000",
                                  "--chains=4", "--configurations=400", "--stride=1", "--test-chains=0", NULL}),
        0);
    assert_int_equal(run_into(&stage_autocorrelation, "frozen-times",
                              (const char *[]){option("--fields=", "frozen", "artifact.npz"), "--configurations=100",
                                               "--t-max=20", NULL}),
                     0);
    struct npz *times = open_artifact("frozen-times");
    double error;
    assert_true(isnan(value_of(times, "tau_int_abs_M", &error)) && isnan(error));
    assert_true(isnan(value_of(times, "tau_right_abs_M", &error)) && isnan(error));
    assert_true(value_of(times, "acceptance", &error) == 0 && error == 1.0 / 400);
    npz_free(times);
}

/* --- bits ---------------------------------------------------------------------------------------- */

/* The autocorrelation is that of the chain from the pool. */
static const struct digest_case cases[] = {
    {&stage_dm_mcmc,
     3,
     "exact",
     {"few/artifact.npz"},
     {"--chains=2", "--discard=3"},
     "3e3e31951e1787729aa0eaeb6f6c768bcab63f0d863cbfd765132ab400bf0299"},
    {&stage_dm_mcmc,
     3,
     "pool",
     {"few/artifact.npz"},
     {"--protocol=as-published", "--steps=90"},
     "b70899c66eca374ebd9167d97cc35f3fe32a77eb7052d7b7b10996072f5b96d1"},
    {&stage_autocorrelation,
     3,
     "times",
     {"pool-1/artifact.npz"},
     {"--configurations=80", "--t-max=20"},
     "c5bbf208e24903bfc4a880b3b618f0e12563ca664acf5e3ee71a141fa36021b1"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void test_artifacts_do_not_depend_on_threads(void **state) {
    (void)state;
    assert_same_for_any_threads(cases, CASES);
}

static void test_digests(void **state) {
    (void)state;
    assert_digests(cases, CASES);
}

/* --- refusals ------------------------------------------------------------------------------------ */

static void refused(const struct stage *stage, const char *const *arguments, const char *message) {
    const char *all[12] = {option("--output=", "refused", ""), "--ledger="};
    for (size_t n = 0; arguments[n]; n++) {
        all[2 + n] = arguments[n];
    }
    expect_message(stage, all, 2, message);
    assert_false(there("refused", "artifact.npz"));
}

static void test_refusals(void **state) {
    (void)state;
    const char *few = option("--proposals=", "few", "artifact.npz"),
               *sample = option("--proposals=", "sample", "artifact.npz");
    const char *density = option("--likelihood=", "likelihood", "artifact.npz");
    refused(&stage_dm_mcmc, (const char *[]){sample, density, NULL}, "samples with protocol exact found");
    refused(&stage_dm_mcmc, (const char *[]){sample, "--protocol=as-published", NULL},
            "samples without densities found");
    few = option("--proposals=", "few", "artifact.npz");
    density = option("--likelihood=", "likelihood", "artifact.npz");
    refused(&stage_dm_mcmc, (const char *[]){few, density, NULL}, "no input likelihood expected");
    refused(&stage_dm_mcmc, (const char *[]){few, "--steps=65", NULL},
            "64 proposals found, 65 expected for 1 chains of 65 steps");
    refused(&stage_dm_mcmc, (const char *[]){few, "--discard=61", NULL},
            "64 steps per chain with discard 61 found, at least 65 expected");
    refused(&stage_dm_mcmc, (const char *[]){few, "--chains=16", NULL},
            "4 steps per chain with discard 0 found, at least 5 expected");
    refused(&stage_dm_mcmc, (const char *[]){few, "--steps=4", NULL},
            "steps = 4, expected 0 or at least 5 with discard = 0");
    refused(&stage_dm_mcmc, (const char *[]){few, "--steps=6", "--discard=3", NULL},
            "steps = 6, expected 0 or at least 7 with discard = 3");
    refused(&stage_dm_mcmc, (const char *[]){few, "--protocol=fresh", NULL}, "protocol = 'fresh'");
    /* densities of other fields */
    const char *model = option("--model=", "", "model.npz");
    assert_int_equal(run_into(&stage_sample, "other",
                              (const char *[]){model, "--method=direct", "--configurations=40", "--seed=2", NULL}),
                     0);
    refused(&stage_dm_mcmc,
            (const char *[]){option("--proposals=", "other", "artifact.npz"),
                             option("--likelihood=", "likelihood", "artifact.npz"), "--protocol=as-published", NULL},
            "configuration 0 has action");
    const char *fields = option("--fields=", "single", "artifact.npz");
    refused(&stage_autocorrelation, (const char *[]){fields, "--configurations=1201", NULL},
            "chains of 1200 configurations found, configurations = 1201 expected");
    refused(&stage_autocorrelation, (const char *[]){fields, "--configurations=100", "--t-max=99", NULL},
            "t-max 99 with configurations 100 found");
    refused(&stage_autocorrelation, (const char *[]){option("--fields=", "sample", "artifact.npz"), NULL},
            "expected ensemble|import|dm-mcmc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_as_published),
        cmocka_unit_test(test_autocorrelation),
        cmocka_unit_test(test_stride),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_artifacts_do_not_depend_on_threads),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_refusals),
    };
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
