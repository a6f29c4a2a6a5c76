/* sampler.h and ensemble.h: the same bits for any number of threads and any splitting of the chains and of the steps;
 * digests of these bits; order of the chains, interruptions, diverging fields. */
#include <stdatomic.h>
#include <string.h>

#include "base/file.h"
#include "tests/lattice/run_ensemble.h"

/* An algorithm, and precision and integrator of hybrid Monte Carlo. */
struct variant {
    enum sampler_algorithm algorithm;
    enum integrator_kind integrator;
    bool single_precision;
};

enum { ALGORITHMS = 9 };

static const struct variant algorithms[ALGORITHMS] = {
    {SAMPLER_HMC, INTEGRATOR_LEAPFROG, false},
    {SAMPLER_HMC, INTEGRATOR_LEAPFROG, true},
    {SAMPLER_HMC, INTEGRATOR_OMELYAN, false},
    {SAMPLER_HMC, INTEGRATOR_OMELYAN, true},
    {.algorithm = SAMPLER_METROPOLIS},
    {.algorithm = SAMPLER_LANGEVIN},
    {.algorithm = SAMPLER_CLUSTER},
    {.algorithm = SAMPLER_METROPOLIS_GLOBAL},
    {.algorithm = SAMPLER_RANDOM_WALK},
};

static struct ensemble_plan variant_plan(struct variant v) {
    struct ensemble_plan plan = default_plan();
    const enum sampler_algorithm algorithm = v.algorithm;
    plan.sampler.algorithm = algorithm;
    plan.sampler.integrator = v.integrator;
    plan.sampler.single_precision = v.single_precision;
    plan.chains = 21;
    plan.measurements = 3;
    plan.thermalisation = 7;
    plan.stride = 2;
    if (algorithm == SAMPLER_METROPOLIS_GLOBAL) {
        plan.sampler.metropolis_step = 0.05; /* so that some of the few proposals are accepted */
    }
    return plan;
}

static struct ensemble_plan short_plan(enum sampler_algorithm algorithm) {
    return variant_plan((struct variant){.algorithm = algorithm});
}

static void assert_same(const struct run *a, size_t first, const struct run *part) {
    const size_t from = first * a->plan.measurements, n = part->count, chains = part->plan.chains;
    const size_t volume = a->geometry->volume;
    assert_memory_equal(a->data.phi + from * volume, part->data.phi, n * volume * sizeof(float));
    assert_memory_equal(a->data.action + from, part->data.action, n * sizeof(double));
    assert_memory_equal(a->data.virial + from, part->data.virial, n * sizeof(double));
    assert_memory_equal(a->data.acceptance + first, part->data.acceptance, chains * sizeof(double));
    if (a->plan.sampler.algorithm == SAMPLER_HMC) {
        assert_memory_equal(a->data.exp_minus_dH + first, part->data.exp_minus_dH, chains * sizeof(double));
    }
}

static void threads_and_splitting(void **state) {
    (void)state;
    const size_t extents[] = {6, 4};
    for (size_t i = 0; i < ALGORITHMS; i++) {
        struct ensemble_plan plan = variant_plan(algorithms[i]);
        struct run whole = run_ensemble(extents, 2, &plan);
        for (int threads = 1; threads <= 3; threads += 2) {
            plan.threads = threads;
            struct run again = run_ensemble(extents, 2, &plan);
            assert_same(&whole, 0, &again);
            run_free(&again);
        }
        const uint64_t parts[][2] = {{0, 5}, {5, 15}, {20, 1}};
        for (size_t part = 0; part < 3; part++) {
            plan.first_chain = parts[part][0];
            plan.chains = parts[part][1];
            struct run piece = run_ensemble(extents, 2, &plan);
            assert_same(&whole, plan.first_chain, &piece);
            run_free(&piece);
        }
        run_free(&whole);
    }
}

/* Measurements do not change a chain: the last of three configurations is the only one after a longer
 * thermalisation. */
static void measurements_do_not_disturb(void **state) {
    (void)state;
    const size_t extents[] = {3, 4, 5};
    for (size_t i = 0; i < ALGORITHMS; i++) {
        struct ensemble_plan plan = variant_plan(algorithms[i]);
        struct run series = run_ensemble(extents, 3, &plan);
        plan.thermalisation += (plan.measurements - 1) * plan.stride;
        plan.measurements = 1;
        struct run last = run_ensemble(extents, 3, &plan);
        const size_t volume = series.geometry->volume;
        for (size_t c = 0; c < plan.chains; c++) {
            assert_memory_equal(series.data.phi + (3 * c + 2) * volume, last.data.phi + c * volume,
                                volume * sizeof(float));
            if (algorithms[i].algorithm != SAMPLER_METROPOLIS_GLOBAL) { /* which may have rejected all proposals */
                assert_memory_not_equal(series.data.phi + (3 * c + 1) * volume, last.data.phi + c * volume,
                                        volume * sizeof(float));
            }
        }
        run_free(&series);
        run_free(&last);
    }
}

/* Action and virial are those of the configurations, up to the rounding of phi to float. */
static void stored_means(void **state) {
    (void)state;
    const size_t extents[] = {6, 4};
    struct ensemble_plan plan = short_plan(SAMPLER_HMC);
    struct run r = run_ensemble(extents, 2, &plan);
    for (size_t i = 0; i < r.count; i++) {
        const struct configuration_means m =
            configuration_measure_float(r.geometry, &plan.sampler.theory, r.data.phi + i * r.geometry->volume);
        assert_true(fabs(m.action - r.data.action[i]) < 1e-6);
        assert_true(fabs(m.virial - r.data.virial[i]) < 2e-6);
    }
    run_free(&r);
}

/* Starts: N(0,1), or the minima +-sqrt((2 kappa d - 1 + 2 lambda) / (2 lambda)) of the potential. */
static void starts(void **state) {
    (void)state;
    const size_t extents[] = {32, 32};
    struct geometry *g;
    struct error e;
    assert_int_equal(geometry_new(extents, 2, &g, &e), STATUS_OK);
    struct sampler_settings settings = default_plan().sampler;
    struct sampler *s = sampler_new(g, &settings);
    assert_non_null(s);
    sampler_begin(s, 0);
    double sum = 0.0, squares = 0.0;
    const size_t n = g->volume * LATTICE_LANES;
    for (size_t i = 0; i < n; i++) {
        sum += sampler_field(s)[i];
        squares += sampler_field(s)[i] * sampler_field(s)[i];
    }
    assert_true(fabs(sum) < 4.0 * sqrt((double)n));
    assert_true(fabs(squares - (double)n) < 4.0 * sqrt(2.0 * (double)n));
    sampler_free(s);

    settings.start = SAMPLER_COLD;
    settings.theory.kappa = 0.5;
    s = sampler_new(g, &settings);
    assert_non_null(s);
    const double minimum = sqrt((4.0 * 0.5 - 1.0 + 2.0 * 0.022) / (2.0 * 0.022));
    double positive = 0.0;
    for (uint64_t first = 0; first < 64; first += LATTICE_LANES) {
        sampler_begin(s, first);
        for (size_t i = 0; i < n; i++) {
            const double phi = sampler_field(s)[i];
            assert_true(fabs(fabs(phi) - minimum) < 1e-12 && phi == sampler_field(s)[i % LATTICE_LANES]);
        }
        for (size_t lane = 0; lane < LATTICE_LANES; lane++) {
            positive += sampler_field(s)[lane] > 0.0 ? 1.0 : 0.0;
        }
    }
    assert_true(fabs(positive - 32.0) < 4.0 * 4.0);
    /* the force vanishes at the minimum */
    double *phi = malloc(2 * g->volume * sizeof *phi);
    assert_non_null(phi);
    sampler_configuration(s, 3, phi);
    action_force(g, &settings.theory, phi, phi + g->volume);
    for (size_t x = 0; x < g->volume; x++) {
        assert_true(fabs(phi[g->volume + x]) < 1e-12);
    }
    free(phi);
    sampler_free(s);
    geometry_free(g);
}

static bool stop_after(void *context, uint64_t steps) {
    (void)steps;
    return atomic_fetch_sub((_Atomic int *)context, 1) > 0;
}

static bool note_steps(void *context, uint64_t steps) {
    _Atomic uint64_t *most = context;
    if (steps > atomic_load(most)) {
        atomic_store(most, steps);
    }
    return true;
}

static void interruption_and_reports(void **state) {
    (void)state;
    const size_t extents[] = {4, 4};
    struct ensemble_plan plan = short_plan(SAMPLER_HMC);
    struct run r = run_new(extents, 2, &plan);
    struct error e;
    _Atomic int left = 2;
    assert_int_equal(ensemble_generate(r.geometry, &plan, &r.data, stop_after, &left, &e), STATUS_FAILED);
    assert_non_null(strstr(e.message, "interrupted"));
    plan.threads = 1;
    _Atomic uint64_t most = 0;
    assert_int_equal(ensemble_generate(r.geometry, &plan, &r.data, note_steps, &most, &e), STATUS_OK);
    assert_int_equal(most, plan.chains * (plan.thermalisation + (plan.measurements - 1) * plan.stride));
    run_free(&r);
}

/* Langevin diverges with steps beyond 2/(largest eigenvalue); leapfrog trajectories with such steps are rejected, and
 * the field never becomes NaN. */
static void divergence(void **state) {
    (void)state;
    const size_t extents[] = {4, 4};
    struct ensemble_plan plan = short_plan(SAMPLER_LANGEVIN);
    plan.sampler.langevin_step = 2.0;
    plan.thermalisation = 200;
    struct run r = run_new(extents, 2, &plan);
    struct error e;
    assert_int_equal(ensemble_generate(r.geometry, &plan, &r.data, NULL, NULL, &e), STATUS_FAILED);
    assert_non_null(strstr(e.message, "no longer finite"));
    plan.sampler.algorithm = SAMPLER_HMC;
    plan.sampler.trajectory_length = 100.0;
    plan.sampler.leapfrog_steps = 20;
    for (int single = 0; single < 2; single++) {
        plan.sampler.single_precision = single == 1;
        assert_int_equal(ensemble_generate(r.geometry, &plan, &r.data, NULL, NULL, &e), STATUS_OK);
        for (size_t c = 0; c < plan.chains; c++) {
            assert_true(r.data.acceptance[c] == 0.0 && r.data.exp_minus_dH[c] < 1e-10);
        }
    }
    run_free(&r);
}

/* The random walk starts from N(0,1), adds the variance of a step with each step, and rejects nothing: the variance
 * over 21 chains of 24 sites within 4.5 sigma. */
static void random_walk(void **state) {
    (void)state;
    const size_t extents[] = {6, 4};
    struct ensemble_plan plan = short_plan(SAMPLER_RANDOM_WALK);
    plan.sampler.metropolis_step = 0.5;
    struct run r = run_ensemble(extents, 2, &plan);
    const size_t sites = plan.chains * r.geometry->volume;
    for (size_t k = 0; k < plan.measurements; k++) {
        const double variance = 1 + 0.25 * (double)(plan.thermalisation + k * plan.stride);
        double squares = 0;
        for (size_t i = 0; i < sites; i++) {
            const size_t chain = i / r.geometry->volume, x = i % r.geometry->volume;
            const double phi = (double)r.data.phi[(chain * plan.measurements + k) * r.geometry->volume + x];
            squares += phi * phi / (double)sites;
        }
        assert_true(fabs(squares / variance - 1) < 4.5 * sqrt(2 / (double)sites));
    }
    for (size_t c = 0; c < plan.chains; c++) {
        assert_true(r.data.acceptance[c] == 1.0);
    }
    run_free(&r);
}

/* The bits of tiny runs in one, two and three dimensions. They may only change together with the version of the
 * ensemble stage. */
static void digests(void **state) {
    (void)state;
    const struct {
        size_t dimensions, extents[3];
        struct variant variant;
        const char *digest;
    } cases[] = {
        {1, {9}, {.algorithm = SAMPLER_HMC}, "997688014989e795024a54cc2635f9c0be435c6fa8158da4ce57dca296d9cf41"},
        {2, {6, 4}, {.algorithm = SAMPLER_HMC}, "038a5b4620cf5a3b5c15f2bbd41b6bef706a7760d8ecef014cf9663d86c2fd56"},
        {3, {3, 2, 4}, {.algorithm = SAMPLER_HMC}, "f0e22f1edc3b292ca4ffa433560d47f9f388558939a532dd0a435e5a583eae43"},
        {2,
         {6, 4},
         {.algorithm = SAMPLER_METROPOLIS},
         "834115d3b64c926a6e5db1260548f67297110f3de0995dc99996e5b7657d7262"},
        {2,
         {6, 4},
         {.algorithm = SAMPLER_LANGEVIN},
         "3f53928bc73730e3c8fb77b5f1d9bad2c18edea21a90adb99bc1de82bcdea80f"},
        {2, {6, 4}, {.algorithm = SAMPLER_CLUSTER}, "80df0c8bbb2e6a359f677b9bf63b4d7dc2e7162c3d0d90806e39e52fc54da48c"},
        {3,
         {3, 2, 4},
         {.algorithm = SAMPLER_CLUSTER},
         "605bd6c3771641518e30ee47303b7ef6055de7ca9ea94fbbfdcc7f2126890935"},
        {2,
         {6, 4},
         {.algorithm = SAMPLER_METROPOLIS_GLOBAL},
         "893305cba60422c419bf64cc2195f1481426d59930cfb0b27df1af975533f99b"},
        {2,
         {6, 4},
         {.algorithm = SAMPLER_RANDOM_WALK},
         "c03a159318836db67e8fac8f54a60c5754e48f125fc4e871368ba45fccd43eb5"},
        {1,
         {9},
         {SAMPLER_HMC, INTEGRATOR_LEAPFROG, true},
         "f288c2a3a1f40c6fd7dbc35a054086ccbe3f5e3d82e9c755403783833123e260"},
        {2,
         {6, 4},
         {SAMPLER_HMC, INTEGRATOR_LEAPFROG, true},
         "bef5d4220b0d94bbd7b70159688fe0bec0eca14b5648f1c3bcaf80c62534d493"},
        {2,
         {4, 5},
         {SAMPLER_HMC, INTEGRATOR_OMELYAN, true},
         "bea152f830881ca18eb4b103e63b7ec204714286570760157e8a49f134efe020"},
        {3,
         {3, 2, 4},
         {SAMPLER_HMC, INTEGRATOR_OMELYAN, true},
         "f83da1db39acd332b74b309e16971177f4fdae148508e0cb748bce53c071979f"},
        {2,
         {6, 4},
         {SAMPLER_HMC, INTEGRATOR_OMELYAN, false},
         "ff82604d8ba3c7538c2b17950b4e8dbe6d416c01eeeff2ed8794a4bd231ff86f"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ensemble_plan plan = variant_plan(cases[i].variant);
        struct run r = run_ensemble(cases[i].extents, cases[i].dimensions, &plan);
        char hex[65];
        sha256(r.data.phi, r.count * r.geometry->volume * sizeof(float), hex);
        assert_string_equal(hex, cases[i].digest);
        run_free(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_splitting),
        cmocka_unit_test(measurements_do_not_disturb),
        cmocka_unit_test(stored_means),
        cmocka_unit_test(starts),
        cmocka_unit_test(interruption_and_reports),
        cmocka_unit_test(divergence),
        cmocka_unit_test(random_walk),
        cmocka_unit_test(digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
