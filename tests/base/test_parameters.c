/* Parameters: canonical forms, error messages, defaults, suggestions of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"
#include "base/parameters.h"
#include "tests/scratch.h"

static const struct parameter table[] = {
    {"lattice", PARAMETER_INTEGERS, "32x32", 2, 4096, NULL, "sites", "Extent of each dimension.", false},
    {"kappa", PARAMETER_REAL, NULL, 0, 1, NULL, "", "Hopping parameter.", false},
    {"mass", PARAMETER_REAL, "-0.5", 0, 0, NULL, "", "Without limits.", false},
    {"chains", PARAMETER_INTEGER, "5120", 1, 1e9, NULL, "", "Chains.", false},
    {"algorithm", PARAMETER_CHOICE, "hmc", 0, 0, "hmc|metropolis|langevin", "", "Update.", false},
    {"ema", PARAMETER_FLAG, "no", 0, 0, NULL, "", "Moving average.", false},
    {"title", PARAMETER_TEXT, "  two words ", 0, 0, NULL, "", "Title.", false},
    {"times", PARAMETER_REALS, "", 0, 1, NULL, "", "Snapshots.", false},
    {"style", PARAMETER_FILE, "build/tmp/no-such-style", 0, 0, NULL, "", "Style.", false},
    {"seed", PARAMETER_INTEGER, "1", 0, 9e18, NULL, "", "Seed.", false},
};
enum { COUNT = sizeof table / sizeof *table };

static size_t entry(const char *name) {
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return i;
        }
    }
    abort();
}

static struct parameters *defaults(void **state) {
    (void)state;
    struct parameters *p = parameters_new(table, COUNT);
    assert_non_null(p);
    return p;
}

static void assert_canonical(struct parameters *p, const char *name, const char *text, const char *canonical) {
    struct error e = {0};
    assert_int_equal(parameters_set(p, name, text, "test", &e), STATUS_OK);
    assert_string_equal(parameters_canonical(p, entry(name)), canonical);
    if (table[entry(name)].type != PARAMETER_FILE) { /* the argument parses to the same value */
        assert_int_equal(parameters_set(p, name, parameters_argument(p, entry(name)), "test", &e), STATUS_OK);
        assert_string_equal(parameters_canonical(p, entry(name)), canonical);
    }
}

static void assert_rejected(struct parameters *p, const char *name, const char *text, const char *message) {
    struct error e = {0};
    size_t i = 0;
    char before[256] = "";
    for (i = 0; i < COUNT && strcmp(table[i].name, name) != 0; i++) {
    }
    if (i < COUNT) {
        snprintf(before, sizeof before, "%s", parameters_canonical(p, i));
    }
    assert_int_equal(parameters_set(p, name, text, "a.ini:7", &e), STATUS_BAD_INPUT);
    assert_int_equal(e.status, STATUS_BAD_INPUT);
    assert_string_equal(e.message, message);
    if (i < COUNT) { /* a rejected text does not change the value */
        assert_string_equal(parameters_canonical(p, i), before);
    }
}

static void canonical_forms(void **state) {
    struct parameters *p = defaults(state);
    assert_string_equal(parameters_canonical(p, entry("lattice")), "32,32");
    assert_string_equal(parameters_canonical(p, entry("title")), "two words");
    assert_string_equal(parameters_canonical(p, entry("times")), "");
    assert_string_equal(parameters_canonical(p, entry("kappa")), "");
    static const char *const forms[][3] = {
        {"kappa", "0.21", "0.21"},
        {"kappa", "  .210 ", "0.21"},
        {"kappa", "21e-2", "0.21"},
        {"kappa", "1", "1"},
        {"kappa", "1e-5", "1e-05"},
        {"kappa", "0.1", "0.1"},
        {"kappa", "0.30000000000000004", "0.30000000000000004"},
        {"kappa", "0.3333333333333333", "0.3333333333333333"},
        {"kappa", "-0", "0"},
        {"mass", "25", "25"},
        {"mass", "20", "20"},
        {"mass", "100", "100"},
        {"mass", "10000", "10000"},
        {"mass", "1000000", "1e+06"},
        {"mass", "-1.50", "-1.5"},
        {"mass", "4.9406564584124654e-324", "5e-324"},
        {"mass", "1.7976931348623157e308", "1.7976931348623157e+308"},
        {"mass", "5120", "5120"},
        {"chains", "+007", "7"},
        {"chains", "250", "250"},
        {"seed", "9007199254740993", "9007199254740993"},
        {"lattice", "8", "8"},
        {"lattice", "8 16", "8,16"},
        {"lattice", "8, 16,32", "8,16,32"},
        {"lattice", "8x8x8x8", "8,8,8,8"},
        {"lattice", "8 x 8", "8,8"},
        {"times", "1, 0.5 0", "1,0.5,0"},
        {"times", "", ""},
        {"times", "0.50", "0.5"},
        {"ema", "yes", "yes"},
        {"ema", "True", "yes"},
        {"ema", "off", "no"},
        {"ema", "0", "no"},
        {"algorithm", " langevin ", "langevin"},
        {"title", " \t a = b ", "a = b"},
        {"title", "", ""},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_canonical(p, forms[i][0], forms[i][1], forms[i][2]);
    }
    parameters_free(p);
}

static void reals_read_back(void **state) {
    struct parameters *p = defaults(state);
    uint64_t bits = 88172645463325252u; /* xorshift64, Marsaglia 2003 */
    for (int i = 0; i < 2000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        double x;
        memcpy(&x, &bits, sizeof x);
        if (x - x != 0) {
            continue;
        }
        char text[40];
        struct error e;
        snprintf(text, sizeof text, "%.17g", x);
        assert_int_equal(parameters_set(p, "mass", text, "test", &e), STATUS_OK);
        assert_true(strtod(parameters_canonical(p, entry("mass")), NULL) == x);
        assert_true(strlen(parameters_canonical(p, entry("mass"))) <= strlen(text));
    }
    parameters_free(p);
}

static void values(void **state) {
    struct parameters *p = defaults(state);
    struct error e = {0};
    size_t n;
    assert_int_equal(parameters_set(p, "kappa", "0.21", "test", &e), STATUS_OK);
    assert_int_equal(parameters_set(p, "times", "1 0.25", "test", &e), STATUS_OK);
    assert_true(parameters_real(p, "kappa") == 0.21);
    assert_true(parameters_real(p, "mass") == -0.5);
    assert_int_equal(parameters_integer(p, "chains"), 5120);
    assert_int_equal(parameters_integers(p, "lattice", &n)[1], 32);
    assert_int_equal(n, 2);
    assert_true(parameters_reals(p, "times", &n)[1] == 0.25);
    assert_int_equal(n, 2);
    assert_false(parameters_flag(p, "ema"));
    assert_string_equal(parameters_text(p, "title"), "two words");
    assert_true(parameters_is(p, "algorithm", "hmc"));
    assert_false(parameters_is(p, "algorithm", "langevin"));
    assert_true(parameters_differs(p, entry("kappa")));
    assert_false(parameters_differs(p, entry("chains")));
    assert_int_equal(parameters_set(p, "chains", "05120", "test", &e), STATUS_OK);
    assert_false(parameters_differs(p, entry("chains"))); /* same value, written differently */
    assert_int_equal(parameters_set(p, "chains", "5121", "test", &e), STATUS_OK);
    assert_true(parameters_differs(p, entry("chains")));
    assert_string_equal(parameters_origin(p, entry("chains")), "test");
    assert_string_equal(parameters_origin(p, entry("mass")), "default");
    assert_int_equal(parameters_set(p, "chains", "0", "SET", &e), STATUS_BAD_INPUT);
    assert_string_equal(parameters_origin(p, entry("chains")), "test"); /* a rejected value sets nothing */
    assert_int_equal(parameters_set(p, "chains", "3", "SET", &e), STATUS_OK);
    assert_string_equal(parameters_origin(p, entry("chains")), "SET");
    parameters_free(p);
}

static void rejected(void **state) {
    struct parameters *p = defaults(state);
    static const char *const bad[][3] = {
        {"kapa", "1", "a.ini:7: unknown parameter 'kapa' (did you mean 'kappa'?)"},
        {"xyzzy", "1", "a.ini:7: unknown parameter 'xyzzy'"},
        {"kappa", "1.5", "a.ini:7: kappa = '1.5': expected a real number in [0, 1]"},
        {"kappa", "0.2x", "a.ini:7: kappa = '0.2x': expected a real number in [0, 1]"},
        {"kappa", "0.1, 0.2", "a.ini:7: kappa = '0.1, 0.2': expected a real number in [0, 1]"},
        {"kappa", "", "a.ini:7: kappa = '': expected a real number in [0, 1]"},
        {"mass", "nan", "a.ini:7: mass = 'nan': expected a real number"},
        {"mass", "inf", "a.ini:7: mass = 'inf': expected a real number"},
        {"mass", "1e999", "a.ini:7: mass = '1e999': expected a real number"},
        {"mass", "0x10", "a.ini:7: mass = '0x10': expected a real number"},
        {"chains", "2.5", "a.ini:7: chains = '2.5': expected an integer in [1, 1000000000]"},
        {"chains", "0", "a.ini:7: chains = '0': expected an integer in [1, 1000000000]"},
        {"chains", "99999999999999999999",
         "a.ini:7: chains = '99999999999999999999': expected an integer in [1, "
         "1000000000]"},
        {"lattice", "32x1", "a.ini:7: lattice = '32x1': expected a list of integers in [2, 4096]"},
        {"lattice", "32,,32", "a.ini:7: lattice = '32,,32': expected a list of integers in [2, 4096]"},
        {"lattice", "32x", "a.ini:7: lattice = '32x': expected a list of integers in [2, 4096]"},
        {"lattice", "", "a.ini:7: lattice = '': expected a list of integers in [2, 4096]"},
        {"times", "0.5x1", "a.ini:7: times = '0.5x1': expected a list of real numbers in [0, 1]"},
        {"ema", "maybe", "a.ini:7: ema = 'maybe': expected yes or no"},
        {"algorithm", "hcm", "a.ini:7: algorithm = 'hcm': expected one of hmc|metropolis|langevin"},
        {"algorithm", "metropolys",
         "a.ini:7: algorithm = 'metropolys': expected one of hmc|metropolis|langevin (did you mean 'metropolis'?)"},
        {"title", "a\nb", "a.ini:7: title: found a control character (code 10); expected one line of text"},
        {"style", "build/tmp/none", "a.ini:7: build/tmp/none: cannot open: No such file or directory"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_rejected(p, bad[i][0], bad[i][1], bad[i][2]);
    }
    parameters_free(p);
}

static void completeness_and_files(void **state) {
    struct parameters *p = defaults(state);
    struct error e = {0};
    assert_int_equal(parameters_complete(p, "[train]", &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "[train]: parameter 'kappa' is missing: expected a real number in [0, 1]");
    assert_int_equal(parameters_set(p, "kappa", "0.21", "test", &e), STATUS_OK);
    assert_int_equal(parameters_complete(p, "[train]", &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "[train]: style = 'build/tmp/no-such-style': cannot read this file");
    char folder[256], path[300];
    snprintf(folder, sizeof folder, "%s", scratch_folder("parameters"));
    snprintf(path, sizeof path, "%s/style", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("abc", file);
    fclose(file);
    assert_canonical(p, "style", path, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(parameters_text(p, "style"), path);
    assert_string_equal(parameters_argument(p, entry("style")), path);
    assert_int_equal(parameters_complete(p, "[train]", &e), STATUS_OK);
    /* A changed file is reported. */
    assert_int_equal(parameters_unchanged(p, &e), STATUS_OK);
    file = fopen(path, "a");
    assert_non_null(file);
    fputs("d", file);
    fclose(file);
    assert_int_equal(parameters_unchanged(p, &e), STATUS_FAILED);
    assert_non_null(strstr(e.message, path) && strstr(e.message, "was changed during the run") ? path : NULL);
    unlink(path);
    assert_int_not_equal(parameters_unchanged(p, &e), STATUS_OK);
    scratch_remove(folder);
    parameters_free(p);
}

static void help_names_everything(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    parameters_help(table, COUNT, out);
    fclose(out);
    for (size_t i = 0; i < COUNT; i++) {
        assert_non_null(strstr(text, table[i].name));
        assert_non_null(strstr(text, table[i].help));
    }
    assert_non_null(strstr(text, "hmc|metropolis|langevin"));
    assert_non_null(strstr(text, "in [0, 1]; required"));
    free(text);
}

static void help_is_wrapped(void **state) {
    (void)state;
    static const struct parameter one = {.name = "x",
                                         .type = PARAMETER_TEXT,
                                         .default_value = "",
                                         .help =
                                             "Forty letters and more, forty letters and more, forty letters and more, "
                                             "forty letters and more, forty letters and more."};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    parameters_help(&one, 1, out);
    fclose(out);
    assert_non_null(strstr(text, "\n        Forty letters and more, forty letters and more, forty letters and more, "
                                 "forty letters and\n"
                                 "        more, forty letters and more.\n"));
    free(text);
}

static void nearest(void **state) {
    (void)state;
    static const char *const words[] = {"epochs", "batch", "width", "x"};
    assert_string_equal(nearest_word("epoch", words, 4), "epochs");
    assert_string_equal(nearest_word("widht", words, 4), "width");
    assert_string_equal(nearest_word("batch", words, 4), "batch");
    assert_null(nearest_word("learning-rate", words, 4));
    assert_null(nearest_word("", words, 4));
    assert_null(nearest_word("epochs", words, 0));
    char longest[1000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(nearest_word(longest, words, 4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_forms),
        cmocka_unit_test(reals_read_back),
        cmocka_unit_test(values),
        cmocka_unit_test(rejected),
        cmocka_unit_test(completeness_and_files),
        cmocka_unit_test(help_names_everything),
        cmocka_unit_test(help_is_wrapped),
        cmocka_unit_test(nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
