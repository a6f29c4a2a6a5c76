/* The jackknife: exact for means, correct for nonlinear functions, with intervals that have their nominal coverage. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "statistics/jackknife.h"

static void assert_close(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.17g, expected %.17g +- %.2g", found, expected, tolerance);
    }
}

static void normals(double *x, size_t n, uint64_t stream) {
    random_normal(random_key(5, "test", "jackknife"), stream, 0, x, n);
}

/* The standard error of a mean of n numbers. */
static double standard_error(const double *x, size_t n) {
    double mean = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        mean += x[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        squares += (x[i] - mean) * (x[i] - mean);
    }
    return sqrt(squares / (double)(n * (n - 1)));
}

/* Delete-one: exactly s/sqrt(N); binned: the same for the means of bins. The numbers are large, to test
 * cancellation. */
static void test_mean_is_standard_error(void **state) {
    (void)state;
    enum { N = 600, BINS = 40 };
    double x[2 * N], means[BINS], value[2], error[2];
    struct error e;
    normals(x, 2 * N, 0);
    for (size_t i = 0; i < N; i++) {
        x[N + i] = 1e6 + x[N + i];
    }
    const struct series s = {x, 2, N, 1};
    const struct estimator f = {.values = 2};
    assert_int_equal(jackknife(&s, &f, 0, value, error, &e), STATUS_OK);
    assert_close(error[0], standard_error(x, N), 1e-15);
    assert_close(error[1], standard_error(x + N, N), 1e-9);
    assert_int_equal(jackknife(&s, &f, BINS, value, error, &e), STATUS_OK);
    for (size_t b = 0; b < BINS; b++) {
        means[b] = 0.0;
        for (size_t i = 0; i < N / BINS; i++) {
            means[b] += x[b * (N / BINS) + i] / (N / BINS);
        }
    }
    assert_close(error[0], standard_error(means, BINS), 1e-14);
}

static void binder(const double *means, double *values, const void *context) {
    values[0] = *(const double *)context * (means[1] - means[0] * means[0]);
    values[1] = 1.0 - means[2] / (3.0 * means[1] * means[1]);
}

/* A small sample, recomputed explicitly without each configuration. */
static void test_nonlinear_by_hand(void **state) {
    (void)state;
    const double m[5] = {0.3, -1.1, 0.7, 0.2, -0.4}, volume = 3.0;
    double x[15], value[2], error[2];
    struct error e;
    for (int i = 0; i < 5; i++) {
        x[i] = m[i];
        x[5 + i] = m[i] * m[i];
        x[10 + i] = m[i] * m[i] * m[i] * m[i];
    }
    const struct series s = {x, 3, 5, 5};
    const struct estimator f = {.values = 2, .evaluate = binder, .context = &volume};
    assert_int_equal(jackknife(&s, &f, 0, value, error, &e), STATUS_OK);
    double without[5][2], mean[2] = {0, 0}, expected[2] = {0, 0};
    for (int i = 0; i < 5; i++) {
        double means[3] = {0, 0, 0};
        for (int j = 0; j < 5; j++) {
            for (int k = 0; k < 3; k++) {
                means[k] += j == i ? 0.0 : x[5 * k + j] / 4.0;
            }
        }
        binder(means, without[i], &volume);
        mean[0] += without[i][0] / 5.0;
        mean[1] += without[i][1] / 5.0;
    }
    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < 5; i++) {
            expected[v] += 0.8 * (without[i][v] - mean[v]) * (without[i][v] - mean[v]);
        }
        assert_close(error[v], sqrt(expected[v]), 1e-14);
    }
}

/* For Gaussian M of variance 1/V, chi2 = 1 and U_L = 0. Over 2000 repetitions the mean is correct, the mean error is
 * their spread (known to 1.6%), and 68.3% of them are within one error (known to 1%). */
static void test_coverage(void **state) {
    (void)state;
    enum { N = 500, REPLICAS = 2000 };
    const double volume = 64.0, expected[2] = {1.0, 0.0};
    static double x[3 * N];
    double sum[2] = {0}, squares[2] = {0}, errors[2] = {0}, inside[2] = {0};
    for (size_t r = 0; r < REPLICAS; r++) {
        double value[2], error[2];
        struct error e;
        normals(x, N, 1 + r);
        for (size_t i = 0; i < N; i++) {
            x[i] /= 8.0;
            x[N + i] = x[i] * x[i];
            x[2 * N + i] = x[N + i] * x[N + i];
        }
        const struct series s = {x, 3, N, 1};
        const struct estimator f = {.values = 2, .evaluate = binder, .context = &volume};
        assert_int_equal(jackknife(&s, &f, 0, value, error, &e), STATUS_OK);
        for (int v = 0; v < 2; v++) {
            sum[v] += value[v];
            squares[v] += value[v] * value[v];
            errors[v] += error[v];
            inside[v] += fabs(value[v] - expected[v]) < error[v];
        }
    }
    for (int v = 0; v < 2; v++) {
        const double n = REPLICAS, spread = sqrt((squares[v] - sum[v] * sum[v] / n) / (n - 1.0));
        /* biases: a factor N/(N-1) of chi2 and 2/N of U_L, both far below one error */
        assert_close(sum[v] / n, expected[v] + (v ? 2.0 : -1.0) / N, 4.0 * spread / sqrt(n));
        assert_close(errors[v] / n, spread, 0.08 * spread);
        assert_close(inside[v] / n, 0.683, 0.04);
    }
}

/* With bins of whole chains of strongly correlated configurations the error is correct, to 4/sqrt(2*500) = 13%; the
 * delete-one error is too small by sqrt(20). */
static void test_bins_of_correlated_configurations(void **state) {
    (void)state;
    enum { CHAINS = 500, LENGTH = 20 };
    static double x[CHAINS * LENGTH];
    double z[CHAINS], value, naive, binned;
    struct error e;
    normals(z, CHAINS, 1);
    for (size_t i = 0; i < CHAINS * LENGTH; i++) {
        x[i] = z[i / LENGTH];
    }
    const struct series s = {x, 1, CHAINS * LENGTH, CHAINS};
    const struct estimator f = {.values = 1};
    assert_int_equal(jackknife(&s, &f, 0, &value, &naive, &e), STATUS_OK);
    assert_int_equal(jackknife(&s, &f, CHAINS, &value, &binned, &e), STATUS_OK);
    assert_close(binned, 1.0 / sqrt(CHAINS), 0.13 / sqrt(CHAINS));
    assert_close(naive * sqrt(LENGTH), binned, 0.002 * binned);
}

static void test_uneven_bins_and_bad_input(void **state) {
    (void)state;
    double x[10], value, error;
    struct error e;
    normals(x, 10, 2);
    const struct series s = {x, 1, 10, 1};
    const struct estimator f = {.values = 1}, two = {.values = 2};
    assert_int_equal(jackknife(&s, &f, 3, &value, &error, &e), STATUS_OK); /* sizes 3, 3, 4 */
    assert_true(isfinite(error) && error > 0.0);
    assert_int_equal(jackknife(&s, &f, 11, &value, &error, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "jackknife: 11 bins of 10 configurations, expected 2 to 10 bins");
    assert_int_equal(jackknife(&s, &f, 1, &value, &error, &e), STATUS_BAD_INPUT);
    assert_int_equal(jackknife(&s, &two, 0, &value, &error, &e), STATUS_BAD_INPUT);
}

static void square(const double *means, double *values, const void *context) {
    (void)context;
    values[0] = means[0] * means[0];
}

/* The standard error of the pseudo-values is the jackknife error; for a mean they are its fluctuations. */
static void test_pseudo_values(void **state) {
    (void)state;
    enum { COUNT = 20, BINS = 5 };
    double x[COUNT], pseudo[COUNT], value, error;
    struct error e;
    normals(x, COUNT, 3);
    const struct series s = {x, 1, COUNT, 1};
    const struct estimator mean = {.values = 1}, f = {.values = 1, .evaluate = square};
    assert_int_equal(jackknife_pseudo(&s, &mean, 0, &value, &error, pseudo, &e), STATUS_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_close(pseudo[i], x[i] - value, 1e-14);
    }
    for (int bins = BINS; bins <= COUNT; bins += COUNT - BINS) {
        double squares = 0;
        assert_int_equal(jackknife_pseudo(&s, &f, (size_t)bins, &value, &error, pseudo, &e), STATUS_OK);
        for (int b = 0; b < bins; b++) {
            squares += pseudo[b] * pseudo[b];
        }
        assert_close(sqrt(squares / (bins * (bins - 1.0))), error, 1e-14);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pseudo_values),
        cmocka_unit_test(test_mean_is_standard_error),
        cmocka_unit_test(test_nonlinear_by_hand),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_bins_of_correlated_configurations),
        cmocka_unit_test(test_uneven_bins_and_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
