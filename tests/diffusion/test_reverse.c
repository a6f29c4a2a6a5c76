/* The reverse process. With the exact score of a Gaussian field the variance of every mode is known for every sampler,
 * including the effects of discretisation and prior. Also: bits for any number of threads and splitting; snapshots;
 * failures.
 *
 * A mean of |phi(p)|^2/V over N configurations and the m modes of an orbit of the lattice's symmetries averages N m
 * squares of independent normal numbers, so its relative error is sqrt(2/(N m)). */
#include "diffusion/reverse.h"

#include "score/schedule.h"
#include "lattice/fourier.h"
#include "tests/score/models.h"

static const volatile sig_atomic_t never = 0, now = 1;

static float *draw(const struct score_model *m, const struct reverse_settings *settings, size_t first, size_t count,
                   int threads, float *snapshots) {
    struct error e = {0};
    float *phi = test_floats(count * m->volume);
    assert_ok(reverse_run(m, settings, first, count, threads, phi, snapshots, &never, NULL, &e));
    return phi;
}

/* Checks the variance of every orbit within 4.5 sigma, and chi^2 of all within 5 standard deviations. */
static void assert_variances(const struct score_model *m, const float *phi, size_t count, const double *expected) {
    struct fourier *f;
    struct error e = {0};
    const size_t V = m->volume;
    assert_ok(fourier_new(m->extents, m->dimensions, &f, &e));
    const size_t orbits = fourier_orbits(f);
    double *power = test_reals(V), *sum = test_reals(V), *means = test_reals(orbits), *right = test_reals(orbits);
    double *members = test_reals(orbits), *work = test_reals(fourier_workspace(f)), chi2 = 0;
    for (size_t i = 0; i < count; i++) {
        double *field = to_reals(V, phi + i * V);
        fourier_power(f, field, power, work);
        for (size_t p = 0; p < V; p++) {
            sum[p] += power[p] / (double)count;
        }
        free(field);
    }
    fourier_orbit_means(f, sum, means);
    fourier_orbit_means(f, expected, right);
    for (size_t p = 0; p < V; p++) {
        members[fourier_orbit_of(f, p)]++;
    }
    for (size_t k = 0; k < orbits; k++) {
        const double sigma = right[k] * sqrt(2 / ((double)count * members[k])), pull = (means[k] - right[k]) / sigma;
        if (!(fabs(pull) < 4.5)) {
            fail_msg("variance of orbit %zu is %.5g, expected %.5g +- %.2g", k, means[k], right[k], sigma);
        }
        chi2 += pull * pull;
    }
    assert_near(chi2, (double)orbits, 5 * sqrt(2 * (double)orbits));
    double *all[] = {power, sum, means, right, members, work};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    fourier_free(f);
}

static void check_variances(const struct score_model *m, const struct reverse_settings *settings, size_t count,
                            const double *expected) {
    float *phi = draw(m, settings, 0, count, 2, NULL);
    assert_variances(m, phi, count, expected);
    free(phi);
}

/* --- grids --------------------------------------------------------------------------------------- */

static void test_grids(void **state) {
    (void)state;
    struct reverse_settings s = {.steps = 41, .t_end = 1e-3};
    double t[41];
    reverse_grid(&s, 25, t);
    for (int i = 0; i < 41; i++) {
        assert_near(t[i], 1 + (1e-3 - 1) * i / 40, 1e-15);
    }
    s.log_grid = true;
    reverse_grid(&s, 25, t);
    assert_true(t[0] == 1);
    assert_near(t[40], 1e-3, 1e-12);
    for (int i = 0; i < 41; i++) {
        assert_near(log(s2(25, t[i])), log(s2(25, 1)) + (log(s2(25, 1e-3)) - log(s2(25, 1))) * i / 40, 1e-11);
    }
}

/* --- exact variances ----------------------------------------------------------------------------- */

enum { COUNT = 2048 };

/* The variance follows v <- (1 - D/(G + s^2))^2 v + D from v = s2(1), without noise in the last step; D = g^2 dt on a
 * grid uniform in t, and the decrease of s^2 on one uniform in log s. */
static void check_euler_maruyama(struct score_model *m, bool log_grid, int64_t steps) {
    const struct reverse_settings settings = {
        .method = REVERSE_EULER_MARUYAMA, .log_grid = log_grid, .steps = steps, .t_end = 1e-3, .seed = 11};
    double *t = test_reals((size_t)steps), *v = test_reals(m->volume);
    reverse_grid(&settings, m->sigma, t);
    for (size_t p = 0; p < m->volume; p++) {
        v[p] = s2(m->sigma, 1);
        for (int64_t i = 0; i < steps; i++) {
            const bool last = i + 1 == steps;
            const double square = s2(m->sigma, t[i]), next = last ? 0 : s2(m->sigma, t[i + 1]);
            const double dt = (1 - settings.t_end) / (double)(steps - 1);
            const double D = log_grid ? square - next : pow(m->sigma, 2 * t[i]) * dt;
            const double keep = 1 - D / (m->propagator[p] + square);
            v[p] = keep * keep * v[p] + (last ? 0 : D);
        }
    }
    check_variances(m, &settings, COUNT, v);
    free(t);
    free(v);
}

static void test_euler_maruyama(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.21);
    check_euler_maruyama(&m, false, 40);
    check_euler_maruyama(&m, false, 8);
    check_euler_maruyama(&m, true, 20);
    check_euler_maruyama(&m, true, 5);
    score_model_release(&m);
}

/* Every step is exact, so the only error is that of the prior: N(0, s2(1)) instead of the variance G + s2(1) of the
 * field at t = 1. The difference -G is multiplied by ((G + s'^2)/(G + s^2))^2 in each step, in all by (G/(G +
 * s2(1)))^2, so v = G - G^3/(G + s2(1))^2. With sigma = 2 the difference is a third of G for the zero mode. */
static void check_ancestral(struct score_model *m, double sigma, int64_t steps) {
    const struct reverse_settings settings = {
        .method = REVERSE_ANCESTRAL, .log_grid = true, .steps = steps, .t_end = 0.01, .seed = 12};
    double *v = test_reals(m->volume);
    m->sigma = sigma;
    for (size_t p = 0; p < m->volume; p++) {
        const double G = m->propagator[p], left = G / (G + s2(sigma, 1));
        v[p] = G - G * left * left;
    }
    check_variances(m, &settings, COUNT, v);
    free(v);
}

static void test_ancestral(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.21);
    check_ancestral(&m, 25, 10);
    check_ancestral(&m, 25, 2);
    check_ancestral(&m, 2, 10);
    check_ancestral(&m, 2, 3);
    score_model_release(&m);
    m = free_field(3, (size_t[]){2, 4, 3}, 0.12);
    check_ancestral(&m, 2, 4);
    score_model_release(&m);
}

static void test_direct(void **state) {
    (void)state;
    const struct reverse_settings settings = {.method = REVERSE_DIRECT, .seed = 13};
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.24);
    check_variances(&m, &settings, 4 * COUNT, m.propagator);
    score_model_release(&m);
    m = free_field(3, (size_t[]){2, 4, 3}, 0.12);
    check_variances(&m, &settings, 4 * COUNT, m.propagator);
    score_model_release(&m);
}

/* Scaling is undone at the end, also of snapshots: phi = phi_scaled/factor + offset. */
static void test_own_units(void **state) {
    (void)state;
    enum { N = 20, KEPT = 10 };
    static const double tau = 0.9;
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.21);
    const struct reverse_settings settings = {.method = REVERSE_ANCESTRAL,
                                              .log_grid = true,
                                              .steps = 4,
                                              .t_end = 0.01,
                                              .seed = 3,
                                              .snapshot_times = &tau,
                                              .snapshot_count = 1,
                                              .snapshot_configurations = KEPT};
    float *kept = test_floats(KEPT * m.volume), *kept_scaled = test_floats(KEPT * m.volume);
    float *plain = draw(&m, &settings, 0, N, 1, kept);
    m.factor = 0.125;
    m.offset = -3;
    float *scaled = draw(&m, &settings, 0, N, 1, kept_scaled);
    for (size_t i = 0; i < N * m.volume; i++) {
        assert_true(scaled[i] == (float)((double)plain[i] * 8 - 3));
    }
    for (size_t i = 0; i < KEPT * m.volume; i++) {
        assert_true(kept_scaled[i] == (float)((double)kept[i] * 8 - 3) && kept[i] != plain[i]);
    }
    float *all[] = {plain, scaled, kept, kept_scaled};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    score_model_release(&m);
}

/* --- bits ---------------------------------------------------------------------------------------- */

/* 29 configurations in one call by one thread, by three threads, and in parts; with snapshots of the first 11. */
static void check_bits(const struct score_model *m, enum reverse_method method, bool log_grid) {
    enum { N = 29, KEPT = 11, TIMES = 3 };
    static const double taus[TIMES] = {0, 0.6, 1};
    static const size_t parts[] = {0, 5, 13, N};
    const struct reverse_settings settings = {.method = method,
                                              .log_grid = log_grid,
                                              .steps = 6,
                                              .t_end = 1e-3,
                                              .seed = 4,
                                              .snapshot_times = taus,
                                              .snapshot_count = TIMES,
                                              .snapshot_configurations = KEPT};
    const size_t V = m->volume, kept = TIMES * KEPT * V;
    float *snapshots[3] = {test_floats(kept), test_floats(kept), test_floats(kept)};
    float *one = draw(m, &settings, 0, N, 1, snapshots[0]), *three = draw(m, &settings, 0, N, 3, snapshots[1]);
    assert_memory_equal(three, one, N * V * sizeof *one);
    assert_memory_equal(snapshots[1], snapshots[0], kept * sizeof *one);
    for (int i = 0; i < 3; i++) {
        float *part = draw(m, &settings, parts[i], parts[i + 1] - parts[i], 1 + i % 2, snapshots[2]);
        assert_memory_equal(part, one + parts[i] * V, (parts[i + 1] - parts[i]) * V * sizeof *one);
        free(part);
    }
    assert_memory_equal(snapshots[2], snapshots[0], kept * sizeof *one);
    if (method != REVERSE_DIRECT) { /* which has no intermediate times; tau = 1 is the result */
        assert_memory_equal(snapshots[0] + 2 * KEPT * V, one, KEPT * V * sizeof *one);
    }
    struct reverse_settings other = settings;
    other.seed = 5;
    float *different = draw(m, &other, 0, N, 1, NULL);
    for (size_t i = 0; i < N; i++) { /* with another seed, and for other configurations, fields differ */
        for (size_t k = 0; k < N; k++) {
            assert_true(memcmp(different + i * V, one + k * V, V * sizeof *one) != 0);
            assert_true(i == k || memcmp(one + i * V, one + k * V, V * sizeof *one) != 0);
        }
    }
    float *all[] = {one, three, different, snapshots[0], snapshots[1], snapshots[2]};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
}

static void test_bits_depend_neither_on_threads_nor_on_parts(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){4, 6}, 0.21);
    check_bits(&m, REVERSE_EULER_MARUYAMA, false);
    check_bits(&m, REVERSE_ANCESTRAL, true);
    check_bits(&m, REVERSE_DIRECT, false);
    score_model_release(&m);
    m = network_model((struct unet_shape){16, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_PRECONDITIONED, 1);
    check_bits(&m, REVERSE_EULER_MARUYAMA, false);
    check_bits(&m, REVERSE_ANCESTRAL, true);
    score_model_release(&m);
}

/* --- snapshots ----------------------------------------------------------------------------------- */

/* tau = 0 is the prior, white noise of width s(1). Between is the field with noise s of the nearest point of the grid,
 * whose variance is (G + s^2) - (G + s^2)^2 G/(G + s2(1))^2 by the recursion of check_ancestral. tau = 1 is the
 * result. */
static void test_snapshots(void **state) {
    (void)state;
    enum { TIMES = 4 };
    static const double taus[TIMES] = {0.7, 0, 1, 0.999};
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.21);
    const struct reverse_settings settings = {.method = REVERSE_ANCESTRAL,
                                              .log_grid = true,
                                              .steps = 12,
                                              .t_end = 1e-3,
                                              .seed = 6,
                                              .snapshot_times = taus,
                                              .snapshot_count = TIMES,
                                              .snapshot_configurations = COUNT};
    const size_t V = m.volume;
    float *snapshots = test_floats(TIMES * COUNT * V), *phi = draw(&m, &settings, 0, COUNT, 2, snapshots);
    double t[12], *expected = test_reals(V);
    reverse_grid(&settings, m.sigma, t);
    size_t nearest = 0;
    for (size_t i = 1; i < 12; i++) {
        nearest = fabs(t[i] - 0.3) < fabs(t[nearest] - 0.3) ? i : nearest;
    }
    assert_true(nearest > 0 && nearest < 11);
    const double squares[TIMES] = {s2(m.sigma, t[nearest]), s2(m.sigma, 1), 0, s2(m.sigma, 1e-3)};
    for (size_t k = 0; k < TIMES; k++) {
        for (size_t p = 0; p < V; p++) {
            const double G = m.propagator[p], full = G + squares[k], end = G + s2(m.sigma, 1);
            expected[p] = full - full * full * G / (end * end);
        }
        assert_variances(&m, snapshots + k * COUNT * V, COUNT, expected);
    }
    assert_memory_equal(snapshots + 2 * COUNT * V, phi, COUNT * V * sizeof *phi);
    assert_true(memcmp(snapshots + 3 * COUNT * V, phi, COUNT * V * sizeof *phi) != 0);
    free(snapshots);
    free(phi);
    free(expected);
    score_model_release(&m);
}

/* --- failures ------------------------------------------------------------------------------------ */

static void test_failures(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){4, 4}, 0.21);
    struct reverse_settings settings = {.method = REVERSE_ANCESTRAL, .log_grid = false, .steps = 5, .t_end = 1e-3};
    struct error e = {0};
    float *phi = test_floats(20 * m.volume);
    assert_refused(reverse_run(&m, &settings, 0, 20, 2, phi, NULL, &never, NULL, &e), STATUS_BAD_INPUT,
                   "ancestral needs grid log-s");
    settings.log_grid = true;
    assert_refused(reverse_run(&m, &settings, 0, 20, 2, phi, NULL, &now, NULL, &e), STATUS_FAILED, "interrupted");
    m.propagator[3] = NAN;
    settings.method = REVERSE_EULER_MARUYAMA;
    /* the first one is named, and later ones are not drawn */
    assert_refused(reverse_run(&m, &settings, 16, 20, 1, phi, NULL, &never, NULL, &e), STATUS_FAILED,
                   "configuration 16 is not finite: the sampler diverged");
    settings.method = REVERSE_DIRECT;
    assert_true(reverse_run(&m, &settings, 0, 4, 2, phi, NULL, &never, NULL, &e) != STATUS_OK);
    score_model_release(&m);
    m = network_model((struct unet_shape){8, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_PUBLISHED, 1);
    assert_refused(reverse_run(&m, &settings, 0, 4, 2, phi, NULL, &never, NULL, &e), STATUS_BAD_INPUT,
                   "expected a kind that is drawn without a process");
    free(phi);
    score_model_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grids),     cmocka_unit_test(test_euler_maruyama),
        cmocka_unit_test(test_ancestral), cmocka_unit_test(test_direct),
        cmocka_unit_test(test_own_units), cmocka_unit_test(test_bits_depend_neither_on_threads_nor_on_parts),
        cmocka_unit_test(test_snapshots), cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
