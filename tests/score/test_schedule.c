/* The noise schedule against its closed forms, also where series and exponential join, and its inverse. */
#include "score/schedule.h"

#include "tests/score/models.h"

static const double sigmas[] = {1.001, 2, 25, 1e6},
                    times[] = {1e-10, 1e-7, 1e-5, 1e-4, 1.55e-4, 1.56e-4, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.75, 0.999, 1};
enum { SIGMAS = sizeof sigmas / sizeof sigmas[0], TIMES = sizeof times / sizeof times[0] };

/* e^x - 1 has a relative error of 2^-53/x, which is 1e-13 at x = 1e-3. */
#define TOLERANCE 3e-13

static void test_closed_forms(void **state) {
    (void)state;
    for (int i = 0; i < SIGMAS; i++) {
        for (int k = 0; k < TIMES; k++) {
            const double sigma = sigmas[i], t = times[k], expected = s2(sigma, t);
            assert_near(schedule_g2(sigma, t), pow(sigma, 2 * t), 1e-14 * pow(sigma, 2 * t));
            assert_near(schedule_variance(sigma, t), expected, TOLERANCE * expected);
            assert_near(schedule_noise(sigma, t), sqrt(expected), TOLERANCE * sqrt(expected));
        }
    }
    assert_near(schedule_variance(25, 1), 312 / log(25), 1e-12);
    assert_near(schedule_noise(25, 1), 9.8453, 1e-4);
    assert_true(schedule_variance(25, 0) == 0 && schedule_g2(25, 0) == 1);
}

static void test_series_joins(void **state) {
    (void)state;
    for (int i = 0; i < SIGMAS; i++) {
        const double a = 2 * log(sigmas[i]), t = 1e-3 / a, s = sqrt(1e-3 / a);
        for (int side = -1; side <= 1; side += 2) {
            const double near = t * (1 + side * 1e-9), noise = s * (1 + side * 1e-9);
            const double exact = s2(sigmas[i], near), time = log1p(a * noise * noise) / a;
            assert_near(schedule_variance(sigmas[i], near), exact, TOLERANCE * exact);
            assert_near(schedule_time(sigmas[i], noise), time, TOLERANCE * time);
        }
    }
}

/* d s2/dt = g^2, so that the reverse process ends where the forward process began. */
static void test_variance_grows_as_g2(void **state) {
    (void)state;
    const double h = 1e-5;
    for (int i = 0; i < SIGMAS; i++) {
        for (double t = 0.01; t < 1; t += 0.07) {
            const double slope = (schedule_variance(sigmas[i], t + h) - schedule_variance(sigmas[i], t - h)) / (2 * h);
            assert_near(slope, schedule_g2(sigmas[i], t), 1e-7 * slope);
        }
    }
}

static void test_time_inverts_noise(void **state) {
    (void)state;
    for (int i = 0; i < SIGMAS; i++) {
        for (int k = 0; k < TIMES; k++) {
            assert_near(schedule_time(sigmas[i], schedule_noise(sigmas[i], times[k])), times[k], 1e-12 * times[k]);
        }
    }
    assert_true(schedule_time(25, 0) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_forms),
        cmocka_unit_test(test_series_joins),
        cmocka_unit_test(test_variance_grows_as_g2),
        cmocka_unit_test(test_time_inverts_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
