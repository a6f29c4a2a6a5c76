/* Stage `table` from artifacts to files, and its messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/report/artifacts.h"
#include "tests/stages/run_stage.h"

extern const struct stage stage_table;

static char folder[128], row[3][512], published[512], output[176];

static int prepare(void **state) {
    (void)state;
    char path[3][160], text[160];
    test_folder("table", folder);
    write_rows(folder, path);
    write_published(folder, text);
    for (size_t i = 0; i < 3; i++) {
        snprintf(row[i], sizeof row[i], "--rows=%s", path[i]);
    }
    snprintf(published, sizeof published, "--published=%s", text);
    snprintf(output, sizeof output, "--output=%s/out", folder);
    return 0;
}

static void expect_file(const char *name, const char *first) {
    char path[192], *text;
    size_t size;
    struct error e;
    snprintf(path, sizeof path, "%s/out/%s", folder, name);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    if (strncmp(text, first, strlen(first)) != 0) {
        fail_msg("%s: found '%s', expected '%s'", path, text, first);
    }
    free(text);
}

static void three_files(void **state) {
    (void)state;
    const char *const arguments[] = {output,
                                     row[0],
                                     row[1],
                                     row[2],
                                     published,
                                     "--experiment=table1",
                                     "--datasets=training, generated,equilibrium",
                                     "--observables=action,M,chi2,xi",
                                     "--labels=Training (HMC)|Generated (DM)|Equilibrium",
                                     "--title=Table 1",
                                     NULL};
    assert_int_equal(run_stage(&stage_table, arguments, NULL), 0);
    expect_file("table.tsv", expected_tsv);
    expect_file("table.md", "# Table 1\n");
    expect_file("table.tex", "% needs \\usepackage{booktabs,siunitx}\n\\begin{table}\n");
    expect_file("table-macros.tex", "% A macro for every number");
    expect_file("table-tabular.tex", "% needs \\usepackage{booktabs,siunitx}\n% for a column of 89 mm");
}

static bool holds(const char *name, const char *text) {
    char path[192], *found;
    size_t size;
    struct error e;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_read(path, &found, &size, &e), STATUS_OK);
    const bool there = strstr(found, text) != NULL;
    free(found);
    return there;
}

/* The row of an ensemble out of equilibrium is marked, and no other row. */
static void marked(void **state) {
    (void)state;
    char other[176], path[160], young[200];
    write_unthermalised(folder, path);
    snprintf(young, sizeof young, "--rows=%s", path);
    snprintf(other, sizeof other, "--output=%s/marked", folder);
    const char *const arguments[] = {other,
                                     young,
                                     row[1],
                                     published,
                                     "--experiment=table1",
                                     "--datasets=a,b",
                                     "--observables=M,chi2",
                                     "--labels=Young|Old",
                                     "--remark=At a small scale",
                                     "--notes=One|Two",
                                     NULL};
    assert_int_equal(run_stage(&stage_table, arguments, NULL), 0);
    assert_true(holds("marked/table.md", "Young †") && holds("marked/table.md", "\n† not in equilibrium"));
    assert_true(holds("marked/table.md", "\nAt a small scale\n\nOne\n\nTwo\n\n†"));
    assert_true(holds("marked/table.tex", "Young $^\\dagger$") && !holds("marked/table.md", "Old †"));
    assert_false(holds("out/table.md", "†"));
}

static void no_published(void **state) {
    (void)state;
    char other[176];
    snprintf(other, sizeof other, "--output=%s/other", folder);
    const char *const arguments[] = {
        other, row[0], "--published=", "--experiment=table1", "--datasets=training", "--observables=M", NULL};
    assert_int_equal(run_stage(&stage_table, arguments, NULL), 0);
}

static void counts_do_not_fit(void **state) {
    (void)state;
    char other[176];
    snprintf(other, sizeof other, "--output=%s/bad", folder);
    expect_message(&stage_table,
                   (const char *const[]){other, row[0], row[1], "--experiment=table1", "--datasets=a,b,c", NULL}, 2,
                   "parameter datasets: found 3 names, expected 2, one for each input row");
    expect_message(
        &stage_table,
        (const char *const[]){other, row[0], row[1], "--experiment=table1", "--datasets=a,b", "--labels=A", NULL}, 2,
        "parameter labels: found 1 labels, expected 2, one per dataset");
    expect_message(&stage_table,
                   (const char *const[]){other, row[0], row[1], "--experiment=table1", "--datasets=a,a", NULL}, 2,
                   "parameter datasets: found 'a' twice");
    expect_message(&stage_table, (const char *const[]){other, row[0], "--experiment=table1", "--datasets=a b", NULL}, 2,
                   "parameter datasets: found 'a b', expected a name without blanks");
    expect_message(
        &stage_table,
        (const char *const[]){other, row[0], "--experiment=table1", "--datasets=a", "--observables=chi", NULL}, 2,
        "found 'chi', expected names of observables in the rows");
    expect_message(&stage_table, (const char *const[]){other, row[0], "--datasets=a", NULL}, 2, "experiment");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(three_files), cmocka_unit_test(marked),
                                       cmocka_unit_test(no_published), cmocka_unit_test(counts_do_not_fit)};
    return cmocka_run_group_tests(tests, prepare, test_folders_remove);
}
