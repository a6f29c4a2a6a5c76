/* Numbers, sentences and names of macros in TeX: report/tex.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/tex.h"

static void numbers(void **state) {
    (void)state;
    static const struct {
        double value, error;
        enum tex_number_kind kind;
        const char *text;
        size_t before, after, uncertainty;
    } cases[] = {
        {2.590, 0.025, TEX_PLAIN, "2.590(25)", 1, 3, 2},
        {-0.02, 0.01, TEX_PLAIN, "-0.020(10)", 1, 3, 2},
        {475.56987, 2.55915, TEX_PLAIN, "475.6(26)", 3, 1, 2}, /* siunitx needs the error in units of the last digit */
        {23888.287, 251.0, TEX_PLAIN, "23890(250)", 5, 0, 3},
        {0.5, NAN, TEX_PLAIN, "0.5", 1, 1, 0},
        {2.59, 0.0, TEX_PLAIN, "2.59", 1, 2, 0},
        {2.59, INFINITY, TEX_PLAIN, "2.59", 1, 2, 0},
        {1.2e-10, 3.4e-11, TEX_OTHER, "1.20(34)\\times 10^{-10}", 1, 2, 2},
        {6.7e-251, 0.0, TEX_OTHER, "<10^{-99}", 0, 0, 0},
        {NAN, NAN, TEX_NOTHING, "", 0, 0, 0},
        {NAN, 0.1, TEX_NOTHING, "", 0, 0, 0},
        {INFINITY, 0.1, TEX_NOTHING, "", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct tex_number n = tex_number(cases[i].value, cases[i].error, -1);
        assert_string_equal(n.text, cases[i].text);
        assert_int_equal(n.kind, cases[i].kind);
        assert_int_equal(n.before, cases[i].before);
        assert_int_equal(n.after, cases[i].after);
        assert_int_equal(n.uncertainty, cases[i].uncertainty);
    }
    assert_string_equal(tex_number_read("+1.4").text, "+1.4");
    assert_true(tex_number_read("+1.4").sign);
    assert_string_equal(tex_number_read("+1.2e+03").text, "+1.2\\times 10^{3}");
}

static void expect(void (*write)(const char *, FILE *), const char *text, const char *expected) {
    char *found;
    size_t size;
    FILE *out = open_memstream(&found, &size);
    write(text, out);
    fclose(out);
    assert_string_equal(found, expected);
    free(found);
}

static void sentences(void **state) {
    (void)state;
    expect(tex_text, "phi^4 theory at kappa = 0.21, 32x32 (Table 1)",
           "$\\phi^{4}$ theory at $\\kappa$ = 0.21, $32\\times 32$ (Table 1)");
    expect(tex_text, "R2 compares S - S_eff; log Z is removed",
           "$R^2$ compares $S$ - $S_\\mathrm{eff}$; $\\log$ $Z$ is removed");
    expect(tex_text, "Set, Months and philately, <x>", "Set, Months and philately, $<$x$>$");
    expect(tex_text, "50% & `a_b|c` #1", "50\\% \\& \\texttt{a\\_b$|$c} \\#1");
    expect(tex_text, "Training †", "Training $^\\dagger$");
}

static void macro_names(void **state) {
    (void)state;
    expect(tex_macro_name, "generated-wiener", "GeneratedWiener");
    expect(tex_macro_name, "chi2", "ChiTwo");
    expect(tex_macro_name, "U_L", "UL");
    expect(tex_macro_name, "table1", "TableOne");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(sentences),
                                       cmocka_unit_test(macro_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
