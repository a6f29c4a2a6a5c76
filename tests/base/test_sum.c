/* Sums in a fixed order, and truncated error messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/sum.h"

static void whole_numbers(void **state) {
    (void)state;
    double x[1000], ones[1000];
    for (size_t i = 0; i < 1000; i++) {
        x[i] = (double)i + 1;
        ones[i] = 1;
    }
    for (size_t n = 0; n <= 1000; n++) { /* sums of integers are exact, so every term is counted once */
        double expected = 0.5 * (double)n * ((double)n + 1);
        assert_true(sum_tree(x, n) == expected);
        assert_true(dot_tree(x, ones, n) == expected);
    }
    double squares = 0;
    for (size_t i = 0; i < 1000; i++) {
        squares += x[i] * x[i];
    }
    assert_true(dot_tree(x, x, 1000) == squares);
}

/* Sum of a million terms 0.1: a running sum has an error of 1.3e-6, the tree one of a few units in the last place. */
static void rounding(void **state) {
    (void)state;
    size_t n = 1000000;
    double *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
    assert_true(x != NULL && y != NULL);
    for (size_t i = 0; i < n; i++) {
        x[i] = 0.1;
        y[i] = 1;
    }
    double error = sum_tree(x, n) - 100000;
    assert_true(error < 1e-10 && error > -1e-10);
    error = dot_tree(x, y, n) - 100000;
    assert_true(error < 1e-10 && error > -1e-10);
    free(x);
    free(y);
}

/* The branches are those described in sum.c, so that sums of parts can be joined. */
static void branches(void **state) {
    (void)state;
    double x[300];
    for (size_t i = 0; i < 300; i++) {
        x[i] = 1.0 / (double)(i + 3);
    }
    assert_true(sum_tree(x, 300) == sum_tree(x, 256) + sum_tree(x + 256, 44));
    assert_true(sum_tree(x, 128) == sum_tree(x, 64) + sum_tree(x + 64, 64));
}

static void messages(void **state) {
    (void)state;
    struct error e;
    assert_int_equal(error_set(&e, STATUS_BAD_INPUT, "%s: %d", "file", 7), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "file: 7");
    assert_int_equal(error_prefix(&e, "outer %d", 1), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "outer 1: file: 7");
    assert_int_equal(error_set(&e, STATUS_FAILED, "again: %s", e.message), STATUS_FAILED); /* argument in its own
                                                                                              message */
    assert_string_equal(e.message, "again: outer 1: file: 7");
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&e, STATUS_FAILED, "%s", text);
    assert_int_equal(strlen(e.message), sizeof e.message - 1);
    assert_string_equal(e.message + sizeof e.message - 4, "...");
    error_prefix(&e, "%s", text);
    assert_string_equal(e.message + sizeof e.message - 4, "...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(rounding),
        cmocka_unit_test(branches),
        cmocka_unit_test(messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
