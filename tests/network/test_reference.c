/* The double-precision oracle against the reference networks: score, vector-Jacobian product, loss and all weight
 * gradients, to 1e-10 (measured: a few 1e-15). The gradients of the references are stored in float32, so an additional
 * relative error of 2^-24 is allowed for each number. */
#include "network/unet_oracle.h"
#include "tests/network/reference.h"

#define TOLERANCE 1e-10

static void check(void **state) {
    struct reference r = reference_of_state(state);
    struct error e = {0};
    size_t count = r.n * r.sites;
    double *output = test_reals(count), *output_gradient = test_reals(count), *vjp = test_reals(count);
    double *score = test_reals(count), *gradient = test_reals(r.total);

    /* score = F / s(t); its VJP with the probe is that of F with probe / s(t) */
    for (size_t i = 0; i < count; i++) {
        output_gradient[i] = r.probe[i] / r.sigma[i / r.sites];
    }
    assert_int_equal(
        unet_oracle(&r.shape, r.weights, r.frequencies, r.n, r.x, r.t, output, output_gradient, vjp, NULL, &e),
        STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        score[i] = output[i] / r.sigma[i / r.sites];
    }
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
    assert_int_equal(
        unet_oracle(&r.shape, r.weights, r.frequencies, r.n, r.x, r.t, output, output_gradient, NULL, gradient, &e),
        STATUS_OK);
    assert_gradients_close(&r.shape, gradient, r.gradient, TOLERANCE, ldexp(1, -24));

    free(output);
    free(output_gradient);
    free(vjp);
    free(score);
    free(gradient);
    reference_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {REFERENCE_TESTS(check)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
