/* Bits of the single-precision network on the CPU do not depend on threads, on other configurations of the micro-batch,
 * or on earlier calls. */
#include <omp.h>

#include "tests/network/cpu.h"

enum { BATCH = 5 };

/* With fewer configurations than max_batch, the unused places, which have numbers of another batch, do not contribute
 * to the weight gradients. */
static void test_unused_places_do_not_contribute(void **state) {
    (void)state;
    struct unet_shape shape = {16, 24, 16, 64, 2, UNET_PERIODIC};
    struct problem p = problem_new(shape, UNET_DIRECT, BATCH);
    struct cpu used = cpu_new(&shape, UNET_DIRECT, p.weights, p.frequencies, BATCH);
    struct cpu fresh = cpu_new(&shape, UNET_DIRECT, p.weights, p.frequencies, BATCH);
    size_t count = BATCH * p.sites;
    double *output[2] = {test_reals(count), test_reals(count)};
    double *vjp[2] = {test_reals(count), test_reals(count)};
    double *gradient[2] = {test_reals(p.total), test_reals(p.total)};
    cpu_run(&used, BATCH, p.x, p.t, output[0], p.probe, vjp[0], gradient[0]);
    cpu_run(&used, 2, p.x, p.t, output[0], p.probe, vjp[0], gradient[0]);
    cpu_run(&fresh, 2, p.x, p.t, output[1], p.probe, vjp[1], gradient[1]);
    assert_memory_equal(output[0], output[1], 2 * p.sites * sizeof(double));
    assert_memory_equal(vjp[0], vjp[1], 2 * p.sites * sizeof(double));
    assert_memory_equal(gradient[0], gradient[1], p.total * sizeof(double));
    for (int i = 0; i < 2; i++) {
        free(output[i]);
        free(vjp[i]);
        free(gradient[i]);
    }
    cpu_free(&used);
    cpu_free(&fresh);
    problem_free(&p);
}

struct batch {
    float *x, *t, *probe, *output, *vjp, *packed;
};

static struct batch batch_new(const struct problem *p, size_t packed) {
    size_t count = p->n * p->sites;
    return (struct batch){to_floats(count, p->x), to_floats(p->n, p->t), to_floats(count, p->probe),
                          test_floats(count),     test_floats(count),    test_floats(packed)};
}

static void batch_free(struct batch *b) {
    float *all[] = {b->x, b->t, b->probe, b->output, b->vjp, b->packed};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
}

/* After several backward calls for one forward pass, the result for the first probe has the same bits again. */
static void test_backward_may_be_called_again(void **state) {
    (void)state;
    struct problem p = problem_new((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC}, UNET_DIRECT, BATCH);
    struct cpu c = cpu_new(&p.shape, p.convolutions, p.weights, p.frequencies, BATCH);
    struct batch b = batch_new(&p, c.packed);
    struct error e = {0};
    size_t count = p.n * p.sites;
    float *other = test_floats(count), *vjp = test_floats(count), *packed = test_floats(c.packed);
    float *probe = test_floats(count);
    for (size_t i = 0; i < count; i++) {
        other[i] = -2 * b.probe[count - 1 - i];
    }
    memcpy(probe, b.probe, count * sizeof *probe);
    assert_ok(unet_cpu_forward(c.ws, BATCH, b.x, b.t, b.output, &e));
    assert_ok(unet_cpu_backward(c.ws, BATCH, b.probe, b.vjp, b.packed, &e));
    assert_ok(unet_cpu_backward(c.ws, BATCH, other, vjp, NULL, &e));
    assert_true(memcmp(vjp, b.vjp, count * sizeof *vjp) != 0);
    assert_ok(unet_cpu_backward(c.ws, BATCH, other, NULL, packed, &e));
    assert_ok(unet_cpu_backward(c.ws, BATCH, b.probe, vjp, NULL, &e));
    assert_memory_equal(vjp, b.vjp, count * sizeof *vjp);
    assert_ok(unet_cpu_backward(c.ws, BATCH, b.probe, NULL, packed, &e)); /* sets, does not add */
    assert_memory_equal(packed, b.packed, c.packed * sizeof *packed);
    assert_memory_equal(probe, b.probe, count * sizeof *probe);
    free(other);
    free(vjp);
    free(packed);
    free(probe);
    batch_free(&b);
    cpu_free(&c);
    problem_free(&p);
}

/* Configuration i has the same output and vector-Jacobian product alone, at another position, and with other
 * neighbours. */
static void check_company(struct unet_shape shape, enum unet_convolutions convolutions) {
    struct problem p = problem_new(shape, convolutions, BATCH);
    struct cpu c = cpu_new(&p.shape, p.convolutions, p.weights, p.frequencies, BATCH);
    struct batch b = batch_new(&p, c.packed);
    struct error e = {0};
    size_t count = p.n * p.sites, size = p.sites * sizeof(float);
    assert_ok(unet_cpu_forward(c.ws, BATCH, b.x, b.t, b.output, &e));
    assert_ok(unet_cpu_backward(c.ws, BATCH, b.probe, b.vjp, NULL, &e));
    float *x = test_floats(count), *probe = test_floats(count), t[BATCH];
    float *output = test_floats(count), *vjp = test_floats(count);
    for (size_t i = 0; i < BATCH; i++) {
        size_t at = i * p.sites;
        assert_ok(unet_cpu_forward(c.ws, 1, b.x + at, b.t + i, output, &e));
        assert_ok(unet_cpu_backward(c.ws, 1, b.probe + at, vjp, NULL, &e));
        assert_memory_equal(output, b.output + at, size);
        assert_memory_equal(vjp, b.vjp + at, size);
    }
    for (size_t i = 0; i < BATCH; i++) { /* reversed, with odd ones replaced by a diverged configuration */
        size_t from = BATCH - 1 - i;
        t[i] = b.t[from];
        for (size_t k = 0; k < p.sites; k++) {
            float factor = i % 2 ? NAN : 1;
            x[i * p.sites + k] = factor * b.x[from * p.sites + k];
            probe[i * p.sites + k] = factor * b.probe[from * p.sites + k];
        }
    }
    assert_ok(unet_cpu_forward(c.ws, BATCH, x, t, output, &e));
    assert_ok(unet_cpu_backward(c.ws, BATCH, probe, vjp, NULL, &e));
    for (size_t i = 0; i < BATCH; i += 2) {
        assert_memory_equal(output + i * p.sites, b.output + (BATCH - 1 - i) * p.sites, size);
        assert_memory_equal(vjp + i * p.sites, b.vjp + (BATCH - 1 - i) * p.sites, size);
    }
    free(x);
    free(probe);
    free(output);
    free(vjp);
    batch_free(&b);
    cpu_free(&c);
    problem_free(&p);
}

static void test_bits_do_not_depend_on_other_configurations(void **state) {
    (void)state;
    check_company((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC}, UNET_DIRECT);
    check_company((struct unet_shape){8, 8, 8, 32, 1, UNET_ZEROS}, UNET_DIRECT);
    check_company((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, UNET_DIRECT);
    check_company((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC}, UNET_WINOGRAD);
    check_company((struct unet_shape){8, 8, 16, 32, 1, UNET_ZEROS}, UNET_WINOGRAD);
    check_company((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, UNET_WINOGRAD);
    check_company((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC}, UNET_BFLOAT16);
    check_company((struct unet_shape){8, 8, 8, 32, 1, UNET_ZEROS}, UNET_BFLOAT16);
    check_company((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC}, UNET_BFLOAT16);
}

/* Distributes micro-batches over threads, each with its own workspace. */
static void run_with_threads(const struct problem *p, struct unet_cpu *network, int threads, int size, struct batch *b,
                             float *gradients, size_t packed) {
    int micro_batches = (int)p->n / size, failures = 0;
#pragma omp parallel num_threads(threads) reduction(+ : failures)
    {
        struct unet_cpu_workspace *ws = NULL;
        struct error e = {0};
        failures += unet_cpu_workspace_new(network, &ws, &e) != STATUS_OK;
#pragma omp for schedule(dynamic, 1)
        for (int m = 0; m < micro_batches; m++) {
            size_t first = (size_t)m * (size_t)size, at = first * p->sites;
            failures += unet_cpu_forward(ws, size, b->x + at, b->t + first, b->output + at, &e) != STATUS_OK;
            failures += unet_cpu_backward(ws, size, b->probe + at, b->vjp + at, gradients + (size_t)m * packed, &e) !=
                        STATUS_OK;
        }
        unet_cpu_workspace_free(ws);
    }
    assert_int_equal(failures, 0);
}

static void check_threads(struct unet_shape shape, enum unet_convolutions convolutions) {
    struct problem p = problem_new(shape, convolutions, 16);
    struct error e = {0};
    struct unet_cpu *network;
    assert_ok(unet_cpu_new(&p.shape, p.convolutions, p.frequencies, 2, &network, &e));
    unet_cpu_set_weights(network, p.weights);
    size_t packed = unet_cpu_gradient_size(network), count = p.n * p.sites, floats = 8 * packed;
    struct batch one = batch_new(&p, 0), two = batch_new(&p, 0);
    float *gradient_one = test_floats(floats), *gradient_two = test_floats(floats);
    run_with_threads(&p, network, 1, 2, &one, gradient_one, packed);
    for (int repeat = 0; repeat < 3; repeat++) {
        run_with_threads(&p, network, 2, 2, &two, gradient_two, packed);
        assert_memory_equal(one.output, two.output, count * sizeof(float));
        assert_memory_equal(one.vjp, two.vjp, count * sizeof(float));
        assert_memory_equal(gradient_one, gradient_two, floats * sizeof(float));
    }
    free(gradient_one);
    free(gradient_two);
    batch_free(&one);
    batch_free(&two);
    unet_cpu_free(network);
    problem_free(&p);
}

static void test_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    check_threads((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC}, UNET_DIRECT);
    check_threads((struct unet_shape){8, 8, 8, 32, 1, UNET_ZEROS}, UNET_DIRECT);
    check_threads((struct unet_shape){16, 16, 16, 64, 2, UNET_PERIODIC}, UNET_WINOGRAD);
    check_threads((struct unet_shape){16, 16, 16, 64, 2, UNET_PERIODIC}, UNET_BFLOAT16);
}

/* New weights take effect in existing workspaces, and the old weights give the old bits again. */
static void test_weights_can_be_changed(void **state) {
    (void)state;
    struct problem p = problem_new((struct unet_shape){16, 16, 8, 32, 2, UNET_PERIODIC}, UNET_DIRECT, 2);
    struct cpu c = cpu_new(&p.shape, p.convolutions, p.weights, p.frequencies, 2);
    struct batch b = batch_new(&p, c.packed);
    struct error e = {0};
    size_t size = p.n * p.sites * sizeof(float);
    float *weights = test_floats(p.total), *output = test_floats(p.n * p.sites);
    assert_ok(initialise_weights(&p.shape, 8, weights, &e));
    assert_ok(unet_cpu_forward(c.ws, 2, b.x, b.t, b.output, &e));
    unet_cpu_set_weights(c.network, weights);
    assert_ok(unet_cpu_forward(c.ws, 2, b.x, b.t, output, &e));
    struct cpu fresh = cpu_new(&p.shape, p.convolutions, weights, p.frequencies, 2);
    assert_ok(unet_cpu_forward(fresh.ws, 2, b.x, b.t, b.vjp, &e));
    assert_memory_equal(output, b.vjp, size);
    unet_cpu_set_weights(c.network, p.weights);
    assert_ok(unet_cpu_forward(c.ws, 2, b.x, b.t, output, &e));
    assert_memory_equal(output, b.output, size);
    free(weights);
    free(output);
    cpu_free(&fresh);
    batch_free(&b);
    cpu_free(&c);
    problem_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unused_places_do_not_contribute),
        cmocka_unit_test(test_backward_may_be_called_again),
        cmocka_unit_test(test_bits_do_not_depend_on_other_configurations),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_weights_can_be_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
