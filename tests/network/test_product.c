/* Matrix products: exact agreement with simple loops for small integers, whose sums are exact in float32 in any order;
 * rounding to bfloat16; and agreement of bfloat16 products with float32 products of the rounded factors. */
#include "network/product.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "tests/network/cpu.h"

/* Element (i, k) of a; and b (depth, columns), c (rows, columns). */
static size_t left(const struct product_shape *s, size_t i, size_t k) {
    return s->transposed ? k * s->rows + i : i * s->depth + k;
}

static float widened(uint16_t rounded) {
    const uint32_t bits = (uint32_t)rounded << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The factors as the product takes them. */
static const void *factors(const struct product_shape *s, size_t count, const float *x, uint16_t *rounded) {
    product_round(count, x, rounded);
    return s->bfloat16 ? (const void *)rounded : x;
}

static void check_exactly(struct product_shape s, size_t used) {
    struct error e = {0};
    struct product *p;
    float *a = test_floats(s.rows * s.depth), *b = test_floats(s.depth * s.columns);
    float *c = test_floats(s.rows * s.columns), *right = test_floats(s.rows * s.columns);
    uint16_t *rounded[2] = {malloc(s.rows * s.depth * 2), malloc(s.depth * s.columns * 2)};
    assert_non_null(rounded[0]);
    assert_non_null(rounded[1]);
    memset(a, 0, s.rows * s.depth * sizeof *a);
    memset(b, 0, s.depth * s.columns * sizeof *b);
    memset(right, 0, s.rows * s.columns * sizeof *right);
    for (size_t k = 0; k < used; k++) {
        for (size_t i = 0; i < s.rows; i++) {
            a[left(&s, i, k)] = (float)((i + 3 * k) % 7) - 3;
        }
        for (size_t j = 0; j < s.columns; j++) {
            b[k * s.columns + j] = (float)((5 * j + k) % 11) - 5;
        }
    }
    for (size_t i = 0; i < s.rows; i++) {
        for (size_t k = 0; k < s.depth; k++) {
            for (size_t j = 0; j < s.columns; j++) {
                right[i * s.columns + j] += a[left(&s, i, k)] * b[k * s.columns + j];
            }
        }
    }
    assert_ok(product_new(&s, &p, &e));
    void *scratch = memory_aligned(product_scratch(p), 1);
    assert_non_null(scratch);
    const void *x = factors(&s, s.rows * s.depth, a, rounded[0]), *y = factors(&s, s.depth * s.columns, b, rounded[1]);
    for (size_t i = 0; i < s.rows * s.columns; i++) {
        c[i] = NAN; /* old values are overwritten */
    }
    assert_ok(product_compute(p, scratch, used, x, y, false, c, &e));
    for (size_t i = 0; i < s.rows * s.columns; i++) {
        assert_true(c[i] == right[i]);
        c[i] = 3;
    }
    assert_ok(product_compute(p, scratch, used, x, y, true, c, &e));
    for (size_t i = 0; i < s.rows * s.columns; i++) {
        assert_true(c[i] == 3 + right[i]);
    }
    product_free(p);
    void *all[] = {a, b, c, right, rounded[0], rounded[1], scratch};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
}

static void test_plain_loops(void **state) {
    (void)state;
    for (int bfloat16 = 0; bfloat16 < 2; bfloat16++) {
        for (int transposed = 0; transposed < 2; transposed++) {
            check_exactly((struct product_shape){8, 4, 36, transposed, bfloat16}, 36);
            check_exactly((struct product_shape){1, 1, 1, transposed, bfloat16}, 1);
            check_exactly((struct product_shape){48, 33, 72, transposed, bfloat16}, 70);
            check_exactly((struct product_shape){96, 64, 288, transposed, bfloat16}, 288);
            check_exactly((struct product_shape){64, 288, 500, transposed, bfloat16}, 97);
        }
    }
}

static uint16_t rounded(float x) {
    uint16_t y;
    product_round(1, &x, &y);
    return y;
}

/* bfloat16 has 8 significant bits: between 1 and 2 its numbers are 1/128 apart. */
static void test_rounding(void **state) {
    (void)state;
    assert_true(widened(rounded(1.5f)) == 1.5f);
    assert_true(widened(rounded(-0x1p-130f)) == -0x1p-130f);
    assert_true(widened(rounded(1 + 0x1.1p-8f)) == 1 + 0x1p-7f);
    assert_true(widened(rounded(1 + 0x0.fp-8f)) == 1);
    assert_true(widened(rounded(1 + 0x1p-8f)) == 1);               /* halfway, to even: down */
    assert_true(widened(rounded(1 + 3 * 0x1p-8f)) == 1 + 0x1p-6f); /* and up */
    assert_true(widened(rounded(-(1 + 3 * 0x1p-8f))) == -(1 + 0x1p-6f));
    assert_true(isinf(widened(rounded(0x1.ffp127f)))); /* halfway between the largest number and 2^128 */
    assert_true(isinf(widened(rounded(-INFINITY))));
    assert_true(isnan(widened(rounded(NAN))));
}

/* Sums of 288 terms of size 1 in another order differ by a few 2^-24. */
static void test_sums_are_float32(void **state) {
    (void)state;
    enum { ROWS = 48, COLUMNS = 64, DEPTH = 288 };
    static float a[ROWS * DEPTH], b[DEPTH * COLUMNS], c[2][ROWS * COLUMNS];
    static uint16_t x[ROWS * DEPTH], y[DEPTH * COLUMNS];
    struct error e = {0};
    random_normal_float(random_key(1, "test", "product"), 0, 0, a, ROWS * DEPTH);
    random_normal_float(random_key(2, "test", "product"), 0, 0, b, DEPTH * COLUMNS);
    product_round(ROWS * DEPTH, a, x);
    product_round(DEPTH * COLUMNS, b, y);
    for (size_t i = 0; i < ROWS * DEPTH; i++) {
        a[i] = widened(x[i]);
    }
    for (size_t i = 0; i < DEPTH * COLUMNS; i++) {
        b[i] = widened(y[i]);
    }
    for (int bfloat16 = 0; bfloat16 < 2; bfloat16++) {
        const struct product_shape s = {ROWS, COLUMNS, DEPTH, false, bfloat16};
        struct product *p;
        assert_ok(product_new(&s, &p, &e));
        void *scratch = memory_aligned(product_scratch(p), 1);
        assert_non_null(scratch);
        assert_ok(product_compute(p, scratch, DEPTH, bfloat16 ? (void *)x : a, bfloat16 ? (void *)y : b, false,
                                  c[bfloat16], &e));
        free(scratch);
        product_free(p);
    }
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        assert_true(fabsf(c[0][i] - c[1][i]) < 1e-4f); /* values are some 17 */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_loops),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_sums_are_float32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
