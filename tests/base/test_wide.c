/* tanh in lanes: error, symmetry, limits, and independence of the lanes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/wide.h"

static void test_error(void **state) {
    (void)state;
    double worst = 0;
    for (int i = 0; i < 1 << 20; i += WIDE_LANES) {
        wide x, minus;
        for (int l = 0; l < WIDE_LANES; l++) { /* denser near 0 */
            x[l] = (float)(50 * pow((double)(i + l + 1) / (1 << 20), 3));
        }
        minus = -x;
        const wide t = wide_tanh(x), opposite = wide_tanh(minus);
        for (int l = 0; l < WIDE_LANES; l++) {
            assert_true(opposite[l] == -t[l]);
            worst = fmax(worst, fabs((double)t[l] - tanh((double)x[l])));
        }
    }
    if (!(worst < 2e-7)) {
        fail_msg("an error of %g, expected less than 2e-7", worst);
    }
}

static void test_ends(void **state) {
    (void)state;
    wide x = {0};
    const float in[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, -NAN, 1e30f, -1e30f, 1e-30f, -1e-45f};
    enum { COUNT = sizeof in / sizeof *in };
    for (int i = 0; i < COUNT; i++) {
        x[i] = in[i];
    }
    const wide t = wide_tanh(x);
    for (int i = 0; i < COUNT; i++) {
        if (isnan(in[i])) {
            assert_true(isnan(t[i]));
        } else {
            assert_true(fabsf(t[i] - tanhf(in[i])) < 2e-7f && (signbit(t[i]) != 0) == (signbit(in[i]) != 0));
        }
    }
    assert_true(t[2] == 1 && t[3] == -1 && t[6] == 1 && t[7] == -1);
    for (int i = COUNT; i < WIDE_LANES; i++) {
        assert_true(t[i] == 0); /* whatever the other lanes */
    }
}

static void test_lanes(void **state) {
    (void)state;
    wide many;
    for (int l = 0; l < WIDE_LANES; l++) {
        many[l] = 0.37f * (float)(l - 5);
    }
    const wide t = wide_tanh(many);
    double sum[WIDE_LANES] = {1e-12};
    for (int l = 0; l < WIDE_LANES; l++) {
        wide one = {0};
        for (int k = 0; k < WIDE_LANES; k++) {
            one[k] = many[l];
        }
        const wide same = wide_tanh(one);
        for (int k = 0; k < WIDE_LANES; k++) {
            assert_true(same[k] == t[l]);
        }
    }
    wide_accumulate(sum, &many);
    for (int l = 0; l < WIDE_LANES; l++) {
        assert_true(sum[l] == (double)many[l] + (l == 0 ? 1e-12 : 0));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
