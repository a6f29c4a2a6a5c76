/* Autocorrelation functions: by definition on short series; for the process x' = a x + noise, where rho(t) = a^t, with
 * a test of the errors; and the published estimate for a chain that is too short. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "statistics/autocorrelation.h"

static void assert_close(const char *what, double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("%s: found %.17g, expected %.17g +- %.2g", what, found, expected, tolerance);
    }
}

/* A stationary series x' = a x + sqrt(1 - a^2) z, with normal z. */
static void make_series(double a, uint64_t stream, double *x, size_t n) {
    random_normal(random_key(5, "test autocorrelation", "noise"), stream, 0, x, n);
    for (size_t i = 1; i < n; i++) {
        x[i] = a * x[i - 1] + sqrt(1 - a * a) * x[i];
    }
}

static void test_by_definition(void **state) {
    (void)state;
    enum { CHAINS = 3, LENGTH = 17, ALL = CHAINS * LENGTH, LAGS = 8, WINDOW = 3 };
    double x[ALL], rho[LAGS], error[LAGS], right[LENGTH], mean = 0;
    struct error e = {0};
    for (size_t c = 0; c < CHAINS; c++) {
        make_series(0.6, c, x + c * LENGTH, LENGTH);
    }
    for (size_t i = 0; i < ALL; i++) {
        x[i] += 1e4; /* large: the mean must be subtracted first */
        mean += x[i] / ALL;
    }
    for (size_t t = 0; t < LENGTH; t++) {
        right[t] = 0;
        for (size_t i = 0; i < ALL; i++) {
            if (i % LENGTH + t < LENGTH) {
                right[t] += (x[i] - mean) * (x[i + t] - mean) / (double)(CHAINS * (LENGTH - t));
            }
        }
    }
    for (size_t t = LENGTH; t-- > 0;) {
        right[t] /= right[0];
    }
    assert_int_equal(autocorrelation_function(x, CHAINS, LENGTH, LAGS, WINDOW, rho, error, &e), STATUS_OK);
    assert_true(rho[0] == 1 && error[0] == 0);
    for (int t = 0; t < LAGS; t++) {
        double squares = 0;
        for (int k = 1; k <= t + WINDOW; k++) {
            const double sum = k + t < LENGTH ? right[k + t] : 0;
            squares += pow(sum + right[abs(k - t)] - 2 * right[k] * right[t], 2);
        }
        assert_close("rho", rho[t], right[t], 1e-9);
        assert_close("error", error[t], sqrt(squares / ALL), 1e-9);
    }
    /* as published: each mean is over the configurations of its own sum */
    double published[6], tau, tau_error, sum = 0.5, first = 0;
    assert_int_equal(autocorrelation_published(x, LENGTH, 5, published, &tau, &tau_error, &e), STATUS_OK);
    for (size_t t = 0; t <= 5; t++) {
        double product = 0, a = 0, b = 0;
        for (size_t i = 0; i + t < LENGTH; i++) {
            const double n = (double)(LENGTH - t);
            product += (x[i] - 1e4) * (x[i + t] - 1e4) / n;
            a += (x[i] - 1e4) / n;
            b += (x[i + t] - 1e4) / n;
        }
        first = t == 0 ? product - a * b : first;
        assert_close("published", published[t], (product - a * b) / first, 1e-9);
        sum += t > 0 ? (product - a * b) / first : 0;
    }
    assert_close("tau", tau, sum, 1e-9);
    assert_close("its error", tau_error, 2 * fabs(sum) * sqrt(fabs(5.5 - sum) / LENGTH), 1e-9);
}

/* Pulls of rho over independent series have variance 1. */
static void test_errors_cover(void **state) {
    (void)state;
    enum { SERIES = 60, LENGTH = 4000, LAGS = 12 };
    const double a = 0.8;
    double *x = malloc(LENGTH * sizeof *x), rho[LAGS], error[LAGS], squares[LAGS] = {0};
    struct error e = {0};
    for (uint64_t s = 0; s < SERIES; s++) {
        make_series(a, 100 + s, x, LENGTH);
        assert_int_equal(autocorrelation_function(x, 4, LENGTH / 4, LAGS, 30, rho, error, &e), STATUS_OK);
        for (int t = 1; t < LAGS; t++) {
            squares[t] += pow((rho[t] - pow(a, t)) / error[t], 2) / SERIES;
        }
    }
    for (int t = 1; t < LAGS; t += 5) { /* the standard error of the variance is sqrt(2/60) = 0.18 */
        assert_close("variance of pulls", squares[t], 1, 0.7);
    }
    free(x);
}

/* For tau_int = 200 (a = 0.995), 1024 configurations and t_max = 100 give a fraction of it, with an error that is far
 * too small. For tau_int = 2.17 (a = 0.625) they give the correct value. */
static void test_published_estimate(void **state) {
    (void)state;
    enum { SERIES = 40, LENGTH = 1024, T = 100 };
    double *x = malloc(LENGTH * sizeof *x), rho[T + 1], tau, error, mean = 0, errors = 0;
    struct error e = {0};
    for (uint64_t s = 0; s < SERIES; s++) {
        make_series(0.995, 1000 + s, x, LENGTH);
        assert_int_equal(autocorrelation_published(x, LENGTH, T, rho, &tau, &error, &e), STATUS_OK);
        mean += tau / SERIES;
        errors += error / SERIES;
    }
    assert_true(mean > 25 && mean < 70 && mean + 3 * errors < 199.5);
    double fast = 0, squares = 0;
    for (uint64_t s = 0; s < SERIES; s++) {
        make_series(0.625, 2000 + s, x, LENGTH);
        assert_int_equal(autocorrelation_published(x, LENGTH, T, rho, &tau, &error, &e), STATUS_OK);
        fast += tau / SERIES;
        squares += tau * tau / SERIES;
    }
    assert_close("tau", fast, 1.625 / 0.75, 5 * sqrt((squares - fast * fast) / SERIES) + 0.3); /* bias of order T/N */
    free(x);
}

static void test_bad_input(void **state) {
    (void)state;
    double x[20] = {0}, rho[20], error[20], tau, tau_error;
    struct error e = {0};
    assert_int_equal(autocorrelation_function(x, 2, 10, 0, 1, rho, error, &e), STATUS_BAD_INPUT);
    assert_int_equal(autocorrelation_function(x, 2, 10, 10, 1, rho, error, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "10 lags of 2 chains of 10 configurations, expected 1 to 9 lags"));
    assert_int_equal(autocorrelation_published(x, 10, 9, rho, &tau, &tau_error, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "10 configurations for t_max = 9, expected more than 10"));
    assert_int_equal(autocorrelation_function(x, 2, 10, 4, 1, rho, error, &e), STATUS_OK); /* a constant */
    assert_true(isnan(rho[0]) && isnan(rho[3]));
    assert_int_equal(autocorrelation_published(x, 20, 4, rho, &tau, &tau_error, &e), STATUS_OK);
    assert_true(isnan(tau));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_definition),
        cmocka_unit_test(test_errors_cover),
        cmocka_unit_test(test_published_estimate),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
