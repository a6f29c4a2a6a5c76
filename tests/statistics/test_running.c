/* Running mean and error against explicit sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "statistics/running.h"

/* 1e9 + {1, 2, 4, 9}: mean 1e9 + 4 and deviations -3, -2, 0, 5, so that error^2 = 38/3/4, despite the large mean. */
static void test_mean_and_error(void **state) {
    (void)state;
    static const double x[] = {1, 2, 4, 9};
    struct running r = {0};
    assert_true(isnan(running_error(&r)));
    for (size_t i = 0; i < 4; i++) {
        running_add(&r, 1e9 + x[i]);
        assert_true(isnan(running_error(&r)) == (i == 0));
    }
    assert_true(r.count == 4 && fabs(r.mean - (1e9 + 4)) < 1e-6);
    assert_true(fabs(running_error(&r) - sqrt(38.0 / 3 / 4)) < 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mean_and_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
