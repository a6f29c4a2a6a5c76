/* The initial weights: bounds and moments of every array (5 sigma), fan_in as PyTorch counts it, seeds. */
#include "network/initialise.h"
#include "tests/network/reference.h"

static const struct unet_shape published = {32, 32, 32, 256, 2, UNET_PERIODIC};

/* fan_in at width 32, embedding 256, written out: a transposed convolution counts its output channels. */
static const struct {
    const char *layer;
    int fan_in;
} fans[] = {
    {"embed", 256},     {"conv1", 9},        {"conv2", 32 * 9},  {"conv3", 64 * 9},
    {"conv4", 128 * 9}, {"tconv4", 128 * 9}, {"tconv3", 64 * 9}, {"tconv2", 32 * 9},
    {"tconv1", 9},      {"dense1", 256},     {"dense2", 256},    {"dense3", 256},
    {"dense4", 256},    {"dense5", 256},     {"dense6", 256},    {"dense7", 256},
};

static float *weights_of(const struct unet_shape *shape, uint64_t seed) {
    struct error e = {0};
    size_t total;
    unet_tensors(shape, NULL, &total);
    float *w = test_floats(total);
    assert_int_equal(initialise_weights(shape, seed, w, &e), STATUS_OK);
    return w;
}

static void test_bounds_and_moments(void **state) {
    (void)state;
    struct unet_tensor list[UNET_TENSORS];
    unet_tensors(&published, list, NULL);
    float *weights = weights_of(&published, 1);
    int checked = 0;
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        const struct unet_tensor *t = &list[i];
        const float *w = weights + t->offset;
        if (strstr(t->name, "norm")) {
            float value = strstr(t->name, "weight") ? 1 : 0;
            for (size_t k = 0; k < t->count; k++) {
                assert_true(w[k] == value);
            }
            checked++;
            continue;
        }
        for (size_t f = 0; f < sizeof fans / sizeof fans[0]; f++) {
            size_t length = strlen(fans[f].layer);
            if (strncmp(t->name, fans[f].layer, length) != 0 || t->name[length] != '.') {
                continue;
            }
            double bound = 1 / sqrt(fans[f].fan_in), n = (double)t->count, mean = 0, square = 0, most = 0;
            for (size_t k = 0; k < t->count; k++) {
                mean += (double)w[k] / n;
                square += (double)w[k] * (double)w[k] / n;
                most = fmax(most, fabs((double)w[k]));
            }
            assert_true(most <= bound * (1 + 1e-7));
            if (t->count > 1) { /* all n below (1 - 14/n) of the bound: e^-14 */
                assert_true(most > bound * (1 - 14 / n));
                assert_true(fabs(mean) < 5 * bound / sqrt(3 * n));
                assert_true(fabs(square - bound * bound / 3) < 5 * bound * bound * sqrt(4 / (45 * n)));
            }
            checked++;
        }
    }
    assert_int_equal(checked, UNET_TENSORS);
    free(weights);
}

static void test_frequencies(void **state) {
    (void)state;
    struct unet_shape shape = published;
    shape.embedding = 40000;
    struct error e = {0};
    enum { N = 20000 };
    float *w = test_floats(N), *twice = test_floats(N);
    assert_int_equal(initialise_frequencies(&shape, 1, 30, w, &e), STATUS_OK);
    assert_int_equal(initialise_frequencies(&shape, 1, 60, twice, &e), STATUS_OK);
    double mean = 0, square = 0, fourth = 0;
    for (size_t i = 0; i < N; i++) {
        double z = (double)w[i] / 30;
        mean += z / N;
        square += z * z / N;
        fourth += z * z * z * z / N;
        assert_true(twice[i] == 2 * w[i]);
    }
    assert_true(fabs(mean) < 5 / sqrt(N));
    assert_true(fabs(square - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(fourth - 3) < 5 * sqrt(96.0 / N));
    free(w);
    free(twice);
}

static void test_seeds_and_streams(void **state) {
    (void)state;
    struct unet_tensor list[UNET_TENSORS], other_list[UNET_TENSORS];
    struct unet_shape other = published;
    other.embedding = 64;
    size_t total;
    unet_tensors(&published, list, &total);
    unet_tensors(&other, other_list, NULL);
    float *a = weights_of(&published, 1), *again = weights_of(&published, 1), *b = weights_of(&published, 2);
    float *c = weights_of(&other, 1);
    assert_memory_equal(a, again, total * sizeof *a);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        size_t at = list[i].offset, size = list[i].count * sizeof *a;
        if (!strstr(list[i].name, "norm")) {
            assert_true(memcmp(a + at, b + at, size) != 0);
        }
        if (strstr(list[i].name, "conv")) { /* independent of the embedding's length */
            assert_memory_equal(a + at, c + other_list[i].offset, size);
        }
    }
    /* arrays with the same bound have different streams */
    const float *embed = a + list[unet_find(&published, "embed.weight")].offset;
    const float *dense = a + list[unet_find(&published, "dense4.weight")].offset;
    assert_true(memcmp(embed, dense, 16 * sizeof *a) != 0);
    free(a);
    free(again);
    free(b);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_and_moments),
        cmocka_unit_test(test_frequencies),
        cmocka_unit_test(test_seeds_and_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
