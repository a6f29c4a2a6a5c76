/* Fits, refinement and draws of the effective-action model: the flow against its reverse and against finer steps, one
 * phase; and bits, for any number of threads and on any instruction set. */
#include "tests/score/effective_fixture.h"

/* --- the flow ------------------------------------------------------------------------------------ */

/* The flow up from drawn fields gives the same density as the flow down, and so do twice the steps. */
static void test_up_and_down(void **state) {
    (void)state;
    enum { N = 48 };
    static float phi[N * SITES], fine[N * SITES];
    double down[N], up[N], finer[N], finest[N], w[4][N], change[N], coarse[N];
    struct effective_flow *flow;
    struct error e;
    propose(&shared, 24, 5, N, phi, down, w[0]);
    check(effective_flow_new(&shared.model, 24, 1, 1, &flow, &e), &e);
    const struct effective_flow_work work = {NULL, 0, N, 2, phi, up, &never, NULL};
    memcpy(fine, phi, sizeof phi);
    check(effective_flow_run(flow, &work, &e), &e);
    assert_memory_equal(fine, phi, sizeof phi); /* given fields are not changed */
    for (size_t i = 0; i < N; i++) {
        if (!(fabs(up[i] - down[i]) < 2e-3)) {
            fail_msg("field %zu: log q %.9g up, %.9g down", i, up[i], down[i]);
        }
    }
    assert_int_equal(effective_flow_evaluations(flow), 96);
    effective_flow_free(flow);
    propose(&shared, 48, 5, N, fine, finer, w[1]);
    propose(&shared, 6, 5, N, fine, finest, w[2]);
    for (size_t i = 0; i < N; i++) {
        change[i] = w[1][i] - w[0][i];
        coarse[i] = w[2][i] - w[0][i];
    }
    assert_true(deviation_of(change, N) < 0.003);
    assert_true(deviation_of(change, N) < deviation_of(coarse, N) / 16); /* fourth order: 256, to single precision */
}

/* Field i depends only on its number: not on threads and, up to rounding, not on the first field of a run. */
static void test_numbers(void **state) {
    (void)state;
    enum { N = 70, FIRST = TRANSFORM_FIELDS, PART = 20 };
    static float phi[N * SITES], part[PART * SITES];
    double log_q[N], part_q[PART];
    const struct random_key key = random_key(5, "test", "effective");
    struct effective_flow *flow;
    struct error e;
    propose(&shared, 4, 5, N, phi, log_q, NULL);
    check(effective_flow_new(&shared.model, 4, 1, 1, &flow, &e), &e);
    for (int threads = 1; threads <= 3; threads++) {
        const struct effective_flow_work work = {&key, FIRST, PART, threads, part, part_q, &never, NULL};
        check(effective_flow_run(flow, &work, &e), &e);
        assert_memory_equal(part, phi + FIRST * SITES, sizeof part);
        assert_memory_equal(part_q, log_q + FIRST, sizeof part_q);
    }
    const struct effective_flow_work shifted = {&key, FIRST + 1, PART, 2, part, part_q, &never, NULL};
    check(effective_flow_run(flow, &shifted, &e), &e);
    for (size_t i = 0; i < PART; i++) {
        assert_true(fabs(part_q[i] - log_q[FIRST + 1 + i]) < 1e-3);
    }
    for (size_t i = 0; i < PART * SITES; i++) {
        assert_true(fabsf(part[i] - phi[(FIRST + 1) * SITES + i]) < 1e-5f);
    }
    const volatile sig_atomic_t now = 1;
    const struct effective_flow_work work = {&key, 0, PART, 2, part, part_q, &now, NULL};
    assert_int_equal(effective_flow_run(flow, &work, &e), STATUS_FAILED);
    assert_string_equal(e.message, "interrupted while following the flow");
    effective_flow_free(flow);
}

/* A field that is not finite has density NaN, and does not affect the others. */
static void test_not_finite(void **state) {
    (void)state;
    enum { N = 3 };
    float phi[N * SITES];
    double log_q[N], alone[N];
    struct effective_flow *flow;
    struct error e;
    memcpy(phi, shared.fields, sizeof phi);
    check(effective_flow_new(&shared.model, 4, 1, 1, &flow, &e), &e);
    const struct effective_flow_work work = {NULL, 0, N, 1, phi, log_q, &never, NULL},
                                     again = {NULL, 0, N, 1, phi, alone, &never, NULL};
    check(effective_flow_run(flow, &work, &e), &e);
    phi[SITES + 3] = NAN;
    check(effective_flow_run(flow, &again, &e), &e);
    assert_true(isnan(alone[1]) && alone[0] == log_q[0] && alone[2] == log_q[2]);
    effective_flow_free(flow);
}

/* In the broken phase: equally many fields of both signs, the density of the mixture, and the magnetization of the
 * ensemble. */
static void test_one_phase(void **state) {
    (void)state;
    enum { N = 2048, DATA = 512 };
    static const size_t extents[] = {SIDE, SIDE};
    const struct theory theory = {0.32, 0.022};
    static float phi[N * SITES];
    static double log_q[N], log_w[N], M[N];
    struct fitted f = fitted_new(2, extents, theory, hmc(2, extents, theory, DATA, 60), DATA, true);
    fit(&f, even, levels, 2);
    propose(&f, 16, 6, N, phi, log_q, log_w);
    size_t negative = 0, rejected = 0;
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t x = 0; x < SITES; x++) {
            sum += (double)phi[i * SITES + x] / SITES;
        }
        negative += sum < 0;
        rejected += isinf(log_w[i]) != 0;
        M[i] = isinf(log_w[i]) ? 0 : fabs(sum);
    }
    assert_true(fabs((double)negative - N / 2) < 4 * sqrt(N / 4.0));
    assert_true(rejected < N / 100);
    double error, spread = 0;
    const double found = reweighted(log_w, M, N, &error);
    for (size_t i = 0; i < DATA; i++) {
        double sum = 0;
        for (size_t x = 0; x < SITES; x++) {
            sum += (double)f.fields[i * SITES + x] / SITES;
        }
        spread += sum * sum / DATA / DATA;
    }
    if (!(fabs(found - f.model.mean) < 4 * hypot(error, sqrt(spread)))) {
        fail_msg("|M| = %g +- %g, in the ensemble %g +- %g", found, error, f.model.mean, sqrt(spread));
    }
    /* sign-flipped, a field has the same density */
    enum { SOME = 8 };
    double own[SOME], flipped[SOME];
    struct effective_flow *flow;
    struct error e;
    check(effective_flow_new(&f.model, 16, 1, 1, &flow, &e), &e);
    const struct effective_flow_work work = {NULL, 0, SOME, 1, phi, own, &never, NULL},
                                     other = {NULL, 0, SOME, 1, phi, flipped, &never, NULL};
    check(effective_flow_run(flow, &work, &e), &e);
    for (size_t i = 0; i < SOME * SITES; i++) {
        phi[i] = -phi[i];
    }
    check(effective_flow_run(flow, &other, &e), &e);
    assert_memory_equal(own, flipped, sizeof own);
    for (size_t i = 0; i < SOME; i++) {
        assert_true(isnan(log_q[i]) || fabs(own[i] - log_q[i]) < 5e-3);
    }
    effective_flow_free(flow);
    fitted_free(&f);
}

/* --- fit and refinement -------------------------------------------------------------------------- */

static size_t coefficients_size(const struct effective_model *m) {
    return m->levels * m->features.count * sizeof(double);
}

static void test_threads(void **state) {
    (void)state;
    double *one = room(1, coefficients_size(&shared.model)), gain[12];
    fit(&shared, small, levels, 1);
    memcpy(one, shared.model.coefficients, coefficients_size(&shared.model));
    memcpy(gain, shared.model.gain, sizeof gain);
    for (int threads = 2; threads <= 3; threads++) {
        fit(&shared, small, levels, threads);
        assert_memory_equal(one, shared.model.coefficients, coefficients_size(&shared.model));
        assert_memory_equal(gain, shared.model.gain, sizeof gain);
    }
    free(one);
}

static void test_interrupted(void **state) {
    (void)state;
    const volatile sig_atomic_t now = 1;
    struct effective_model m = shared.model;
    struct effective_fit_settings settings = levels;
    struct error e;
    settings.theory = shared.theory;
    assert_int_equal(effective_fit(&settings, shared.fields, shared.count, 2, &m, &now, NULL, &e), STATUS_FAILED);
    assert_string_equal(e.message, "interrupted while fitting");
    assert_true(!m.coefficients && !m.log_s && !m.gain);
    const struct effective_refine_settings refine = {shared.theory, 64, 1, 8, 4, 0.3, 1};
    struct effective_refine_result result;
    double *before = room(1, coefficients_size(&shared.model));
    memcpy(before, shared.model.coefficients, coefficients_size(&shared.model));
    assert_int_equal(effective_refine(&refine, 2, &shared.model, &result, &now, &e), STATUS_FAILED);
    assert_string_equal(e.message, "interrupted while refining");
    assert_memory_equal(before, shared.model.coefficients, coefficients_size(&shared.model));
    free(before);
}

/* A refinement that is kept lowers the spread of log w, also for other proposals, with the same bits for any number of
 * threads. */
static void test_refined(void **state) {
    (void)state;
    enum { N = 1024 };
    static float phi[N * SITES];
    static double log_q[N], log_w[N];
    const struct effective_refine_settings settings = {shared.theory, 1024, 2, 10, 4, 0.3, 1};
    struct effective_refine_result result[3];
    struct error e;
    double *one = room(1, coefficients_size(&shared.model));
    propose(&shared, 10, 7, N, phi, log_q, log_w);
    const double before = deviation_of(log_w, N);
    for (int threads = 1; threads <= 3; threads++) {
        fit(&shared, small, levels, 2);
        check(effective_refine(&settings, threads, &shared.model, &result[threads - 1], &never, &e), &e);
        if (threads == 1) {
            memcpy(one, shared.model.coefficients, coefficients_size(&shared.model));
        }
        assert_memory_equal(one, shared.model.coefficients, coefficients_size(&shared.model));
        assert_true(result[threads - 1].before == result[0].before && result[threads - 1].after == result[0].after);
    }
    propose(&shared, 10, 7, N, phi, log_q, log_w);
    const double after = deviation_of(log_w, N);
    assert_true(result[0].rounds > 0 && result[0].after < result[0].before);
    if (!(after < before)) {
        fail_msg("the spread of log w was %g, and refined it is %g", before, after);
    }
    free(one);
    fit(&shared, small, levels, 2);
}

/* With more coefficients than proposals and almost no penalty, the refinement is worse for other proposals and is not
 * kept. */
static void test_not_taken(void **state) {
    (void)state;
    const struct effective_refine_settings settings = {shared.theory, 32, 2, 12, 10, 1e-6, 1};
    struct effective_refine_result result;
    struct error e;
    double *before = room(1, coefficients_size(&shared.model));
    memcpy(before, shared.model.coefficients, coefficients_size(&shared.model));
    check(effective_refine(&settings, 2, &shared.model, &result, &never, &e), &e);
    assert_true(result.rounds == 0 && !(result.after < result.before));
    assert_memory_equal(before, shared.model.coefficients, coefficients_size(&shared.model));
    free(before);
}

/* Fit, refinement and draws have the same bits on every machine. */
static void test_digests(void **state) {
    (void)state;
    enum { N = 40, DATA = 40, V = 24 };
    static const size_t extents[] = {6, 4};
    static const char *const names[] = {"fit", "refinement", "fields", "densities"};
    static const char *const expected[] = {"c8a2a762c3eaa1cb8560a80df75671ae8f122ee132fe3fe456c6800ba78e11d5",
                                           "bbc903c6c27adba3a6ee9df0341104a91b0ddaf2a4ddfc72c1faf697e277da32",
                                           "0f327e4f72528e8bd8b4280d6aa29775ee63655c5ef0cba3d115acd5a560da73",
                                           "082bd2055201ce6d39ce93ff8e33a8779f72ee0a82acc129d0deba1cc7c0a551"};
    const struct theory theory = {0.24, 0.1};
    float *fields = room(DATA * V, sizeof *fields);
    static float phi[N * V];
    double log_q[N];
    char found[4][65];
    struct error e;
    random_normal_float(random_key(1, "test", "digest"), 0, 0, fields, DATA * V);
    struct fitted f = fitted_new(2, extents, theory, fields, DATA, false);
    fit(&f, small,
        (struct effective_fit_settings){
            .lowest = 0.05, .highest = 10, .levels = 4, .mixed = true, .ridge = 1e-6, .seed = 2},
        2);
    sha256(f.model.coefficients, coefficients_size(&f.model), found[0]);
    struct effective_refine_result result;
    const struct effective_refine_settings settings = {theory, 1024, 2, 10, 4, 3, 1};
    check(effective_refine(&settings, 2, &f.model, &result, &never, &e), &e);
    assert_true(result.rounds > 0);
    sha256(f.model.coefficients, coefficients_size(&f.model), found[1]);
    propose(&f, 5, 1, N, phi, log_q, NULL);
    sha256(phi, sizeof phi, found[2]);
    sha256(log_q, sizeof log_q, found[3]);
    int wrong = 0;
    for (int i = 0; i < 4; i++) {
        if (strcmp(found[i], expected[i]) != 0) {
            print_message("%s: digest %s\n", names[i], found[i]);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    fitted_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_and_down), cmocka_unit_test(test_numbers),   cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_one_phase),   cmocka_unit_test(test_threads),   cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_refined),     cmocka_unit_test(test_not_taken), cmocka_unit_test(test_digests),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
