/* lattice/thermalisation.h: ensembles in equilibrium pass, others fail for the right reason, bits do not depend on
 * threads, and ensembles of too few chains are not tested. Seeds are fixed. There are 64 or more chains, so a deviation
 * of 5 sigma in equilibrium would occur once in 10^6 comparisons. */
#include "lattice/thermalisation.h"
#include "tests/lattice/run_ensemble.h"

#include <stdio.h>
#include <string.h>

static struct thermalisation tested(const struct ensemble_plan *plan, size_t extent, uint64_t chains) {
    struct run r = run_ensemble((size_t[]){extent, extent}, 2, plan);
    struct thermalisation t;
    struct error e;
    assert_int_equal(thermalisation_test(r.geometry, plan, &r.data, chains, NULL, NULL, &t, &e), STATUS_OK);
    run_free(&r);
    return t;
}

static int test_named(const char *name) {
    int i = 0;
    while (strcmp(thermalisation_name[i], name) != 0) {
        assert_true(++i < THERMALISATION_TESTS);
    }
    return i;
}

static void in_equilibrium(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    struct thermalisation t = tested(&plan, 8, 64);
    assert_true(t.verdict == 1 && t.worst >= 0);
    for (int i = 0; i < THERMALISATION_TESTS; i++) {
        assert_true(fabs(t.sigmas[i]) < THERMALISATION_SIGMAS && fabs(t.sigmas[i]) <= fabs(t.sigmas[t.worst]));
    }
    plan.chains = 16; /* long chains */
    plan.measurements = 40;
    plan.stride = 5;
    t = tested(&plan, 8, 64);
    assert_int_equal(t.verdict, 1);
    for (int i = 0; i < THERMALISATION_TESTS; i++) {
        assert_true(!isnan(t.sigmas[i]));
    }
}

/* A hot start at kappa = 0.5 has domain walls, a cold one has none. */
static void walls(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.sampler.theory.kappa = 0.5;
    const struct thermalisation t = tested(&plan, 32, 64);
    assert_int_equal(t.verdict, 0);
    assert_true(t.sigmas[test_named("start.abs_M")] < -THERMALISATION_SIGMAS);
}

/* On a large lattice HMC rejects every trajectory from a cold start; the chains for the comparison must leave it. */
static void large(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.chains = 16;
    plan.thermalisation = 96;
    const struct thermalisation t = tested(&plan, 64, 16);
    assert_true(t.verdict == 1 && !isnan(t.sigmas[test_named("start.action")]));
}

/* Five trajectories from a cold start far from equilibrium: the chains differ from themselves at half the length. */
static void too_few_trajectories(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.sampler.theory.kappa = 0.4;
    plan.sampler.start = SAMPLER_COLD;
    plan.sampler.algorithm = SAMPLER_METROPOLIS;
    plan.sampler.metropolis_step = 0.3;
    plan.thermalisation = 4;
    const struct thermalisation t = tested(&plan, 8, 64);
    assert_int_equal(t.verdict, 0);
    assert_true(fabs(t.sigmas[test_named("split.action")]) > THERMALISATION_SIGMAS);
    assert_true(fabs(t.sigmas[test_named("start.action")]) > THERMALISATION_SIGMAS);
}

/* Chains that drift while they are measured. */
static void drifting(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.sampler.theory.kappa = 0.4;
    plan.sampler.start = SAMPLER_COLD;
    plan.sampler.algorithm = SAMPLER_METROPOLIS;
    plan.sampler.metropolis_step = 0.3;
    plan.thermalisation = 2;
    plan.measurements = 8;
    const struct thermalisation t = tested(&plan, 8, 0);
    assert_int_equal(t.verdict, 0);
    assert_true(fabs(t.sigmas[test_named("split.action")]) > THERMALISATION_SIGMAS);
    assert_true(isnan(t.sigmas[test_named("start.action")])); /* no further chains */
}

/* Langevin with a coarse step is in equilibrium for another action, which the virial detects. */
static void another_equilibrium(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.sampler.algorithm = SAMPLER_LANGEVIN;
    plan.sampler.langevin_step = 0.2;
    plan.thermalisation = 400;
    const struct thermalisation t = tested(&plan, 16, 64);
    assert_int_equal(t.verdict, 0);
    assert_true(fabs(t.sigmas[test_named("virial")]) > THERMALISATION_SIGMAS);
}

static void too_small(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.chains = 15;
    plan.measurements = 100;
    const struct thermalisation t = tested(&plan, 4, 64);
    assert_true(t.worst == -1 && t.verdict == -1);
    for (int i = 0; i < THERMALISATION_TESTS; i++) {
        assert_true(isnan(t.sigmas[i]));
    }
}

/* An ensemble whose chains reject all proposals fails, whatever the other tests say, for any number of chains. */
static void frozen(void **state) {
    (void)state;
    static const uint64_t chains[] = {1, 8, 32}, further[] = {64, 8};
    struct ensemble_plan plan = default_plan();
    plan.sampler.theory.kappa = 100;
    plan.thermalisation = 20;
    for (size_t i = 0; i < 6; i++) {
        plan.chains = chains[i / 2];
        const struct thermalisation t = tested(&plan, 8, further[i % 2]);
        char text[128], expected[128];
        assert_int_equal(t.verdict, 0);
        assert_int_equal(t.frozen, plan.chains);
        thermalisation_text(&t, text, sizeof text);
        snprintf(expected, sizeof expected, "FAILED: %d of %d chains never moved", (int)plan.chains, (int)plan.chains);
        assert_string_equal(text, expected);
    }
}

/* If there are too few chains for a comparison, an ensemble does not pass by its virial alone. */
static void virial_alone(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.chains = 64;
    plan.measurements = 1;
    struct thermalisation t = tested(&plan, 8, 8);
    char text[128];
    assert_true(t.verdict == -1 && t.frozen == 0 && t.worst == test_named("virial"));
    thermalisation_text(&t, text, sizeof text);
    assert_memory_equal(text, "undecided, from the virial alone: virial off by ", 48);
    t = tested(&plan, 8, 16);
    assert_int_equal(t.verdict, 1);
}

static void same_bits(void **state) {
    (void)state;
    struct ensemble_plan plan = default_plan();
    plan.threads = 1;
    const struct thermalisation one = tested(&plan, 8, 40);
    plan.threads = 3;
    const struct thermalisation three = tested(&plan, 8, 40);
    assert_memory_equal(one.sigmas, three.sigmas, sizeof one.sigmas);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_equilibrium), cmocka_unit_test(walls),
        cmocka_unit_test(large),          cmocka_unit_test(too_few_trajectories),
        cmocka_unit_test(drifting),       cmocka_unit_test(another_equilibrium),
        cmocka_unit_test(too_small),      cmocka_unit_test(frozen),
        cmocka_unit_test(virial_alone),   cmocka_unit_test(same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
