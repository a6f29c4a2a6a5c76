/* The stage `observables` from command line to artifact: contents, errors, bits, refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/random.h"
#include "lattice/observables.h"
#include "stages/stage.h"
#include "statistics/gamma_method.h"
#include "statistics/jackknife.h"
#include "tests/scratch.h"

extern const struct stage stage_observables;

enum { N = 96, X = 6, Y = 4, V = X * Y };

static char folder[64];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("observables"));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

static void path_of(char path[128], const char *name, const char *file) {
    snprintf(path, 128, "%s/%s%s%s", folder, name, file[0] ? "/" : "", file);
}

/* An input artifact. Its fields are correlated normal numbers: phi_(i+1) = 0.6 phi_i + 0.8 z within a chain. */
struct given {
    const char *recipe;
    int64_t chains, independent;
    enum npz_type type;
    float first; /* replaces the first number, unless 0 */
};

static const struct given independent_fields = {"stage=sample\n", N, 1, NPZ_FLOAT32, 0.0f};
static const struct given chain_fields = {"stage=ensemble\n", 2, 0, NPZ_FLOAT32, 0.0f};

static void write_fields(const char *path, const struct given *given) {
    static float phi[N * V];
    static double copy[N * V];
    struct npz_writer *w;
    struct error e;
    const size_t shape[3] = {N, X, Y};
    for (size_t i = 0; i < N; i++) {
        float *field = phi + i * V;
        random_normal_float(random_key(4, "test", "fields"), i, 0, field, V);
        for (size_t x = 0; x < V && i % (size_t)(N / given->chains) > 0; x++) {
            field[x] = 0.6f * phi[(i - 1) * V + x] + 0.8f * field[x];
        }
    }
    if (given->first != 0.0f) {
        phi[0] = given->first;
    }
    for (size_t i = 0; i < N * V; i++) {
        copy[i] = (double)phi[i];
    }
    assert_int_equal(npz_create(path, &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", given->recipe, &e), STATUS_OK);
    assert_int_equal(npz_add(w, "phi", given->type, 3, shape, given->type == NPZ_FLOAT32 ? (void *)phi : copy, &e),
                     STATUS_OK);
    assert_int_equal(npz_add_real(w, "kappa", 0.18, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "lambda", 0.05, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "chains", given->chains, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "independent", given->independent, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
}

/* Runs the stage on `given` into folder/name with up to two more options; returns its exit status. */
static int run(const struct given *given, const char *name, const char *threads, const char *option) {
    char input[128], fields[160], output[160], threads_option[32];
    path_of(input, name, "fields.npz");
    path_of(output, name, "");
    struct error e;
    assert_int_equal(file_make_folder(output, &e), STATUS_OK);
    write_fields(input, given);
    snprintf(fields, sizeof fields, "--fields=%s", input);
    snprintf(output, sizeof output, "--output=%s/%s", folder, name);
    snprintf(threads_option, sizeof threads_option, "--threads=%s", threads);
    char program[] = "observables", quiet[] = "--quiet", more[64];
    snprintf(more, sizeof more, "%s", option ? option : "--quiet");
    char *argv[] = {program, fields, output, threads_option, quiet, more, NULL};
    return stage_main(&stage_observables, 6, argv);
}

static struct npz *output_of(const char *name, const char *file) {
    char path[128];
    struct npz *npz;
    struct error e;
    path_of(path, name, file);
    if (npz_read(path, &npz, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    return npz;
}

static struct npz *result(const char *name) {
    return output_of(name, "artifact.npz");
}

static const double *reals(const struct npz *npz, const char *name, size_t count) {
    const struct npz_array *array;
    struct error e;
    if (npz_require(npz, name, NPZ_FLOAT64, -1, &array, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    assert_int_equal(array->count, count);
    return array->data;
}

static void assert_text(const struct npz *npz, const char *name, const char *expected) {
    char *text;
    struct error e;
    assert_int_equal(npz_text(npz, name, &text, &e), STATUS_OK);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_close(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.17g, expected %.17g +- %.2g", found, expected, tolerance);
    }
}

static void test_independent_configurations(void **state) {
    (void)state;
    assert_int_equal(run(&independent_fields, "independent", "2", NULL), 0);
    struct npz *npz = result("independent");
    assert_text(npz, "error_method", "jackknife");
    const struct npz_array *names = npz_find(npz, "names"), *propagator = npz_find(npz, "propagator");
    assert_non_null(names);
    assert_int_equal(names->count, OBSERVABLES);
    assert_int_equal(names->item_size, strlen("mean_abs_phi"));
    assert_memory_equal(names->data, "M\0\0\0\0\0\0\0\0\0\0\0chi2", 16);
    assert_non_null(propagator);
    assert_int_equal(propagator->dimensions, 2);
    assert_int_equal(propagator->shape[0], X);
    assert_int_equal(propagator->shape[1], Y);
    const double *values = reals(npz, "values", OBSERVABLES), *errors = reals(npz, "errors", OBSERVABLES);
    const double *tau = reals(npz, "tau_int", OBSERVABLES), *tau_error = reals(npz, "tau_int_error", OBSERVABLES);
    const double *M = reals(npz, "M", N), *abs_M = reals(npz, "abs_M", N), *action = reals(npz, "action", N);
    const double *g = reals(npz, "propagator", V), *g_error = reals(npz, "propagator_error", V);
    double mean = 0.0, M2 = 0.0, squares = 0.0, action_mean = 0.0, g_sum = 0.0;
    for (size_t i = 0; i < N; i++) {
        mean += M[i] / N;
        M2 += M[i] * M[i] / N;
        action_mean += action[i] / N;
        assert_close(abs_M[i], fabs(M[i]), 0.0);
    }
    for (size_t i = 0; i < N; i++) {
        squares += (M[i] - mean) * (M[i] - mean);
    }
    for (size_t p = 0; p < V; p++) {
        g_sum += g[p] / V;
        assert_true(g_error[p] > 0.0);
    }
    assert_close(values[OBSERVABLE_M], mean, 1e-15);
    assert_close(errors[OBSERVABLE_M], sqrt(squares / (N * (N - 1.0))), 1e-15);
    assert_close(values[OBSERVABLE_CHI2], V * (M2 - mean * mean), 1e-13);
    assert_close(values[OBSERVABLE_ACTION], action_mean, 1e-13);
    assert_close(g[0], V * M2, 1e-13);
    assert_close(g_sum, values[OBSERVABLE_PHI2], 1e-13);
    /* white noise: chi2 = 1, U_L = 0, phi2 = 1, and S/V = (1 - 2 lambda) + 3 lambda */
    const double expected[OBSERVABLES] = {0.0, 1.0, 0.0, 0.0, sqrt(2.0 / M_PI), 1.0, 1.05, 0.0, 0.0};
    for (int k = 0; k < OBSERVABLES; k++) {
        assert_close(tau[k], 0.5, 0.0);
        assert_close(tau_error[k], 0.0, 0.0);
        if (k == OBSERVABLE_ABS_M || k == OBSERVABLE_VIRIAL || k == OBSERVABLE_XI) {
            continue;
        }
        assert_true(errors[k] > 0.0);
        assert_close(values[k], expected[k], 4.0 * errors[k]);
    }
    npz_free(npz);
}

/* Errors of chains are from the Gamma method, or from a jackknife over chains or over bins. */
static void test_chains(void **state) {
    (void)state;
    const struct estimator the_mean = {.values = 1};
    struct gamma_result expected;
    struct error e;
    double value, error;
    assert_int_equal(run(&chain_fields, "gamma", "2", "--window=1.5"), 0);
    struct npz *npz = result("gamma");
    assert_text(npz, "error_method", "gamma");
    struct series series = {reals(npz, "action", N), 1, N, 2};
    assert_int_equal(gamma_method(&series, &the_mean, 1.5, &expected, &e), STATUS_OK);
    assert_close(reals(npz, "values", OBSERVABLES)[OBSERVABLE_ACTION], expected.value, 1e-14);
    assert_close(reals(npz, "errors", OBSERVABLES)[OBSERVABLE_ACTION], expected.error, 1e-13);
    assert_close(reals(npz, "tau_int", OBSERVABLES)[OBSERVABLE_ACTION], expected.tau_int, 1e-12);
    assert_close(reals(npz, "tau_int_error", OBSERVABLES)[OBSERVABLE_ACTION], expected.tau_int_error, 1e-12);
    assert_true(reals(npz, "tau_int", OBSERVABLES)[OBSERVABLE_M] > 1.0); /* (1 + 0.6)/(2 (1 - 0.6)) = 2 */
    npz_free(npz);

    assert_int_equal(run(&chain_fields, "blocks", "2", "--method=jackknife"), 0);
    npz = result("blocks");
    assert_text(npz, "error_method", "jackknife");
    series.data = reals(npz, "M", N);
    assert_int_equal(jackknife(&series, &the_mean, 2, &value, &error, &e), STATUS_OK);
    assert_close(reals(npz, "errors", OBSERVABLES)[OBSERVABLE_M], error, 1e-14);
    assert_true(isnan(reals(npz, "tau_int", OBSERVABLES)[OBSERVABLE_M]));
    npz_free(npz);
}

/* 24 chains of 4 configurations are too short for any window: errors are from a jackknife over chains, without
 * autocorrelation times. With fewer chains the errors of the Gamma method are kept. */
static void test_open_windows(void **state) {
    (void)state;
    const struct estimator the_mean = {.values = 1};
    struct given given = chain_fields;
    struct gamma_result open;
    struct error e;
    double value, error;
    given.chains = 24;
    assert_int_equal(run(&given, "open", "2", NULL), 0);
    struct npz *npz = result("open");
    assert_text(npz, "error_method", "gamma");
    const struct series series = {reals(npz, "M", N), 1, N, 24};
    assert_int_equal(gamma_method(&series, &the_mean, 2.0, &open, &e), STATUS_OK);
    assert_false(open.closed);
    assert_int_equal(jackknife(&series, &the_mean, 24, &value, &error, &e), STATUS_OK);
    assert_close(reals(npz, "errors", OBSERVABLES)[OBSERVABLE_M], error, 1e-14);
    assert_true(isnan(reals(npz, "tau_int", OBSERVABLES)[OBSERVABLE_M]));
    npz_free(npz);
    given.chains = 12;
    assert_int_equal(run(&given, "few", "2", NULL), 0);
    npz = result("few");
    const struct series few = {reals(npz, "M", N), 1, N, 12};
    assert_int_equal(gamma_method(&few, &the_mean, 2.0, &open, &e), STATUS_OK);
    assert_false(open.closed);
    assert_close(reals(npz, "errors", OBSERVABLES)[OBSERVABLE_M], open.error, 1e-13);
    assert_true(isnan(reals(npz, "tau_int", OBSERVABLES)[OBSERVABLE_M]));
    npz_free(npz);
}

/* The file beside the artifact has all series and the layout of the chains, from which other programs can compute the
 * same errors: here U_L, with its exact gradient, by projection on the series of M^2 and M^4. */
static void test_series(void **state) {
    (void)state;
    enum { PRIMARIES = PRIMARY_FIRST_MODE + 2 };
    assert_int_equal(run(&chain_fields, "series", "2", NULL), 0);
    assert_int_equal(run(&chain_fields, "exact", "2", "--gradient=exact"), 0);
    struct npz *npz = result("series"), *exact = result("exact"), *series = output_of("exact", "series.npz");
    const double *all = reals(series, "series", PRIMARIES * N);
    assert_memory_equal(all, reals(npz, "M", N), N * sizeof *all);
    assert_memory_equal(all + PRIMARY_ACTION * N, reals(npz, "action", N), N * sizeof *all);
    const struct npz_array *names = npz_find(series, "primaries"), *lattice = npz_find(series, "lattice");
    assert_int_equal(names->count, PRIMARIES);
    assert_string_equal((const char *)names->data + PRIMARY_M4 * names->item_size, "M4");
    assert_memory_equal((const char *)names->data + (PRIMARIES - 1) * names->item_size, "G2", 2);
    assert_true(((const int64_t *)lattice->data)[0] == X && ((const int64_t *)lattice->data)[1] == Y);
    assert_true(*(const int64_t *)npz_find(series, "chains")->data == 2);
    assert_true(*(const int64_t *)npz_find(series, "independent")->data == 0);
    assert_true(*(const int64_t *)npz_find(series, "thermalised")->data == 1);
    assert_true(reals(series, "kappa", 1)[0] == 0.18 && reals(series, "lambda", 1)[0] == 0.05);

    const struct estimator the_mean = {.values = 1};
    struct gamma_result expected;
    struct error e;
    double M2 = 0, M4 = 0, projected[N];
    for (size_t i = 0; i < N; i++) {
        M2 += all[PRIMARY_M2 * N + i] / N;
        M4 += all[PRIMARY_M4 * N + i] / N;
    }
    for (size_t i = 0; i < N; i++) {
        projected[i] = 2 * M4 / (3 * M2 * M2 * M2) * all[PRIMARY_M2 * N + i] - all[PRIMARY_M4 * N + i] / (3 * M2 * M2);
    }
    assert_int_equal(gamma_method(&(struct series){projected, 1, N, 2}, &the_mean, 2.0, &expected, &e), STATUS_OK);
    const double *errors = reals(exact, "errors", OBSERVABLES), *near = reals(npz, "errors", OBSERVABLES);
    assert_close(errors[OBSERVABLE_U_L], expected.error, 1e-12 * expected.error);
    assert_memory_equal(reals(exact, "values", OBSERVABLES), reals(npz, "values", OBSERVABLES),
                        OBSERVABLES * sizeof(double));
    for (int k = 0; k < OBSERVABLE_XI; k++) { /* white noise has no xi */
        assert_close(errors[k], near[k], (k == OBSERVABLE_U_L ? 0.2 : 1e-12) * near[k]);
    }
    assert_true(errors[OBSERVABLE_U_L] != near[OBSERVABLE_U_L]);
    npz_free(npz);
    npz_free(exact);
    npz_free(series);
}

/* With `first`, results are those of an ensemble of the first configurations alone. */
static void test_first(void **state) {
    (void)state;
    assert_int_equal(run(&independent_fields, "all", "2", NULL), 0);
    assert_int_equal(run(&independent_fields, "first", "2", "--first=20"), 0);
    struct npz *all = result("all"), *first = result("first");
    const double *M = reals(first, "M", 20);
    assert_memory_equal(M, reals(all, "M", N), 20 * sizeof *M);
    double mean = 0, squares = 0;
    for (size_t i = 0; i < 20; i++) {
        mean += M[i] / 20;
    }
    for (size_t i = 0; i < 20; i++) {
        squares += (M[i] - mean) * (M[i] - mean);
    }
    assert_close(reals(first, "values", OBSERVABLES)[OBSERVABLE_M], mean, 1e-15);
    assert_close(reals(first, "errors", OBSERVABLES)[OBSERVABLE_M], sqrt(squares / (20 * 19)), 1e-15);
    npz_free(all);
    npz_free(first);
    assert_int_equal(run(&chain_fields, "refused", "2", "--first=20"), 2);
    assert_int_equal(run(&independent_fields, "refused", "2", "--first=100000"), 2);
}

/* The file is the same for 1, 2 and 3 threads, and has this digest: if it changes, raise the stage's version. */
static void test_same_bits(void **state) {
    (void)state;
    const struct given *given[2] = {&independent_fields, &chain_fields};
    const char *const digests[2] = {
        "2017295332e4728e3f2df575d7ff6af6f9cee4908ecddc32c76feb3027f90385",
        "0f0c62e93249e3205d2fc21a8b111d0c8bdd1dedfe9f5a26845ee2c48cd0914a",
    };
    const char *const of_series[2] = {
        "c0bce9b85ad2b2fb56286198f67800bf969e80001fbddc60b2d4c85d793a66b8",
        "00fd825f9170a1b046102853a6f43561906c5b8c1e880b90603cdb22e1e9ad30",
    };
    for (int i = 0; i < 2; i++) {
        for (char threads[2] = "1"; threads[0] <= '3'; threads[0]++) {
            char name[32], path[128], hex[65];
            struct error e;
            snprintf(name, sizeof name, "bits-%d-%s", i, threads);
            assert_int_equal(run(given[i], name, threads, NULL), 0);
            path_of(path, name, "artifact.npz");
            assert_int_equal(file_sha256(path, hex, &e), STATUS_OK);
            assert_string_equal(hex, digests[i]);
            path_of(path, name, "series.npz");
            assert_int_equal(file_sha256(path, hex, &e), STATUS_OK);
            assert_string_equal(hex, of_series[i]);
        }
    }
    assert_int_equal(stage_observables.version, 3);
}

/* Fields in double precision give the same numbers. */
static void test_double_precision(void **state) {
    (void)state;
    struct given given = independent_fields;
    assert_int_equal(run(&given, "single", "1", NULL), 0);
    given.type = NPZ_FLOAT64;
    assert_int_equal(run(&given, "double", "1", NULL), 0);
    struct npz *a = result("single"), *b = result("double");
    assert_memory_equal(reals(a, "values", OBSERVABLES), reals(b, "values", OBSERVABLES), OBSERVABLES * sizeof(double));
    assert_memory_equal(reals(a, "propagator", V), reals(b, "propagator", V), V * sizeof(double));
    npz_free(a);
    npz_free(b);
}

static void assert_refused(const struct given *given, const char *name, const char *option) {
    char path[128];
    assert_int_equal(run(given, name, "1", option), STATUS_BAD_INPUT);
    path_of(path, name, "artifact.npz");
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_bad_input(void **state) {
    (void)state;
    struct given given = independent_fields;
    given.first = NAN;
    assert_refused(&given, "not-finite", NULL);
    given = independent_fields;
    given.recipe = "stage=train\n";
    assert_refused(&given, "foreign", NULL);
    given = chain_fields;
    given.independent = 2;
    assert_refused(&given, "neither", NULL);
    given = chain_fields;
    given.chains = 36; /* does not divide 96 */
    assert_refused(&given, "chains", NULL);
    given.chains = 48; /* chains of 2 configurations are too short for the Gamma method */
    assert_refused(&given, "short", NULL);
    assert_refused(&chain_fields, "one-bin", "--bins=1");
    assert_refused(&independent_fields, "many-bins", "--bins=97");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_independent_configurations),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_open_windows),
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_double_precision),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
