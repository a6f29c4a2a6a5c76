/* The host part of the CUDA backend: layout of weights and fields, largest batch, descriptions for cuDNN. */
#include "cuda/convolution.h"
#include "network/unet_layers.h"
#include "tests/network/cpu.h"

static const struct unet_shape shapes[] = {
    {32, 32, 32, 256, 1, UNET_PERIODIC},
    {16, 16, 8, 32, 2, UNET_ZEROS},
    {8, 24, 4, 6, 2, UNET_PERIODIC},
    {3, 5, 96, 10, 1, UNET_ZEROS},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void weights_have_places_of_their_own(void **state) {
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        struct layout l;
        struct unet_tensor list[UNET_TENSORS];
        size_t total;
        layout_make(&shapes[i], &l);
        unet_tensors(&shapes[i], list, &total);
        uint32_t *position = test_alloc(total, sizeof *position);
        char *taken = test_alloc(l.weights, 1);
        layout_positions(&l, position);
        for (size_t k = 0; k < total; k++) {
            assert_true(position[k] < l.weights);
            assert_int_equal(taken[position[k]], 0);
            taken[position[k]] = 1;
        }
        /* conv3.weight (out, in, 3, 3) as (out, 3, 3, in) */
        const struct unet_tensor *t = &list[unet_find(&shapes[i], "conv3.weight")];
        const size_t in = t->shape[1], o = 3, c = 2, ky = 1, kx = 2;
        assert_int_equal(position[t->offset + ((o * in + c) * 3 + ky) * 3 + kx],
                         l.convolutions[1] + ((o * 3 + ky) * 3 + kx) * in + c);
        /* arrays that one kernel sums are adjacent; convolutions are aligned to 256 bytes */
        assert_int_equal(l.beta, l.gamma + l.rows);
        assert_int_equal(l.dense_bias, l.beta + l.rows);
        for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++) {
            assert_int_equal(l.convolutions[k] % 64, 0);
        }
        free(position);
        free(taken);
    }
}

static void fields_lie_side_by_side(void **state) {
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        for (int backward = 0; backward < 2; backward++) {
            struct layout l;
            struct layout_fields f;
            layout_make(&shapes[i], &l);
            layout_fields(&l, 5, 4, backward, &f);
            size_t end = 0;
            for (int k = 0; k < FIELD_COUNT; k++) {
                assert_true(f.at[k] >= end);
                assert_int_equal(f.at[k] % 256, 0);
                end = f.at[k] + f.bytes[k];
                assert_int_equal(f.bytes[k] == 0, !backward && k >= FIELD_GRADIENT);
            }
            assert_true(f.total >= end);
        }
    }
}

/* 32x32, width 32, stride 2: h1 inside a halo of one side is 33 x 33 x 32 floats, half of it in bfloat16. */
static void fields_have_the_expected_sizes(void **state) {
    (void)state;
    const struct unet_shape shape = {32, 32, 32, 256, 2, UNET_PERIODIC};
    struct layout l;
    struct layout_fields f, half;
    layout_make(&shape, &l);
    layout_fields(&l, 2, 4, true, &f);
    layout_fields(&l, 2, 2, false, &half);
    assert_int_equal(l.rows, 704);
    assert_int_equal(f.bytes[FIELD_WIDE0], 2 * 33 * 33 * 32 * 4);
    assert_int_equal(half.bytes[FIELD_WIDE0], 2 * 33 * 33 * 32 * 2);
    assert_int_equal(half.bytes[FIELD_D], f.bytes[FIELD_D]);
    assert_int_equal(f.bytes[FIELD_Y0 + 1], 2 * 16 * 16 * 64 * 4);
    assert_int_equal(f.bytes[FIELD_Y0 + 6], 2 * 33 * 33 * 32 * 4);
    assert_int_equal(f.bytes[FIELD_JOINED0], 2 * 32 * 32 * 64 * 4);
    assert_int_equal(f.bytes[FIELD_D_DEEPEST], f.bytes[FIELD_DEEPEST]);
    assert_int_equal(f.bytes[FIELD_D_JOINED0 + 1], f.bytes[FIELD_JOINED0 + 1]);
}

static void the_fitting_batch_fits(void **state) {
    (void)state;
    struct layout l;
    struct layout_fields f;
    layout_make(&shapes[0], &l);
    const size_t room = (size_t)1 << 30, n = layout_fitting_batch(&l, 4, true, room);
    layout_fields(&l, n, 4, true, &f);
    assert_true(n > 0 && f.total <= room);
    layout_fields(&l, n + 1, 4, true, &f);
    assert_true(f.total > room);
    assert_int_equal(layout_fitting_batch(&l, 4, true, 1000), 0);
}

static void operations_are_those_of_the_layers(void **state) {
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        struct layout l;
        struct unet_layer layers[UNET_LAYERS];
        double flop = 0;
        layout_make(&shapes[i], &l);
        unet_layers(&shapes[i], layers);
        for (int k = 0; k < UNET_LAYERS; k++) {
            flop += layers[k].kind == UNET_DENSE ? 0 : layers[k].flop;
        }
        assert_true(fabs(layout_flop(&l) / flop - 1) < 1e-12);
    }
    struct layout l;
    layout_make(&shapes[0], &l);
    assert_true(fabs(layout_flop(&l) / 1.78e9 - 1) < 0.01); /* the value of the papers' network */
}

static void cudnn_is_told_the_shapes(void **state) {
    (void)state;
    struct layout l;
    struct cuda_convolution_graph g;
    const struct unet_shape shape = {16, 24, 32, 256, 2, UNET_PERIODIC};
    layout_make(&shape, &l);
    struct layout_convolution c = l.convolution[4]; /* tconv3: 8 width channels [u4, h3] -> 2 width */
    c.batch = 7;
    cuda_convolution_describe(&c, &g);
    const int64_t wide[4] = {7, 64, 9, 13}, narrow[4] = {7, 256, 4, 6}, weights[4] = {256, 64, 3, 3};
    const int64_t wide_stride[4] = {9 * 13 * 64, 1, 13 * 64, 64}, weights_stride[4] = {9 * 64, 1, 3 * 64, 64};
    assert_memory_equal(g.wide, wide, sizeof wide);
    assert_memory_equal(g.narrow, narrow, sizeof narrow);
    assert_memory_equal(g.weights, weights, sizeof weights);
    assert_memory_equal(g.wide_stride, wide_stride, sizeof wide_stride);
    assert_memory_equal(g.weights_stride, weights_stride, sizeof weights_stride);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(g.padding[i], 0);
        assert_int_equal(g.stride[i], 2);
        assert_int_equal(g.dilation[i], 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_have_places_of_their_own),   cmocka_unit_test(fields_lie_side_by_side),
        cmocka_unit_test(fields_have_the_expected_sizes),     cmocka_unit_test(the_fitting_batch_fits),
        cmocka_unit_test(operations_are_those_of_the_layers), cmocka_unit_test(cudnn_is_told_the_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
