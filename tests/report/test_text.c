/* Numbers with errors, pulls, lists, escapes: report/text.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/text.h"

static void values(void **state) {
    (void)state;
    static const struct {
        double value, error;
        const char *text;
    } cases[] = {
        {2.590, 0.025, "2.590(25)"},
        {0.4758, 0.0014, "0.4758(14)"},
        {-0.02, 0.01, "-0.020(10)"},
        {0.0, 0.0007, "0.00000(70)"},
        {-0.00001, 0.0015, "0.0000(15)"}, /* no "-0.0000" */
        {1.0, 0.0996, "1.00(10)"},        /* rounding removes a digit */
        {9.996, 0.0996, "10.00(10)"},
        {1.5, 0.996, "1.5(1.0)"},
        {475.56987, 2.55915, "475.6(2.6)"}, /* the error has a decimal point */
        {7.3, 9.96, "7(10)"},
        {23888.287, 14.8, "23888(15)"},
        {23888.287, 251.0, "23890(250)"},
        {-11.881991, 0.000167, "-11.88199(17)"},
        {3.0, 40.0, "3(40)"},
        {4.0, 400.0, "0(400)"},
        {1.2345678e20, 5.6e18, "1.235(56)e+20"},
        {1.2e-10, 3.4e-11, "1.20(34)e-10"},
        {0.00002, 0.00007, "0.000020(70)"},
        {2.59, 0.0, "2.59"},
        {0.0, 0.0, "0"},
        {1.0, 1e-300, "1"},
        {1.0, 1e-30, "1(1.0e-30)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[REPORT_NUMBER];
        report_value(cases[i].value, cases[i].error, -1, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void unusual_values(void **state) {
    (void)state;
    char text[REPORT_NUMBER];
    report_value(2.59, (double)NAN, -1, text);
    assert_string_equal(text, "2.59");
    report_value(2.59, -1.0, -1, text);
    assert_string_equal(text, "2.59");
    report_value(2.59, (double)INFINITY, -1, text);
    assert_string_equal(text, "2.59(inf)");
    report_value((double)NAN, 0.1, -1, text);
    assert_string_equal(text, "nan");
    report_value(-(double)NAN, 0.1, -1, text);
    assert_string_equal(text, "nan");
    report_value(-(double)INFINITY, 0.1, -1, text);
    assert_string_equal(text, "-inf");
}

/* Never longer than the buffer, for any numbers. */
static void any_magnitude(void **state) {
    (void)state;
    for (int v = -320; v <= 308; v += 4) {
        for (int x = -320; x <= 308; x += 4) {
            char text[REPORT_NUMBER];
            memset(text, 'x', sizeof text);
            report_value(-9.87654321 * pow(10, v), 9.99 * pow(10, x), v % 3, text);
            assert_non_null(memchr(text, '\0', sizeof text));
            assert_true(strlen(text) < REPORT_NUMBER - 8);
        }
    }
}

static void printed_digits(void **state) {
    (void)state;
    char text[REPORT_NUMBER];
    report_value(0.0012, 0.0007, 4, text);
    assert_string_equal(text, "0.0012(7)");
    report_value(2.5160, 0.0457, 4, text);
    assert_string_equal(text, "2.516(46)");
    report_value(5, 1, 0, text);
    assert_string_equal(text, "5(1)");
}

static void pulls(void **state) {
    (void)state;
    char text[REPORT_NUMBER];
    assert_true(fabs(report_pull(5, 3, 0, 4) - 1) < 1e-15);
    assert_true(fabs(report_pull(-5, 3, 0, 4) + 1) < 1e-15);
    assert_true(isnan(report_pull(1, 0, 1, 0)));
    assert_true(isnan(report_pull(1, 0.1, 1, (double)NAN)));
    assert_true(isnan(report_pull((double)NAN, 0.1, 1, 0.1)));
    report_pull_text(1.44, text);
    assert_string_equal(text, "+1.4");
    report_pull_text(-0.04, text);
    assert_string_equal(text, "+0.0");
    report_pull_text(-2.5e6, text);
    assert_string_equal(text, "-2.5e+06");
    report_pull_text((double)NAN, text);
    assert_string_equal(text, "");
}

static void lists(void **state) {
    (void)state;
    struct report_list list;
    struct error e;
    assert_int_equal(report_split(" M , chi2,,U_L ", ',', &list, &e), STATUS_OK);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.item[0], "M");
    assert_string_equal(list.item[1], "chi2");
    assert_string_equal(list.item[2], "");
    assert_string_equal(list.item[3], "U_L");
    report_list_free(&list);
    assert_int_equal(report_split("  ", '|', &list, &e), STATUS_OK);
    assert_int_equal(list.count, 0);
    report_list_free(&list);
}

static void escapes(void **state) {
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    report_tex("a_b & 5% {x}^2 ~ \\c #$", out);
    fclose(out);
    assert_string_equal(text, "a\\_b \\& 5\\% \\{x\\}\\textasciicircum{}2 \\textasciitilde{} "
                              "\\textbackslash{}c \\#\\$");
    free(text);
    assert_int_equal(report_width("χ₂ = 1"), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),         cmocka_unit_test(unusual_values), cmocka_unit_test(any_magnitude),
        cmocka_unit_test(printed_digits), cmocka_unit_test(pulls),          cmocka_unit_test(lists),
        cmocka_unit_test(escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
