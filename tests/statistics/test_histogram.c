/* Histograms: edges, the closed upper edge of the last bin, and numbers outside. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "statistics/histogram.h"

static void test_edges(void **state) {
    (void)state;
    const double x[] = {-1.0, -0.5, 0.0, 0.49, 0.5, 1.0, 1.01, -1.01, NAN};
    const double expected[] = {1, 1, 2, 2};
    double counts[4];
    assert_int_equal(histogram_fill(x, 9, -1.0, 1.0, 4, counts), 3);
    for (int b = 0; b < 4; b++) {
        assert_true(counts[b] == expected[b]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
