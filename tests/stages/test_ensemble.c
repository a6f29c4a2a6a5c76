/* The stage `ensemble` from command line to artifact: contents, bits for any number of threads, digests that tie the
 * bits to the stage's version, parts, interrupted runs, refusals. */
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
#include "lattice/action.h"
#include "stages/stage.h"
#include "tests/scratch.h"
#include "tests/stages/interrupted.h"

extern const struct stage stage_ensemble;

static char folder[64];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("ensemble"));
    snprintf(root, sizeof root, "%s", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

/* Runs the stage into folder/name and opens its artifact. */
static struct npz *run(const char *name, const char *const *arguments) {
    char output[128], ledger[128], path[160];
    const char *all[32] = {output, ledger};
    snprintf(output, sizeof output, "--output=%s/%s", folder, name);
    snprintf(ledger, sizeof ledger, "--ledger=%s/ledger.sqlite", folder);
    size_t n = 2;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        all[n++] = arguments[i];
    }
    assert_int_equal(run_stage(&stage_ensemble, all, NULL), 0);
    snprintf(path, sizeof path, "%s/%s/artifact.npz", folder, name);
    struct npz *npz;
    struct error e;
    if (npz_read(path, &npz, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    return npz;
}

static const struct npz_array *member(const struct npz *npz, const char *name, enum npz_type type, int dimensions) {
    const struct npz_array *array = NULL;
    struct error e;
    if (npz_require(npz, name, type, dimensions, &array, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    return array;
}

static double real(const struct npz *npz, const char *name) {
    return *(const double *)member(npz, name, NPZ_FLOAT64, 0)->data;
}

static void contents(void **state) {
    (void)state;
    struct npz *npz = run("contents", (const char *[]){"--lattice=4,6,2", "--configurations=48", "--chains=16",
                                                       "--kappa=0.13", "--lambda=0.03", "--seed=3", NULL});
    const struct npz_array *phi = member(npz, "phi", NPZ_FLOAT32, 4);
    const size_t shape[] = {48, 4, 6, 2};
    assert_memory_equal(phi->shape, shape, sizeof shape);
    assert_true(real(npz, "kappa") == 0.13 && real(npz, "lambda") == 0.03);
    assert_int_equal(integer(npz, "chains"), 16);
    assert_int_equal(integer(npz, "independent"), 0);
    const struct npz_array *acceptance = member(npz, "acceptance", NPZ_FLOAT64, 1);
    const struct npz_array *exp_minus_dH = member(npz, "exp_minus_dH", NPZ_FLOAT64, 1);
    assert_true(acceptance->count == 16 && exp_minus_dH->count == 16);
    for (size_t c = 0; c < 16; c++) {
        const double a = ((const double *)acceptance->data)[c], x = ((const double *)exp_minus_dH->data)[c];
        assert_true(a > 0.8 && a <= 1.0 && fabs(x - 1.0) < 0.1);
    }
    const double *action_density = member(npz, "action", NPZ_FLOAT64, 1)->data;
    const double *virial = member(npz, "virial", NPZ_FLOAT64, 1)->data;
    struct geometry *g;
    struct error e;
    assert_int_equal(geometry_new(shape + 1, 3, &g, &e), STATUS_OK);
    for (size_t i = 0; i < 48; i++) {
        const struct configuration_means m =
            configuration_measure_float(g, &(struct theory){0.13, 0.03}, (const float *)phi->data + i * g->volume);
        assert_true(fabs(m.action - action_density[i]) < 1e-6 && fabs(m.virial - virial[i]) < 1e-6);
    }
    geometry_free(g);
    char *recipe;
    assert_int_equal(npz_text(npz, "recipe", &recipe, &e), STATUS_OK);
    assert_non_null(strstr(recipe, "lattice=4,6,2\n"));
    assert_non_null(strstr(recipe, "stage=ensemble\n"));
    assert_null(strstr(recipe, "backend"));
    free(recipe);
    assert_int_equal(integer(npz, "thermalised"), 1);
    assert_int_equal(member(npz, "thermalisation.names", NPZ_BYTES, 1)->count, 9);
    const struct npz_array *sigmas = member(npz, "thermalisation.sigmas", NPZ_FLOAT64, 1);
    assert_int_equal(sigmas->count, 9);
    for (size_t i = 0; i < 9; i++) {
        const double x = ((const double *)sigmas->data)[i];
        assert_true(fabs(x) < 5.0);
    }
    npz_free(npz);

    /* chains that are too short, and too few chains to test */
    npz = run("young",
              (const char *[]){"--lattice=8,8", "--kappa=0.5", "--configurations=64", "--thermalisation=2", NULL});
    assert_int_equal(integer(npz, "thermalised"), 0);
    npz_free(npz);
    npz = run("few", (const char *[]){"--lattice=8,8", "--configurations=15", NULL});
    assert_int_equal(integer(npz, "thermalised"), -1);
    npz_free(npz);

    npz = run("independent", (const char *[]){"--lattice=8", "--configurations=3", "--algorithm=metropolis", NULL});
    assert_int_equal(integer(npz, "independent"), 1);
    assert_int_equal(integer(npz, "chains"), 3);
    assert_null(npz_find(npz, "exp_minus_dH"));
    npz_free(npz);
}

/* A tiny run of each algorithm. If a digest changes, raise the version in stages/ensemble.c. */
static void digests(void **state) {
    (void)state;
    assert_int_equal(stage_ensemble.version, 2);
    const char *const cases[][4] = {
        /* algorithm, digest, options */
        {"hmc", "e76c2b46e27032e2d45ca587e9ee919672b7789cf9da3261dbe91a2efd48c570"},
        {"metropolis", "c0992bf2f30b012a23c7f29459275f1c8b728682a6e8020fce76f9c8c4bc9b63"},
        {"langevin", "5ef87657269ed829d8d10ba7f3750052a4d07816e06c33a00cbe82c06a8b4da9"},
        {"cluster", "aaaacfc61b1caa8e6ee98da9b195554ffb3b12fe7dcecc1927e07464254df9b5"},
        {"metropolis-global", "310acd4c1f1e1cfbc9087838dbb6d13b318d6610b85464fafda31036f8c1bc40"},
        {"random-walk", "5d52013c1b5d6d275ce3427ce79218c468af48a2db3d4fa96d44538b6b4632b6"},
        {"hmc", "57f8a256c9f5d8fc92a7de828131a9d1483ae9d1130d4c92465426370e6864fc", "--precision=float32",
         "--integrator=leapfrog"},
        {"hmc", "b8f329c21a24a6206668976a5c62724b3409a2eb8a36f1b068d51ffd620b9320", "--precision=float32",
         "--integrator=omelyan"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char algorithm[64], name[2][64], hex[65];
        snprintf(algorithm, sizeof algorithm, "--algorithm=%s", cases[i][0]);
        for (int threads = 1; threads <= 2; threads++) {
            snprintf(name[threads - 1], sizeof name[0], "%s-%zu-%d", cases[i][0], i, threads);
            struct npz *npz =
                run(name[threads - 1],
                    (const char *[]){"--lattice=6,4", "--configurations=20", "--chains=10", "--thermalisation=9",
                                     "--stride=3", algorithm, threads == 1 ? "--threads=1" : "--threads=2", cases[i][2],
                                     cases[i][3], NULL});
            const struct npz_array *phi = member(npz, "phi", NPZ_FLOAT32, 3);
            sha256(phi->data, phi->count * sizeof(float), hex);
            assert_string_equal(hex, cases[i][1]);
            npz_free(npz);
        }
        /* the whole file, not only the field */
        char path[160], first[65];
        struct error e;
        snprintf(path, sizeof path, "%s/%s/artifact.npz", folder, name[0]);
        assert_int_equal(file_sha256(path, first, &e), STATUS_OK);
        snprintf(path, sizeof path, "%s/%s/artifact.npz", folder, name[1]);
        assert_int_equal(file_sha256(path, hex, &e), STATUS_OK);
        assert_string_equal(first, hex);
    }
}

static void refusals(void **state) {
    (void)state;
    char output[128];
    snprintf(output, sizeof output, "--output=%s/refused", folder);
    const struct {
        const char *argument, *message;
        int status;
    } cases[] = {
        {"--chains=7", "a multiple of chains expected", 2},
        {"--lattice=4,1", "lattice", 2},
        {"--lattice=65536,65536", "2^31 sites", 2},
        {"--lattice=2,2,2,2,2,2,2,2", "8 dimensions found", 2},
        {"--lambda=-1", "lambda", 2},
        {"--algorithm=heatbath", "hmc|metropolis|langevin|cluster|metropolis-global|random-walk", 2},
        {"--thermalisation=0", "thermalisation", 2},
        {"--kapa=0.2", "kappa", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_message(&stage_ensemble, (const char *[]){output, cases[i].argument, NULL}, cases[i].status,
                       cases[i].message);
    }
    expect_message(&stage_ensemble, (const char *[]){output, "--lambda=0", "--kappa=0.25", NULL}, 2,
                   "not bounded below");
    expect_message(&stage_ensemble, (const char *[]){output, "--algorithm=cluster", "--precision=float32", NULL}, 2,
                   "algorithm cluster with precision float32 found, expected only for algorithm hmc");
    expect_message(&stage_ensemble, (const char *[]){output, "--algorithm=langevin", "--integrator=omelyan", NULL}, 2,
                   "algorithm langevin with integrator omelyan found, expected only for algorithm hmc");
    expect_message(&stage_ensemble,
                   (const char *[]){output, "--algorithm=langevin", "--langevin-step=5", "--lattice=4,4",
                                    "--configurations=8", NULL},
                   1, "no longer finite");
}

/* The items are chains: two of each algorithm with its own lanes, several configurations per chain. */
static void parts(void **state) {
    (void)state;
    assert_same_in_parts(&stage_ensemble, "hmc",
                         (const char *[]){"--lattice=8,8", "--configurations=186", "--chains=62", "--thermalisation=30",
                                          "--stride=2", "--test-chains=16", NULL});
    assert_same_in_parts(
        &stage_ensemble, "cluster",
        (const char *[]){"--lattice=6,6", "--configurations=60", "--algorithm=cluster", "--thermalisation=20", NULL});
    assert_refuses_foreign_parts(&stage_ensemble,
                                 (const char *[]){"--lattice=8,8", "--configurations=16", "--thermalisation=8", NULL});
}

static void terminated(void **state) {
    (void)state;
    assert_goes_on(
        (const char *[]){"--lattice=16,16", "--configurations=256", "--thermalisation=200", "--test-chains=0", NULL});
}

int main(int argc, char **argv) {
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents),   cmocka_unit_test(digests),  cmocka_unit_test(parts),
        cmocka_unit_test(terminated), cmocka_unit_test(refusals),
    };
    find_program(argv[0], "ensemble");
    pin_instruction_set();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
