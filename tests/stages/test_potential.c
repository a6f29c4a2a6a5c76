/* The stage `potential`: the potential of a Gaussian model is Gaussian; potentials of interacting models. */
#include "lattice/theory.h"
#include "tests/stages/artifacts.h"

extern const struct stage stage_ensemble, stage_train, stage_potential;

enum { POINTS = 41, LEVELS = 3 };

static int potential(const char *folder, const char *model, const char *range) {
    return run_with(&stage_potential, folder, (const char *[]){model, NULL},
                    (const char *[]){"--levels=0.12,1,5", range, "--points=41", NULL});
}

static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("potential"));
    assert_int_equal(run_into(&stage_ensemble, "ensemble",
                              (const char *[]){"--lattice=8x8", "--kappa=0.2", "--chains=256", "--configurations=512",
                                               "--thermalisation=60", "--stride=2", "--test-chains=0", NULL}),
                     0);
    assert_int_equal(run_with(&stage_train, "gaussian", (const char *[]){"ensemble/artifact.npz", NULL},
                              (const char *[]){"--network=gaussian", NULL}),
                     0);
    assert_int_equal(run_with(&stage_train, "effective", (const char *[]){"ensemble/artifact.npz", NULL},
                              (const char *[]){"--network=effective-action", "--refine=0", "--levels=10", NULL}),
                     0);
    assert_int_equal(run_into(&stage_ensemble, "broken",
                              (const char *[]){"--lattice=8x8", "--kappa=0.4", "--algorithm=cluster", "--chains=256",
                                               "--configurations=512", "--thermalisation=60", "--stride=2",
                                               "--test-chains=0", NULL}),
                     0);
    assert_int_equal(
        run_with(&stage_train, "phase", (const char *[]){"broken/artifact.npz", NULL},
                 (const char *[]){"--network=effective-action", "--refine=0", "--levels=10", "--phase=broken", NULL}),
        0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

/* The score of a Gaussian field is linear, so the trapezoidal rule is exact. */
static void test_gaussian(void **state) {
    (void)state;
    assert_int_equal(potential("of-gaussian", "gaussian/artifact.npz", "--range=1"), 0);
    struct npz *npz = open_artifact("of-gaussian");
    const double *u = reals(npz, "potential", LEVELS * POINTS), *g = reals(npz, "gaussian", LEVELS * POINTS);
    for (size_t i = 0; i < LEVELS * POINTS; i++) {
        if (fabs(u[i] - g[i]) > 1e-5 * fabs(g[i]) + 1e-9) {
            fail_msg("point %zu: potential %g found, expected %g", i, u[i], g[i]);
        }
    }
    npz_free(npz);
}

/* The potential is even in M, nearly the action at a small noise level for typical fields, and Gaussian at a large
 * one. */
static void test_interacting(void **state) {
    (void)state;
    assert_int_equal(potential("of-effective", "effective/artifact.npz", "--range=1"), 0);
    struct npz *npz = open_artifact("of-effective");
    const double *u = reals(npz, "potential", LEVELS * POINTS), *g = reals(npz, "gaussian", LEVELS * POINTS),
                 *action = reals(npz, "action", LEVELS * POINTS), *M = reals(npz, "M", LEVELS * POINTS);
    const struct theory theory = {0.2, 0.022};
    for (size_t i = 0; i < POINTS; i++) {
        assert_near(action[i], theory_action(&theory, 2 * M[i] * M[i], M[i] * M[i], M[i] * M[i] * M[i] * M[i]), 1e-12);
        for (size_t k = 0; k < LEVELS; k++) {
            assert_near(u[k * POINTS + i], u[k * POINTS + POINTS - 1 - i], 1e-5);
        }
        assert_near(u[i], action[i], 0.1 * fabs(action[i]) + 1e-3);
        assert_near(u[2 * POINTS + i], g[2 * POINTS + i], 0.01 * g[2 * POINTS + POINTS - 1]);
    }
    npz_free(npz);
}

/* For one phase it is 0 next to the mean, nearly a parabola around the mean at a large noise level, and even in M. */
static void test_one_phase(void **state) {
    (void)state;
    assert_int_equal(potential("of-phase", "phase/artifact.npz", "--range=5"), 0);
    struct npz *npz = open_artifact("of-phase"), *model = open_artifact("phase");
    struct score_model m;
    struct error e = {0};
    assert_ok(score_model_read(model, &m, &e));
    const double *u = reals(npz, "potential", LEVELS * POINTS), *M = reals(npz, "M", LEVELS * POINTS);
    const size_t first = 2 * POINTS, middle = first + POINTS / 2, origin = middle + (size_t)(m.offset / 0.25 + 0.5);
    assert_true(m.offset > 3 && m.offset < 4.5 && u[origin] == 0);
    for (size_t i = middle; i < first + POINTS; i++) {
        const double at = M[i] - m.offset, zero = M[origin] - m.offset, curvature = 1 / (m.propagator[0] + 25);
        if (fabs(at) < 1.5) {
            assert_near(u[i], 0.5 * curvature * (at * at - zero * zero), 0.05 * 0.5 * curvature * 2.25);
        }
        assert_near(u[i], u[2 * middle - i], 0);
    }
    score_model_release(&m);
    npz_free(model);
    npz_free(npz);
}

static void test_refusals(void **state) {
    (void)state;
    const char *output = option("--output=", "refused", ""), *model = option("--model=", "gaussian", "artifact.npz");
    expect_message(&stage_potential, (const char *[]){output, model, "--ledger=", "--points=40", NULL}, 2,
                   "parameter points: found 40, expected an odd number");
    expect_message(&stage_potential, (const char *[]){output, model, "--ledger=", "--levels=", NULL}, 2,
                   "parameter levels: found none, expected at least one");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian),
        cmocka_unit_test(test_interacting),
        cmocka_unit_test(test_one_phase),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
