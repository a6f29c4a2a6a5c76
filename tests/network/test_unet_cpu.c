/* The single-precision network on the CPU against the references and, for other shapes, against the oracle: output,
 * vector-Jacobian product and all weight gradients, to 1e-4 of the largest number of each array (measured: below
 * 1e-5); with bfloat16 factors to 0.03 (measured: below 0.012). */
#include "network/unet_oracle.h"
#include "tests/network/cpu.h"

#define TOLERANCE 1e-4

static void check_reference(void **state) {
    struct reference r = reference_of_state(state);
    struct cpu c = cpu_new(&r.shape, UNET_DIRECT, r.weights_float, r.frequencies_float, (int)r.n);
    size_t count = r.n * r.sites;
    double *output = test_reals(count), *output_gradient = test_reals(count), *vjp = test_reals(count);
    double *score = test_reals(count), *gradient = test_reals(r.total);

    for (size_t i = 0; i < count; i++) {
        output_gradient[i] = r.probe[i] / r.sigma[i / r.sites];
    }
    cpu_run(&c, r.n, r.x, r.t, output, output_gradient, vjp, NULL);
    for (size_t i = 0; i < count; i++) {
        score[i] = output[i] / r.sigma[i / r.sites];
    }
    assert_close(count, score, r.score, TOLERANCE);
    assert_close(count, vjp, r.vjp, TOLERANCE);

    for (size_t i = 0; i < count; i++) {
        output_gradient[i] = 2 * (output[i] + r.z[i]) / (double)r.n;
    }
    cpu_run(&c, r.n, r.x, r.t, output, output_gradient, NULL, gradient);
    assert_gradients_close(&r.shape, gradient, r.gradient, TOLERANCE, 0);

    free(output);
    free(output_gradient);
    free(vjp);
    free(score);
    free(gradient);
    cpu_free(&c);
    reference_free(&r);
}

/* --- against the oracle, for shapes without a reference ------------------------------------------ */

static void check_problem(const struct problem *p, int max_batch) {
    const double tolerance = p->convolutions == UNET_BFLOAT16 ? 0.03 : TOLERANCE;
    struct cpu c = cpu_new(&p->shape, p->convolutions, p->weights, p->frequencies, max_batch);
    struct error e = {0};
    size_t n = p->n, count = n * p->sites;
    double *weights = to_reals(p->total, p->weights);
    double *frequencies = to_reals((size_t)p->shape.embedding / 2, p->frequencies);
    double *output = test_reals(count), *vjp = test_reals(count), *gradient = test_reals(p->total);
    double *expected = test_reals(count), *expected_vjp = test_reals(count);
    double *expected_gradient = test_reals(p->total);
    assert_ok(unet_oracle(&p->shape, weights, frequencies, n, p->x, p->t, expected, p->probe, expected_vjp,
                          expected_gradient, &e));
    cpu_run(&c, n, p->x, p->t, output, p->probe, vjp, gradient);
    for (size_t at = 0; at < count; at += p->sites) { /* each configuration relative to its own size */
        assert_close(p->sites, output + at, expected + at, tolerance);
        assert_close(p->sites, vjp + at, expected_vjp + at, tolerance);
    }
    assert_gradients_close(&p->shape, gradient, expected_gradient, tolerance, 0);
    double *all[] = {weights, frequencies, output, vjp, gradient, expected, expected_vjp, expected_gradient};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    cpu_free(&c);
}

/* n configurations in micro-batches of up to max_batch. */
static void check_oracle(struct unet_shape shape, enum unet_convolutions convolutions, size_t n, int max_batch) {
    struct problem p = problem_new(shape, convolutions, n);
    check_problem(&p, max_batch);
    problem_free(&p);
}

/* Fields that occur in practice: the prior (s = 10), the broken phase (a mean far larger than the fluctuations, of
 * either sign), an ordered start, a vanishing field. */
static void check_large_and_constant_fields(enum unet_convolutions convolutions) {
    struct problem p = problem_new((struct unet_shape){16, 16, 32, 256, 2, UNET_PERIODIC}, convolutions, 5);
    for (size_t i = 0; i < 5 * p.sites; i++) {
        static const double scale[5] = {10, 0.25, 0.25, 0, 0x1p-10}, mean[5] = {0, 5, -150, 1, 0};
        p.x[i] = scale[i / p.sites] * p.x[i] + mean[i / p.sites];
    }
    round_to_float(5 * p.sites, p.x);
    check_problem(&p, 5);
    problem_free(&p);
}

static void test_oracle_on_large_and_constant_fields(void **state) {
    (void)state;
    check_large_and_constant_fields(UNET_DIRECT);
    check_large_and_constant_fields(UNET_WINOGRAD);
}

static void test_oracle_on_other_shapes(void **state) {
    (void)state;
    check_oracle((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC}, UNET_DIRECT, 4, 4);
    check_oracle((struct unet_shape){24, 16, 16, 64, 2, UNET_ZEROS}, UNET_DIRECT, 4, 4);
    check_oracle((struct unet_shape){6, 10, 16, 32, 1, UNET_PERIODIC}, UNET_DIRECT, 3, 3);
    check_oracle((struct unet_shape){10, 6, 16, 32, 1, UNET_ZEROS}, UNET_DIRECT, 3, 3);
    /* channels that fill no vector; a single site at the deepest level */
    check_oracle((struct unet_shape){16, 16, 4, 6, 2, UNET_PERIODIC}, UNET_DIRECT, 2, 2);
    check_oracle((struct unet_shape){8, 8, 32, 256, 2, UNET_PERIODIC}, UNET_DIRECT, 2, 2);
}

static void test_oracle_with_winograd(void **state) {
    (void)state;
    check_oracle((struct unet_shape){16, 32, 16, 64, 2, UNET_PERIODIC}, UNET_WINOGRAD, 4, 4);
    check_oracle((struct unet_shape){32, 16, 16, 64, 2, UNET_ZEROS}, UNET_WINOGRAD, 3, 8);
    check_oracle((struct unet_shape){6, 10, 16, 32, 1, UNET_PERIODIC}, UNET_WINOGRAD, 3, 3);
    check_oracle((struct unet_shape){10, 6, 32, 32, 1, UNET_ZEROS}, UNET_WINOGRAD, 3, 3);
    /* odd extents at the deepest level, which is computed directly */
    check_oracle((struct unet_shape){24, 16, 16, 64, 2, UNET_PERIODIC}, UNET_WINOGRAD, 2, 2);
}

static void test_oracle_with_bfloat16(void **state) {
    (void)state;
    check_oracle((struct unet_shape){16, 32, 32, 64, 2, UNET_PERIODIC}, UNET_BFLOAT16, 4, 4);
    check_oracle((struct unet_shape){24, 16, 16, 64, 2, UNET_ZEROS}, UNET_BFLOAT16, 3, 8);
    check_oracle((struct unet_shape){6, 10, 16, 32, 1, UNET_PERIODIC}, UNET_BFLOAT16, 3, 3);
    check_oracle((struct unet_shape){16, 16, 4, 6, 2, UNET_PERIODIC}, UNET_BFLOAT16, 2, 2);
}

static void test_fewer_configurations_than_the_batch(void **state) {
    (void)state;
    check_oracle((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC}, UNET_DIRECT, 3, 8);
    check_oracle((struct unet_shape){8, 8, 8, 32, 1, UNET_ZEROS}, UNET_DIRECT, 1, 2);
}

static void test_bad_shape_is_refused(void **state) {
    (void)state;
    struct unet_shape shape = {30, 32, 32, 256, 2, UNET_PERIODIC};
    struct unet_cpu *network = NULL;
    struct error e = {0};
    float frequencies[128] = {0};
    assert_int_equal(unet_cpu_new(&shape, UNET_DIRECT, frequencies, 2, &network, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "30 x 32"));
    assert_null(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        REFERENCE_TESTS(check_reference),
        cmocka_unit_test(test_oracle_on_other_shapes),
        cmocka_unit_test(test_oracle_with_winograd),
        cmocka_unit_test(test_oracle_with_bfloat16),
        cmocka_unit_test(test_oracle_on_large_and_constant_fields),
        cmocka_unit_test(test_fewer_configurations_than_the_batch),
        cmocka_unit_test(test_bad_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
