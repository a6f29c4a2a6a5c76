/* The Gamma method: reference values of pyerrors, exact results for autoregressive chains, several chains, and
 * nonlinear functions against repetitions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "statistics/gamma_method.h"

static const struct estimator the_mean = {.values = 1};

static void assert_close(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.17g, expected %.17g +- %.2g", found, expected, tolerance);
    }
}

/* sin(i/100), i < 100: pyerrors 2.17, Obs([x], ["e"]).gamma_method(S = 2), S = 1 and S = 0. */
static void test_golden_numbers(void **state) {
    (void)state;
    double x[100];
    struct gamma_result r;
    struct error e;
    for (int i = 0; i < 100; i++) {
        x[i] = sin(i / 100.0);
    }
    const struct series s = {x, 1, 100, 1};
    assert_int_equal(gamma_method(&s, &the_mean, 2.0, &r, &e), STATUS_OK);
    assert_close(r.error, 0.11817931680985193, 1e-14);
    assert_close(r.value, 0.4554865083873183, 1e-14);
    assert_close(r.error_of_error, 0.038294475407982177, 1e-14);
    assert_close(r.tau_int, 11.210453096099785, 1e-11);
    assert_close(r.tau_int_error, 2.0004145205378232, 1e-11);
    assert_int_equal(r.window, 10);
    assert_true(r.closed);
    assert_int_equal(gamma_method(&s, &the_mean, 1.0, &r, &e), STATUS_OK);
    assert_close(r.error, 0.13963039614506798, 1e-14);
    assert_int_equal(r.window, 14);
    assert_int_equal(gamma_method(&s, &the_mean, 0.0, &r, &e), STATUS_OK);
    assert_close(r.error, 0.02495954189079061, 1e-15);
    assert_close(r.error_of_error, 0.001764906132628774, 1e-15);
    assert_close(r.tau_int, 0.5, 0.0);
}

static void square_and_ratio(const double *means, double *values, const void *context) {
    (void)context;
    values[0] = means[0] * means[0];
    values[1] = means[1] / means[0];
}

/* A product and a ratio of x = 2 + sin(i/7) and y = 1 + cos(i/3), i < 500, from pyerrors (where the gradient is
 * analytic). */
static void test_golden_nonlinear(void **state) {
    (void)state;
    static double x[1000];
    struct gamma_result r[2];
    struct error e;
    for (int i = 0; i < 500; i++) {
        x[i] = 2.0 + sin(i / 7.0);
        x[500 + i] = 1.0 + cos(i / 3.0);
    }
    const struct series s = {x, 2, 500, 1};
    const struct estimator f = {.values = 2, .evaluate = square_and_ratio};
    assert_int_equal(gamma_method(&s, &f, 2.0, r, &e), STATUS_OK);
    assert_close(r[0].error, 0.34797249104664413, 1e-12);
    assert_close(r[1].error, 0.028161460537248991, 2e-5); /* the difference quotient has an error O(step^2) */
    assert_close(r[1].value, 0.49489824146912276, 1e-13);
}

/* x_(i+1) = a x_i + sqrt(1 - a^2) z, stationary with variance 1 */
static void autoregressive(double a, double *x, size_t n, uint64_t chain) {
    random_normal(random_key(11, "test", "autoregressive"), chain, 0, x, n);
    for (size_t i = 1; i < n; i++) {
        x[i] = a * x[i - 1] + sqrt(1.0 - a * a) * x[i];
    }
}

/* tau_int = (1+a)/(2(1-a)), within 4 estimated errors plus 3% for the truncated tail. */
static void test_autoregressive(void **state) {
    (void)state;
    enum { N = 1 << 18 };
    double *x = malloc(N * sizeof *x);
    assert_non_null(x);
    const double coefficients[] = {0.0, 0.5, 0.9, -0.3};
    for (size_t c = 0; c < 4; c++) {
        const double a = coefficients[c];
        struct gamma_result r;
        struct error e;
        autoregressive(a, x, N, c);
        const struct series s = {x, 1, N, 1};
        assert_int_equal(gamma_method(&s, &the_mean, 2.0, &r, &e), STATUS_OK);
        /* a sum below 1/2 is set to 1/2, as in pyerrors */
        const double tau = a < 0.0 ? 0.5 : (1.0 + a) / (2.0 * (1.0 - a));
        assert_close(r.tau_int, tau, 4.0 * r.tau_int_error + 0.03 * tau);
        assert_close(r.error, sqrt(2.0 * tau / N), 0.05 * sqrt(2.0 * tau / N));
        assert_close(r.value, 0.0, 4.0 * r.error);
        assert_true(a <= 0.0 || r.window > (size_t)(2.0 * tau));
    }
    free(x);
}

/* 64 chains of 4096 agree with one of 64*4096. 4096 chains of 64 include the fluctuations of the chains' means
 * (subtracting each chain's own mean would lose 2 tau/64 = 30% of the variance). */
static void test_replicas(void **state) {
    (void)state;
    enum { N = 1 << 18 };
    double *x = malloc(N * sizeof *x);
    assert_non_null(x);
    const double tau = 9.5; /* a = 0.9 */
    for (size_t length = 64; length <= 4096; length *= 64) {
        const size_t chains = N / length;
        struct gamma_result r;
        struct error e;
        for (size_t c = 0; c < chains; c++) {
            autoregressive(0.9, x + c * length, length, 100 + c);
        }
        const struct series s = {x, 1, N, chains};
        assert_int_equal(gamma_method(&s, &the_mean, 2.0, &r, &e), STATUS_OK);
        assert_close(r.tau_int, tau, 0.1 * tau);
        assert_close(r.error, sqrt(2.0 * tau / N), 0.07 * sqrt(2.0 * tau / N));
    }
    free(x);
}

static void variance(const double *means, double *values, const void *context) {
    (void)context;
    values[0] = means[1] - means[0] * means[0];
}

/* The error of the variance of correlated chains against its spread in 400 repetitions. The spread has an error of
 * 1/sqrt(800) = 3.5%, the mean estimate a smaller one and a truncation bias of a few per cent: 15% is 4 sigma. */
static void test_nonlinear_error_against_repetition(void **state) {
    (void)state;
    enum { N = 4000, REPETITIONS = 400 };
    static double x[2 * N];
    double sum = 0.0, squares = 0.0, error = 0.0;
    for (size_t k = 0; k < REPETITIONS; k++) {
        struct gamma_result r;
        struct error e;
        for (size_t c = 0; c < 4; c++) {
            autoregressive(0.7, x + c * N / 4, N / 4, 10000 + 4 * k + c);
        }
        for (size_t i = 0; i < N; i++) {
            x[i] += 3.0; /* the gradient with respect to the mean is -6, not 0 */
            x[N + i] = x[i] * x[i];
        }
        const struct series s = {x, 2, N, 4};
        const struct estimator f = {.values = 1, .evaluate = variance};
        assert_int_equal(gamma_method(&s, &f, 2.0, &r, &e), STATUS_OK);
        sum += r.value;
        squares += r.value * r.value;
        error += r.error;
    }
    const double n = REPETITIONS, spread = sqrt((squares - sum * sum / n) / (n - 1.0));
    assert_close(error / n, spread, 0.15 * spread);
    assert_close(sum / n, 1.0 - 2.0 * (1.7 / 0.6) / N, 4.0 * spread / sqrt(n));
}

static void test_constant_and_bad_input(void **state) {
    (void)state;
    double x[8] = {2, 2, 2, 2, 2, 2, 2, 2};
    struct gamma_result r;
    struct error e;
    struct series s = {x, 1, 8, 2};
    assert_int_equal(gamma_method(&s, &the_mean, 2.0, &r, &e), STATUS_OK);
    assert_close(r.value, 2.0, 0.0);
    assert_close(r.error, 0.0, 0.0);
    assert_false(r.closed);
    s.chains = 4;
    assert_int_equal(gamma_method(&s, &the_mean, 2.0, &r, &e), STATUS_BAD_INPUT);
    s.chains = 3;
    assert_int_equal(gamma_method(&s, &the_mean, 2.0, &r, &e), STATUS_BAD_INPUT);
    s.chains = 1;
    assert_int_equal(gamma_method(&s, &the_mean, -1.0, &r, &e), STATUS_BAD_INPUT);
    x[5] = NAN;
    assert_int_equal(gamma_method(&s, &the_mean, 2.0, &r, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "series: observable 0 of configuration 5 is nan, expected a finite number");
}

/* The mean of a projected series has the error and autocorrelation time of the value. */
static void test_projection(void **state) {
    (void)state;
    enum { LENGTH = 300 };
    static double x[2 * LENGTH], projected[2 * LENGTH];
    struct gamma_result r[2], again;
    struct error e;
    for (int i = 0; i < LENGTH; i++) {
        x[i] = 2 + sin(i / 7.0);
        x[LENGTH + i] = 1 + cos(i / 3.0);
    }
    const struct series s = {x, 2, LENGTH, 2};
    const struct estimator f = {.values = 2, .evaluate = square_and_ratio};
    assert_int_equal(gamma_method(&s, &f, 2.0, r, &e), STATUS_OK);
    assert_int_equal(gamma_method_project(&s, &f, projected, &e), STATUS_OK);
    for (int v = 0; v < 2; v++) {
        const struct series one = {projected + v * LENGTH, 1, LENGTH, 2};
        assert_int_equal(gamma_method(&one, &the_mean, 2.0, &again, &e), STATUS_OK);
        assert_close(again.value, 0.0, 1e-14);
        assert_close(again.error, r[v].error, 1e-12 * r[v].error);
        assert_close(again.tau_int, r[v].tau_int, 1e-11 * r[v].tau_int);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_projection),
        cmocka_unit_test(test_golden_numbers),
        cmocka_unit_test(test_golden_nonlinear),
        cmocka_unit_test(test_autoregressive),
        cmocka_unit_test(test_replicas),
        cmocka_unit_test(test_nonlinear_error_against_repetition),
        cmocka_unit_test(test_constant_and_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
