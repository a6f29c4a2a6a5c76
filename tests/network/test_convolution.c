/* Convolutions as matrix products: exact agreement with simple loops for small integers, whose sums are exact in
 * float32 in any order; and bits that do not depend on the position of a configuration in the batch. */
#include "network/convolution.h"

#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "network/product.h"
#include "tests/network/cpu.h"

struct fields {
    struct convolution_shape shape;
    size_t wide_height, wide_width, wide_one, narrow_one; /* sites of the wide field; floats of one configuration */
    size_t weight_count;
    struct convolution *convolution;
    float *scratch, *weights, *wide, *narrow;
    uint16_t *rounded_wide, *rounded_narrow;
};

static struct fields fields_new(struct convolution_shape s) {
    struct error e = {0};
    struct fields f = {.shape = s};
    f.wide_height = (size_t)(s.stride * (s.narrow_height - 1) + 3);
    f.wide_width = (size_t)(s.stride * (s.narrow_width - 1) + 3);
    f.wide_one = f.wide_height * f.wide_width * (size_t)s.wide_channels;
    f.narrow_one = (size_t)(s.narrow_height * s.narrow_width * s.narrow_channels);
    f.weight_count = (size_t)(9 * s.wide_channels * s.narrow_channels);
    assert_ok(convolution_new(&s, &f.convolution, &e));
    f.scratch = memory_aligned(convolution_scratch(f.convolution), 1);
    assert_non_null(f.scratch);
    f.weights = test_floats(f.weight_count);
    f.wide = test_floats((size_t)s.batch * f.wide_one);
    f.narrow = test_floats((size_t)s.batch * f.narrow_one);
    f.rounded_wide = memory_aligned((size_t)s.batch * f.wide_one, sizeof *f.rounded_wide);
    f.rounded_narrow = memory_aligned((size_t)s.batch * f.narrow_one, sizeof *f.rounded_narrow);
    assert_true(f.rounded_wide && f.rounded_narrow);
    return f;
}

/* The fields as a convolution of this kind takes them. */
static const void *wide_of(const struct fields *f) {
    product_round((size_t)f->shape.batch * f->wide_one, f->wide, f->rounded_wide);
    return f->shape.kind == CONVOLUTION_BFLOAT16 ? (const void *)f->rounded_wide : f->wide;
}

static const void *narrow_of(const struct fields *f) {
    product_round((size_t)f->shape.batch * f->narrow_one, f->narrow, f->rounded_narrow);
    return f->shape.kind == CONVOLUTION_BFLOAT16 ? (const void *)f->rounded_narrow : f->narrow;
}

static void fields_free(struct fields *f) {
    convolution_free(f->convolution);
    free(f->scratch);
    free(f->weights);
    free(f->wide);
    free(f->narrow);
    free(f->rounded_wide);
    free(f->rounded_narrow);
}

/* Integers from -2 to 2. */
static void whole_numbers(uint64_t seed, size_t count, float *x) {
    random_normal_float(random_key(seed, "test", "convolution"), 0, 0, x, count);
    for (size_t i = 0; i < count; i++) {
        x[i] = (float)(int)(x[i] > 2 ? 2 : x[i] < -2 ? -2 : x[i]);
    }
}

/* Loops over the terms of the sums of the three functions: n is the index in the narrow field, w in the wide one, k in
 * the weights. */
#define FOR_TERMS(f, n, w, k) \
    for (size_t b = 0, n = 0; b < (size_t)(f)->shape.batch; b++) \
        for (size_t y = 0; y < (size_t)(f)->shape.narrow_height; y++) \
            for (size_t x = 0; x < (size_t)(f)->shape.narrow_width; x++) \
                for (size_t o = 0; o < (size_t)(f)->shape.narrow_channels; o++, n++) \
                    for (size_t tap = 0; tap < 9; tap++) \
                        for (size_t i = 0, w = term_wide(f, b, y, x, tap), k = term_weight(f, o, tap); \
                             i < (size_t)(f)->shape.wide_channels; i++, w++, k += 9)

static size_t term_wide(const struct fields *f, size_t b, size_t y, size_t x, size_t tap) {
    const size_t stride = (size_t)f->shape.stride;
    const size_t row = stride * y + tap / 3, column = stride * x + tap % 3;
    return b * f->wide_one + (row * f->wide_width + column) * (size_t)f->shape.wide_channels;
}

static size_t term_weight(const struct fields *f, size_t o, size_t tap) {
    return o * (size_t)f->shape.wide_channels * 9 + tap;
}

/* Shapes with one and several products, with and without padding rows (8 x 6 x 6 sites are six times 48). The sums are
 * exact with Winograd's algorithm, too: its only fractions are quarters. */
static const struct convolution_shape shapes[] = {
    {8, 4, 8, 6, 6, 1, CONVOLUTION_DIRECT},
    {3, 8, 16, 4, 6, 2, CONVOLUTION_DIRECT},
    {1, 4, 4, 1, 1, 2, CONVOLUTION_DIRECT},
    {2, 16, 8, 1, 9, 1, CONVOLUTION_DIRECT},
    {5, 64, 48, 9, 10, 2, CONVOLUTION_DIRECT},
    {8, 128, 16, 10, 11, 1, CONVOLUTION_DIRECT},
    {8, 16, 32, 6, 6, 1, CONVOLUTION_WINOGRAD},
    {3, 16, 16, 4, 6, 2, CONVOLUTION_WINOGRAD},
    {1, 32, 16, 2, 2, 1, CONVOLUTION_WINOGRAD},
    {2, 48, 16, 2, 2, 2, CONVOLUTION_WINOGRAD},
    {7, 64, 48, 20, 18, 2, CONVOLUTION_WINOGRAD},
    {8, 128, 16, 18, 16, 1, CONVOLUTION_WINOGRAD},
    {2, 16, 16, 3, 4, 2, CONVOLUTION_WINOGRAD},
    {2, 8, 16, 4, 4, 1, CONVOLUTION_WINOGRAD}, /* are computed directly: odd, and 8 channels */
    {8, 4, 8, 6, 6, 1, CONVOLUTION_BFLOAT16},
    {3, 8, 16, 4, 6, 2, CONVOLUTION_BFLOAT16},
    {1, 4, 4, 1, 1, 2, CONVOLUTION_BFLOAT16},
    {2, 16, 8, 1, 9, 1, CONVOLUTION_BFLOAT16},
    {5, 64, 48, 9, 10, 2, CONVOLUTION_BFLOAT16},
    {8, 128, 16, 10, 11, 1, CONVOLUTION_BFLOAT16},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void check_exactly(struct convolution_shape shape) {
    struct error e = {0};
    struct fields f = fields_new(shape);
    const size_t wide = (size_t)shape.batch * f.wide_one, narrow = (size_t)shape.batch * f.narrow_one;
    float *packed = test_floats(convolution_packed_size(f.convolution)), *gradient = test_floats(f.weight_count),
          *other_gradient = test_floats(f.weight_count);
    float *out_wide = test_floats(wide), *out_narrow = test_floats(narrow);
    float *right_wide = test_floats(wide), *right_narrow = test_floats(narrow),
          *right_gradient = test_floats(f.weight_count);
    whole_numbers(1, f.weight_count, f.weights);
    whole_numbers(2, wide, f.wide);
    whole_numbers(3, narrow, f.narrow);
    memset(right_wide, 0, wide * sizeof *right_wide);
    memset(right_narrow, 0, narrow * sizeof *right_narrow);
    memset(right_gradient, 0, f.weight_count * sizeof *right_gradient);
    FOR_TERMS(&f, n, w, k) {
        right_narrow[n] += f.wide[w] * f.weights[k];
        right_wide[w] += f.narrow[n] * f.weights[k];
        right_gradient[k] += f.narrow[n] * f.wide[w];
    }
    convolution_set_weights(f.convolution, f.weights);
    for (size_t i = 0; i < wide; i++) {
        out_wide[i] = 5; /* old values are overwritten */
    }
    const void *of_wide = wide_of(&f), *of_narrow = narrow_of(&f);
    const struct convolution_gradient with_narrow = {of_narrow, packed}, with_wide = {of_wide, packed};
    assert_ok(convolution_forward(f.convolution, f.scratch, of_wide, out_narrow, &with_narrow, &e));
    convolution_unpack(f.convolution, packed, gradient);
    assert_ok(convolution_adjoint(f.convolution, f.scratch, of_narrow, out_wide, &with_wide, &e));
    convolution_unpack(f.convolution, packed, other_gradient);
    for (size_t i = 0; i < narrow; i++) {
        assert_true(out_narrow[i] == right_narrow[i]);
    }
    for (size_t i = 0; i < wide; i++) {
        assert_true(out_wide[i] == right_wide[i]);
    }
    for (size_t i = 0; i < f.weight_count; i++) {
        assert_true(gradient[i] == right_gradient[i]);
        assert_true(other_gradient[i] == right_gradient[i]);
    }
    float *all[] = {packed, gradient, other_gradient, out_wide, out_narrow, right_wide, right_narrow, right_gradient};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    fields_free(&f);
}

static void test_plain_loops(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        check_exactly(shapes[i]);
    }
}

/* Equal configurations of a batch have equal results, in any product and row. */
static void check_places(struct convolution_shape shape) {
    struct error e = {0};
    struct fields f = fields_new(shape);
    const size_t wide = (size_t)shape.batch * f.wide_one, narrow = (size_t)shape.batch * f.narrow_one;
    float *out_wide = test_floats(wide), *out_narrow = test_floats(narrow);
    random_normal_float(random_key(4, "test", "convolution"), 0, 0, f.weights, f.weight_count);
    random_normal_float(random_key(5, "test", "convolution"), 0, 0, f.wide, f.wide_one);
    random_normal_float(random_key(6, "test", "convolution"), 0, 0, f.narrow, f.narrow_one);
    for (size_t b = 1; b < (size_t)shape.batch; b++) {
        memcpy(f.wide + b * f.wide_one, f.wide, f.wide_one * sizeof *f.wide);
        memcpy(f.narrow + b * f.narrow_one, f.narrow, f.narrow_one * sizeof *f.narrow);
    }
    convolution_set_weights(f.convolution, f.weights);
    assert_ok(convolution_forward(f.convolution, f.scratch, wide_of(&f), out_narrow, NULL, &e));
    assert_ok(convolution_adjoint(f.convolution, f.scratch, narrow_of(&f), out_wide, NULL, &e));
    for (size_t b = 1; b < (size_t)shape.batch; b++) {
        assert_memory_equal(out_narrow + b * f.narrow_one, out_narrow, f.narrow_one * sizeof *out_narrow);
        assert_memory_equal(out_wide + b * f.wide_one, out_wide, f.wide_one * sizeof *out_wide);
    }
    free(out_wide);
    free(out_narrow);
    fields_free(&f);
}

static void test_bits_do_not_depend_on_position(void **state) {
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        check_places(shapes[i]);
    }
    /* the shapes of the published network on 32x32, and of that with stride 1 on 16x16 */
    static const int wide[] = {32, 64, 128, 128, 64, 32}, narrow[] = {64, 128, 256, 256, 256, 128};
    static const int level[] = {1, 2, 3, 3, 2, 1};
    for (int k = 0; k < 6; k++) {
        for (int kind = CONVOLUTION_DIRECT; kind <= CONVOLUTION_BFLOAT16; kind++) {
            const int extent = 32 >> level[k];
            check_places(
                (struct convolution_shape){8, wide[k], narrow[k], extent, extent, 2, (enum convolution_kind)kind});
            check_places((struct convolution_shape){8, wide[k], narrow[k], 16, 16, 1, (enum convolution_kind)kind});
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_loops),
        cmocka_unit_test(test_bits_do_not_depend_on_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
