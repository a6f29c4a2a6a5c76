/* The stage `domains` from command line to artifact: strips and bubbles, errors, bits, refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "tests/scratch.h"
#include "tests/stages/run_stage.h"

extern const struct stage stage_domains;

enum { N = 12, L = 4, V = L * L };

static char folder[64];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("domains"));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

/* Writes fields: the first `strips` configurations are half negative, the others have one negative site. */
static void write_fields(const char *name, int strips, int64_t chains, int64_t independent, float spoiled) {
    float phi[N * V];
    char path[128];
    struct npz_writer *w;
    struct error e;
    for (int i = 0; i < N * V; i++) {
        const int x = i % V;
        phi[i] = (i / V < strips ? x < V / 2 : x == 5) ? -4.8f : 4.8f;
    }
    phi[7] = spoiled != 0.0f ? spoiled : phi[7];
    snprintf(path, sizeof path, "%s/%s.npz", folder, name);
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "stage=ensemble\n", &e), STATUS_OK);
    assert_int_equal(npz_add(w, "phi", NPZ_FLOAT32, 3, (const size_t[]){N, L, L}, phi, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "kappa", 0.5, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "lambda", 0.022, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "chains", chains, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "independent", independent, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "thermalised", 0, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
}

static const char *argument(const char *name, const char *of) {
    static char text[4][160];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(text[turn], sizeof text[turn], strcmp(name, "fields") == 0 ? "--%s=%s/%s.npz" : "--%s=%s/%s", name, folder,
             of);
    return text[turn];
}

/* Runs the stage and reads values and errors of the two observables. */
static void measure(const char *name, const char *fields, const char *threads, double found[4], char digest[65]) {
    char path[160];
    struct npz *npz;
    const struct npz_array *values, *errors;
    struct error e;
    assert_int_equal(run_stage(&stage_domains,
                               (const char *[]){argument("fields", fields), argument("output", name), threads, NULL},
                               NULL),
                     0);
    snprintf(path, sizeof path, "%s/%s/artifact.npz", folder, name);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    assert_int_equal(npz_require(npz, "values", NPZ_FLOAT64, 1, &values, &e), STATUS_OK);
    assert_int_equal(npz_require(npz, "errors", NPZ_FLOAT64, 1, &errors, &e), STATUS_OK);
    assert_true(values->count == 2 && errors->count == 2);
    memcpy(found, values->data, 2 * sizeof *found);
    memcpy(found + 2, errors->data, 2 * sizeof *found);
    const struct npz_array *walls, *walled;
    assert_int_equal(npz_require(npz, "walls", NPZ_FLOAT64, 1, &walls, &e), STATUS_OK);
    assert_int_equal(npz_require(npz, "walled", NPZ_FLOAT64, 1, &walled, &e), STATUS_OK);
    assert_true(walls->count == N && walled->count == N);
    int64_t thermalised;
    assert_int_equal(npz_integer_or(npz, "thermalised", 1, &thermalised, &e), STATUS_OK);
    assert_int_equal(thermalised, 0);
    npz_free(npz);
    assert_int_equal(file_sha256(path, digest, &e), STATUS_OK);
}

/* A strip has 8 walls of 32 bonds, a bubble 4; the error of a fraction p of independent trials is
 * sqrt(p (1 - p)/(N - 1)). */
static void fractions(void **state) {
    (void)state;
    double found[4];
    char one[65], two[65];
    write_fields("some", 3, N, 1, 0.0f);
    measure("one", "some", "--threads=1", found, one);
    assert_true(fabs(found[0] - (3 * 0.25 + 9 * 0.125) / N) < 1e-15 && found[1] == 0.25);
    assert_true(fabs(found[3] - sqrt(0.25 * 0.75 / (N - 1))) < 1e-12);
    assert_true(fabs(found[2] - 0.125 * sqrt(0.25 * 0.75 / (N - 1))) < 1e-12);
    measure("two", "some", "--threads=2", found, two);
    assert_string_equal(one, two);

    /* three chains of four, one of them walled for three of its configurations: bins are chains */
    write_fields("chains", 3, 3, 0, 0.0f);
    measure("chains", "chains", "--threads=1", found, one);
    assert_true(found[1] == 0.25 && fabs(found[3] - 0.25) < 1e-12);

    write_fields("none", 0, N, 1, 0.0f);
    measure("none", "none", "--threads=1", found, one);
    assert_true(found[0] == 0.125 && found[1] == 0.0 && found[2] == 0.0 && found[3] == 1.0 / N);
}

/* If it changes, raise the version in stages/domains.c. */
static void digest(void **state) {
    (void)state;
    double found[4];
    char hex[65];
    assert_int_equal(stage_domains.version, 1);
    write_fields("digest", 5, 4, 0, 0.0f);
    measure("digest", "digest", "--threads=1", found, hex);
    sha256(found, sizeof found, hex);
    assert_string_equal(hex, "7e3356cb3f7c99ef4237f02839370756282cd513e5f04ed89a0993233cb5105b");
}

static void refusals(void **state) {
    (void)state;
    write_fields("nan", 3, N, 1, NAN);
    expect_message(&stage_domains, (const char *[]){argument("fields", "nan"), argument("output", "refused"), NULL}, 2,
                   "in configuration 0, expected finite numbers");
    write_fields("odd", 3, 5, 0, 0.0f);
    expect_message(&stage_domains, (const char *[]){argument("fields", "odd"), argument("output", "refused"), NULL}, 2,
                   "expected a divisor of the 12 configurations");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(fractions), cmocka_unit_test(digest),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
