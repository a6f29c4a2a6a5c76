/* The float64 oracle against the reference networks: score, vector-Jacobian product, loss and every
 * weight gradient, all to 1e-10 (measured: a few 1e-15). The references' gradients are stored in float32,
 * so each number of them is allowed its own rounding, 2^-24, besides. */
#include "network/unet_oracle.h"
#include "tests/network/reference.h"

#define TOLERANCE 1e-10

static void check(const char *path, int stride, enum unet_padding padding) {
    struct reference r = reference_read(path, stride, padding);
    struct error e = {0};
    size_t count = r.n * r.sites;
    double *output = test_reals(count), *output_gradient = test_reals(count), *vjp = test_reals(count);
    double *score = test_reals(count), *gradient = test_reals(r.total);

    /* score = F / s(t); its VJP with the probe is that of F with probe / s(t) */
    for (size_t i = 0; i < count; i++)
        output_gradient[i] = r.probe[i] / r.sigma[i / r.sites];
    assert_int_equal(unet_oracle(&r.shape, r.weights, r.frequencies, r.n, r.x, r.t, output, output_gradient,
                                 vjp, NULL, &e), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        score[i] = output[i] / r.sigma[i / r.sites];
    assert_close(count, score, r.score, TOLERANCE);
    assert_close(count, vjp, r.vjp, TOLERANCE);

    /* loss = mean over configurations of sum_x (s score + z)^2, and s score = F */
    double loss = 0;
    for (size_t i = 0; i < count; i++) {
        double residual = output[i] + r.z[i];
        loss += residual * residual / (double)r.n;
        output_gradient[i] = 2 * residual / (double)r.n;
    }
    assert_close(1, &loss, &r.loss, TOLERANCE);
    assert_int_equal(unet_oracle(&r.shape, r.weights, r.frequencies, r.n, r.x, r.t, output, output_gradient,
                                 NULL, gradient, &e), STATUS_OK);
    assert_gradients_close(&r.shape, gradient, r.gradient, TOLERANCE, ldexp(1, -24));

    free(output);
    free(output_gradient);
    free(vjp);
    free(score);
    free(gradient);
    reference_free(&r);
}

static void test_stride_1_zeros(void **state) {
    (void)state;
    check("tests/data/unet-w8-stride1-zeros-L8.npz", 1, UNET_ZEROS);
}

static void test_stride_1_periodic(void **state) {
    (void)state;
    check("tests/data/unet-w8-stride1-periodic-L8.npz", 1, UNET_PERIODIC);
}

static void test_stride_2_zeros(void **state) {
    (void)state;
    check("tests/data/unet-w8-stride2-zeros-L16.npz", 2, UNET_ZEROS);
}

static void test_stride_2_periodic(void **state) {
    (void)state;
    check("tests/data/unet-w8-stride2-periodic-L16.npz", 2, UNET_PERIODIC);
}

/* The published width. Its file (9 MB) is not in the repository; beside the repository it is found. */
static void test_published_width(void **state) {
    (void)state;
    static const char path[] = "../shared/reference/unet-w32-stride2-periodic-L32.npz";
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("SKIPPED, nothing was compared: there is no %s\n", path);
        skip();
    }
    fclose(file);
    check(path, 2, UNET_PERIODIC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stride_1_zeros),    cmocka_unit_test(test_stride_1_periodic),
        cmocka_unit_test(test_stride_2_zeros),    cmocka_unit_test(test_stride_2_periodic),
        cmocka_unit_test(test_published_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
