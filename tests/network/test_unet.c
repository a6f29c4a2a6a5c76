/* The network's shape: number, names, order and shapes of the trainable arrays; errors of unet_check. */
#include "tests/network/reference.h"

static const struct unet_shape published = {32, 32, 32, 256, 2, UNET_PERIODIC};

static void test_parameter_count(void **state) {
    (void)state;
    size_t total;
    assert_int_equal(unet_tensors(&published, NULL, &total), UNET_TENSORS);
    assert_int_equal(total, 1115297);
    struct unet_shape same = published; /* stride, lattice and padding do not affect the weights */
    same.stride = 1;
    same.height = 48;
    same.padding = UNET_ZEROS;
    unet_tensors(&same, NULL, &total);
    assert_int_equal(total, 1115297);
}

static void test_list_is_dense_and_found_by_name(void **state) {
    (void)state;
    struct unet_tensor list[UNET_TENSORS];
    size_t total, next = 0;
    unet_tensors(&published, list, &total);
    for (int i = 0; i < UNET_TENSORS; i++) {
        size_t count = 1;
        for (size_t d = 0; d < list[i].dimensions; d++) {
            count *= list[i].shape[d];
        }
        assert_int_equal(list[i].count, count);
        assert_int_equal(list[i].offset, next);
        assert_int_equal(unet_find(&published, list[i].name), i);
        next += count;
    }
    assert_int_equal(next, total);
    assert_int_equal(unet_find(&published, "embed.fourier"), -1); /* fixed, not trained */
    assert_int_equal(unet_find(&published, "conv5.weight"), -1);
    assert_int_equal(unet_find(&published, ""), -1);
}

static void test_order_and_shapes_of_the_reference(void **state) {
    (void)state;
    struct reference r = reference_read("tests/data/unet-w8-stride2-periodic-L16.npz", 2, UNET_PERIODIC);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        const struct npz_array *a = npz_array_at(r.npz, i);
        assert_string_equal(a->name, r.list[i].name);
        assert_int_equal(a->dimensions, r.list[i].dimensions);
        assert_memory_equal(a->shape, r.list[i].shape, a->dimensions * sizeof *a->shape);
    }
    assert_string_equal(npz_array_at(r.npz, UNET_TENSORS)->name, "embed.fourier");
    reference_free(&r);
}

static void test_check(void **state) {
    (void)state;
    static const struct {
        struct unet_shape shape;
        const char *message; /* part of the message; NULL: the shape is valid */
    } cases[] = {
        {{32, 32, 32, 256, 2, UNET_PERIODIC}, NULL},
        {{32, 32, 32, 256, 1, UNET_ZEROS}, NULL},
        {{8, 24, 4, 2, 2, UNET_ZEROS}, NULL},
        {{1, 3, 96, 2, 1, UNET_PERIODIC}, NULL},
        {{32, 32, 32, 256, 3, UNET_PERIODIC}, "stride is 3"},
        {{32, 32, 32, 256, 0, UNET_PERIODIC}, "stride is 0"},
        {{32, 32, 32, 256, 2, (enum unet_padding)7}, "padding is 7"},
        {{32, 32, 0, 256, 2, UNET_PERIODIC}, "width is 0"},
        {{32, 32, -32, 256, 2, UNET_PERIODIC}, "width is -32"},
        {{32, 32, 6, 256, 2, UNET_PERIODIC}, "width is 6"},
        {{32, 32, 12, 256, 2, UNET_PERIODIC}, "width is 12"}, /* 48 channels, 32 groups */
        {{32, 32, 48, 256, 2, UNET_PERIODIC}, "width is 48"},
        {{32, 32, 1 << 20, 256, 2, UNET_PERIODIC}, "width is 1048576"},
        {{32, 32, 32, 255, 2, UNET_PERIODIC}, "embedding is 255"},
        {{32, 32, 32, 0, 2, UNET_PERIODIC}, "embedding is 0"},
        {{32, 20, 32, 256, 2, UNET_PERIODIC}, "lattice is 32 x 20"},
        {{20, 32, 32, 256, 2, UNET_PERIODIC}, "stride^3 = 8"},
        {{0, 32, 32, 256, 2, UNET_PERIODIC}, "lattice is 0 x 32"},
        {{32, -8, 32, 256, 1, UNET_PERIODIC}, "lattice is 32 x -8"},
        {{1 << 30, 32, 32, 256, 1, UNET_PERIODIC}, "lattice is 1073741824 x 32"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error e = {0};
        enum status status = unet_check(&cases[i].shape, &e);
        assert_int_equal(status, cases[i].message ? STATUS_BAD_INPUT : STATUS_OK);
        if (cases[i].message && !strstr(e.message, cases[i].message)) {
            fail_msg("case %zu: message \"%s\" lacks \"%s\"", i, e.message, cases[i].message);
        }
        if (cases[i].message) {
            assert_non_null(strstr(e.message, "expected"));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameter_count),
        cmocka_unit_test(test_list_is_dense_and_found_by_name),
        cmocka_unit_test(test_order_and_shapes_of_the_reference),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
