/* The stage `likelihood` from command line to artifact: contents, the distribution of the fields, bits for any number
 * of threads, digests that tie the bits to the stage's version, an interrupted run that resumes, refusals. */
#include "diffusion/flow.h"
#include "lattice/action.h"
#include "statistics/weights.h"
#include "tests/stages/interrupted.h"

extern const struct stage stage_likelihood;

enum { COUNT = 20 };

/* White noise as an artifact of the stage `ensemble` or `sample`. */
static void make_fields(const char *name, const char *stage, size_t count, int64_t chains, int64_t independent,
                        const size_t *extents, double spoilt) {
    struct npz_writer *writer;
    struct error e = {0};
    char recipe[64];
    const size_t shape[] = {count, extents[0], extents[1]};
    float *phi = white_noise("fields", count * extents[0] * extents[1]);
    if (spoilt != 0) {
        phi[5 * extents[0] * extents[1]] = (float)spoilt;
    }
    snprintf(recipe, sizeof recipe, "stage=%s\n", stage);
    assert_ok(npz_create(in_root("", name), &writer, &e));
    assert_ok(npz_add_text(writer, "recipe", recipe, &e));
    assert_ok(npz_add(writer, "phi", NPZ_FLOAT32, 3, shape, phi, &e));
    assert_ok(npz_add_real(writer, "kappa", 0.2, &e));
    assert_ok(npz_add_real(writer, "lambda", 0.02, &e));
    assert_ok(npz_add_integer(writer, "chains", chains, &e));
    assert_ok(npz_add_integer(writer, "independent", independent, &e));
    assert_ok(npz_commit(writer, &e));
    free(phi);
}

static int set_up(void **state) {
    (void)state;
    static const struct unet_shape shape = {8, 8, 8, 32, 2, UNET_PERIODIC}, other = {8, 8, 8, 32, 1, UNET_ZEROS};
    static const size_t extents[] = {8, 8};
    snprintf(root, sizeof root, "%s", scratch_folder("likelihood"));
    struct score_model m = free_field(2, extents, 0.2);
    m.offset = 0.5;
    m.factor = 0.25;
    make_model("gaussian.npz", &m);
    m = network_model(shape, SCORE_PUBLISHED, 1);
    make_model("published.npz", &m);
    m = network_model(other, SCORE_WIENER, 1);
    make_model("wiener.npz", &m);
    make_fields("sample.npz", "sample", COUNT, COUNT, 1, extents, 0);
    make_fields("ensemble.npz", "ensemble", COUNT, COUNT, 1, extents, 0);
    make_fields("chains.npz", "ensemble", COUNT, 5, 0, extents, 0);
    make_fields("chain.npz", "ensemble", COUNT, 1, 0, extents, 0);
    make_fields("many.npz", "sample", 700, 700, 1, extents, 0);
    make_fields("one.npz", "sample", 1, 1, 1, extents, 0);
    make_fields("infinite.npz", "sample", COUNT, COUNT, 1, extents, INFINITY);
    make_fields("odd.npz", "sample", COUNT, 3, 1, extents, 0);
    make_fields("smaller.npz", "sample", COUNT, COUNT, 1, (size_t[]){4, 8}, 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static int run(const char *folder, const char *model, const char *fields, const char *const *arguments) {
    return run_with(&stage_likelihood, folder, (const char *[]){model, fields, NULL}, arguments);
}

/* --- contents ------------------------------------------------------------------------------------ */

/* The arrays are those of the library with the same settings, and the statistics follow from them. */
static void test_contents(void **state) {
    (void)state;
    enum { N = 13, V = 64 };
    static const volatile sig_atomic_t never = 0;
    const struct flow_settings settings = {.method = RUNGE_KUTTA_RK4,
                                           .steps = 5,
                                           .divergence = FLOW_PROBES,
                                           .probes = 3,
                                           .signs = true,
                                           .t_start = 1e-3,
                                           .seed = 17};
    struct npz *model, *fields, *npz;
    struct score_model m;
    struct error e = {0};
    assert_int_equal(run("contents", "gaussian.npz", "sample.npz",
                         (const char *[]){"--configurations=13", "--method=rk4", "--steps=5", "--probes=3",
                                          "--probe-distribution=rademacher", "--t-start=1e-3", "--seed=17", NULL}),
                     0);
    assert_false(there("contents", "checkpoint.npz"));
    npz = open_artifact("contents");
    assert_ok(npz_read(in_root("", "gaussian.npz"), &model, &e));
    assert_ok(score_model_read(model, &m, &e));
    assert_ok(npz_read(in_root("", "sample.npz"), &fields, &e));
    double *phi = to_reals(N * V, reference_array(fields, "phi", NPZ_FLOAT32)->data), log_q[N], error[N], S[N];
    int64_t evaluations[N];
    unsigned char done[N] = {0};
    struct flow_result r = {log_q, error, evaluations, done, 0};
    struct geometry *g;
    const struct theory theory = {0.2, 0.02};
    assert_ok(geometry_new(m.extents, 2, &g, &e));
    assert_ok(flow_log_density(&m, &settings, 0, N, 1, phi, NULL, &r, &never, NULL, &e));
    assert_memory_equal(reals(npz, "log_q", N), log_q, sizeof log_q);
    assert_memory_equal(reals(npz, "log_q_error", N), error, sizeof error);
    for (size_t i = 0; i < N; i++) {
        S[i] = action(g, &theory, phi + i * V);
        assert_true(reals(npz, "action_effective", N)[i] == -log_q[i] && reals(npz, "action", N)[i] == S[i]);
        assert_true(((const int64_t *)reference_array(npz, "evaluations", NPZ_INT64)->data)[i] == 20);
        assert_true(reals(npz, "cost", N)[i] == 80); /* forward passes, and three products each */
    }
    double values[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS];
    assert_ok(weights_analyse(S, log_q, N, WEIGHTS_PROPOSALS, N, values, errors, &e));
    for (int v = 0; v < WEIGHTS_STATISTICS; v++) {
        char name[64];
        snprintf(name, sizeof name, "%s_error", weights_name[v]);
        assert_true(*reals(npz, weights_name[v], 1) == values[v] && *reals(npz, name, 1) == errors[v]);
    }
    double mean_S = 0, mean_q = 0;
    for (size_t i = 0; i < N; i++) {
        mean_S += S[i] / N;
        mean_q += log_q[i] / N;
    }
    for (size_t i = 0; i < N; i++) {
        assert_near(reals(npz, "action_centred", N)[i], S[i] - mean_S, 1e-9);
        assert_near(reals(npz, "action_effective_centred", N)[i], mean_q - log_q[i], 1e-9);
        assert_near(reals(npz, "action_difference", N)[i], S[i] - mean_S + log_q[i] - mean_q, 1e-9);
    }
    assert_memory_equal(reals(npz, "values", WEIGHTS_STATISTICS + 1), values, sizeof values); /* a row of a table */
    assert_memory_equal(reals(npz, "errors", WEIGHTS_STATISTICS + 1), errors, sizeof errors);
    double noise = 0;
    for (size_t i = 0; i < N; i++) {
        noise += error[i] * error[i] / N;
    }
    assert_near(*reals(npz, "var_probes", 1), noise, 1e-9 * noise);
    assert_true(integer(npz, "configurations") == N && integer(npz, "thermalised") == 1);
    assert_true(integer(npz, "bins") == N && *reals(npz, "kappa", 1) == 0.2 && *reals(npz, "lambda", 1) == 0.02);
    free(phi);
    geometry_free(g);
    score_model_release(&m);
    npz_free(model);
    npz_free(fields);
    npz_free(npz);
}

/* Fields treated as draws from q or from the target, and the bins of the jackknife. */
static void test_laws(void **state) {
    (void)state;
    static const struct {
        const char *fields, *configurations, *law;
        int64_t bins;
    } laws[] = {{"sample.npz", "0", "proposals", COUNT}, {"ensemble.npz", "7", "target", 7},
                {"chains.npz", "0", "target", 5},        {"chains.npz", "8", "target", 2},
                {"chains.npz", "7", "target", 7},        {"chain.npz", "0", "target", COUNT},
                {"many.npz", "0", "proposals", 700}};
    for (size_t i = 0; i < sizeof laws / sizeof laws[0]; i++) {
        char folder[16], configurations[32], *law;
        struct error e = {0};
        snprintf(folder, sizeof folder, "law-%zu", i);
        snprintf(configurations, sizeof configurations, "--configurations=%s", laws[i].configurations);
        assert_int_equal(
            run(folder, "gaussian.npz", laws[i].fields,
                (const char *[]){configurations, "--method=heun", "--steps=3", "--divergence=closed", NULL}),
            0);
        struct npz *npz = open_artifact(folder);
        assert_ok(npz_text(npz, "weights-of", &law, &e));
        assert_string_equal(law, laws[i].law);
        assert_int_equal(integer(npz, "bins"), laws[i].bins);
        assert_true(isnan(*reals(npz, "log_q_error", reference_array(npz, "log_q", NPZ_FLOAT64)->count)));
        free(law);
        npz_free(npz);
    }
}

/* --- bits ---------------------------------------------------------------------------------------- */

#define COMMON "--configurations=11", "--seed=23"

/* If a digest changes, raise the version in stages/likelihood.c. */
static const struct digest_case cases[] = {
    {&stage_likelihood,
     3,
     "gaussian",
     {"gaussian.npz", "sample.npz"},
     {COMMON, "--tolerance=1e-4"},
     "83c9e5f9e5f10478eb4697b0fb5911b48deeeda2d27f12e63307fdc107c005d7"},
    {&stage_likelihood,
     3,
     "exact",
     {"gaussian.npz", "chains.npz"},
     {COMMON, "--method=rk4", "--steps=3", "--divergence=exact"},
     "ba6fcb8906ac4f60405012380d3986dec16ffbcd91180513d1f81d6bd43768a7"},
    {&stage_likelihood,
     3,
     "published",
     {"published.npz", "ensemble.npz"},
     {COMMON, "--tolerance=1e-2", "--t-start=1e-3", "--probes=2"},
     "a60c1d391d6196dc83ff503f3fb011bbee4318634b2e7784029cbe3e4e40e221"},
    {&stage_likelihood,
     3,
     "shared",
     {"published.npz", "ensemble.npz"},
     {COMMON, "--method=rk4", "--steps=2", "--t-start=1e-3", "--probes=2", "--probe-sharing=shared"},
     "0afb12f0c99893c601b9563e2e2b09ff1cdf1fb801932d42febc380ff01e0119"},
    {&stage_likelihood,
     3,
     "fresh",
     {"published.npz", "ensemble.npz"},
     {COMMON, "--method=rk4", "--steps=2", "--t-start=1e-3", "--probes=2", "--probe-sharing=fresh"},
     "4c389e509d33014c2ab5f1f48b5474d8a92f280cb014c433d6a06994d4900308"},
    {&stage_likelihood,
     3,
     "wiener",
     {"wiener.npz", "sample.npz"},
     {COMMON, "--method=heun", "--steps=4", "--probes=2", "--probe-distribution=rademacher"},
     "b1bd7fe727b2eb70e5f9ad310ca2e7f007b29506fa641117418b4bde2d62a542"},
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

/* --- interrupted runs ---------------------------------------------------------------------------- */

static void test_terminated(void **state) {
    (void)state;
    assert_goes_on((const char *[]){option("--model=", "", "gaussian.npz"), option("--fields=", "", "many.npz"),
                                    "--method=heun", "--steps=20", "--probes=4", NULL});
}

/* --- refusals ------------------------------------------------------------------------------------ */

static void test_refusals(void **state) {
    (void)state;
    const struct {
        const char *model, *fields, *arguments[3], *message;
        int status;
    } refused[] = {
        {"ensemble.npz", "sample.npz", {NULL}, "found an artifact of stage 'ensemble', expected train", 2},
        {"gaussian.npz",
         "published.npz",
         {NULL},
         "found an artifact of stage 'train', expected ensemble|import|sample",
         2},
        {"gaussian.npz", "none.npz", {NULL}, "none.npz: cannot open", 2},
        {"gaussian.npz", "smaller.npz", {NULL}, "phi has another lattice than the model", 2},
        {"gaussian.npz", "infinite.npz", {NULL}, "phi is not finite in configuration 5", 2},
        {"gaussian.npz", "one.npz", {NULL}, "phi has 1 configurations, expected at least 2", 2},
        {"gaussian.npz", "odd.npz", {NULL}, "3 chains, expected a divisor of the 20 configurations", 2},
        {"gaussian.npz",
         "sample.npz",
         {"--configurations=21", NULL},
         "20 configurations found, expected at least 21",
         2},
        {"gaussian.npz", "sample.npz", {"--configurations=1", NULL}, "configurations = 1, expected 0 or at least 2", 2},
        {"published.npz",
         "sample.npz",
         {"--divergence=closed", NULL},
         "divergence closed with a model of kind unet found",
         2},
        {"gaussian.npz",
         "sample.npz",
         {"--probe-sharing=fresh", "--control-variate=wiener", NULL},
         "probe-sharing = fresh with control-variate = wiener found",
         2},
        {"gaussian.npz", "sample.npz", {"--method=euler", NULL}, "method = 'euler'", 2},
        {"gaussian.npz", "sample.npz", {"--probes=0", NULL}, "probes = '0'", 2},
        {"gaussian.npz", "sample.npz", {"--t-start=1", NULL}, "t-start = '1'", 2},
        {"gaussian.npz", "sample.npz", {"--tolerance=0", NULL}, "tolerance = '0'", 2},
        {"broken.npz", "sample.npz", {NULL}, "configuration 0: the flow is not finite at t = 1e-05", 1},
    };
    struct score_model m = network_model((struct unet_shape){8, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_PUBLISHED, 1);
    m.weights[m.weight_count - 1] = NAN;
    make_model("broken.npz", &m);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *all[8] = {option("--output=", "refused", ""), option("--model=", "", refused[i].model),
                              option("--fields=", "", refused[i].fields), "--ledger=", "--threads=1"};
        for (size_t n = 0; refused[i].arguments[n]; n++) {
            all[5 + n] = refused[i].arguments[n];
        }
        expect_message(&stage_likelihood, all, refused[i].status, refused[i].message);
        assert_false(there("refused", "artifact.npz"));
    }
}

static void test_parts(void **state) {
    (void)state;
    assert_same_in_parts(&stage_likelihood, "share",
                         (const char *[]){option("--model=", "", "gaussian.npz"), option("--fields=", "", "sample.npz"),
                                          "--tolerance=1e-3", NULL});
}

static void test_foreign_parts(void **state) {
    (void)state;
    assert_refuses_foreign_parts(&stage_likelihood, (const char *[]){option("--model=", "", "gaussian.npz"),
                                                                     option("--fields=", "", "sample.npz"), NULL});
}

int main(int argc, char **argv) {
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_laws),
        cmocka_unit_test(test_artifacts_do_not_depend_on_threads),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_terminated),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_foreign_parts),
    };
    find_program(argv[0], "likelihood");
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
