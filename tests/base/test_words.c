/* Look-up of words: only whole words match, at any position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/words.h"

static void test_find(void **state) {
    (void)state;
    static const char *const words[] = {"hmc", "metropolis-global", "metropolis"};
    assert_int_equal(words_find(words, 3, "hmc"), 0);
    assert_int_equal(words_find(words, 3, "metropolis"), 2);
    assert_int_equal(words_find(words, 3, "metro"), -1);
    assert_int_equal(words_find(words, 2, "metropolis"), -1);
    assert_int_equal(words_find(words, 0, "hmc"), -1);
}

static void test_among(void **state) {
    (void)state;
    assert_true(words_among("ensemble|sample|propose", "ensemble"));
    assert_true(words_among("ensemble|sample|propose", "sample"));
    assert_true(words_among("ensemble|sample|propose", "propose"));
    assert_true(words_among("ensemble", "ensemble"));
    assert_false(words_among("ensemble|sample", "ensem"));
    assert_false(words_among("ensemble|sample", "semble"));
    assert_false(words_among("ensemble|sample", "ensemble|sampl"));
    assert_false(words_among("ensemble|sample", "samples"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_find), cmocka_unit_test(test_among)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
