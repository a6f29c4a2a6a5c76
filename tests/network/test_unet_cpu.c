/* The single-precision network on the CPU: against the references and against the oracle (1e-4 of the
 * largest number of each array), and the promises about bits: they depend neither on threads nor on what
 * else is in the micro-batch. */
#include <omp.h>

#include "network/initialise.h"
#include "network/unet_cpu.h"
#include "network/unet_oracle.h"
#include "tests/network/reference.h"

#define TOLERANCE 1e-4

#define assert_ok(call) \
    do { \
        if ((call) != STATUS_OK) \
            fail_msg("%s: %s", #call, e.message); \
    } while (0)

static float *to_floats(size_t n, const double *x) {
    float *y = test_floats(n);
    for (size_t i = 0; i < n; i++)
        y[i] = (float)x[i];
    return y;
}

static double *to_reals(size_t n, const float *x) {
    double *y = test_reals(n);
    for (size_t i = 0; i < n; i++)
        y[i] = (double)x[i];
    return y;
}

/* A network with its weights, and one workspace of it. */
struct cpu {
    struct unet_cpu *network;
    struct unet_cpu_workspace *ws;
    size_t sites, total, packed;
};

static struct cpu cpu_new(const struct unet_shape *shape, const float *weights, const float *frequencies,
                          int max_batch) {
    struct cpu c = {.sites = (size_t)shape->height * (size_t)shape->width_sites};
    struct error e = {0};
    assert_ok(unet_cpu_new(shape, frequencies, max_batch, &c.network, &e));
    assert_ok(unet_cpu_set_weights(c.network, weights, &e));
    assert_ok(unet_cpu_workspace_new(c.network, &c.ws, &e));
    unet_tensors(shape, NULL, &c.total);
    c.packed = unet_cpu_gradient_size(c.network);
    return c;
}

static void cpu_free(struct cpu *c) {
    unet_cpu_workspace_free(c->ws);
    unet_cpu_free(c->network);
}

/* Forward and backward of n configurations, everything in double precision; gradients may be NULL. */
static void cpu_run(struct cpu *c, size_t n, const double *x, const double *t, double *output,
                    const double *output_gradient, double *input_gradient, double *weight_gradient) {
    struct error e = {0};
    size_t count = n * c->sites;
    float *xf = to_floats(count, x), *tf = to_floats(n, t), *of = test_floats(count);
    assert_ok(unet_cpu_forward(c->ws, (int)n, xf, tf, of, &e));
    for (size_t i = 0; i < count; i++)
        output[i] = (double)of[i];
    if (output_gradient) {
        float *gf = to_floats(count, output_gradient), *packed = test_floats(c->packed);
        float *flat = test_floats(c->total);
        assert_ok(unet_cpu_backward(c->ws, (int)n, gf, input_gradient ? of : NULL,
                                    weight_gradient ? packed : NULL, &e));
        for (size_t i = 0; input_gradient && i < count; i++)
            input_gradient[i] = (double)of[i];
        if (weight_gradient) {
            assert_ok(unet_cpu_unpack_gradient(c->network, packed, flat, &e));
            for (size_t i = 0; i < c->total; i++)
                weight_gradient[i] = (double)flat[i];
        }
        free(gf);
        free(packed);
        free(flat);
    }
    free(xf);
    free(tf);
    free(of);
}

static void check_reference(const char *path, int stride, enum unet_padding padding) {
    struct reference r = reference_read(path, stride, padding);
    struct cpu c = cpu_new(&r.shape, r.weights_float, r.frequencies_float, (int)r.n);
    size_t count = r.n * r.sites;
    double *output = test_reals(count), *output_gradient = test_reals(count), *vjp = test_reals(count);
    double *score = test_reals(count), *gradient = test_reals(r.total);

    for (size_t i = 0; i < count; i++)
        output_gradient[i] = r.probe[i] / r.sigma[i / r.sites];
    cpu_run(&c, r.n, r.x, r.t, output, output_gradient, vjp, NULL);
    for (size_t i = 0; i < count; i++)
        score[i] = output[i] / r.sigma[i / r.sites];
    assert_close(count, score, r.score, TOLERANCE);
    assert_close(count, vjp, r.vjp, TOLERANCE);

    for (size_t i = 0; i < count; i++)
        output_gradient[i] = 2 * (output[i] + r.z[i]) / (double)r.n;
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

static void test_reference_stride_1_zeros(void **state) {
    (void)state;
    check_reference("tests/data/unet-w8-stride1-zeros-L8.npz", 1, UNET_ZEROS);
}

static void test_reference_stride_1_periodic(void **state) {
    (void)state;
    check_reference("tests/data/unet-w8-stride1-periodic-L8.npz", 1, UNET_PERIODIC);
}

static void test_reference_stride_2_zeros(void **state) {
    (void)state;
    check_reference("tests/data/unet-w8-stride2-zeros-L16.npz", 2, UNET_ZEROS);
}

static void test_reference_stride_2_periodic(void **state) {
    (void)state;
    check_reference("tests/data/unet-w8-stride2-periodic-L16.npz", 2, UNET_PERIODIC);
}

static void test_reference_published_width(void **state) {
    (void)state;
    static const char path[] = "../shared/reference/unet-w32-stride2-periodic-L32.npz";
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("SKIPPED, nothing was compared: there is no %s\n", path);
        skip();
    }
    fclose(file);
    check_reference(path, 2, UNET_PERIODIC);
}

/* --- against the oracle, at shapes the references do not have ------------------------------------ */

enum { BATCH = 5 };

struct problem {
    struct unet_shape shape;
    size_t n, sites, total;
    float *weights, *frequencies;
    double *x, *t, *probe; /* numbers that float32 holds exactly */
};

static void round_to_float(size_t n, double *x) {
    for (size_t i = 0; i < n; i++)
        x[i] = (double)(float)x[i];
}

static struct problem problem_new(struct unet_shape shape, size_t n) {
    struct problem p = {.shape = shape, .n = n, .sites = (size_t)shape.height * (size_t)shape.width_sites};
    struct error e = {0};
    unet_tensors(&shape, NULL, &p.total);
    p.weights = test_floats(p.total);
    p.frequencies = test_floats((size_t)shape.embedding / 2);
    assert_ok(initialise_weights(&shape, 7, p.weights, &e));
    assert_ok(initialise_frequencies(&shape, 7, 3, p.frequencies, &e));
    p.x = test_reals(n * p.sites);
    p.probe = test_reals(n * p.sites);
    p.t = test_reals(n);
    test_normal("fields", p.x, n * p.sites);
    test_normal("probe", p.probe, n * p.sites);
    for (size_t i = 0; i < n; i++)
        p.t[i] = 0.125 + 0.625 * (double)i / (double)n;
    round_to_float(n * p.sites, p.x);
    round_to_float(n * p.sites, p.probe);
    round_to_float(n, p.t);
    return p;
}

static void problem_free(struct problem *p) {
    free(p->weights);
    free(p->frequencies);
    free(p->x);
    free(p->t);
    free(p->probe);
}

/* n configurations in micro-batches of up to max_batch. */
static void check_oracle(struct unet_shape shape, size_t n, int max_batch) {
    struct problem p = problem_new(shape, n);
    struct cpu c = cpu_new(&shape, p.weights, p.frequencies, max_batch);
    struct error e = {0};
    size_t count = n * p.sites;
    double *weights = to_reals(p.total, p.weights);
    double *frequencies = to_reals((size_t)shape.embedding / 2, p.frequencies);
    double *output = test_reals(count), *vjp = test_reals(count), *gradient = test_reals(p.total);
    double *expected = test_reals(count), *expected_vjp = test_reals(count);
    double *expected_gradient = test_reals(p.total);
    assert_ok(unet_oracle(&shape, weights, frequencies, n, p.x, p.t, expected, p.probe, expected_vjp,
                          expected_gradient, &e));
    cpu_run(&c, n, p.x, p.t, output, p.probe, vjp, gradient);
    assert_close(count, output, expected, TOLERANCE);
    assert_close(count, vjp, expected_vjp, TOLERANCE);
    assert_gradients_close(&shape, gradient, expected_gradient, TOLERANCE, 0);
    double *all[] = {weights, frequencies, output, vjp, gradient, expected, expected_vjp, expected_gradient};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    cpu_free(&c);
    problem_free(&p);
}

static void test_oracle_on_other_shapes(void **state) {
    (void)state;
    check_oracle((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC}, 4, 4);
    check_oracle((struct unet_shape){24, 16, 16, 64, 2, UNET_ZEROS}, 4, 4);
    check_oracle((struct unet_shape){6, 10, 16, 32, 1, UNET_PERIODIC}, 3, 3);
    check_oracle((struct unet_shape){10, 6, 16, 32, 1, UNET_ZEROS}, 3, 3);
    /* channels that fill no vector; a single site at the deepest level */
    check_oracle((struct unet_shape){16, 16, 4, 6, 2, UNET_PERIODIC}, 2, 2);
    check_oracle((struct unet_shape){8, 8, 32, 256, 2, UNET_PERIODIC}, 2, 2);
}

/* Fewer configurations than max_batch: nothing of the padding enters the weight gradients, although the
 * places hold another batch's numbers. */
static void test_padded_batch(void **state) {
    (void)state;
    struct unet_shape shape = {16, 24, 16, 64, 2, UNET_PERIODIC};
    check_oracle(shape, 3, 8);
    check_oracle(shape, 1, 2);

    struct problem p = problem_new(shape, BATCH);
    struct cpu used = cpu_new(&shape, p.weights, p.frequencies, BATCH);
    struct cpu fresh = cpu_new(&shape, p.weights, p.frequencies, BATCH);
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

/* --- bits ---------------------------------------------------------------------------------------- */

struct batch {
    float *x, *t, *probe, *output, *vjp, *packed;
};

static struct batch batch_new(const struct problem *p, size_t packed) {
    size_t count = p->n * p->sites;
    return (struct batch){to_floats(count, p->x), to_floats(p->n, p->t), to_floats(count, p->probe),
                          test_floats(count), test_floats(count), test_floats(packed)};
}

static void batch_free(struct batch *b) {
    float *all[] = {b->x, b->t, b->probe, b->output, b->vjp, b->packed};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

/* Several backward calls after one forward: the first probe's answer again at the end, to the bit. */
static void test_backward_may_be_called_again(void **state) {
    (void)state;
    struct problem p = problem_new((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC}, BATCH);
    struct cpu c = cpu_new(&p.shape, p.weights, p.frequencies, BATCH);
    struct batch b = batch_new(&p, c.packed);
    struct error e = {0};
    size_t count = p.n * p.sites;
    float *other = test_floats(count), *vjp = test_floats(count), *packed = test_floats(c.packed);
    float *probe = test_floats(count);
    for (size_t i = 0; i < count; i++)
        other[i] = -2 * b.probe[count - 1 - i];
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

/* Configuration i has the same output and VJP alone, in another place, and among other neighbours. */
static void check_company(struct unet_shape shape) {
    struct problem p = problem_new(shape, BATCH);
    struct cpu c = cpu_new(&p.shape, p.weights, p.frequencies, BATCH);
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
    for (size_t i = 0; i < BATCH; i++) { /* reversed; the odd ones replaced by something large */
        size_t from = BATCH - 1 - i;
        t[i] = b.t[from];
        for (size_t k = 0; k < p.sites; k++) {
            float factor = i % 2 ? 100 : 1;
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

static void test_bits_do_not_depend_on_company(void **state) {
    (void)state;
    check_company((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC});
    check_company((struct unet_shape){8, 8, 8, 32, 1, UNET_ZEROS});
    check_company((struct unet_shape){32, 32, 32, 256, 2, UNET_PERIODIC});
}

/* Micro-batches shared among threads, each with its own workspace. */
static void run_with_threads(const struct problem *p, struct unet_cpu *network, int threads, int size,
                             struct batch *b, float *gradients, size_t packed) {
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
            failures += unet_cpu_backward(ws, size, b->probe + at, b->vjp + at, gradients + (size_t)m * packed,
                                          &e) != STATUS_OK;
        }
        unet_cpu_workspace_free(ws);
    }
    assert_int_equal(failures, 0);
}

static void check_threads(struct unet_shape shape) {
    struct problem p = problem_new(shape, 16);
    struct error e = {0};
    struct unet_cpu *network;
    assert_ok(unet_cpu_new(&p.shape, p.frequencies, 2, &network, &e));
    assert_ok(unet_cpu_set_weights(network, p.weights, &e));
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
    check_threads((struct unet_shape){16, 24, 16, 64, 2, UNET_PERIODIC});
    check_threads((struct unet_shape){8, 8, 8, 32, 1, UNET_ZEROS});
}

/* New weights take effect in a workspace made before them, and old ones bring the old bits back. */
static void test_weights_can_be_changed(void **state) {
    (void)state;
    struct problem p = problem_new((struct unet_shape){16, 16, 8, 32, 2, UNET_PERIODIC}, 2);
    struct cpu c = cpu_new(&p.shape, p.weights, p.frequencies, 2);
    struct batch b = batch_new(&p, c.packed);
    struct error e = {0};
    size_t size = p.n * p.sites * sizeof(float);
    float *weights = test_floats(p.total), *output = test_floats(p.n * p.sites);
    assert_ok(initialise_weights(&p.shape, 8, weights, &e));
    assert_ok(unet_cpu_forward(c.ws, 2, b.x, b.t, b.output, &e));
    assert_ok(unet_cpu_set_weights(c.network, weights, &e));
    assert_ok(unet_cpu_forward(c.ws, 2, b.x, b.t, output, &e));
    struct cpu fresh = cpu_new(&p.shape, weights, p.frequencies, 2);
    assert_ok(unet_cpu_forward(fresh.ws, 2, b.x, b.t, b.vjp, &e));
    assert_memory_equal(output, b.vjp, size);
    assert_ok(unet_cpu_set_weights(c.network, p.weights, &e));
    assert_ok(unet_cpu_forward(c.ws, 2, b.x, b.t, output, &e));
    assert_memory_equal(output, b.output, size);
    free(weights);
    free(output);
    cpu_free(&fresh);
    batch_free(&b);
    cpu_free(&c);
    problem_free(&p);
}

static void test_bad_shape_is_refused(void **state) {
    (void)state;
    struct unet_shape shape = {30, 32, 32, 256, 2, UNET_PERIODIC};
    struct unet_cpu *network = NULL;
    struct error e = {0};
    float frequencies[128] = {0};
    assert_int_equal(unet_cpu_new(&shape, frequencies, 2, &network, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "30 x 32"));
    assert_null(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_stride_1_zeros),
        cmocka_unit_test(test_reference_stride_1_periodic),
        cmocka_unit_test(test_reference_stride_2_zeros),
        cmocka_unit_test(test_reference_stride_2_periodic),
        cmocka_unit_test(test_reference_published_width),
        cmocka_unit_test(test_oracle_on_other_shapes),
        cmocka_unit_test(test_padded_batch),
        cmocka_unit_test(test_backward_may_be_called_again),
        cmocka_unit_test(test_bits_do_not_depend_on_company),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_weights_can_be_changed),
        cmocka_unit_test(test_bad_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
