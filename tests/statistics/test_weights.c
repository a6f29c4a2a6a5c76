/* Statistics of weights: by explicit sums over pairs; for Gaussian log-weights, drawn from either distribution, by
 * exact results, with a test of the errors; degenerate and bad input. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "statistics/weights.h"

static void assert_close(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.17g, expected %.17g +- %.2g", found, expected, tolerance);
    }
}

/* The statistics by the formulas of the header. */
static void brute_force(const double *S, const double *log_q, size_t n, enum weights_origin origin, double *values) {
    double mean_S = 0, mean_E = 0, SS = 0, SE = 0, DD = 0, w = 0, ww = 0, inverse = 0, pairs = 0;
    for (size_t i = 0; i < n; i++) {
        mean_S += S[i] / (double)n;
        mean_E -= log_q[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double s = S[i] - mean_S, E = -log_q[i] - mean_E, own = exp(E - s);
        SS += s * s;
        SE += s * E;
        DD += (s - E) * (s - E);
        w += own / (double)n;
        ww += own * own / (double)n;
        inverse += 1 / own / (double)n;
        for (size_t j = 0; j < n; j++) {
            const double other = exp(-log_q[j] - mean_E - (S[j] - mean_S));
            if (j != i) {
                pairs +=
                    (origin == WEIGHTS_PROPOSALS ? fmin(own, other) : fmin(1 / own, 1 / other)) / (double)(n * (n - 1));
            }
        }
    }
    values[WEIGHTS_R2] = 1 - DD / SS;
    values[WEIGHTS_SLOPE] = SE / SS;
    values[WEIGHTS_VAR_LOG_W] = DD / (double)(n - 1);
    values[WEIGHTS_EFFECTIVE_SAMPLE_SIZE] = origin == WEIGHTS_PROPOSALS ? w * w / ww : 1 / (w * inverse);
    values[WEIGHTS_ACCEPTANCE] = pairs / (origin == WEIGHTS_PROPOSALS ? w : inverse);
    values[WEIGHTS_ACCEPTANCE_GAUSSIAN] = erfc(sqrt(values[WEIGHTS_VAR_LOG_W]) / 2);
}

static void test_by_brute_force(void **state) {
    (void)state;
    enum { N = 23, BINS = 7 };
    double S[N], log_q[N], z[2 * N], values[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS], right[WEIGHTS_STATISTICS];
    struct error e = {0};
    random_normal(random_key(1, "test", "weights"), 0, 0, z, 2 * N);
    for (size_t i = 0; i < N; i++) {
        S[i] = 500 + 10 * z[i];
        log_q[i] = -1000 - 9 * z[i] + z[N + i];
    }
    S[5] = S[6], log_q[5] = log_q[6]; /* equal weights */
    for (int origin = 0; origin < 2; origin++) {
        assert_int_equal(weights_analyse(S, log_q, N, (enum weights_origin)origin, BINS, values, errors, &e),
                         STATUS_OK);
        brute_force(S, log_q, N, (enum weights_origin)origin, right);
        double sum[WEIGHTS_STATISTICS] = {0}, squares[WEIGHTS_STATISTICS] = {0};
        for (size_t b = 0; b < BINS; b++) { /* explicit bins of 3 or 4 configurations */
            double S_left[N], log_q_left[N], without[WEIGHTS_STATISTICS];
            size_t left = 0;
            for (size_t i = 0; i < N; i++) {
                if (i < b * 3 + b * 2 / 7 || i >= (b + 1) * 3 + (b + 1) * 2 / 7) {
                    S_left[left] = S[i];
                    log_q_left[left++] = log_q[i];
                }
            }
            brute_force(S_left, log_q_left, left, (enum weights_origin)origin, without);
            for (int v = 0; v < WEIGHTS_STATISTICS; v++) {
                sum[v] += without[v] / BINS;
                squares[v] += without[v] * without[v] / BINS;
            }
        }
        for (int v = 0; v < WEIGHTS_STATISTICS; v++) {
            assert_close(values[v], right[v], 1e-12);
            assert_close(errors[v], sqrt((squares[v] - sum[v] * sum[v]) * (BINS - 1)), 1e-8);
        }
    }
}

/* log w is normal with standard deviation w under q, and with a mean larger by w^2 under the target: acceptance
 * erfc(w/2), effective sample size exp(-w^2). The pulls of 60 sets have mean 0 and variance 1 within 5 sigma, with a
 * margin for the bias. */
static void test_gaussian_weights(void **state) {
    (void)state;
    enum { N = 400, SETS = 60 };
    const double width = 0.6;
    double S[N], log_q[N], z[N], values[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS];
    struct error e = {0};
    const int which[] = {WEIGHTS_VAR_LOG_W, WEIGHTS_EFFECTIVE_SAMPLE_SIZE, WEIGHTS_ACCEPTANCE,
                         WEIGHTS_ACCEPTANCE_GAUSSIAN};
    const double right[] = {width * width, exp(-width * width), erfc(width / 2), erfc(width / 2)};
    for (int origin = 0; origin < 2; origin++) {
        double mean[4] = {0}, squares[4] = {0};
        for (uint64_t set = 0; set < SETS; set++) {
            random_normal(random_key(2, "test", "weights"), set, 0, z, N);
            for (size_t i = 0; i < N; i++) {
                S[i] = 7 - width * z[i];
                log_q[i] = 3;
            }
            assert_int_equal(weights_analyse(S, log_q, N, (enum weights_origin)origin, N, values, errors, &e),
                             STATUS_OK);
            for (int k = 0; k < 4; k++) {
                const double pull = (values[which[k]] - right[k]) / errors[which[k]];
                mean[k] += pull / SETS;
                squares[k] += pull * pull / SETS;
            }
        }
        for (int k = 0; k < 4; k++) {
            assert_close(mean[k], 0, 5 / sqrt(SETS));
            assert_close(squares[k], 1.1, 5 * sqrt(2.0 / SETS));
        }
    }
}

/* q proportional to the target: everything is accepted, for any Z. Extreme weights give valid results. */
static void test_limits(void **state) {
    (void)state;
    double S[] = {1, 2, 4, 8, 3}, log_q[5], values[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS];
    struct error e = {0};
    for (size_t i = 0; i < 5; i++) {
        log_q[i] = 100 - S[i];
    }
    assert_int_equal(weights_analyse(S, log_q, 5, WEIGHTS_PROPOSALS, 5, values, errors, &e), STATUS_OK);
    for (int v = 0; v < WEIGHTS_STATISTICS; v++) {
        assert_close(values[v], v == WEIGHTS_VAR_LOG_W ? 0 : 1, 1e-7);
        assert_close(errors[v], 0, 1e-7);
    }
    log_q[2] = -1e6; /* a single weight dominates */
    assert_int_equal(weights_analyse(S, log_q, 5, WEIGHTS_PROPOSALS, 5, values, errors, &e), STATUS_OK);
    assert_close(values[WEIGHTS_EFFECTIVE_SAMPLE_SIZE], 0.2, 1e-12);
    assert_close(values[WEIGHTS_ACCEPTANCE], 0, 1e-12);
    const double same[] = {5, 5, 5, 5};
    assert_int_equal(weights_analyse(same, log_q, 4, WEIGHTS_TARGET, 2, values, errors, &e), STATUS_OK);
    assert_true(isnan(values[WEIGHTS_SLOPE]) && !signbit(values[WEIGHTS_SLOPE]) && isnan(errors[WEIGHTS_SLOPE]));
}

/* Proposals of infinite log q have weight 0: they contribute only to effective sample size and acceptance. */
static void test_rejected(void **state) {
    (void)state;
    enum { N = 20, ALL = 25 };
    double S[ALL], log_q[ALL], z[2 * N], some[WEIGHTS_STATISTICS], all[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS];
    struct error e = {0};
    random_normal(random_key(4, "test", "weights"), 0, 0, z, 2 * N);
    for (size_t i = 0; i < N; i++) {
        S[i] = 5 + 3 * z[i];
        log_q[i] = 100 - 3 * z[i] + 0.5 * z[N + i];
    }
    assert_int_equal(weights_analyse(S, log_q, N, WEIGHTS_PROPOSALS, N, some, errors, &e), STATUS_OK);
    for (size_t i = N; i < ALL; i++) {
        S[i] = 0;
        log_q[i] = INFINITY;
    }
    assert_int_equal(weights_analyse(S, log_q, ALL, WEIGHTS_PROPOSALS, ALL, all, errors, &e), STATUS_OK);
    for (int v = 0; v < WEIGHTS_STATISTICS; v++) {
        const double share = v == WEIGHTS_EFFECTIVE_SAMPLE_SIZE ? (double)N / ALL
                             : v == WEIGHTS_ACCEPTANCE          ? (N - 1.0) / (ALL - 1.0)
                                                                : 1;
        assert_close(all[v], share * some[v], 1e-12);
        assert_true(isfinite(errors[v]));
    }
    assert_int_equal(weights_analyse(S, log_q, ALL, WEIGHTS_TARGET, ALL, all, errors, &e), STATUS_BAD_INPUT);
    log_q[3] = -INFINITY;
    assert_int_equal(weights_analyse(S, log_q, ALL, WEIGHTS_PROPOSALS, ALL, all, errors, &e), STATUS_BAD_INPUT);
    /* no other proposal: NaN, and no crash */
    for (size_t i = 0; i < N; i++) {
        log_q[i] = INFINITY;
    }
    assert_int_equal(weights_analyse(S, log_q, ALL, WEIGHTS_PROPOSALS, ALL, all, errors, &e), STATUS_OK);
    assert_true(isnan(all[WEIGHTS_ACCEPTANCE]) && isnan(all[WEIGHTS_R2]));
}

static void test_bad_input(void **state) {
    (void)state;
    double S[] = {1, 2, NAN}, log_q[] = {1, 2, 3}, values[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS];
    struct error e = {0};
    assert_int_equal(weights_analyse(S, log_q, 3, WEIGHTS_TARGET, 3, values, errors, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "configuration 2 has action nan"));
    assert_int_equal(weights_analyse(S, log_q, 2, WEIGHTS_TARGET, 3, values, errors, &e), STATUS_BAD_INPUT);
    assert_int_equal(weights_analyse(S, log_q, 2, WEIGHTS_TARGET, 1, values, errors, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "1 bins of 2 configurations, expected 2 to 2 bins"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_brute_force), cmocka_unit_test(test_gaussian_weights), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_rejected),       cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
