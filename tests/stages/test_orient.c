/* The stage `orient` from command line to artifact: signs, unchanged arrays, bits, refusals. */
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
#include "base/random.h"
#include "store/record.h"
#include "tests/scratch.h"
#include "tests/stages/run_stage.h"

extern const struct stage stage_orient;

enum { N = 400, X = 3, Y = 4, V = X * Y };

static char folder[64], fields[128];
static float phi[N * V];

static int set_up(void **state) {
    (void)state;
    struct npz_writer *w;
    struct error e;
    snprintf(folder, sizeof folder, "%s", scratch_folder("orient"));
    random_normal_float(random_key(8, "test", "orient"), 0, 0, phi, N * V);
    snprintf(fields, sizeof fields, "--fields=%s/fields.npz", folder);
    assert_int_equal(npz_create(fields + strlen("--fields="), &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "stage=ensemble\n", &e), STATUS_OK);
    assert_int_equal(npz_add(w, "phi", NPZ_FLOAT32, 3, (const size_t[]){N, X, Y}, phi, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "kappa", 0.5, &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "lambda", 0.022, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "chains", 20, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "independent", 0, &e), STATUS_OK);
    assert_int_equal(npz_add_integer(w, "thermalised", 0, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

/* Runs the stage, and sets for each configuration whether it was sign-flipped, which must hold for all sites or
 * none. */
static struct npz *run(const char *name, const char *sign, const char *seed, bool turned[N], char digest[65]) {
    char output[128], path[160];
    struct npz *npz;
    const struct npz_array *out, *chains, *independent;
    struct error e;
    int64_t thermalised;
    snprintf(output, sizeof output, "--output=%s/%s", folder, name);
    assert_int_equal(run_stage(&stage_orient, (const char *[]){fields, output, sign, seed, NULL}, NULL), 0);
    snprintf(path, sizeof path, "%s/%s/artifact.npz", folder, name);
    assert_int_equal(npz_read(path, &npz, &e), STATUS_OK);
    assert_int_equal(npz_require(npz, "phi", NPZ_FLOAT32, 3, &out, &e), STATUS_OK);
    assert_memory_equal(out->shape, ((const size_t[]){N, X, Y}), 3 * sizeof(size_t));
    assert_int_equal(npz_require(npz, "chains", NPZ_INT64, 0, &chains, &e), STATUS_OK);
    assert_int_equal(npz_require(npz, "independent", NPZ_INT64, 0, &independent, &e), STATUS_OK);
    assert_int_equal(npz_integer_or(npz, "thermalised", 1, &thermalised, &e), STATUS_OK);
    assert_true(*(const int64_t *)chains->data == 20 && *(const int64_t *)independent->data == 0 && thermalised == 0);
    const float *to = out->data;
    for (size_t i = 0; i < N; i++) {
        turned[i] = to[i * V] != phi[i * V];
        for (size_t x = 0; x < V; x++) {
            assert_true(to[i * V + x] == (turned[i] ? -phi[i * V + x] : phi[i * V + x]));
        }
    }
    sha256(to, out->count * sizeof *to, digest);
    return npz;
}

static void positive(void **state) {
    (void)state;
    bool turned[N];
    char hex[65];
    npz_free(run("positive", "--sign=positive", NULL, turned, hex));
    for (size_t i = 0; i < N; i++) {
        double sum = 0.0;
        for (size_t x = 0; x < V; x++) {
            sum += (double)phi[i * V + x];
        }
        assert_true(turned[i] == (sum < 0.0));
    }
    assert_int_equal(stage_orient.version, 1); /* raise it if the digests change */
    assert_string_equal(hex, "64a6a8dbd6e49424b440271686661d77ca30b9f70db8f2aab200b74216baecca");
}

/* Half of the configurations are flipped, independently of their sign, within four standard deviations. */
static void at_random(void **state) {
    (void)state;
    bool turned[N], other[N];
    char hex[65], other_hex[65];
    npz_free(run("random", "--sign=random", NULL, turned, hex));
    npz_free(run("other", "--sign=random", "--seed=2", other, other_hex));
    double count = 0.0, differ = 0.0, positive_count = 0.0, sum = 0.0;
    for (size_t i = 0; i < N; i++) {
        count += turned[i];
        differ += turned[i] != other[i];
        if (phi[i * V] > 0.0f) {
            positive_count += 1.0;
            sum += turned[i];
        }
    }
    assert_true(fabs(count - 0.5 * N) < 4.0 * 0.5 * sqrt((double)N));
    assert_true(fabs(differ - 0.5 * N) < 4.0 * 0.5 * sqrt((double)N));
    assert_true(fabs(sum - 0.5 * positive_count) < 4.0 * 0.5 * sqrt(positive_count));
    assert_string_equal(hex, "a325c31dce1c1f239e3f2124004246b18316d25b357b40297548ffe6207f91cf");
}

/* The theory of an artifact is in its run record, and an input whose record names another theory is refused. */
static void theory(void **state) {
    (void)state;
    bool turned[N];
    char hex[65], output[128], path[160];
    struct record *r;
    struct error e;
    npz_free(run("theory", "--sign=positive", NULL, turned, hex));
    snprintf(path, sizeof path, "%s/theory/run.json", folder);
    assert_int_equal(record_read(path, &r, &e), STATUS_OK);
    assert_string_equal(record_member(r, "theory", "name"), "phi^4");
    record_theory(r, "phi^6", 1, (const char *const[]){"kappa"}, (const double[]){0.5});
    snprintf(path, sizeof path, "%s/run.json", folder);
    assert_int_equal(record_write(r, path, &e), STATUS_OK);
    record_free(r);
    snprintf(output, sizeof output, "--output=%s/other-theory", folder);
    expect_message(&stage_orient, (const char *[]){fields, output, "--sign=positive", NULL}, 2,
                   "fields.npz: found theory phi^6 in its run record, expected phi^4");
    assert_int_equal(unlink(path), 0);
}

static void refusals(void **state) {
    (void)state;
    char output[128];
    snprintf(output, sizeof output, "--output=%s/refused", folder);
    expect_message(&stage_orient, (const char *[]){fields, output, NULL}, 2, "sign");
    expect_message(&stage_orient, (const char *[]){fields, output, "--sign=negative", NULL}, 2, "positive|random");
    expect_message(&stage_orient, (const char *[]){output, "--sign=positive", NULL}, 2, "fields");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(positive), cmocka_unit_test(at_random),
                                       cmocka_unit_test(theory), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
