/* Made-up artifacts of observables for tests of tables and figures. */
#ifndef DMSQ_TESTS_REPORT_ARTIFACTS_H
#define DMSQ_TESTS_REPORT_ARTIFACTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/estimates.h"
#include "store/npz.h"
#include "tests/scratch.h"

static char test_folders[32][128];
static size_t test_folder_count;

/* Makes an empty folder build/tmp/NAME-XXXXXX, which test_folders_remove removes. */
static inline void test_folder(const char *name, char folder[128]) {
    assert_true(test_folder_count < sizeof test_folders / sizeof test_folders[0]);
    snprintf(folder, 128, "%s", scratch_folder(name));
    strcpy(test_folders[test_folder_count++], folder);
}

/* Teardown of a group of tests. */
static inline int test_folders_remove(void **state) {
    (void)state;
    while (test_folder_count > 0) {
        scratch_remove(test_folders[--test_folder_count]);
    }
    return 0;
}

/* Writes the first `count` of the observables M, chi2, action, xi on a 4x4 lattice, of a chain if tau is positive.
 * `series` is M of each configuration. */
static inline void write_observables(const char *path, size_t count, const double *values, const double *errors,
                                     double tau, const double *series, size_t configurations, int64_t thermalised) {
    static const char *const names[] = {"M", "chi2", "action", "xi"};
    double taus[4], tau_errors[4], propagator[16] = {0};
    struct npz_writer *w;
    struct error e;
    for (size_t i = 0; i < count; i++) {
        taus[i] = tau > 0 ? tau : 0.5;
        tau_errors[i] = tau > 0 ? tau / 10 : 0;
    }
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "stage=observables\nversion=1\n", &e), STATUS_OK);
    const struct estimates rows = {
        count, names, values, errors, taus, tau_errors, tau > 0 ? "gamma" : "jackknife", configurations, NULL};
    assert_int_equal(estimates_add(&rows, w, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "thermalised", thermalised, &e), STATUS_OK);
    assert_int_equal(npz_add_reals(w, "M", series, configurations, &e), STATUS_OK);
    assert_int_equal(npz_add(w, "propagator", NPZ_FLOAT64, 2, (const size_t[]){4, 4}, propagator, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
}

/* The rows for tests of tables: training, generated, equilibrium (a chain, and the only one with xi). */
static inline void write_rows(const char *folder, char path[3][160]) {
    static const double values[3][4] = {
        {0.0012, 2.5160, 0.4758, 0}, {-0.00004, 1.81, 0.6070, 0}, {0.00002, 2.5906, 0.475848, 1.2171}};
    static const double errors[3][4] = {
        {0.0007, 0.0457, 0.0014, 0}, {0.0015, 0.16, 0.0070, 0}, {0.00007, 0.0025, 0.000007, 0.0031}};
    static const double series[6] = {-0.5, -0.25, 0.0, 0.0, 0.25, 0.5};
    static const char *const name[3] = {"training", "generated", "equilibrium"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path[i], 160, "%s/%s.npz", folder, name[i]);
        write_observables(path[i], i == 2 ? 4 : 3, values[i], errors[i], i == 2 ? 4.1 : 0, series, 6, 1);
    }
}

/* The first row, but from an ensemble that failed its thermalisation tests. */
static inline void write_unthermalised(const char *folder, char path[160]) {
    static const double values[3] = {0.0012, 2.5160, 0.4758}, errors[3] = {0.0007, 0.0457, 0.0014},
                        series[6] = {-0.5, -0.25, 0.0, 0.0, 0.25, 0.5};
    snprintf(path, 160, "%s/unthermalised.npz", folder);
    write_observables(path, 3, values, errors, 0, series, 6, 0);
}

/* Published values for these rows: of generated, chi2 with an error and M without. */
static inline void write_published(const char *folder, char path[160]) {
    static const char text[] = "# a comment\n"
                               "experiment\tdataset\tobservable\tvalue\terror\tsource\n"
                               "table1\tgenerated\tchi2\t2.4227\t0.1035\tA Table 1\n"
                               "table1\tgenerated\tM\t0.0017\t\tno error given\n"
                               "table2\ttraining\tM\t5\t1\tanother experiment\n";
    struct error e;
    snprintf(path, 160, "%s/published.tsv", folder);
    assert_int_equal(file_write(path, text, sizeof text - 1, &e), STATUS_OK);
}

static const char expected_tsv[] = "dataset\tobservable\tvalue\terror\tpublished\tpublished_error\tpull\n"
                                   "training\tM\t0.0012\t0.0007\t\t\t\n"
                                   "training\tchi2\t2.516\t0.0457\t\t\t\n"
                                   "generated\tM\t-4e-05\t0.0015\t0.0017\t\t\n"
                                   "generated\tchi2\t1.81\t0.16\t2.4227\t0.1035\t-3.215298519\n"
                                   "equilibrium\tM\t2e-05\t7e-05\t\t\t\n"
                                   "equilibrium\tchi2\t2.5906\t0.0025\t\t\t\n"
                                   "training\taction\t0.4758\t0.0014\t\t\t\n"
                                   "generated\taction\t0.607\t0.007\t\t\t\n"
                                   "equilibrium\taction\t0.475848\t7e-06\t\t\t\n"
                                   "equilibrium\txi\t1.2171\t0.0031\t\t\t\n";

#endif
