/* Estimates are read as they were written, from artifacts and from lines of a table; inconsistent ones are rejected. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/table.h"
#include "tests/report/artifacts.h"

static char folder[128], path[160];

static int set_up(void **state) {
    (void)state;
    test_folder("estimates", folder);
    snprintf(path, sizeof path, "%s/artifact.npz", folder);
    return 0;
}

static const char *const names[] = {"M", "chi2", "a longer name"};
static const double values[] = {0.25, -3.5, 1e-300}, errors[] = {0.5, NAN, 0}, taus[] = {1, 2, 3},
                    tau_errors[] = {0.1, 0.2, NAN};

static struct npz *written(const struct estimates *rows) {
    struct npz_writer *w;
    struct npz *npz;
    struct error e;
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(estimates_add(rows, w, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    return npz;
}

static void round_trip(void **state) {
    (void)state;
    struct estimates rows;
    struct error e;
    size_t at;
    struct npz *npz =
        written(&(struct estimates){3, names, values, errors, taus, tau_errors, "jackknife", 1u << 20, NULL});
    assert_int_equal(npz_count(npz), 7);
    assert_int_equal(estimates_read(npz, &rows, &e), STATUS_OK);
    assert_int_equal(rows.count, 3);
    assert_int_equal(rows.configurations, 1 << 20);
    assert_string_equal(rows.method, "jackknife");
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(rows.names[i], names[i]);
        assert_true(estimates_find(&rows, names[i], strlen(names[i]), &at) && at == i);
    }
    assert_memory_equal(rows.values, values, sizeof values);
    assert_memory_equal(rows.errors, errors, sizeof errors);
    assert_memory_equal(rows.tau_int, taus, sizeof taus);
    assert_memory_equal(rows.tau_int_error, tau_errors, sizeof tau_errors);
    assert_true(estimates_find(&rows, "chi2_error", 4, &at) && at == 1);
    assert_false(estimates_find(&rows, "chi", 3, &at));
    assert_false(estimates_find(&rows, "chi22", 5, &at));
    estimates_free(&rows);
    npz_free(npz);
    npz = written(&(struct estimates){.count = 0, .names = names, .values = values, .errors = errors, .method = ""});
    assert_int_equal(estimates_read(npz, &rows, &e), STATUS_OK);
    assert_true(rows.count == 0 && *rows.method == '\0' && !estimates_find(&rows, "", 0, &at));
    estimates_free(&rows);
    npz_free(npz);
    npz =
        written(&(struct estimates){.count = 3, .names = names, .values = values, .errors = errors, .method = "gamma"});
    assert_int_equal(estimates_read(npz, &rows, &e), STATUS_OK);
    assert_true(isnan(rows.tau_int[0]) && isnan(rows.tau_int_error[2]));
    estimates_free(&rows);
    npz_free(npz);
}

/* Each array missing, and each vector too short by one element. */
static void refusals(void **state) {
    (void)state;
    static const char *const members[] = {"names",         "values",       "errors",        "tau_int",
                                          "tau_int_error", "error_method", "configurations"};
    for (size_t wrong = 0; wrong < 7; wrong++) {
        for (int is_short = 0; is_short <= (wrong >= 1 && wrong <= 4); is_short++) {
            struct npz_writer *w;
            struct npz *npz;
            struct estimates rows;
            struct error e;
            assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
            for (size_t i = 0; i < 7; i++) {
                if (i == wrong && !is_short) {
                    continue;
                }
                assert_int_equal(i == 0   ? npz_add_texts(w, members[i], names, 3, &e)
                                 : i == 5 ? npz_add_text(w, members[i], "gamma", &e)
                                 : i == 6 ? npz_add_integer(w, members[i], 7, &e)
                                          : npz_add_reals(w, members[i], values, i == wrong ? 2 : 3, &e),
                                 STATUS_OK);
            }
            assert_int_equal(npz_commit(w, &e), STATUS_OK);
            assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
            assert_int_equal(estimates_read(npz, &rows, &e), STATUS_BAD_INPUT);
            if (!strstr(e.message, members[wrong]) || !strstr(e.message, "artifact.npz")) {
                fail_msg("%s: found '%s'", members[wrong], e.message);
            }
            npz_free(npz);
        }
    }
}

static void lines(void **state) {
    (void)state;
    struct table_line line;
    const char *at = expected_tsv;
    size_t count = 0;
    while (table_next_line(&at, &line)) {
        count++;
    }
    assert_int_equal(count, 10);
    assert_true(table_find_line(expected_tsv, "generated", "chi2", &line));
    assert_true(line.value == 1.81 && line.error == 0.16 && line.published == 2.4227 &&
                line.published_error == 0.1035 && line.pull == -3.215298519);
    assert_true(table_find_line(expected_tsv, "generated", "M", &line));
    assert_true(line.value == -4e-05 && line.published == 0.0017 && isnan(line.published_error) && isnan(line.pull));
    assert_false(table_find_line(expected_tsv, "generated", "xi", &line));
    assert_false(table_find_line(expected_tsv, "dataset", "observable", &line));
    assert_false(table_find_line("", "generated", "chi2", &line));
    assert_false(table_find_line("\n\na\tb\t1\n", "a", "b", &line)); /* too few columns */
    assert_true(table_find_line("a\tb\t1\t2\t3\t4\t5", "a", "b", &line) &&
                line.pull == 5); /* without a line end at the end */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(refusals),
        cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, set_up, test_folders_remove);
}
