/* Runge-Kutta methods on equations with known solutions: orders, tolerance of the adaptive method, a singularity. */
#include "base/runge_kutta.h"

#include "tests/score/models.h"

/* The error for y1' = -y2, y2' = y1 and two estimates (1 +- 1/2) of the integral of y1. From (1, 0) the solutions are
 * cos x, sin x and, for the mean of the estimates, sin x. */
static double error_of(enum runge_kutta_method method, double from, double to, int64_t steps, double tolerance,
                       int64_t *evaluations) {
    struct runge_kutta_vectors *v = runge_kutta_vectors_new(2, 2);
    struct runge_kutta r;
    assert_non_null(v);
    const double start[2] = {cos(from), sin(from)};
    double error = 0;
    for (int again = 0; again < 2; again++) { /* a second start gives the same result */
        struct runge_kutta_sums sums;
        enum runge_kutta_state state;
        runge_kutta_vectors_start(v, start);
        runge_kutta_start(&r, method, 2, 2, from, to, steps, tolerance);
        do {
            const double x = runge_kutta_point(&r), *y = runge_kutta_vectors_combine(v, &r.order);
            assert_true(from < to ? x >= from && x <= to : x <= from && x >= to);
            runge_kutta_vectors_take(v, &r.order, (double[]){-y[1], y[0], 1.5 * y[0], 0.5 * y[0]}, &sums);
            state = runge_kutta_advance(&r, &sums);
        } while (state == RUNGE_KUTTA_MORE);
        assert_int_equal(state, RUNGE_KUTTA_DONE);
        const double *y = runge_kutta_vectors_combine(v, &r.order), integral = sin(to) - sin(from);
        double found = fmax(fabs(y[0] - cos(to)), fabs(y[1] - sin(to)));
        found = fmax(found, fmax(fabs(y[2] / 1.5 - integral), fabs(y[3] / 0.5 - integral)));
        if (again) {
            assert_true(found == error);
        }
        error = found;
    }
    *evaluations = runge_kutta_evaluations(&r);
    runge_kutta_vectors_free(v);
    return error;
}

static void test_orders(void **state) {
    (void)state;
    int64_t n;
    for (int down = 0; down < 2; down++) {
        const double from = down ? 2.3 : 0.1, to = down ? 0.1 : 2.3;
        const double heun =
            error_of(RUNGE_KUTTA_HEUN, from, to, 40, 0, &n) / error_of(RUNGE_KUTTA_HEUN, from, to, 80, 0, &n);
        assert_int_equal(n, 160);
        assert_near(heun, 4, 0.15);
        const double rk4 =
            error_of(RUNGE_KUTTA_RK4, from, to, 20, 0, &n) / error_of(RUNGE_KUTTA_RK4, from, to, 40, 0, &n);
        assert_int_equal(n, 160);
        assert_near(rk4, 16, 1);
        /* errors are of the order of the tolerance t; the number of steps grows as t^(-1/5), by 2.5 for t/100 */
        int64_t coarse, fine;
        assert_true(error_of(RUNGE_KUTTA_DOPRI5, from, to, 0, 1e-6, &coarse) < 2e-5);
        assert_true(error_of(RUNGE_KUTTA_DOPRI5, from, to, 0, 1e-10, &fine) < 2e-9);
        assert_true(coarse < 60 && (double)fine > 3.5 * (double)coarse && (double)fine < 8 * (double)coarse);
    }
}

/* y' = y^2 with y(0) = 1 is singular at x = 1: the adaptive method works up to there, and fails beyond. */
static void test_singularity(void **state) {
    (void)state;
    struct runge_kutta_vectors *v = runge_kutta_vectors_new(1, 0);
    for (int beyond = 0; beyond < 2; beyond++) {
        struct runge_kutta r;
        struct runge_kutta_sums sums;
        enum runge_kutta_state s;
        runge_kutta_vectors_start(v, (double[]){1});
        runge_kutta_start(&r, RUNGE_KUTTA_DOPRI5, 1, 0, 0, beyond ? 1.5 : 0.99, 0, 1e-8);
        do {
            const double y = *runge_kutta_vectors_combine(v, &r.order);
            runge_kutta_vectors_take(v, &r.order, (double[]){y * y}, &sums);
            s = runge_kutta_advance(&r, &sums);
        } while (s == RUNGE_KUTTA_MORE);
        if (beyond) {
            assert_true(s == RUNGE_KUTTA_STUCK || s == RUNGE_KUTTA_NOT_FINITE);
        } else {
            assert_near(*runge_kutta_vectors_combine(v, &r.order), 100, 1e-4);
        }
    }
    runge_kutta_vectors_free(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_singularity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
