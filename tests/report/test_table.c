/* Tables of made-up rows, byte for byte: report/table.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/table.h"
#include "tests/report/artifacts.h"

struct set {
    struct npz *npz[3];
    struct table_row row[3];
    struct published *published;
    struct report_list observables;
};

static int open_set(void **state) {
    static const char *const dataset[] = {"training", "generated", "equilibrium"};
    static const char *const label[] = {"Training (HMC)", "Generated (DM)", "Equilibrium"};
    char folder[128], path[3][160], published[160];
    struct set *set = calloc(1, sizeof *set);
    struct error e = {0};
    test_folder("table", folder);
    write_rows(folder, path);
    write_published(folder, published);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(npz_read(path[i], &set->npz[i], &e), STATUS_OK);
        if (table_row_read(set->npz[i], dataset[i], label[i], &set->row[i], &e) != STATUS_OK) {
            fail_msg("%s", e.message);
        }
    }
    assert_int_equal(published_read(published, &set->published, &e), STATUS_OK);
    assert_int_equal(report_split("action,M,chi2,xi", ',', &set->observables, &e), STATUS_OK);
    *state = set;
    return 0;
}

static int close_set(void **state) {
    struct set *set = *state;
    for (size_t i = 0; i < 3; i++) {
        table_row_free(&set->row[i]);
        npz_free(set->npz[i]);
    }
    published_free(set->published);
    report_list_free(&set->observables);
    free(set);
    return 0;
}

enum format { TSV, MARKDOWN, LATEX, MACROS };

static void expect(const struct table *table, enum format format, const char *expected) {
    char *text;
    size_t size;
    struct error e;
    FILE *out = open_memstream(&text, &size);
    if (format == TSV) {
        table_write_tsv(table, out);
    } else if (format == MARKDOWN) {
        assert_int_equal(table_write_markdown(table, out, &e), STATUS_OK);
    } else {
        (format == LATEX ? table_write_latex : table_write_macros)(table, out);
    }
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static const char expected_markdown[] =
    "# Table 1\n"
    "\n"
    "A number in brackets is the error (one standard deviation) of the last digits.\n"
    "\n"
    "Published observables; pull = (ours - published) / combined error:\n"
    "\n"
    "| data set       |            M |       chi2 |\n"
    "|:---------------|-------------:|-----------:|\n"
    "| Training (HMC) |  0.00120(70) |  2.516(46) |\n"
    "| Generated (DM) |   0.0000(15) |   1.81(16) |\n"
    "| - published    |       0.0017 |   2.42(10) |\n"
    "| - pull         |              |       -3.2 |\n"
    "| Equilibrium    | 0.000020(70) | 2.5906(25) |\n"
    "\n"
    "Further observables:\n"
    "\n"
    "| data set       |        action |         xi |\n"
    "|:---------------|--------------:|-----------:|\n"
    "| Training (HMC) |    0.4758(14) |            |\n"
    "| Generated (DM) |    0.6070(70) |            |\n"
    "| Equilibrium    | 0.4758480(70) | 1.2171(31) |\n"
    "\n"
    "Pull against the equilibrium run, (value - equilibrium) / combined error:\n"
    "\n"
    "| data set       |    M | chi2 | action | xi |\n"
    "|:---------------|-----:|-----:|-------:|---:|\n"
    "| Training (HMC) | +1.7 | -1.6 |   +0.0 |    |\n"
    "| Generated (DM) | +0.0 | -4.9 |  +18.7 |    |\n"
    "\n"
    "Statistics:\n"
    "\n"
    "| data set       | configurations | errors    |\n"
    "|:---------------|---------------:|:----------|\n"
    "| Training (HMC) |              6 | jackknife |\n"
    "| Generated (DM) |              6 | jackknife |\n"
    "| Equilibrium    |              6 | gamma     |\n"
    "\n"
    "Integrated autocorrelation times of the chains, in units of stored configurations:\n"
    "\n"
    "| data set    |        M |     chi2 |   action |       xi |\n"
    "|:------------|---------:|---------:|---------:|---------:|\n"
    "| Equilibrium | 4.10(41) | 4.10(41) | 4.10(41) | 4.10(41) |\n"
    "\n"
    "- `M`: mean of the field over the sites\n"
    "- `chi2`: two-point susceptibility, `V(<M^2> - <M>^2)`\n"
    "- `action`: action per site\n"
    "- `xi`: second-moment correlation length in lattice units; nan where G(0) < G(p) at the smallest p\n"
    "\n"
    "First note.\n"
    "\n"
    "50% & more.\n";

static const char expected_latex[] = "% needs \\usepackage{booktabs,siunitx}\n"
                                     "\\begin{table}\n"
                                     "\\centering\n"
                                     "\\caption{Table 1, $\\phi^{4}$ at $\\kappa$ = 0.21. A number in brackets is the "
                                     "error (one standard deviation) of the last "
                                     "digits; pull: the difference to the published value in units of the combined "
                                     "error, or to the run in equilibrium.}\n"
                                     "\\label{tab:table1-M}\n"
                                     "\\par\\smallskip\n"
                                     "\\footnotesize\n"
                                     "\\setlength{\\tabcolsep}{3pt}\n"
                                     "\\sisetup{retain-explicit-plus}\n"
                                     "\\begin{tabular}{@{}lS[table-format=+1.6(2)]S[table-format=+1.4(2)]@{}}\n"
                                     "\\toprule\n"
                                     " & {$\\langle M\\rangle$} & {$\\chi_2$} \\\\\n"
                                     "\\midrule\n"
                                     "\\multicolumn{3}{@{}l@{}}{Training (HMC)} \\\\*\n"
                                     "\\quad this work & 0.00120(70) & 2.516(46) \\\\\n"
                                     "\\quad pull on equilibrium & +1.7 & -1.6 \\\\\n"
                                     "\\addlinespace[2pt]\n"
                                     "\\multicolumn{3}{@{}l@{}}{Generated (DM)} \\\\*\n"
                                     "\\quad this work & 0.0000(15) & 1.81(16) \\\\\n"
                                     "\\quad published & 0.0017 & 2.42(10) \\\\\n"
                                     "\\quad pull & & -3.2 \\\\\n"
                                     "\\quad pull on equilibrium & +0.0 & -4.9 \\\\\n"
                                     "\\addlinespace[2pt]\n"
                                     "\\multicolumn{3}{@{}l@{}}{Equilibrium} \\\\*\n"
                                     "\\quad this work & 0.000020(70) & 2.5906(25) \\\\\n"
                                     "\\bottomrule\n"
                                     "\\end{tabular}\n"
                                     "\n"
                                     "\\medskip\n"
                                     "\\begin{tabular}{@{}lS[table-format=+2.7(2)]S[table-format=1.4(2)]@{}}\n"
                                     "\\toprule\n"
                                     " & {$\\langle S\\rangle/V$} & {$\\xi$} \\\\\n"
                                     "\\midrule\n"
                                     "\\multicolumn{3}{@{}l@{}}{Training (HMC)} \\\\*\n"
                                     "\\quad this work & 0.4758(14) & \\\\\n"
                                     "\\quad pull on equilibrium & +0.0 & \\\\\n"
                                     "\\addlinespace[2pt]\n"
                                     "\\multicolumn{3}{@{}l@{}}{Generated (DM)} \\\\*\n"
                                     "\\quad this work & 0.6070(70) & \\\\\n"
                                     "\\quad pull on equilibrium & +18.7 & \\\\\n"
                                     "\\addlinespace[2pt]\n"
                                     "\\multicolumn{3}{@{}l@{}}{Equilibrium} \\\\*\n"
                                     "\\quad this work & 0.4758480(70) & 1.2171(31) \\\\\n"
                                     "\\bottomrule\n"
                                     "\\end{tabular}\n"
                                     "\n"
                                     "\\medskip\n"
                                     "\\parbox{\\linewidth}{\\raggedright First note. 50\\% \\& more.}\n"
                                     "\\end{table}\n";

static void all_formats(void **state) {
    struct set *set = *state;
    struct table table;
    struct error e;
    assert_int_equal(table_new("Table 1", "First note.|50% & more.", "table1", set->row, 3, &set->observables,
                               set->published, &table, &e),
                     STATUS_OK);
    assert_int_equal(table.published, 2);
    assert_int_equal(table.matched, 2);
    expect(&table, TSV, expected_tsv);
    expect(&table, MARKDOWN, expected_markdown);
    table.title = "Table 1, phi^4 at kappa = 0.21";
    expect(&table, LATEX, expected_latex);
    expect(&table, MACROS,
           "% A macro for every number: \\dmsq, then experiment, data set and observable; Published, Pull and "
           "PullEquilibrium\n"
           "% behind it: the published value, and the differences to it and to the run in equilibrium in units of the "
           "combined error.\n"
           "\\newcommand{\\dmsqTableOneTrainingM}{\\ensuremath{0.00120(70)}}\n"
           "\\newcommand{\\dmsqTableOneTrainingMPullEquilibrium}{\\ensuremath{+1.7}}\n"
           "\\newcommand{\\dmsqTableOneTrainingChiTwo}{\\ensuremath{2.516(46)}}\n"
           "\\newcommand{\\dmsqTableOneTrainingChiTwoPullEquilibrium}{\\ensuremath{-1.6}}\n"
           "\\newcommand{\\dmsqTableOneTrainingAction}{\\ensuremath{0.4758(14)}}\n"
           "\\newcommand{\\dmsqTableOneTrainingActionPullEquilibrium}{\\ensuremath{+0.0}}\n"
           "\\newcommand{\\dmsqTableOneGeneratedM}{\\ensuremath{0.0000(15)}}\n"
           "\\newcommand{\\dmsqTableOneGeneratedMPublished}{\\ensuremath{0.0017}}\n"
           "\\newcommand{\\dmsqTableOneGeneratedMPullEquilibrium}{\\ensuremath{+0.0}}\n"
           "\\newcommand{\\dmsqTableOneGeneratedChiTwo}{\\ensuremath{1.81(16)}}\n"
           "\\newcommand{\\dmsqTableOneGeneratedChiTwoPublished}{\\ensuremath{2.42(10)}}\n"
           "\\newcommand{\\dmsqTableOneGeneratedChiTwoPull}{\\ensuremath{-3.2}}\n"
           "\\newcommand{\\dmsqTableOneGeneratedChiTwoPullEquilibrium}{\\ensuremath{-4.9}}\n"
           "\\newcommand{\\dmsqTableOneGeneratedAction}{\\ensuremath{0.6070(70)}}\n"
           "\\newcommand{\\dmsqTableOneGeneratedActionPullEquilibrium}{\\ensuremath{+18.7}}\n"
           "\\newcommand{\\dmsqTableOneEquilibriumM}{\\ensuremath{0.000020(70)}}\n"
           "\\newcommand{\\dmsqTableOneEquilibriumChiTwo}{\\ensuremath{2.5906(25)}}\n"
           "\\newcommand{\\dmsqTableOneEquilibriumAction}{\\ensuremath{0.4758480(70)}}\n"
           "\\newcommand{\\dmsqTableOneEquilibriumXi}{\\ensuremath{1.2171(31)}}\n");
    table_free(&table);
}

/* Without published values and equilibrium run there are no columns for them. */
static void nothing_to_compare(void **state) {
    struct set *set = *state;
    struct table table;
    struct report_list observables;
    struct error e;
    assert_int_equal(report_split("chi2", ',', &observables, &e), STATUS_OK);
    assert_int_equal(table_new("", "", "none", set->row, 1, &observables, NULL, &table, &e), STATUS_OK);
    expect(&table, TSV,
           "dataset\tobservable\tvalue\terror\tpublished\tpublished_error\tpull\n"
           "training\tchi2\t2.516\t0.0457\t\t\t\n");
    expect(&table, MARKDOWN,
           "A number in brackets is the error (one standard deviation) of the last digits.\n\nObservables:\n\n"
           "| data set       |      chi2 |\n|:---------------|----------:|\n| Training (HMC) | 2.516(46) |\n"
           "\nStatistics:\n\n"
           "| data set       | configurations | errors    |\n|:---------------|---------------:|:----------|\n"
           "| Training (HMC) |              6 | jackknife |\n"
           "\n- `chi2`: two-point susceptibility, `V(<M^2> - <M>^2)`\n");
    table_free(&table);
    report_list_free(&observables);
}

/* A missing autocorrelation time is stated. */
static void open_window(void **state) {
    struct set *set = *state;
    const double tau[] = {4.1, NAN, 4.1, 4.1};
    struct table table;
    struct report_list observables;
    struct error e;
    set->row[2].estimates.tau_int = tau;
    assert_int_equal(report_split("M,chi2", ',', &observables, &e), STATUS_OK);
    assert_int_equal(table_new("", "", "none", set->row + 2, 1, &observables, NULL, &table, &e), STATUS_OK);
    expect(
        &table, MARKDOWN,
        "A number in brackets is the error (one standard deviation) of the last digits.\n\nObservables:\n\n"
        "| data set    |            M |       chi2 |\n|:------------|-------------:|-----------:|\n"
        "| Equilibrium | 0.000020(70) | 2.5906(25) |\n"
        "\nStatistics:\n\n"
        "| data set    | configurations | errors    |\n|:------------|---------------:|:----------|\n"
        "| Equilibrium |              6 | gamma     |\n"
        "\nIntegrated autocorrelation times of the chains, in units of stored configurations:\n\n"
        "| data set    |        M | chi2 |\n|:------------|---------:|-----:|\n"
        "| Equilibrium | 4.10(41) | open |\n"
        "\nopen: the window of the Gamma method does not close, and the error is that of a jackknife over chains, or, "
        "with fewer than 16 of them, too small.\n"
        "\n- `M`: mean of the field over the sites\n"
        "- `chi2`: two-point susceptibility, `V(<M^2> - <M>^2)`\n");
    table_free(&table);
    report_list_free(&observables);
}

static void unknown_observable(void **state) {
    struct set *set = *state;
    struct table table;
    struct report_list observables;
    struct error e;
    assert_int_equal(report_split("M,chi", ',', &observables, &e), STATUS_OK);
    assert_int_equal(table_new("", "", "none", set->row, 3, &observables, NULL, &table, &e), STATUS_BAD_INPUT);
    assert_string_equal(
        e.message, "parameter observables: found 'chi', expected names of observables in the rows (M, chi2, action)");
    report_list_free(&observables);
    assert_int_equal(report_split("M,chi2,M", ',', &observables, &e), STATUS_OK);
    assert_int_equal(table_new("", "", "none", set->row, 3, &observables, NULL, &table, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "parameter observables: found 'M' twice");
    report_list_free(&observables);
}

/* An artifact with inconsistent arrays, and one of another kind. */
static void foreign_artifact(void **state) {
    (void)state;
    static const char *const names[] = {"M", "chi2"};
    static const double values[] = {1, 2, 3};
    char folder[128], path[160];
    struct npz_writer *w;
    struct npz *npz;
    struct table_row row;
    struct error e = {0};
    test_folder("table", folder);
    snprintf(path, sizeof path, "%s/a.npz", folder);
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_texts(w, "names", names, 2, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "values", values, 3, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "error_method", "jackknife", &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "configurations", 6, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    assert_int_equal(table_row_read(npz, "a", "a", &row, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "a.npz: member values: found 3 values, expected 2"));
    npz_free(npz);
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "phi", values, 3, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    assert_int_equal(table_row_read(npz, "a", "a", &row, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "names"));
    npz_free(npz);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_formats, open_set, close_set),
        cmocka_unit_test_setup_teardown(nothing_to_compare, open_set, close_set),
        cmocka_unit_test_setup_teardown(open_window, open_set, close_set),
        cmocka_unit_test_setup_teardown(unknown_observable, open_set, close_set),
        cmocka_unit_test(foreign_artifact),
    };
    return cmocka_run_group_tests(tests, NULL, test_folders_remove);
}
