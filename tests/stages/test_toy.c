/* The stages of the toy model from command line to artifact: `toy`, `train` with its network, `sample`, `drift` and
 * `trajectories`, and their figures; contents against the library, bits for any number of threads, digests,
 * refusals. */
#include "lattice/toy.h"
#include "score/toy.h"
#include "tests/stages/artifacts.h"

extern const struct stage stage_toy, stage_train, stage_sample, stage_drift, stage_trajectories, stage_plot;

#define ARTIFACT(name, folder) option("--" name "=", folder, "artifact.npz")

/* The inputs of the stages, each computed once. */
static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("toy"));
    if (run_into(&stage_toy, "double", (const char *[]){"--mu2=-1", "--configurations=512", "--seed=3", NULL}) != 0 ||
        run_into(&stage_train, "model",
                 (const char *[]){ARTIFACT("training", "double"), "--network=toy", "--width=8", "--embedding=8",
                                  "--epochs=3", "--parameterisation=preconditioned", "--fourier-scale=1", "--threads=1",
                                  NULL}) != 0 ||
        run_into(&stage_sample, "generated",
                 (const char *[]){ARTIFACT("model", "model"), "--configurations=64", "--steps=20", "--threads=1",
                                  NULL}) != 0 ||
        run_into(&stage_drift, "drift",
                 (const char *[]){ARTIFACT("model", "model"), ARTIFACT("draws", "double"),
                                  ARTIFACT("generated", "generated"), "--taus=0,0.9", "--points=121", "--bins=12",
                                  "--compared=100", NULL}) != 0) {
        return 1;
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static double real(const struct npz *npz, const char *name) {
    return *(const double *)reference_array(npz, name, NPZ_FLOAT64)->data;
}

static const double *numbers(const struct npz *npz, const char *name) {
    return reference_array(npz, name, NPZ_FLOAT64)->data;
}

static void test_draws(void **state) {
    (void)state;
    struct npz *npz = open_artifact("double");
    const struct npz_array *phi = reference_array(npz, "phi", NPZ_FLOAT32);
    const struct toy_theory theory = {-1, 0.4};
    struct toy *toy;
    struct error e = {0};
    double x[512];
    assert_ok(toy_new(&theory, &toy, &e));
    toy_draw(toy, 3, "phi", 0, 512, x);
    assert_true(phi->dimensions == 2 && phi->shape[0] == 512 && phi->shape[1] == 1);
    for (int i = 0; i < 512; i++) {
        assert_true(((const float *)phi->data)[i] == (float)x[i]);
    }
    const struct theory lattice = {real(npz, "kappa"), real(npz, "lambda")};
    assert_near(toy_from_theory(&lattice).mu2, -1, 1e-14);
    assert_near(toy_from_theory(&lattice).g, 0.4, 1e-14);
    assert_true(real(npz, "mu2") == -1 && real(npz, "g") == 0.4);
    const char *const ones[] = {"independent", "thermalised"};
    for (int i = 0; i < 2; i++) {
        assert_true(*(const int64_t *)reference_array(npz, ones[i], NPZ_INT64)->data == 1);
    }
    assert_true(*(const int64_t *)reference_array(npz, "chains", NPZ_INT64)->data == 512);
    npz_free(npz);
    toy_free(toy);
}

/* The arrays of figures against the functions of the model and of the library. */
static void test_drift(void **state) {
    (void)state;
    struct npz *npz = open_artifact("drift"), *model = open_artifact("model");
    const struct toy_theory theory = {-1, 0.4};
    struct toy *toy;
    struct score_model m;
    struct error e = {0};
    assert_ok(toy_new(&theory, &toy, &e));
    assert_ok(score_model_read(model, &m, &e));
    assert_true(m.kind == &score_toy && score_toy_shape(&m)->width == 8);
    struct scorer s = scorer_new(&m);
    const double *tau = numbers(npz, "tau"), *phi = numbers(npz, "phi"), *score = numbers(npz, "score"),
                 *exact = numbers(npz, "exact"), *learned_action = numbers(npz, "action"),
                 *exact_action = numbers(npz, "exact_action"), h = 0.1;
    double least[2] = {1e300, 1e300}, exact_least[2] = {1e300, 1e300};
    for (int i = 0; i < 242; i++) {
        const int k = i / 121;
        const double t = k == 0 ? 1 : 1 - 0.9, variance = s2(25, t);
        const float field = (float)phi[i];
        double log_density, right;
        float out;
        assert_near(tau[i], k == 0 ? 0 : 0.9, 0);
        assert_near(phi[i], -6 + h * (i % 121), 1e-12);
        assert_ok(score_evaluate(s.worker, 1, &field, &t, &out, &e));
        toy_smeared(toy, variance, phi[i], &log_density, &right);
        assert_near(score[i], (double)out / sqrt(variance), 1e-6 * (1 + fabs(score[i])));
        assert_near(exact[i], right, 1e-9);
        assert_near(numbers(npz, "theory")[i], toy_action(&theory, phi[i]), 1e-12);
        assert_near(numbers(npz, "force")[i], toy_force(&theory, phi[i]), 1e-12);
        /* grad S_DM = -s, by the trapezoidal rule, and for the exact score to order h^2 */
        if (i % 121 > 0 && i % 121 < 120) {
            assert_near((learned_action[i + 1] - learned_action[i - 1]) / h,
                        -(score[i - 1] + 2 * score[i] + score[i + 1]) / 2, 1e-9);
            assert_near((exact_action[i + 1] - exact_action[i - 1]) / (2 * h), -exact[i], 0.02);
        }
        least[k] = fmin(least[k], learned_action[i]);
        exact_least[k] = fmin(exact_least[k], exact_action[i]);
    }
    for (int k = 0; k < 2; k++) { /* Delta S_0 */
        assert_near(least[k], toy_minimum(&theory), 1e-12);
        assert_near(exact_least[k], toy_minimum(&theory), 1e-12);
    }
    /* errors: a plain sum over another grid */
    for (int k = 0; k < 2; k++) {
        const double t = k == 0 ? 1 : 1 - 0.9, variance = s2(25, t);
        double sum = 0, square = 0;
        for (double y = -70; y <= 70; y += 0.0625) {
            double log_density, right;
            const float field = (float)y;
            float out;
            assert_ok(score_evaluate(s.worker, 1, &field, &t, &out, &e));
            toy_smeared(toy, variance, y, &log_density, &right);
            sum += 0.0625 * exp(log_density) * pow((double)out / sqrt(variance) - right, 2);
            square += 0.0625 * exp(log_density) * right * right;
        }
        assert_near(numbers(npz, "error.rms")[k], sqrt(sum), 1e-5 * sqrt(sum));
        assert_near(numbers(npz, "error.exact")[k], sqrt(square), 1e-5 * sqrt(square));
        assert_near(numbers(npz, "error.relative")[k], sqrt(sum / square), 1e-5 * sqrt(sum / square));
        assert_near(numbers(npz, "error.scaled")[k], sqrt(sum * variance), 1e-5 * sqrt(sum * variance));
        assert_near(numbers(npz, "error.noise")[k], sqrt(variance), 1e-9);
    }
    double all[3] = {0, 0, 0};
    for (int i = 0; i < 12; i++) {
        all[0] += numbers(npz, "bin.exact")[i];
        all[1] += numbers(npz, "bin.generated")[i];
        all[2] += numbers(npz, "bin.density")[i];
    }
    for (int i = 0; i < 3; i += 2) { /* bins are 1 wide, all exact draws lie in them */
        assert_near(all[i], 1, i == 0 ? 0.021 : 1e-3);
    }
    assert_true(all[1] > 0.5 && all[1] < 1 + 1e-12);
    assert_near(numbers(npz, "moment.exact")[0], 13.67303375, 1e-7);
    assert_near(numbers(npz, "moment.draws")[0], 13.673, 4.5 * numbers(npz, "moment.draws_error")[0]);
    scorer_free(&s);
    score_model_release(&m);
    npz_free(npz);
    npz_free(model);
    toy_free(toy);
}

static void test_trajectories(void **state) {
    (void)state;
    assert_int_equal(
        run_into(&stage_trajectories, "paths",
                 (const char *[]){"--process=reverse", "--trajectories=2048", "--kept=5", "--steps=80", "--stride=2",
                                  "--times=0,1", "--bins=30", "--range=40", "--threads=2", NULL}),
        0);
    struct npz *npz = open_artifact("paths");
    const double *density = numbers(npz, "histogram.density"), *error = numbers(npz, "histogram.error");
    assert_int_equal(reference_array(npz, "path.phi", NPZ_FLOAT64)->count, 5 * 41);
    assert_true(numbers(npz, "path.number")[41] == 2 && numbers(npz, "path.time")[81] == 1);
    for (int k = 0; k < 2; k++) {
        double sum = 0;
        for (int i = 0; i < 30; i++) {
            const int at = 30 * k + i;
            sum += density[at] * 80 / 30;
            assert_near(error[at], sqrt(density[at] / (2048 * 80.0 / 30)), 1e-12);
        }
        assert_near(sum, 1, 1e-3);
    }
    const double *curve = numbers(npz, "curve.density") + 401, *target = numbers(npz, "curve.target") + 401;
    for (int i = 0; i < 401; i++) { /* tau = 1 is the theory */
        assert_near(curve[i], target[i], 1e-12);
    }
    npz_free(npz);
}

/* --- figures ------------------------------------------------------------------------------------- */

static void test_figures(void **state) {
    (void)state;
    static const char *const grid = "--members=tau, phi, score, exact, action, exact_action, force, theory | bin.phi, "
                                    "bin.exact, bin.exact_error, bin.generated, bin.generated_error, bin.density",
                             *const paths =
                                 "--members=path.number, path.time, path.phi | histogram.time, histogram.phi, "
                                 "histogram.density, histogram.error | curve.time, curve.phi, curve.density, "
                                 "curve.target";
    const struct {
        const char *folder, *style, *data, *members;
    } figures[] = {
        {"fig3", "--style=figures/drift.gp", "drift", grid},
        {"b-fig2", "--style=figures/effective-action.gp", "drift", grid},
        {"fig1", "--style=figures/langevin.gp", "langevin", paths},
        {"fig2", "--style=figures/diffusion.gp", "forward", paths},
        {"error", "--style=figures/drift-error.gp", "drift",
         "--members=error.tau, error.noise, error.rms, error.relative, error.scaled, error.exact"},
    };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run_into(&stage_trajectories, i == 0 ? "langevin" : "forward",
                                  (const char *[]){i == 0 ? "--process=langevin" : "--process=forward",
                                                   "--trajectories=256", "--kept=3", "--steps=40", NULL}),
                         0);
    }
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        char data[700];
        snprintf(data, sizeof data, "%s", option("--data=", figures[i].data, "artifact.npz"));
        assert_int_equal(run_into(&stage_plot, figures[i].folder,
                                  (const char *[]){data, data, figures[i].style, "--kind=columns", figures[i].members,
                                                   "--labels=one|two", NULL}),
                         0);
        assert_true(there(figures[i].folder, "figure.pdf"));
    }
    char *table;
    size_t size;
    struct error e = {0};
    assert_ok(file_read(in_root("fig3", "figure.tsv"), &table, &size, &e));
    const char *second = strstr(table, "\ncurve\tbin.phi\tbin.exact\t"); /* a table for each set */
    assert_non_null(second);
    assert_true(strncmp(table, "curve\ttau\tphi\tscore\t", 20) == 0);
    assert_non_null(strstr(second, "\none\t-5.5\t"));
    assert_non_null(strstr(second, "\ntwo\t5.5\t"));
    free(table);
}

/* --- bits ---------------------------------------------------------------------------------------- */

static const struct digest_case cases[] = {
    {&stage_toy,
     1,
     "draws",
     {NULL},
     {"--mu2=1", "--g=0.4", "--configurations=64"},
     "f9b006919159c9fa3f82e012101531c36da34bc81dc00b5297d0c561de8e4a32"},
    {&stage_train,
     3,
     "training",
     {"double/artifact.npz"},
     {"--network=toy", "--width=8", "--embedding=8", "--epochs=2", "--batch=48"},
     "f421f19761c9afcec489a227778390220ea5c835165f2858ddf0a8dbc8456b4d"},
    {&stage_sample,
     3,
     "samples",
     {"model/artifact.npz"},
     {"--configurations=50", "--steps=10"},
     "b3ef81ee5170c41dcb5d8c6af569bcf9328a3efc6ebe387ecf29cbde6aabd391"},
    {&stage_drift,
     1,
     "drift-of-one-tau",
     {"model/artifact.npz", "double/artifact.npz", "generated/artifact.npz"},
     {"--taus=0.5"},
     "32a22c0060df07b61af7f315db2106582dc4bf3a1e4c0bc3ed67c8d5836ddba6"},
    {&stage_trajectories,
     1,
     "trajectories",
     {NULL},
     {"--process=reverse", "--trajectories=100", "--kept=2", "--steps=12"},
     "9c3ace774af8d1ed3faaa4d8cc2edd0d429f01d41d962d99cecd769bff062ba8"},
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

static void test_refusals(void **state) {
    (void)state;
    const char *output = option("--output=", "refused", "");
    expect_message(&stage_toy, (const char *[]){output, "--mu2=-1", "--g=0", NULL}, 2, "expected g > 0");
    expect_message(&stage_trajectories, (const char *[]){output, "--mu2=-1", "--g=0", NULL}, 2, "expected g > 0");
    expect_message(&stage_trajectories, (const char *[]){output, "--times=", NULL}, 2, "parameter times: found none");
    expect_message(&stage_trajectories, (const char *[]){output, "--stride=3", NULL}, 2, "parameter stride: found 3");
    make_ensemble("chain.npz", 8, 1, (size_t[]){4});
    expect_message(&stage_train,
                   (const char *[]){output, option("--training=", "", "chain.npz"), "--network=toy", NULL}, 2,
                   "network toy with an ensemble of 4 sites found");
    expect_message(&stage_train, (const char *[]){output, ARTIFACT("training", "double"), NULL}, 2,
                   "network unet with an ensemble in 1 dimensions found");
    expect_message(&stage_sample, (const char *[]){output, ARTIFACT("model", "model"), "--method=direct", NULL}, 2,
                   "method direct with a model of kind toy found");
    assert_int_equal(run_into(&stage_toy, "single", (const char *[]){"--mu2=1", "--configurations=8", NULL}), 0);
    expect_message(&stage_drift,
                   (const char *[]){output, ARTIFACT("model", "model"), ARTIFACT("draws", "single"),
                                    ARTIFACT("generated", "generated"), NULL},
                   2, "of the draws expected");
    expect_message(&stage_drift,
                   (const char *[]){output, ARTIFACT("model", "model"), ARTIFACT("draws", "double"),
                                    ARTIFACT("generated", "generated"), "--points=120", NULL},
                   2, "parameter points: found 120, expected an odd number");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_trajectories),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_artifacts_do_not_depend_on_threads),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_refusals),
    };
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
