/* The stage `refresh` from command line to artifact: two sites against quadrature, with simple, inaccurate models; 8x8
 * at kappa = 0.21 against cluster flips; the broken phase; contents of the artifacts, bits, interrupted runs,
 * refusals. */
#include <sys/stat.h>

#include "lattice/action.h"
#include "tests/stages/interrupted.h"

extern const struct stage stage_train, stage_ensemble, stage_refresh, stage_observables, stage_autocorrelation,
    stage_propose;

static void make_ensemble_of(const char *folder, const char *lattice, const char *kappa, const char *lambda,
                             const char *configurations, const char *chains) {
    char a[64], b[64], c[64], d[64], f[64];
    snprintf(a, sizeof a, "--lattice=%s", lattice);
    snprintf(b, sizeof b, "--kappa=%s", kappa);
    snprintf(c, sizeof c, "--lambda=%s", lambda);
    snprintf(d, sizeof d, "--configurations=%s", configurations);
    snprintf(f, sizeof f, "--chains=%s", chains);
    assert_int_equal(run_into(&stage_ensemble, folder,
                              (const char *[]){a, b, c, d, f, "--algorithm=cluster", "--thermalisation=100",
                                               "--stride=4", "--test-chains=64", NULL}),
                     0);
}

static void train(const char *folder, const char *ensemble, const char *const *more) {
    const char *all[24] = {"--network=effective-action", "--kernels=1", "--levels=10", "--excess-levels=3",
                           "--lowest-level=0.05"};
    char path[64];
    size_t n = 5;
    snprintf(path, sizeof path, "%s/artifact.npz", ensemble);
    for (size_t i = 0; more[i]; i++) {
        all[n++] = more[i];
    }
    assert_int_equal(run_with(&stage_train, folder, (const char *[]){path, NULL}, all), 0);
}

static int refresh(const char *folder, const char *model, const char *start, const char *const *more) {
    char inputs[2][64];
    snprintf(inputs[0], sizeof inputs[0], "%s/artifact.npz", model);
    snprintf(inputs[1], sizeof inputs[1], "%s/artifact.npz", start);
    return run_with(&stage_refresh, folder, (const char *[]){inputs[0], inputs[1], NULL}, more);
}

static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("refresh"));
    make_ensemble_of("two", "2", "0.3", "0.5", "4096", "64");
    train("model-two", "two",
          (const char *[]){"--local=1", "--pairs=0", "--linear-pairs=0", "--zero-mode=0", "--refine=0", NULL});
    make_ensemble_of("ensemble", "8,8", "0.21", "0.022", "4096", "64");
    train("model", "ensemble",
          (const char *[]){"--local=3", "--pairs=3", "--linear-pairs=1", "--zero-mode=0", "--refine=0", NULL});
    make_ensemble_of("broken", "4,4", "0.27", "0.022", "4096", "64");
    train("phase", "broken",
          (const char *[]){"--phase=broken", "--local=3", "--pairs=0", "--linear-pairs=0", "--refine=0", NULL});
    make_ensemble_of("other", "4,4", "0.21", "0.022", "64", "64");
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.21);
    m.theory.kappa = 0.21;
    m.theory.lambda = 0.022;
    make_model("gaussian.npz", &m);
    m = network_model((struct unet_shape){8, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_WIENER, 1);
    make_model("unet.npz", &m);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

/* --- exact results ------------------------------------------------------------------------------- */

enum { MOMENTS = 5 };

static void moments_of(double a, double b, double out[MOMENTS]) {
    const double values[MOMENTS] = {(a * a + b * b) / 2, a * b, (a * a * a * a + b * b * b * b) / 2, a * a * b * b,
                                    fabs(a + b) / 2};
    memcpy(out, values, sizeof values);
}

/* <moments> of two sites by the trapezoidal rule, exact to rounding for such integrands (|a + b| to 1e-5). */
static void quadrature(const struct theory *theory, double out[MOMENTS]) {
    enum { POINTS = 1200 };
    struct geometry *g;
    struct error e = {0};
    double Z = 0;
    assert_ok(geometry_new((size_t[]){2}, 1, &g, &e));
    memset(out, 0, MOMENTS * sizeof *out);
    for (int i = 0; i < POINTS; i++) {
        for (int j = 0; j < POINTS; j++) {
            const double phi[2] = {-6 + 12.0 * i / POINTS, -6 + 12.0 * j / POINTS}, w = exp(-action(g, theory, phi));
            double moments[MOMENTS];
            moments_of(phi[0], phi[1], moments);
            Z += w;
            for (int k = 0; k < MOMENTS; k++) {
                out[k] += w * moments[k];
            }
        }
    }
    for (int k = 0; k < MOMENTS; k++) {
        out[k] /= Z;
    }
    geometry_free(g);
}

/* Compares the means of independent chains, with errors from their spread, with the quadrature. */
static void check_two(const char *folder, const char *const *arguments) {
    enum { C = 128, EACH = 600 };
    const char *all[16] = {"--configurations=76800", "--chains=128", "--thermalisation=20", "--stride=2",
                           "--threads=2"};
    size_t n = 5;
    for (size_t i = 0; arguments[i]; i++) {
        all[n++] = arguments[i];
    }
    assert_int_equal(refresh(folder, "model-two", "two", all), 0);
    struct npz *npz = open_artifact(folder);
    const struct theory theory = {*reals(npz, "kappa", 1), *reals(npz, "lambda", 1)};
    const float *phi = reference_array(npz, "phi", NPZ_FLOAT32)->data;
    double right[MOMENTS], acceptance = 0;
    quadrature(&theory, right);
    for (int k = 0; k < MOMENTS; k++) {
        double mean = 0, square = 0;
        for (size_t c = 0; c < C; c++) {
            double one = 0, moments[MOMENTS];
            for (size_t i = 0; i < EACH; i++) {
                const float *x = phi + (c * EACH + i) * 2;
                moments_of((double)x[0], (double)x[1], moments);
                one += moments[k] / EACH;
            }
            mean += one / C;
            square += one * one / C;
        }
        const double error = sqrt((square - mean * mean) / (C - 1));
        assert_near(mean, right[k], 4 * error);
        assert_true(error < 0.01 * right[2]);
    }
    for (size_t c = 0; c < C; c++) {
        acceptance += reals(npz, "acceptance", C)[c] / C;
    }
    assert_true(acceptance > 0.2 && acceptance < 0.97); /* the model is wrong */
    npz_free(npz);
}

static void test_two_sites(void **state) {
    (void)state;
    check_two("one-step", (const char *[]){"--method=paths", "--level=0.6", "--steps=1", NULL});
    check_two("three-steps", (const char *[]){"--method=paths", "--level=2", "--lowest-level=0.2", "--steps=3", NULL});
    check_two("mixed", (const char *[]){"--method=flow", "--level=0.8", "--steps=12", "--seed=4", NULL});
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

/* Compares observables of the chains with those of cluster flips. */
static void check_observables(const char *folder, const char *ensemble) {
    static const char *const names[] = {"abs_M", "chi2", "phi2", "action", "virial"};
    struct npz *found[2];
    const char *folders[2] = {folder, ensemble};
    for (int i = 0; i < 2; i++) {
        char measured[64];
        snprintf(measured, sizeof measured, "observables-%s", folders[i]);
        assert_int_equal(run_into(&stage_observables, measured,
                                  (const char *[]){option("--fields=", folders[i], "artifact.npz"), NULL}),
                         0);
        found[i] = open_artifact(measured);
    }
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        double error, other_error;
        const double value = value_of(found[0], names[k], &error), other = value_of(found[1], names[k], &other_error);
        assert_near(value, other, 4 * hypot(error, other_error));
    }
    npz_free(found[0]);
    npz_free(found[1]);
}

static void test_symmetric(void **state) {
    (void)state;
    assert_int_equal(refresh("flow", "model", "ensemble",
                             (const char *[]){"--method=flow", "--level=2", "--steps=8", "--configurations=4096",
                                              "--threads=2", NULL}),
                     0);
    check_observables("flow", "ensemble");
    assert_int_equal(refresh("paths", "model", "ensemble",
                             (const char *[]){"--method=paths", "--level=1", "--steps=6", "--configurations=4096",
                                              "--threads=2", NULL}),
                     0);
    check_observables("paths", "ensemble");
    struct npz *flow = open_artifact("flow"), *paths = open_artifact("paths");
    double error;
    for (size_t k = 0; k < 2; k++) {
        const struct npz *npz = k ? paths : flow;
        const float *phi = reference_array(npz, "phi", NPZ_FLOAT32)->data;
        const double *S = reals(npz, "action", 4096), acceptance = value_of(npz, "acceptance", &error);
        const struct theory theory = {0.21, 0.022};
        struct geometry *g;
        struct error e = {0};
        size_t moves = 0;
        assert_true(integer(npz, "chains") == 64 && integer(npz, "independent") == 0 &&
                    integer(npz, "thermalised") == 1);
        assert_true(integer(npz, "rejected") == 0 && integer(npz, "longest_stay") > 0);
        assert_ok(geometry_new((size_t[]){8, 8}, 2, &g, &e));
        for (size_t i = 0; i < 4096; i++) {
            assert_near(S[i], configuration_measure_float(g, &theory, phi + i * 64).action, 1e-9);
            moves += i % 64 && memcmp(phi + i * 64, phi + (i - 1) * 64, 64 * sizeof *phi) ? 1 : 0;
        }
        geometry_free(g);
        /* the first of the 64 steps of each chain is before the first configuration */
        assert_near((double)moves / 64, 64 * acceptance - 0.5, 0.5 + 1e-9);
    }
    assert_true(integer(flow, "evaluations") == 32 && integer(paths, "evaluations") == 11);
    assert_true(value_of(flow, "step_error", &error) > 0 && value_of(flow, "step_error", &error) < 0.1);
    assert_true(value_of(paths, "step_error", &error) == 0);
    npz_free(flow);
    npz_free(paths);
}

/* Both signs occur, and observables are correct. */
static void test_broken(void **state) {
    (void)state;
    static const char *const methods[] = {"--method=flow", "--method=paths"};
    for (size_t k = 0; k < 2; k++) {
        const char *folder = k ? "broken-paths" : "broken-flow";
        assert_int_equal(refresh(folder, "phase", "broken",
                                 (const char *[]){methods[k], "--level=1", "--steps=6", "--configurations=8192",
                                                  "--stride=4", NULL}),
                         0);
        check_observables(folder, "broken");
        struct npz *npz = open_artifact(folder);
        const float *phi = reference_array(npz, "phi", NPZ_FLOAT32)->data;
        size_t positive = 0;
        for (size_t i = 0; i < 8192; i++) {
            double sum = 0;
            for (size_t x = 0; x < 16; x++) {
                sum += (double)phi[i * 16 + x];
            }
            positive += sum > 0;
        }
        assert_near((double)positive, 4096, 4 * sqrt(8192) / 2);
        assert_in_range(integer(npz, "rejected"), 1, 8192);
        npz_free(npz);
    }
}

/* Later stages: autocorrelation times in steps, and chains that start from chains and from proposals. */
static void test_next(void **state) {
    (void)state;
    assert_int_equal(refresh("again", "model", "flow",
                             (const char *[]){"--level=100", "--steps=8", "--configurations=1024", "--chains=32",
                                              "--stride=3", "--thermalisation=5", NULL}),
                     0);
    assert_int_equal(run_into(&stage_autocorrelation, "times",
                              (const char *[]){option("--fields=", "again", "artifact.npz"), "--configurations=16",
                                               "--t-max=4", NULL}),
                     0);
    struct npz *times = open_artifact("times"), *again = open_artifact("again");
    double error, other;
    assert_true(integer(times, "stride") == 3);
    assert_near(value_of(times, "acceptance", &error), value_of(again, "acceptance", &other), 1e-12);
    assert_near(error, other, 1e-12);
    assert_true(error > 0 && error < 0.05);
    npz_free(times);
    npz_free(again);
    assert_int_equal(run_into(&stage_propose, "proposals",
                              (const char *[]){option("--model=", "model", "artifact.npz"), "--method=modes",
                                               "--steps=8", "--configurations=32", NULL}),
                     0);
    assert_int_equal(refresh("fresh", "model", "proposals",
                             (const char *[]){"--configurations=1920", "--chains=32", "--steps=8", NULL}),
                     0);
    struct npz *fresh = open_artifact("fresh");
    assert_int_equal(integer(fresh, "thermalised"), -1);
    npz_free(fresh);
}

/* --- bits ---------------------------------------------------------------------------------------- */

static const struct digest_case cases[] = {
    {&stage_refresh,
     1,
     "bits-flow",
     {"model/artifact.npz", "ensemble/artifact.npz"},
     {"--level=3", "--steps=4", "--chains=70", "--configurations=280", "--stride=2"},
     "8427e48a82094b9e542b5fe8123fee7aa7b1cce7ca485cd1c25ba9fb0ac799a0"},
    {&stage_refresh,
     1,
     "bits-paths",
     {"model/artifact.npz", "ensemble/artifact.npz"},
     {"--method=paths", "--level=1", "--steps=3", "--chains=70", "--configurations=280"},
     "828a996f870a04386ba263214555119f1bdcfd89ee4c7704c94e8a7ad07a0a4a"},
    {&stage_refresh,
     1,
     "bits-phase",
     {"phase/artifact.npz", "broken/artifact.npz"},
     {"--method=paths", "--level=1", "--steps=3", "--chains=5", "--configurations=100"},
     "eba94835176352a2c4b51dcef988e87e0e1def4b746642ddc3d5d60eff692fa3"},
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

/* --- interrupted runs, refusals ------------------------------------------------------------------ */

/* After SIGTERM, SIGKILL and SIGTERM, each after a new checkpoint, with changing numbers of threads, the artifact is
 * that of an uninterrupted run. */
static void ended_and_resumed(const char *name, const char *const *arguments) {
    char whole[64], folder[64];
    int interrupted = 0;
    snprintf(whole, sizeof whole, "whole-%s", name);
    snprintf(folder, sizeof folder, "interrupted-%s", name);
    assert_int_equal(exit_status(start_program(whole, 2, arguments)), 0);
    for (int life = 0; life < 3 && !there(folder, "artifact.npz"); life++) {
        struct stat before = {0}, after = {0};
        stat(in_root(folder, "checkpoint.npz"), &before);
        const pid_t child = start_program(folder, 1 + life % 2, arguments);
        for (int i = 0; i < 30000 && !there(folder, "artifact.npz"); i++) {
            if (stat(in_root(folder, "checkpoint.npz"), &after) == 0 && after.st_ino != before.st_ino) {
                break;
            }
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        kill(child, life == 1 ? SIGKILL : SIGTERM);
        const int status = exit_status(child);
        if (status == 0) {
            break;
        }
        assert_int_equal(status, life == 1 ? 100 + SIGKILL : 1);
        assert_true(there(folder, "checkpoint.npz") && !there(folder, "artifact.npz"));
        interrupted++;
    }
    assert_true(interrupted > 0);
    assert_int_equal(exit_status(start_program(folder, 1, arguments)), 0);
    assert_same_artifact(folder, whole);
    assert_false(there(folder, "checkpoint.npz"));
    assert_counts_all_attempts(folder);
}

static void test_terminated(void **state) {
    (void)state;
    ended_and_resumed("flow", (const char *[]){option("--model=", "model", "artifact.npz"),
                                               option("--start=", "ensemble", "artifact.npz"), "--configurations=3000",
                                               "--chains=30", "--steps=8", NULL});
    ended_and_resumed("paths", (const char *[]){option("--model=", "phase", "artifact.npz"),
                                                option("--start=", "broken", "artifact.npz"), "--configurations=30000",
                                                "--chains=30", "--method=paths", "--steps=8", "--level=1", NULL});
}

static void test_foreign_checkpoint(void **state) {
    (void)state;
    assert_refuses_foreign_checkpoint(&stage_refresh,
                                      (const char *[]){option("--model=", "model", "artifact.npz"),
                                                       option("--start=", "ensemble", "artifact.npz"), NULL});
}

static void test_refusals(void **state) {
    (void)state;
    const struct {
        const char *model, *start, *arguments[4], *message;
    } refused[] = {
        {"gaussian.npz",
         "ensemble",
         {NULL},
         "gaussian.npz: model of kind gaussian found, a kind with partial refresh expected"},
        {"unet.npz", "ensemble", {NULL}, "unet.npz: model of kind unet found, a kind with partial refresh expected"},
        {"model/artifact.npz",
         "other",
         {NULL},
         "other/artifact.npz: configurations on another lattice than that of the model"},
        {"model/artifact.npz",
         "two",
         {NULL},
         "two/artifact.npz: configurations on another lattice than that of the model"},
        {"phase/artifact.npz",
         "other",
         {NULL},
         "other/artifact.npz: kappa 0.21, lambda 0.022 found, 0.27 and 0.022 of "},
        {"model/artifact.npz",
         "ensemble",
         {"--chains=5000", "--configurations=5000", NULL},
         "4096 configurations found, 5000 expected"},
        {"model/artifact.npz",
         "ensemble",
         {"--chains=5", "--configurations=16", NULL},
         "configurations 16 with chains 5 found, a multiple"},
        {"model/artifact.npz",
         "ensemble",
         {"--method=paths", "--level=0.1", NULL},
         "level 0.1 with lowest-level 0.15 found, level > lowest-level"},
        {"model/artifact.npz", "ensemble", {"--method=up", NULL}, "method = 'up'"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *all[12] = {option("--output=", "refused", ""),
                               "--ledger=", option("--model=", "", refused[i].model),
                               option("--start=", refused[i].start, "artifact.npz")};
        size_t n = 4;
        for (size_t k = 0; refused[i].arguments[k]; k++) {
            all[n++] = refused[i].arguments[k];
        }
        expect_message(&stage_refresh, all, 2, refused[i].message);
        assert_false(there("refused", "artifact.npz"));
    }
}

int main(int argc, char **argv) {
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_sites),
        cmocka_unit_test(test_symmetric),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_artifacts_do_not_depend_on_threads),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_terminated),
        cmocka_unit_test(test_foreign_checkpoint),
        cmocka_unit_test(test_refusals),
    };
    find_program(argv[0], "refresh");
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
