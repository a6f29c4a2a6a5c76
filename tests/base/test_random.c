/* base/random.h: known answers of Philox4x32-10, vectorised loops against single blocks, layout of the counter, moments
 * and distribution of normals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/functions.h"
#include "base/random.h"

/* The three vectors of Random123's kat_vectors for philox4x32 with 10 rounds; random.h describes the counter's
 * words. */
static void known_answers(void **state) {
    (void)state;
    const struct {
        uint64_t stream, step;
        uint32_t index, key[2], expected[4];
    } vectors[] = {
        {0, 0, 0, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {0xffffffffffff,
         0xffffffffffff,
         0xffffffff,
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x734413198a2e,
         0x037085a308d3,
         0x243f6a88,
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const struct random_key key = {{vectors[i].key[0], vectors[i].key[1]}};
        uint32_t out[4];
        random_block(key, vectors[i].stream, vectors[i].step, vectors[i].index, out);
        assert_memory_equal(out, vectors[i].expected, sizeof out);
    }
}

static double uniform_of(uint32_t low, uint32_t high) {
    const uint64_t m = ((uint64_t)high << 32 | low) >> 12;
    return ((double)m + 0.5) * 0x1p-52;
}

/* Every number of the array functions comes from the block that random.h states, so the vectorised rounds agree with
 * Random123's. Streams and steps exceed 2^32, and a group of streams crosses 2^32. */
static void arrays_are_blocks(void **state) {
    (void)state;
    enum { N = 1101 }; /* more than one chunk */
    const struct random_key key = random_key(7, "test", "blocks");
    const uint64_t stream = 0xfffffffdu, step = 0x12345678abcd;
    double u[N], z[N], ul[N * RANDOM_LANES], zl[N * RANDOM_LANES];
    float f[N], fl[N * RANDOM_LANES];
    random_uniform_lanes(key, stream, step, ul, N);
    random_normal_lanes(key, stream, step, zl, N);
    random_normal_float_lanes(key, stream, step, fl, N);
    for (uint64_t lane = 0; lane < RANDOM_LANES; lane++) {
        random_uniform(key, stream + lane, step, u, N);
        random_normal(key, stream + lane, step, z, N);
        random_normal_float(key, stream + lane, step, f, N);
        for (size_t i = 0; i < N; i++) {
            uint32_t w[4];
            random_block(key, stream + lane, step, (uint32_t)(i / 2), w);
            const double first = uniform_of(w[0], w[1]), second = uniform_of(w[2], w[3]);
            double sine, cosine;
            function_sincos_turns(second, &sine, &cosine);
            const double radius = sqrt(-2.0 * function_log(first));
            const double normal = radius * (i % 2 == 0 ? cosine : sine);
            assert_true(u[i] == (i % 2 == 0 ? first : second));
            assert_true(z[i] == normal);
            assert_true(ul[i * RANDOM_LANES + lane] == u[i]);
            assert_true(zl[i * RANDOM_LANES + lane] == z[i]);

            random_block(key, stream + lane, step, (uint32_t)(i / 4), w);
            const uint32_t radius_word = w[i % 4 < 2 ? 0 : 2], angle_word = w[i % 4 < 2 ? 1 : 3];
            const double angle = 2.0 * 3.14159265358979323846 * (angle_word >> 8) * 0x1p-24;
            const double exact_radius = sqrt(-2.0 * log((radius_word + 0.5) * 0x1p-32));
            const double exact = exact_radius * (i % 2 == 0 ? cos(angle) : sin(angle));
            /* a uniform close to 1 is rounded by up to 2^-25 */
            assert_true(fabs((double)f[i] - exact) < 3e-6 + 0x1p-24 / exact_radius);
            assert_true(fl[i * RANDOM_LANES + lane] == f[i]);
        }
    }
}

/* No array function writes past n. */
static void lengths(void **state) {
    (void)state;
    const struct random_key key = random_key(1, "test", "lengths");
    for (size_t n = 0; n < 70; n++) {
        const size_t all = n * RANDOM_LANES;
        double *z = malloc((all + 1) * sizeof *z);
        float *f = malloc((all + 1) * sizeof *f);
        assert_non_null(z);
        assert_non_null(f);
        z[n] = 99.0;
        f[n] = 99.0f;
        random_normal(key, 1, 2, z, n);
        random_normal_float(key, 1, 2, f, n);
        assert_true(z[n] == 99.0 && f[n] == 99.0f);
        random_uniform(key, 1, 2, z, n);
        assert_true(z[n] == 99.0);
        z[all] = 99.0;
        f[all] = 99.0f;
        random_normal_lanes(key, 1, 2, z, n);
        random_normal_float_lanes(key, 1, 2, f, n);
        assert_true(z[all] == 99.0 && f[all] == 99.0f);
        random_uniform_lanes(key, 1, 2, z, n);
        assert_true(z[all] == 99.0);
        free(z);
        free(f);
    }
}

/* Moments of 2^20 numbers within 4.5 standard errors, and a Kolmogorov-Smirnov distance below 2/sqrt(n) (p = 7e-4). */
static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check_normal(double *z, size_t n) {
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0;
    for (size_t i = 0; i < n; i++) {
        m1 += z[i];
        m2 += z[i] * z[i];
        m3 += z[i] * z[i] * z[i];
        m4 += z[i] * z[i] * z[i] * z[i];
        lag += i > 0 ? z[i] * z[i - 1] : 0.0;
    }
    const double root = sqrt((double)n);
    assert_true(fabs(m1 / root) < 4.5);
    assert_true(fabs((m2 - (double)n) / root) < 4.5 * sqrt(2.0));
    assert_true(fabs(m3 / root) < 4.5 * sqrt(15.0));
    assert_true(fabs((m4 - 3.0 * (double)n) / root) < 4.5 * sqrt(96.0));
    assert_true(fabs(lag / root) < 4.5);
    qsort(z, n, sizeof *z, ascending);
    double distance = 0.0;
    for (size_t i = 0; i < n; i++) {
        distance = fmax(distance, fabs(0.5 * erfc(-z[i] / sqrt(2.0)) - ((double)i + 0.5) / (double)n));
    }
    assert_true(distance < 2.0 / root);
    assert_true(z[0] < -4.5 && z[0] > -6.8 && z[n - 1] > 4.5 && z[n - 1] < 6.8);
}

static void normals_are_normal(void **state) {
    (void)state;
    enum { N = 1 << 20 };
    const struct random_key key = random_key(3, "test", "normals");
    double *z = malloc(N * sizeof *z);
    float *f = malloc(N * sizeof *f);
    assert_non_null(z);
    assert_non_null(f);
    random_normal(key, 0, 0, z, N);
    check_normal(z, N);
    random_normal_float(key, 0, 1, f, N);
    for (size_t i = 0; i < N; i++) {
        z[i] = (double)f[i];
    }
    check_normal(z, N);
    free(z);
    free(f);
}

static void keys_differ(void **state) {
    (void)state;
    const struct random_key keys[] = {
        random_key(1, "ensemble", "momentum"), random_key(2, "ensemble", "momentum"),
        random_key(1, "ensemble", "accept"),   random_key(1, "sample", "momentum"),
        random_key(1, "ensemblem", "omentum"), random_key((uint64_t)1 << 56, "ensemble", "momentum"),
    };
    const size_t count = sizeof keys / sizeof keys[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(&keys[i], &keys[j], sizeof keys[i]);
        }
    }
    /* Artifacts depend on it. */
    assert_int_equal(random_key(1, "a", "b").word[0], 0x95cf26de);
    assert_int_equal(random_key(1, "a", "b").word[1], 0xf26164e5);
}

/* A permutation contains every number once, and the 24 permutations of four numbers are equally frequent (chi^2 of 23
 * degrees of freedom below 49.7: p = 1e-3). */
static void permutations(void **state) {
    (void)state;
    const struct random_key key = random_key(5, "test", "permutation");
    uint32_t order[1000];
    char seen[1000] = {0};
    random_permutation(key, 1, 1, order, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_true(order[i] < 1000);
        assert_int_equal(seen[order[i]]++, 0);
    }
    random_permutation(key, 1, 1, order, 1);
    assert_int_equal(order[0], 0);
    random_permutation(key, 1, 1, order, 0);
    double count[256] = {0}, chi2 = 0.0;
    enum { DRAWS = 24000 };
    for (uint64_t i = 0; i < DRAWS; i++) {
        random_permutation(key, 2, i, order, 4);
        count[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]] += 1.0;
    }
    for (size_t i = 0; i < 256; i++) {
        chi2 += count[i] > 0.0 ? (count[i] - 1000.0) * (count[i] - 1000.0) / 1000.0 : 0.0;
    }
    assert_true(chi2 < 49.7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),      cmocka_unit_test(arrays_are_blocks), cmocka_unit_test(lengths),
        cmocka_unit_test(normals_are_normal), cmocka_unit_test(keys_differ),       cmocka_unit_test(permutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
