/* base/functions.h: accuracy against long double libm over the whole ranges, exact and special arguments, equal bits of
 * vectorised loops and single calls, and a digest of the bits. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/functions.h"
#include "base/random.h"

enum { N = 1 << 18 };

static const long double two_pi = 6.283185307179586476925286766559L;

/* |got - exact| in units of the last place of `exact` */
static double ulps(double got, long double exact, int mantissa) {
    return (double)(fabsl((long double)got - exact) / ldexpl(1.0L, ilogbl(exact) - mantissa));
}

static double *uniforms(const char *purpose) {
    double *u = malloc(N * sizeof *u);
    assert_non_null(u);
    random_uniform(random_key(1, "test", purpose), 0, 0, u, N);
    return u;
}

static void exponential(void **state) {
    (void)state;
    double *u = uniforms("exp"), worst = 0.0, worst_float = 0.0;
    for (size_t i = 0; i < N; i++) {
        const double x = 1416.0 * (u[i] - 0.5) * (i % 2 == 0 ? 1.0 : 1e-3);
        worst = fmax(worst, ulps(function_exp(x), expl(x), 52));
        const float y = (float)(174.0 * (u[i] - 0.5) * (i % 2 == 0 ? 1.0 : 1e-2));
        worst_float = fmax(worst_float, ulps((double)function_exp_float(y), expl(y), 23));
    }
    free(u);
    assert_true(worst < 1.0);
    assert_true(worst_float < 1.0);
    assert_true(function_exp(0.0) == 1.0 && function_exp(-0.0) == 1.0 && function_exp_float(0.0f) == 1.0f);
    assert_true(function_exp(-1e300) == function_exp(-708.0) && function_exp(-INFINITY) == function_exp(-708.0));
    assert_true(function_exp(1e300) == function_exp(708.0) && isfinite(function_exp(INFINITY)));
    assert_true(function_exp_float(-INFINITY) == function_exp_float(-87.0f));
    assert_true(function_exp_float(1000.0f) == function_exp_float(87.0f));
    assert_true(isnan(function_exp((double)NAN)) && isnan(function_exp_float(NAN)));
}

static void logarithm(void **state) {
    (void)state;
    double *u = uniforms("log"), worst = 0.0, worst_float = 0.0;
    for (size_t i = 0; i < N; i++) {
        /* near 1, over (0,1), and over all magnitudes */
        const double x = i % 3 == 0 ? 1.0 + 0.1 * (u[i] - 0.5) : i % 3 == 1 ? u[i] : exp2(2000.0 * (u[i] - 0.5));
        worst = fmax(worst, ulps(function_log(x), logl(x), 52));
        const float y = (float)(i % 3 == 2 ? exp2(250.0 * (u[i] - 0.5)) : x);
        if (y != 1.0f) {
            worst_float = fmax(worst_float, ulps((double)function_log_float(y), logl(y), 23));
        }
    }
    free(u);
    assert_true(worst < 1.0);
    assert_true(worst_float < 1.0);
    assert_true(function_log(1.0) == 0.0 && function_log_float(1.0f) == 0.0f);
    assert_true(isfinite(function_log(DBL_MIN)) && isfinite(function_log(DBL_MAX)));
}

static void sine_and_cosine(void **state) {
    (void)state;
    double *u = uniforms("sine"), worst = 0.0, worst_float = 0.0;
    for (size_t i = 0; i < N; i++) {
        const double x = (u[i] - 0.5) * (i % 2 == 0 ? 2.0 : 1000.0);
        const long double turn = (long double)x - rintl((long double)x);
        double s, c;
        function_sincos_turns(x, &s, &c);
        /* not near zeros, where two_pi * turn is not accurate enough, even as a long double */
        const long double sine = sinl(two_pi * turn), cosine = cosl(two_pi * turn);
        worst = fmax(worst, fabsl(sine) > 1e-2L ? ulps(s, sine, 52) : 0.0);
        worst = fmax(worst, fabsl(cosine) > 1e-2L ? ulps(c, cosine, 52) : 0.0);
        const float y = (float)x;
        const long double turn_float = (long double)y - rintl((long double)y);
        const long double sine_float = sinl(two_pi * turn_float), cosine_float = cosl(two_pi * turn_float);
        float sf, cf;
        function_sincos_turns_float(y, &sf, &cf);
        worst_float = fmax(worst_float, fabsl(sine_float) > 1e-9L ? ulps((double)sf, sine_float, 23) : 0.0);
        worst_float = fmax(worst_float, fabsl(cosine_float) > 1e-9L ? ulps((double)cf, cosine_float, 23) : 0.0);
    }
    free(u);
    assert_true(worst < 2.0);
    assert_true(worst_float < 2.0);
    /* Multiples of a quarter turn are exact, however large. */
    for (int quarter = -9; quarter <= 9; quarter++) {
        const double expected[4] = {0.0, 1.0, 0.0, -1.0};
        double s, c;
        float sf, cf;
        function_sincos_turns(0.25 * quarter, &s, &c);
        function_sincos_turns_float(0.25f * (float)quarter, &sf, &cf);
        assert_true(s == expected[quarter & 3] && c == expected[(quarter + 1) & 3]);
        assert_true(sf == (float)s && cf == (float)c);
    }
    double s, c;
    function_sincos_turns(0x1p49 + 0.125, &s, &c);
    assert_true(fabs(s - sqrt(0.5)) < 2e-16 && fabs(c - sqrt(0.5)) < 2e-16);
    function_sincos_turns((double)NAN, &s, &c);
    assert_true(isnan(s) && isnan(c));
}

static void hyperbolic_tangent(void **state) {
    (void)state;
    double *u = uniforms("tanh"), worst = 0.0;
    for (size_t i = 0; i < N; i++) {
        const double x = 80.0 * (u[i] - 0.5) * (i % 3 == 0 ? 1.0 : i % 3 == 1 ? 0.05 : 1e-6);
        worst = fmax(worst, (double)fabsl((long double)function_tanh(x) - tanhl(x)));
        assert_true(function_tanh(-x) == -function_tanh(x));
    }
    free(u);
    if (!(worst < 3e-16)) {
        fail_msg("an error of %g, expected less than 3e-16", worst);
    }
    assert_true(function_tanh(0.0) == 0.0 && function_tanh(INFINITY) == 1.0 && function_tanh(-INFINITY) == -1.0);
    assert_true(isnan(function_tanh((double)NAN)));
}

static float loop_in[1000], loop_exp[1000], loop_log[1000], loop_sine[1000], loop_cosine[1000];

__attribute__((noinline)) static void loops(void) {
    for (int i = 0; i < 1000; i++) {
        loop_exp[i] = function_exp_float(loop_in[i]);
    }
    for (int i = 0; i < 1000; i++) {
        loop_log[i] = function_log_float(loop_in[i]);
    }
    for (int i = 0; i < 1000; i++) {
        function_sincos_turns_float(loop_in[i], &loop_sine[i], &loop_cosine[i]);
    }
}

__attribute__((noinline)) static float one_exp(float x) {
    return function_exp_float(x);
}

__attribute__((noinline)) static float one_log(float x) {
    return function_log_float(x);
}

static void loops_give_the_same_bits(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        loop_in[i] = 0.01f + 0.083f * (float)i;
    }
    loops();
    for (int i = 0; i < 1000; i++) {
        assert_true(loop_exp[i] == one_exp(loop_in[i]) && loop_log[i] == one_log(loop_in[i]));
        float sine, cosine;
        function_sincos_turns_float(loop_in[i], &sine, &cosine);
        assert_true(loop_sine[i] == sine && loop_cosine[i] == cosine);
    }
}

/* All artifacts depend on these bits: they must not change on any machine. */
static void digest(void **state) {
    (void)state;
    enum { COUNT = 4096 };
    static double values[4][COUNT];
    static float floats[4][COUNT];
    double u[COUNT];
    random_uniform(random_key(1, "test", "digest"), 0, 0, u, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        values[0][i] = function_exp(100.0 * (u[i] - 0.5));
        values[1][i] = function_log(u[i]);
        function_sincos_turns(u[i], &values[2][i], &values[3][i]);
        floats[0][i] = function_exp_float((float)(100.0 * (u[i] - 0.5)));
        floats[1][i] = function_log_float((float)u[i]);
        function_sincos_turns_float((float)u[i], &floats[2][i], &floats[3][i]);
    }
    char hex[65];
    sha256(values, sizeof values, hex);
    assert_string_equal(hex, "d9bee2684f3da5d541f2ad1b7702afac9fe12430c2c7ebcc1bfc892258b454b9");
    sha256(floats, sizeof floats, hex);
    assert_string_equal(hex, "7fa89f28dbd8931037f630afd83b166cb48ccae1b5c237a45fda5f0146eb7c43");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential),
        cmocka_unit_test(logarithm),
        cmocka_unit_test(sine_and_cosine),
        cmocka_unit_test(hyperbolic_tangent),
        cmocka_unit_test(loops_give_the_same_bits),
        cmocka_unit_test(digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
