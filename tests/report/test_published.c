/* The file of published values: report/published.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "report/published.h"

/* The project's own file can be read, and has Table 1 as printed. */
static void table1(void **state) {
    (void)state;
    struct published *p;
    struct error e = {0};
    if (published_read("experiments/published.tsv", &p, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    static const struct {
        const char *dataset, *observable;
        double value, error;
    } table[] = {
        {"training", "M", 0.0012, 0.0007},  {"training", "chi2", 2.5160, 0.0457},  {"training", "U_L", 0.1042, 0.0367},
        {"testing", "M", 0.0018, 0.0015},   {"testing", "chi2", 2.4463, 0.1099},   {"testing", "U_L", -0.0198, 0.1035},
        {"generated", "M", 0.0017, 0.0015}, {"generated", "chi2", 2.4227, 0.1035}, {"generated", "U_L", 0.0484, 0.0959},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct published_value *v = published_find(p, "table1", table[i].dataset, table[i].observable);
        assert_non_null(v);
        assert_true(v->value == table[i].value && v->error == table[i].error);
        assert_int_equal(v->decimals, 4);
    }
    const struct published_value *r2 = published_find(p, "fig7", "generated", "R2");
    assert_non_null(r2);
    assert_true(isnan(r2->error));
    assert_null(published_find(p, "table1", "generated", "R2"));
    assert_null(published_find(NULL, "table1", "generated", "M"));
    published_free(p);
}

static void expect_error(const char *text, const char *message) {
    char path[] = "build/tmp/published-XXXXXX";
    struct published *p;
    struct error e;
    assert_int_equal(file_make_folder("build/tmp", &e), STATUS_OK);
    assert_true(mkstemp(path) >= 0);
    assert_int_equal(file_write(path, text, strlen(text), &e), STATUS_OK);
    assert_int_equal(published_read(path, &p, &e), STATUS_BAD_INPUT);
    if (strstr(e.message, message) == NULL || strstr(e.message, path) == NULL) {
        fail_msg("found '%s', expected '%s'", e.message, message);
    }
    remove(path);
}

#define HEADER "experiment\tdataset\tobservable\tvalue\terror\tsource\n"

static void bad_files(void **state) {
    (void)state;
    expect_error("", "found no line");
    expect_error("dataset\tvalue\n", ":1: found 'dataset");
    expect_error(HEADER "a\tb\tc\t1\t2\n", ":2: found 5 columns, expected 6");
    expect_error(HEADER "\na\tb\tc\t1\t2\tx\ty\n", ":3: found 7 columns, expected 6");
    expect_error(HEADER "a\tb\tc\tone\t2\tx\n", ":2: column value: found 'one', expected a number");
    expect_error(HEADER "a\tb\tc\t\t2\tx\n", ":2: column value: found '', expected a number");
    expect_error(HEADER "a\tb\tc\t1\t2x\tx\n", ":2: column error: found '2x', expected a number");
    expect_error(HEADER "a\tb\tc\t1\t-2\tx\n", ":2: column error: found -2, expected 0 or more");
    expect_error(HEADER "a\tb\tc\t1\t2\tx\n#\na\tb\tc\t1\t2\ty\n", ":4: a b c is also on line 2");
    struct published *p;
    struct error e;
    assert_int_equal(published_read("build/tmp/no-such-file", &p, &e), STATUS_BAD_INPUT);
}

static void line_ends_of_windows(void **state) {
    (void)state;
    char path[] = "build/tmp/published-XXXXXX";
    static const char text[] =
        "# x\r\nexperiment\tdataset\tobservable\tvalue\terror\tsource\r\n\r\na\tb\tc\t1.5\t\ts\r\n";
    struct published *p;
    struct error e;
    assert_true(mkstemp(path) >= 0);
    assert_int_equal(file_write(path, text, strlen(text), &e), STATUS_OK);
    assert_int_equal(published_read(path, &p, &e), STATUS_OK);
    assert_string_equal(published_find(p, "a", "b", "c")->source, "s");
    published_free(p);
    remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(table1), cmocka_unit_test(line_ends_of_windows),
                                       cmocka_unit_test(bad_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
