/* The stage `propose` from command line to artifact: contents, against the library and against `likelihood` of the same
 * fields; bits for any number of threads; digests that tie them to the stage's version; an interrupted run that
 * resumes; refusals. */
#include "diffusion/flow.h"
#include "score/gaussian.h"
#include "lattice/action.h"
#include "statistics/weights.h"
#include "tests/stages/interrupted.h"

extern const struct stage stage_propose, stage_likelihood;

static const volatile sig_atomic_t never = 0;

static int set_up(void **state) {
    (void)state;
    static const struct unet_shape shape = {8, 8, 8, 32, 2, UNET_PERIODIC};
    static const size_t extents[] = {8, 8};
    snprintf(root, sizeof root, "%s", scratch_folder("propose"));
    struct score_model m = free_field(2, extents, 0.2);
    m.offset = 0.5;
    m.factor = 0.25;
    make_model("gaussian.npz", &m);
    m = network_model(shape, SCORE_WIENER, 1);
    make_model("wiener.npz", &m);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static int run(const char *folder, const char *model, const char *const *arguments) {
    return run_with(&stage_propose, folder, (const char *[]){model, NULL}, arguments);
}

static struct score_model read_model(const char *name) {
    struct npz *npz;
    struct score_model m;
    struct error e = {0};
    assert_ok(npz_read(in_root("", name), &npz, &e));
    assert_ok(score_model_read(npz, &m, &e));
    npz_free(npz);
    return m;
}

/* Checks S, log w and the estimates for tables, for the stored fields. */
static void check_derived(const struct npz *npz, size_t n) {
    enum { V = 64 };
    const float *phi = reference_array(npz, "phi", NPZ_FLOAT32)->data;
    const double *S = reals(npz, "action", n), *log_q = reals(npz, "log_q", n);
    const struct theory theory = {0.2, 0.02};
    const size_t extents[] = {8, 8};
    struct geometry *g;
    struct error e = {0};
    double values[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS];
    assert_ok(geometry_new(extents, 2, &g, &e));
    for (size_t i = 0; i < n; i++) {
        double *x = to_reals(V, phi + i * V);
        assert_true(S[i] == action(g, &theory, x) && reals(npz, "log_w", n)[i] == -S[i] - log_q[i]);
        free(x);
    }
    assert_ok(weights_analyse(S, log_q, n, WEIGHTS_PROPOSALS, n, values, errors, &e));
    assert_memory_equal(reals(npz, "values", WEIGHTS_STATISTICS + 1), values, sizeof values);
    assert_true(*reals(npz, "acceptance", 1) == values[WEIGHTS_ACCEPTANCE]);
    assert_true(integer(npz, "chains") == (int64_t)n && integer(npz, "independent") == 1 &&
                integer(npz, "thermalised") == 1);
    assert_true(*reals(npz, "kappa", 1) == 0.2 && *reals(npz, "lambda", 1) == 0.02);
    geometry_free(g);
}

static void test_direct(void **state) {
    (void)state;
    enum { N = 30, V = 64 };
    struct score_model m = read_model("gaussian.npz");
    struct error e = {0};
    float phi[N * V];
    double log_q[N];
    const struct score_draw draw = {random_key(4, "propose", "gaussian"), 0, N, 1, phi, log_q, &never, NULL};
    assert_int_equal(
        run("direct", "gaussian.npz", (const char *[]){"--method=direct", "--configurations=30", "--seed=4", NULL}), 0);
    struct npz *npz = open_artifact("direct");
    assert_ok(score_model_draw(&m, &draw, &e));
    assert_memory_equal(reference_array(npz, "phi", NPZ_FLOAT32)->data, phi, sizeof phi);
    assert_memory_equal(reals(npz, "log_q", N), log_q, sizeof log_q);
    assert_true(isnan(reals(npz, "log_q_error", N)[3]) && reals(npz, "cost", N)[3] == 0);
    check_derived(npz, N);
    npz_free(npz);
    score_model_release(&m);
}

/* Fields and densities are those of flow_sample, and the stage `likelihood` finds the same density for these fields. */
static void check_flow(bool gaussian_prior) {
    enum { N = 11, V = 64 };
    const struct flow_settings settings = {.method = RUNGE_KUTTA_RK4,
                                           .steps = 24,
                                           .divergence = FLOW_CLOSED,
                                           .t_start = 1e-3,
                                           .seed = 6,
                                           .gaussian_prior = gaussian_prior};
    struct score_model m = read_model("gaussian.npz");
    struct error e = {0};
    double phi[N * V], log_q[N], error[N];
    int64_t evaluations[N];
    unsigned char done[N] = {0};
    struct flow_result r = {log_q, error, evaluations, done, 0};
    const char *const arguments[] = {"--configurations=11",
                                     "--method=rk4",
                                     "--steps=24",
                                     "--divergence=closed",
                                     "--t-start=1e-3",
                                     "--seed=6",
                                     gaussian_prior ? "--prior=gaussian" : NULL,
                                     NULL};
    const char *const folder = gaussian_prior ? "flow-gaussian" : "flow", *const above =
                                                                              gaussian_prior ? "back-gaussian" : "back";
    assert_int_equal(run(folder, "gaussian.npz", arguments), 0);
    struct npz *npz = open_artifact(folder);
    assert_ok(flow_sample(&m, &settings, 0, N, 1, phi, NULL, &r, &never, NULL, &e));
    assert_memory_equal(reals(npz, "log_q", N), log_q, sizeof log_q);
    for (size_t i = 0; i < N * V; i++) {
        assert_true(((const float *)reference_array(npz, "phi", NPZ_FLOAT32)->data)[i] == (float)phi[i]);
    }
    assert_true(reals(npz, "cost", N)[0] == 96);
    check_derived(npz, N);
    const char *all[12] = {option("--output=", above, ""), option("--model=", "", "gaussian.npz"),
                           option("--fields=", folder, "artifact.npz"), "--ledger="};
    for (size_t i = 1; arguments[i]; i++) {
        all[3 + i] = arguments[i];
    }
    assert_int_equal(run_stage(&stage_likelihood, all, NULL), 0);
    struct npz *back = open_artifact(above);
    for (size_t i = 0; i < N; i++) {
        assert_near(reals(back, "log_q", N)[i], log_q[i], 2e-3);
    }
    assert_true(fabs(*reals(back, "R2", 1) - *reals(npz, "R2", 1)) < 1e-4);
    npz_free(back);
    npz_free(npz);
    score_model_release(&m);
}

static void test_flow(void **state) {
    (void)state;
    check_flow(false);
    check_flow(true);
}

/* --- bits ---------------------------------------------------------------------------------------- */

#define COMMON "--configurations=11", "--seed=23"

/* If a digest changes, raise the version in stages/propose.c. */
static const struct digest_case cases[] = {
    {&stage_propose,
     2,
     "direct",
     {"gaussian.npz"},
     {COMMON, "--method=direct"},
     "8125f1fc5e24ed667693ee2d2d62cec8b6bdd5c5ad0c60e725ba69b251ec58f8"},
    {&stage_propose,
     2,
     "gaussian",
     {"gaussian.npz"},
     {COMMON, "--tolerance=1e-3", "--probes=2"},
     "2af10db5fdf82c9ab05824492c489df05f9ac4627a4915d1ed6700dee0266938"},
    {&stage_propose,
     2,
     "wiener",
     {"wiener.npz"},
     {COMMON, "--method=rk4", "--steps=3", "--probes=2", "--probe-distribution=rademacher", "--control-variate=wiener"},
     "b98340d06062e221440d7bc72e1aa26023bc2f9f091263f82c7af34ac2e7c6f4"},
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
    assert_goes_on((const char *[]){option("--model=", "", "gaussian.npz"), "--configurations=700", "--method=heun",
                                    "--steps=20", "--probes=4", NULL});
}

static void test_parts(void **state) {
    (void)state;
    assert_same_in_parts(&stage_propose, "heun",
                         (const char *[]){option("--model=", "", "gaussian.npz"), "--configurations=600",
                                          "--method=heun", "--steps=3", "--probes=2", NULL});
    assert_same_in_parts(
        &stage_propose, "few",
        (const char *[]){option("--model=", "", "gaussian.npz"), "--configurations=20", "--method=direct", NULL});
}

static void test_foreign_parts(void **state) {
    (void)state;
    assert_refuses_foreign_parts(&stage_propose,
                                 (const char *[]){option("--model=", "", "gaussian.npz"), "--configurations=8",
                                                  "--method=heun", "--steps=2", NULL});
}

static void test_refusals(void **state) {
    (void)state;
    const struct {
        const char *model, *arguments[3], *message;
    } refused[] = {
        {"wiener.npz", {"--method=direct", NULL}, "method direct with a model of kind unet found"},
        {"wiener.npz", {"--divergence=closed", NULL}, "divergence closed with a model of kind unet found"},
        {"none.npz", {NULL}, "none.npz: cannot open"},
        {"gaussian.npz", {"--configurations=1", NULL}, "configurations = '1'"},
        {"gaussian.npz", {"--control-variate=x", NULL}, "control-variate = 'x'"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *all[8] = {option("--output=", "refused", ""), option("--model=", "", refused[i].model),
                              "--ledger="};
        for (size_t n = 0; refused[i].arguments[n]; n++) {
            all[3 + n] = refused[i].arguments[n];
        }
        expect_message(&stage_propose, all, 2, refused[i].message);
        assert_false(there("refused", "artifact.npz"));
    }
}

int main(int argc, char **argv) {
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_artifacts_do_not_depend_on_threads),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_terminated),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_foreign_parts),
        cmocka_unit_test(test_refusals),
    };
    find_program(argv[0], "propose");
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
