/* The layers of the network: trainable parameters, operations and shapes, against closed forms for the published
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "network/unet_layers.h"

static const struct unet_shape published = {32, 32, 32, 256, 2, UNET_PERIODIC};

static const struct unet_layer *find(const struct unet_layer *layers, const char *name) {
    for (size_t i = 0; i < UNET_LAYERS; i++) {
        if (!strcmp(layers[i].name, name)) {
            return &layers[i];
        }
    }
    fail_msg("no layer %s", name);
    return NULL;
}

static double convolutions(const struct unet_shape *shape, size_t *parameters) {
    struct unet_layer layers[UNET_LAYERS];
    double flop = 0;
    *parameters = 0;
    unet_layers(shape, layers);
    for (size_t i = 0; i < UNET_LAYERS; i++) {
        *parameters += layers[i].parameters;
        flop += layers[i].kind == UNET_CONVOLUTION || layers[i].kind == UNET_TRANSPOSED ? layers[i].flop : 0;
    }
    return flop;
}

static void totals(void **state) {
    (void)state;
    struct unet_shape other = published;
    size_t parameters;
    /* 18 operations per site of the smaller lattice and pair of channels: 1024 (32 + 64) for the outermost two; 256 x
     * 32 x 64 = 64 x 64 x 128 = 16 x 128 x 256 for each of the encoder and for the deepest of the decoder; twice that
     * for the two with skip connections. */
    assert_true(convolutions(&published, &parameters) == 18.0 * (1024 * 96 + 8 * 524288));
    assert_int_equal(parameters, 1115297);
    other.stride = 1;
    other.padding = UNET_ZEROS; /* padding does not affect the count */
    assert_true(convolutions(&other, &parameters) == 18.0 * 1024 * 96352);
    assert_int_equal(parameters, 1115297);
    /* the quoted numbers: 77 MFLOP and 1.78 GFLOP */
    assert_int_equal((int)(convolutions(&published, &parameters) * 1e-6), 77);
    assert_int_equal((int)(convolutions(&other, &parameters) * 1e-7 + 0.5), 178);
}

static void shapes(void **state) {
    (void)state;
    struct unet_layer layers[UNET_LAYERS];
    const struct unet_shape shape = {16, 32, 32, 256, 2, UNET_PERIODIC};
    unet_layers(&shape, layers);
    const struct unet_layer *l = find(layers, "conv4");
    assert_true(l->in_channels == 128 && l->in_height == 4 && l->in_width == 8);
    assert_true(l->out_channels == 256 && l->out_height == 2 && l->out_width == 4 && l->parameters == 256 * 128 * 9);
    l = find(layers, "tconv3"); /* with the skip: 128 channels twice */
    assert_true(l->in_channels == 256 && l->in_height == 4 && l->out_channels == 64 && l->out_height == 8);
    l = find(layers, "tconv1");
    assert_true(l->in_channels == 64 && l->out_channels == 1 && l->out_width == 32 && l->parameters == 64 * 9 + 1);
    l = find(layers, "tgnorm2");
    assert_true(l->out_channels == 32 && l->out_height == 16 && l->parameters == 64 && l->flop == 0);
    l = find(layers, "dense5");
    assert_true(l->in_channels == 256 && l->out_channels == 128 && l->parameters == 257 * 128 &&
                l->flop == 2 * 256 * 128);
    l = find(layers, "embed");
    assert_true(l->parameters == 257 * 256);
    assert_string_equal(layers[0].name, "embed");
    assert_string_equal(layers[UNET_LAYERS - 1].name, "tconv1");
}

/* Every trainable array belongs to one layer, for any width. */
static void nothing_is_missing(void **state) {
    (void)state;
    static const int widths[] = {4, 16, 64};
    for (size_t i = 0; i < 3; i++) {
        struct unet_shape shape = published;
        shape.width = widths[i];
        size_t total, parameters;
        unet_tensors(&shape, NULL, &total);
        convolutions(&shape, &parameters);
        assert_int_equal(parameters, total);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals),
        cmocka_unit_test(shapes),
        cmocka_unit_test(nothing_is_missing),
    };
    return cmocka_run_group_tests_name("unet_layers", tests, NULL, NULL);
}
