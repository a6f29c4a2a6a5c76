/* cuDNN without a device: it accepts the description of every convolution of the network in every precision, as far as
 * this can be tested without a handle (tensors, convolution, operation), and refuses wrong ones; suitable engines;
 * batches that fit a grid. Built only if cuDNN is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cuda/convolution_cudnn.c"

static enum status describe(enum cuda_precision precision, const struct layout_convolution *shape, int kind,
                            struct error *e) {
    struct cuda_convolutions owner = {.precision = precision};
    struct cuda_convolution c = {.owner = &owner, .shape = *shape, .kind = (enum cuda_convolution_kind)kind};
    struct pieces pieces = {.count = 0};
    cudnnBackendDescriptor_t op;
    const enum status status = operation(&c, &pieces, &op, e);
    release(&pieces);
    return status;
}

static void cudnn_takes_the_descriptions(void **state) {
    (void)state;
    static const struct unet_shape shapes[] = {
        {32, 32, 32, 256, 1, UNET_PERIODIC}, {32, 32, 32, 256, 2, UNET_ZEROS}, {16, 24, 4, 32, 2, UNET_PERIODIC}};
    for (int i = 0; i < 3; i++) {
        struct layout layout;
        layout_make(&shapes[i], &layout);
        for (int p = 0; p < 3; p++) {
            for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++) {
                for (int kind = 0; kind < CUDA_KINDS; kind++) {
                    struct layout_convolution shape = layout.convolution[k];
                    struct error e = {.status = STATUS_OK};
                    shape.batch = 64;
                    if (describe((enum cuda_precision)p, &shape, kind, &e) != STATUS_OK) {
                        fail_msg("%s", e.message);
                    }
                }
            }
        }
    }
}

static void errors_carry_call_and_shapes(void **state) {
    (void)state;
    const struct layout_convolution none = {0, 32, 64, 16, 16, 2}; /* a batch of 0 */
    struct error e = {.status = STATUS_OK};
    assert_int_equal(describe(CUDA_TF32, &none, CUDA_ADJOINT, &e), STATUS_FAILED);
    assert_non_null(strstr(e.message,
                           "cuDNN: cudnnBackendFinalize(*op), adjoint convolution, batch 0, 32 channels -> 64 on "
                           "16x16, stride 2: CUDNN_STATUS_"));
}

static void engines(void **state) {
    (void)state;
    const cudnnBackendNumericalNote_t tensor_core[] = {CUDNN_NUMERICAL_NOTE_TENSOR_CORE};
    const cudnnBackendNumericalNote_t random[] = {CUDNN_NUMERICAL_NOTE_TENSOR_CORE,
                                                  CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC};
    static const cudnnBackendNumericalNote_t refused[] = {CUDNN_NUMERICAL_NOTE_WINOGRAD, CUDNN_NUMERICAL_NOTE_FFT,
                                                          CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
                                                          CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION};
    static const enum cuda_precision all[] = {CUDA_TF32, CUDA_FLOAT32, CUDA_BF16};
    for (int p = 0; p < 3; p++) {
        for (int strict = 0; strict < 2; strict++) {
            const bool reference = all[p] == CUDA_FLOAT32;
            assert_false(suitable(all[p], random, 2, strict));
            assert_int_equal(suitable(all[p], tensor_core, 1, strict), !reference);
            assert_int_equal(suitable(all[p], NULL, 0, strict), reference || !strict);
            for (int i = 0; i < 4; i++) {
                const cudnnBackendNumericalNote_t both[] = {refused[i], CUDNN_NUMERICAL_NOTE_TENSOR_CORE};
                assert_false(suitable(all[p], both, 1, strict));
                assert_false(suitable(all[p], both, 2, strict));
            }
        }
    }
}

static void knobs(void **state) {
    (void)state;
    assert_false(is_stream_k(CUDNN_KNOB_TYPE_TILE_SIZE, 1));
#if CUDNN_VERSION >= 90700
    assert_false(is_stream_k(CUDNN_KNOB_TYPE_STREAM_K, 0));
    assert_true(is_stream_k(CUDNN_KNOB_TYPE_STREAM_K, 1));
#endif
}

static void batches_fit_a_grid(void **state) {
    (void)state;
    assert_int_equal(layout_capacity(1), 32768); /* an axis has 65535 blocks */
    assert_int_equal(layout_capacity(32 * 32), 256);
    assert_int_equal(layout_capacity(1 << 20), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cudnn_takes_the_descriptions),
        cmocka_unit_test(errors_carry_call_and_shapes),
        cmocka_unit_test(engines),
        cmocka_unit_test(knobs),
        cmocka_unit_test(batches_fit_a_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
