/* The comparisons of make check-gpu (tests/gpu) on the emulated device, at a small size: single operators against the
 * CPU, complete networks, equal bits; and the results of the table itself. */
#include "tests/cuda/device.h"
#include "tests/gpu/compare.h"
#include "tests/gpu/gpu.h"

static void none_failed(const char *what) {
    static int before;
    const int failed = gpu_failures() - before;
    before += failed;
    if (failed) {
        fail_msg("%s: %d rows failed", what, failed);
    }
}

static void operators(void **state) {
    (void)state;
    struct error e = {0};
    static const char *const names[] = {"cuda-float32", "cuda", "cuda-bf16"};
    for (int i = 0; i < 3; i++) {
        struct backend *b = device_open(names[i]);
        compare_convolutions(b, 4, 2);
        if (i == 0) {
            assert_ok(compare_layers(b, &e));
            assert_ok(compare_process(b, &e));
            assert_ok(compare_flow(b, &e));
        }
        b->close(b);
    }
    none_failed("operators");
}

static void networks(void **state) {
    (void)state;
    compare_network((struct unet_shape){8, 8, 8, 32, 1, UNET_ZEROS}, -1, "stride 1");
    compare_wiener((struct unet_shape){16, 16, 4, 8, 2, UNET_PERIODIC}, "wiener");
    compare_gradients((struct unet_shape){8, 8, 4, 8, 1, UNET_PERIODIC}, "stride 1");
    none_failed("networks");
}

static void bits(void **state) {
    (void)state;
    const struct unet_shape shape = {8, 8, 4, 8, 2, UNET_PERIODIC};
    compare_philox();
    compare_samplers(shape, true, 9, "ancestral");
    compare_places(shape, true, 5, "flow");
    none_failed("bits");
}

static void verdicts(void **state) {
    (void)state;
    const int before = gpu_failures();
    gpu_row("to be ok", 1, 1);
    gpu_left_out("to be left out", "for no reason");
    assert_int_equal(gpu_failures(), before);
    gpu_row("to fail", 1.5, 1);
    gpu_row("to fail", NAN, 1);
    assert_int_equal(gpu_failures(), before + 2);
    assert_true(gpu_difference(1, 1.5) == 0.5);
    assert_true(gpu_difference(NAN, 1) == INFINITY && gpu_difference(1, NAN) == INFINITY &&
                gpu_difference(INFINITY, 1) == INFINITY);
}

static void fail_at_once(void) {
    gpu_end("a call", "its message");
}

/* A comparison in which a call fails is a failure, and the next comparison runs. */
static void failing_calls(void **state) {
    (void)state;
    const int before = gpu_failures();
    GPU_COMPARE(fail_at_once());
    assert_int_equal(gpu_failures(), before + 1);
    GPU_COMPARE(compare_reference("/nowhere"));
    assert_int_equal(gpu_failures(), before + 2);
    GPU_COMPARE(compare_philox());
    assert_int_equal(gpu_failures(), before + 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators), cmocka_unit_test(networks),      cmocka_unit_test(bits),
        cmocka_unit_test(verdicts),  cmocka_unit_test(failing_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
