/* The stage `excess-loss` from command line to artifact: contents, agreement with the stage `train`, bits for any
 * number of threads, a digest that ties the bits to the stage's version, refusals. */
#include "diffusion/excess.h"
#include "tests/stages/artifacts.h"

extern const struct stage stage_excess_loss, stage_train;

static int set_up(void **state) {
    (void)state;
    static const struct unet_shape shape = {8, 8, 8, 32, 2, UNET_PERIODIC};
    snprintf(root, sizeof root, "%s", scratch_folder("excess-loss"));
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.2);
    make_model("gaussian.npz", &m);
    m = free_field(2, (size_t[]){8, 8}, 0.2);
    m.theory.kappa = 0.21;
    make_model("other.npz", &m);
    m = network_model(shape, SCORE_PUBLISHED, 30);
    make_model("network.npz", &m);
    make_ensemble("ensemble.npz", 24, 2, (size_t[]){8, 8});
    make_ensemble("larger.npz", 8, 2, (size_t[]){16, 8});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static int run(const char *folder, const char *model, const char *fields, const char *const *arguments) {
    return run_with(&stage_excess_loss, folder, (const char *[]){model, fields, NULL}, arguments);
}

/* A Gaussian model is the Wiener filter, without excess. */
static void test_gaussian(void **state) {
    (void)state;
    assert_int_equal(run("gaussian", "gaussian.npz", "ensemble.npz", (const char *[]){"--levels=4", NULL}), 0);
    struct npz *npz = open_artifact("gaussian");
    for (int k = 0; k < 4; k++) {
        assert_true(reals(npz, "excess.loss", 4)[k] > 0 && reals(npz, "excess.excess", 4)[k] == 0);
    }
    assert_true(*(const double *)reference_array(npz, "nats", NPZ_FLOAT64)->data == 0);
    npz_free(npz);
}

/* On its training set it is what the stage train stores; and nats is the integral. */
static void test_as_in_training(void **state) {
    (void)state;
    static const char *const same[] = {"excess.sigma", "excess.loss", "excess.wiener", "excess.excess", "excess.error"};
    assert_int_equal(run_with(&stage_train, "trained", (const char *[]){"ensemble.npz", NULL},
                              (const char *[]){"--width=8", "--embedding=32", "--batch=16", "--excess-levels=5",
                                               "--epochs=2", "--t-min=1e-4", "--seed=3", NULL}),
                     0);
    assert_int_equal(run("own", "trained/artifact.npz", "ensemble.npz",
                         (const char *[]){"--levels=5", "--t-min=1e-4", "--seed=3", NULL}),
                     0);
    struct npz *trained = open_artifact("trained"), *own = open_artifact("own");
    for (int i = 0; i < 5; i++) {
        assert_memory_equal(reals(own, same[i], 5), reals(trained, same[i], 5), 5 * sizeof(double));
    }
    const double *s = reals(own, "excess.sigma", 5), *excess = reals(own, "excess.excess", 5);
    double nats = 0;
    for (int k = 1; k < 5; k++) {
        nats += (excess[k] + excess[k - 1]) / 2 * log(s[k] / s[k - 1]);
    }
    assert_near(*(const double *)reference_array(own, "nats", NPZ_FLOAT64)->data, nats, 1e-9 * (1 + fabs(nats)));
    assert_true(*(const double *)reference_array(own, "nats_error", NPZ_FLOAT64)->data > 0);
    npz_free(trained);
    npz_free(own);

    /* the first configurations only */
    assert_int_equal(run("few", "trained/artifact.npz", "ensemble.npz",
                         (const char *[]){"--levels=5", "--t-min=1e-4", "--seed=3", "--configurations=7", NULL}),
                     0);
    struct npz *few = open_artifact("few");
    own = open_artifact("own");
    assert_true(reals(few, "excess.loss", 5)[0] != reals(own, "excess.loss", 5)[0]);
    npz_free(few);
    npz_free(own);
}

/* If the digest changes, raise the version in stages/excess-loss.c. */
static const struct digest_case cases[] = {
    {&stage_excess_loss,
     1,
     "network",
     {"network.npz", "ensemble.npz"},
     {"--levels=4", "--seed=5"},
     "bd6b0c4ef8011ae9971d984a48e23895189944eeeb2d3271259af3bd02812e2b"},
};

static void test_artifacts_do_not_depend_on_threads(void **state) {
    (void)state;
    assert_same_for_any_threads(cases, 1);
}

static void test_digests(void **state) {
    (void)state;
    assert_digests(cases, 1);
}

static void test_refusals(void **state) {
    (void)state;
    const struct {
        const char *model, *fields, *message;
    } refused[] = {{"network.npz", "larger.npz", "larger.npz"},
                   {"other.npz", "ensemble.npz",
                    "ensemble.npz: kappa 0.2, lambda 0.02 found, 0.21 and 0.02 of the model expected"},
                   {"ensemble.npz", "ensemble.npz", "found an artifact of stage 'ensemble', expected train"},
                   {"network.npz", "network.npz", "found an artifact of stage 'train', expected ensemble"},
                   {"network.npz", "none.npz", "none.npz: cannot open"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        expect_message(&stage_excess_loss,
                       (const char *[]){option("--output=", "refused", ""), option("--model=", "", refused[i].model),
                                        option("--fields=", "", refused[i].fields), "--ledger=", NULL},
                       2, refused[i].message);
        assert_false(there("refused", "artifact.npz"));
    }
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gaussian), cmocka_unit_test(test_as_in_training),
                                       cmocka_unit_test(test_artifacts_do_not_depend_on_threads),
                                       cmocka_unit_test(test_digests), cmocka_unit_test(test_refusals)};
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
