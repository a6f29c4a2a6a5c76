/* Stage `kept`: rows of tables and curves of figures, and refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/report/artifacts.h"
#include "tests/stages/run_stage.h"

extern const struct stage stage_kept, stage_table, stage_plot;

static char folder[128], table[192], figure[192];

static const char table_text[] = "dataset\tobservable\tvalue\terror\tpublished\tpublished_error\tpull\n"
                                 "hmc\tM\t0.25\t0.5\t\t\t\ndm\tM\t-0.125\t0.0625\t0.5\t\t\ndm\tchi2\t2.5\tnan\t\t\t\n";
static const char figure_text[] =
    "curve\tx\tacceptance\tacceptance_error\nDM, exact\t16\t0.5\t0.25\nDM, exact\t24\t0.125\t0.0625\nother\t16\t1\t0\n";

static void write_file(char option[192], const char *name, const char *text) {
    char path[160];
    struct error e;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_write(path, text, strlen(text), &e), STATUS_OK);
    snprintf(option, 192, "--file=%s", path);
}

static int prepare(void **state) {
    (void)state;
    test_folder("kept", folder);
    write_file(table, "table.tsv", table_text);
    write_file(figure, "figure.tsv", figure_text);
    return 0;
}

/* Runs the stage and opens folder/name/artifact.npz. */
static struct npz *make(const char *name, const char *const *arguments) {
    char output[176], path[192];
    const char *all[16] = {output};
    struct npz *npz;
    struct error e;
    snprintf(output, sizeof output, "--output=%s/%s", folder, name);
    for (size_t i = 0; arguments[i] != NULL; i++) {
        all[i + 1] = arguments[i];
    }
    assert_int_equal(run_stage(&stage_kept, all, NULL), 0);
    snprintf(path, sizeof path, "%s/%s/artifact.npz", folder, name);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    return npz;
}

static double number(const struct npz *npz, const char *name, size_t i) {
    const struct npz_array *a = npz_find(npz, name);
    assert_non_null(a);
    assert_true(i < a->count);
    return a->type == NPZ_INT64 ? (double)((const int64_t *)a->data)[i] : ((const double *)a->data)[i];
}

static void row_of_a_table(void **state) {
    (void)state;
    struct npz *npz =
        make("row", (const char *const[]){table, "--curve=dm", "--configurations=1024", "--marked=yes", NULL});
    assert_true(npz_find(npz, "values")->count == 2);
    assert_true(number(npz, "values", 0) == -0.125 && number(npz, "errors", 0) == 0.0625 &&
                number(npz, "values", 1) == 2.5);
    assert_true(isnan(number(npz, "errors", 1)) && isnan(number(npz, "tau_int", 0)));
    assert_true(number(npz, "chi2", 0) == 2.5 && number(npz, "M_error", 0) == 0.0625);
    assert_true(number(npz, "configurations", 0) == 1024 && number(npz, "thermalised", 0) == 0);
    npz_free(npz);
    /* as a row of a table again, with its mark */
    char output[176], rows[192], path[192], *text;
    size_t size;
    struct error e;
    snprintf(output, sizeof output, "--output=%s/table", folder);
    snprintf(rows, sizeof rows, "--rows=%s/row/artifact.npz", folder);
    assert_int_equal(run_stage(&stage_table,
                               (const char *const[]){output, rows, "--datasets=old", "--labels=Old",
                                                     "--observables=M,chi2", "--experiment=any", "--published=", NULL},
                               NULL),
                     0);
    snprintf(path, sizeof path, "%s/table/table.tsv", folder);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    assert_string_equal(
        text, "dataset\tobservable\tvalue\terror\tpublished\tpublished_error\tpull\nold\tM\t-0.125\t0.0625\t\t\t\n"
              "old\tchi2\t2.5\tnan\t\t\t\n");
    free(text);
    snprintf(path, sizeof path, "%s/table/table.md", folder);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    assert_non_null(strstr(text, "Old †"));
    free(text);
}

/* Published numbers, by experiment and dataset. */
static void published_row(void **state) {
    (void)state;
    char published[192];
    write_file(published, "published.tsv",
               "# as printed\nexperiment\tdataset\tobservable\tvalue\terror\tsource\none\tdm\tR2\t0.96\t\tA\n"
               "two\tdm\tR2\t0.5\t0.25\tA\ntwo\thmc\tR2\t1\t\tA\n");
    struct npz *npz = make("published", (const char *const[]){published, "--curve=dm", "--experiment=two", NULL});
    assert_true(npz_find(npz, "values")->count == 1 && number(npz, "values", 0) == 0.5 &&
                number(npz, "errors", 0) == 0.25);
    npz_free(npz);
    npz = make("published-one", (const char *const[]){published, "--curve=dm", "--experiment=one", NULL});
    assert_true(number(npz, "R2", 0) == 0.96 && isnan(number(npz, "R2_error", 0)));
    npz_free(npz);
    char output[176];
    snprintf(output, sizeof output, "--output=%s/refused-published", folder);
    expect_message(&stage_kept, (const char *const[]){output, published, "--curve=dm", NULL}, 2,
                   "expected parameter experiment");
    expect_message(&stage_kept, (const char *const[]){output, table, "--curve=dm", "--experiment=one", NULL}, 2,
                   "found no column `experiment`");
}

static void curve_of_a_figure(void **state) {
    (void)state;
    struct npz *npz = make("curve", (const char *const[]){figure, "--curve=DM, exact", NULL});
    const struct npz_array *a = npz_find(npz, "acceptance");
    assert_true(a != NULL && a->dimensions == 1 && a->count == 2);
    assert_true(number(npz, "x", 1) == 24 && number(npz, "acceptance", 1) == 0.125 &&
                number(npz, "thermalised", 0) == 1);
    assert_null(npz_find(npz, "values"));
    npz_free(npz);
    npz = make("point", (const char *const[]){figure, "--curve=DM, exact", "--x=16", NULL});
    a = npz_find(npz, "acceptance");
    assert_true(a != NULL && a->dimensions == 0 && number(npz, "acceptance", 0) == 0.5 &&
                number(npz, "acceptance_error", 0) == 0.25);
    npz_free(npz);
}

static void refused(void **state) {
    (void)state;
    char output[176], ragged[192], words[192], narrow[192];
    snprintf(output, sizeof output, "--output=%s/refused", folder);
    write_file(ragged, "ragged.tsv", "curve\tx\ty\na\t1\n");
    write_file(words, "words.tsv", "curve\tx\ty\na\t1\tmany\n");
    write_file(narrow, "narrow.tsv", "curve\n");
    const struct {
        const char *file, *curve, *x, *text;
    } cases[] = {
        {table, "--curve=none", "--x=", "found 0 lines of 'none', expected at least one"},
        {figure, "--curve=other", "--x=24", "found 0 lines of 'other' at 24, expected one"},
        {table, "--curve=hmc", "--x=M", "found a table with parameter x = M"},
        {ragged, "--curve=a", "--x=", "ragged.tsv:2: found 2 columns, expected 3"},
        {words, "--curve=a", "--x=", "column y: found 'many', expected a number"},
        {narrow, "--curve=a", "--x=", "narrow.tsv:1: found 1 columns"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_message(&stage_kept, (const char *const[]){output, cases[i].file, cases[i].curve, cases[i].x, NULL}, 2,
                       cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(row_of_a_table), cmocka_unit_test(published_row),
                                       cmocka_unit_test(curve_of_a_figure), cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("kept", tests, prepare, test_folders_remove);
}
