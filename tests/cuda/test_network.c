/* The network on the device (tests/cuda/emulate: its kernels, run on the CPU) against the references, the oracle in
 * double precision and the CPU: scores, vector-Jacobian products, traces, and all weight gradients. */
#include "tests/cuda/device.h"

#define TOLERANCE 1e-4 /* as for the network on the CPU; measured below 1e-5 */

static void check_reference(const char *path, int stride, enum unet_padding padding) {
    struct reference r = reference_read(path, stride, padding);
    struct score_model m = reference_model(&r);
    struct backend *b = m.backend = device_open("cuda-float32");
    struct backend_network *w;
    struct error e = {0};
    const size_t V = r.sites, capacity = b->capacity(b, &m);
    struct score_frame *frames = test_alloc(r.n, sizeof *frames);
    float *phi = to_floats(r.n * V, r.x), *out = test_floats(r.n * V), *probe = test_floats(r.n * V);
    double *score = test_reals(r.n * V), *vjp = test_reals(r.n * V);
    assert_ok(b->network_new(b, &m, &w, &e));
    for (size_t i = 0; i < r.n; i++) {
        frames[i] = score_frame(&m, r.t[i]);
    }
    for (size_t i = 0; i < r.n * V; i++) {
        probe[i] = (float)(r.probe[i] / r.sigma[i / V]);
    }
    for (size_t at = 0; at < r.n; at += capacity) {
        const size_t n = r.n - at < capacity ? r.n - at : capacity;
        assert_ok(b->evaluate(w, n, phi + at * V, frames + at, out + at * V, &e));
        for (size_t i = at * V; i < (at + n) * V; i++) {
            score[i] = (double)out[i] / r.sigma[i / V];
        }
        for (int twice = 0; twice < 2; twice++) { /* repeatable */
            assert_ok(b->vjp(w, n, probe + at * V, out + at * V, &e));
        }
        for (size_t i = at * V; i < (at + n) * V; i++) {
            vjp[i] = (double)out[i];
        }
    }
    assert_close(r.n * V, score, r.score, TOLERANCE);
    assert_close(r.n * V, vjp, r.vjp, TOLERANCE);
    b->network_free(w);
    b->close(b);
    free(frames);
    free(phi);
    free(out);
    free(probe);
    free(score);
    free(vjp);
    score_model_release(&m);
    reference_free(&r);
}

static void references_stride_1(void **state) {
    (void)state;
    check_reference("tests/data/unet-w8-stride1-zeros-L8.npz", 1, UNET_ZEROS);
    check_reference("tests/data/unet-w8-stride1-periodic-L8.npz", 1, UNET_PERIODIC);
}

static void references_stride_2(void **state) {
    (void)state;
    check_reference("tests/data/unet-w8-stride2-zeros-L16.npz", 2, UNET_ZEROS);
    check_reference("tests/data/unet-w8-stride2-periodic-L16.npz", 2, UNET_PERIODIC);
}

/* --- all parameterisations, against the CPU ------------------------------------------------------- */

struct pair {
    struct score_model model, remote;
    struct scorer cpu;
    struct backend *device;
    struct backend_network *network; /* of the device */
};

/* Frames of the times on a model. */
static const struct score_frame *frames_of(const struct score_model *m, size_t n, const double *t) {
    static struct score_frame frames[16];
    for (size_t i = 0; i < n; i++) {
        frames[i] = score_frame(m, t[i]);
    }
    return frames;
}

static void pair_begin(struct pair *p, struct unet_shape shape, enum score_parameterisation how, struct backend *b) {
    p->model = network_model(shape, how, 3);
    p->remote = on_device(&p->model, b);
    p->cpu = scorer_new(&p->model);
    p->device = b;
    struct error e = {0};
    assert_ok(b->network_new(b, &p->remote, &p->network, &e));
}

static void pair_free(struct pair *p) {
    scorer_free(&p->cpu);
    p->device->network_free(p->network);
    score_model_release(&p->model);
}

static void check_parameterisation(struct unet_shape shape, enum score_parameterisation how, const char *backend,
                                   double tolerance) {
    struct backend *b = device_open(backend);
    struct pair p;
    pair_begin(&p, shape, how, b);
    struct error e = {0};
    enum { N = 1 };
    const size_t V = p.model.volume;
    float *phi = white_noise("phi", N * V), *probe = white_noise("probe", N * V);
    float *here = test_floats(N * V), *there = test_floats(N * V);
    const double t[N] = {0.4};
    assert_true(b->capacity(b, &p.remote) >= N);
    assert_ok(score_evaluate(p.cpu.worker, N, phi, t, here, &e));
    assert_ok(b->evaluate(p.network, N, phi, frames_of(&p.remote, N, t), there, &e));
    assert_same(N * V, there, here, tolerance);
    if (b->forward_only) {
        assert_refused(b->vjp(p.network, N, probe, there, &e), STATUS_BAD_INPUT, "has no gradients");
    } else {
        assert_ok(score_vjp(p.cpu.worker, N, probe, here, &e));
        assert_ok(b->vjp(p.network, N, probe, there, &e));
        assert_same(N * V, there, here, tolerance);
    }
    free(phi);
    free(probe);
    free(here);
    free(there);
    pair_free(&p);
    b->close(b);
}

static void parameterisations(void **state) {
    (void)state;
    const struct unet_shape shape = {16, 16, 8, 32, 2, UNET_PERIODIC}, odd = {5, 7, 4, 6, 1, UNET_PERIODIC};
    check_parameterisation(shape, SCORE_PUBLISHED, "cuda-float32", 1e-4);
    check_parameterisation(shape, SCORE_PRECONDITIONED, "cuda-float32", 1e-4);
    check_parameterisation(shape, SCORE_WIENER, "cuda-float32", 1e-4);
    check_parameterisation(odd, SCORE_WIENER, "cuda-float32", 1e-4);
}

/* Groups of three channels, and channels that are not a power of two. */
static void an_unusual_width(void **state) {
    (void)state;
    check_parameterisation((struct unet_shape){16, 16, 96, 6, 2, UNET_ZEROS}, SCORE_PUBLISHED, "cuda-float32", 1e-4);
}

/* 11 and 8 bits of mantissa, through the layers. */
static void short_mantissas(void **state) {
    (void)state;
    const struct unet_shape shape = {16, 16, 8, 32, 2, UNET_PERIODIC};
    check_parameterisation(shape, SCORE_PRECONDITIONED, "cuda", 2e-3);
    check_parameterisation(shape, SCORE_PRECONDITIONED, "cuda-bf16", 3e-2);
}

/* --- traces --------------------------------------------------------------------------------------- */

static void traces(void **state) {
    (void)state;
    struct backend *b = device_open("cuda-float32");
    struct pair p;
    pair_begin(&p, (struct unet_shape){8, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_WIENER, b);
    struct error e = {0};
    enum { N = 2, V = 64, PROBES = 3 };
    const struct random_key key = random_key(3, "test", "probe");
    const uint64_t numbers[N] = {5, 900};
    const double t[N] = {0.3, 0.8};
    struct backend_network *remote = p.network;
    float *phi = white_noise("phi", N * V), probe[N * V], product[N * V];
    double found[N * PROBES], expected[N * PROBES];
    for (int signs = 0; signs < 2; signs++) {
        assert_ok(score_evaluate(p.cpu.worker, N, phi, t, product, &e));
        for (int k = 0; k < PROBES; k++) {
            for (int n = 0; n < N; n++) {
                random_normal_float(key, numbers[n], (uint64_t)k, probe + n * V, V);
                for (int i = 0; i < V && signs; i++) {
                    uint32_t word[4];
                    random_block(key, numbers[n], (uint64_t)k, (uint32_t)(i / 128), word);
                    probe[n * V + i] = word[i / 32 % 4] >> (i % 32) & 1 ? 1.0f : -1.0f;
                }
            }
            assert_ok(score_vjp(p.cpu.worker, N, probe, product, &e));
            for (int n = 0; n < N; n++) {
                expected[n * PROBES + k] = 0;
                for (int i = n * V; i < (n + 1) * V; i++) {
                    expected[n * PROBES + k] += (double)probe[i] * (double)product[i];
                }
            }
        }
        assert_ok(b->evaluate(p.network, N, phi, frames_of(&p.remote, N, t), product, &e));
        for (int twice = 0; twice < 2; twice++) {
            assert_ok(b->traces(remote, N, key, numbers, PROBES, signs, found, &e));
            assert_close(N * PROBES, found, expected, 1e-4);
        }
    }
    for (int n = 0; n < N; n++) {
        expected[n] = 0;
    }
    for (int i = 0; i < V; i++) {
        memset(probe, 0, sizeof probe);
        probe[i] = probe[V + i] = 1;
        assert_ok(score_vjp(p.cpu.worker, N, probe, product, &e));
        for (int n = 0; n < N; n++) {
            expected[n] += (double)product[n * V + i];
        }
    }
    assert_ok(b->traces(remote, N, key, numbers, 0, false, found, &e));
    assert_close(N, found, expected, 1e-4);
    free(phi);
    pair_free(&p);
    b->close(b);
}

/* --- gradients ------------------------------------------------------------------------------------ */

/* A step of Adam that sets the first moment to the gradient and does not change the weights. */
static const struct backend_step only_gradient = {{0, 1, 0, 0, 0, 1, 1}, 0};

static void check_gradient(struct unet_shape shape, enum score_parameterisation how) {
    enum { BATCH = 3, FULL = 2 }; /* the third example is empty */
    struct backend *b = device_open("cuda-float32");
    struct score_model m = network_model(shape, how, 3), remote = on_device(&m, b);
    struct backend_training *training;
    struct error e = {0};
    const size_t V = m.volume;
    const struct random_key key = random_key(2, "test", "noise");
    float *fields = white_noise("fields", 4 * V);
    float *gradient = test_floats(m.weight_count), *weights = test_floats(m.weight_count);
    double *phi = test_reals(FULL * V), *z = test_reals(FULL * V), *out = test_reals(FULL * V),
           *g = test_reals(FULL * V);
    double *expected = test_reals(m.weight_count), *found = test_reals(m.weight_count),
           *w = to_reals(m.weight_count, m.weights);
    const double t[BATCH] = {0.35, 0.6, 0.5};
    const struct backend_example examples[BATCH] = {
        {2, -1, (float)sqrt(s2(25, t[0])), 2.0f / FULL}, {0, 1, (float)sqrt(s2(25, t[1])), 2.0f / FULL}, {1, 1, 1, 0}};
    struct score_frame frames[BATCH];
    double loss[BATCH], expected_loss[FULL] = {0};
    for (int i = 0; i < BATCH; i++) {
        frames[i] = score_frame(&m, t[i]);
    }
    assert_ok(b->training_new(b, &remote, fields, 4, BATCH, 2, &training, &e));
    assert_ok(b->training_steps(training, 1, examples, frames, &only_gradient, key, 7, 4, loss, &e));
    assert_ok(b->training_read(training, weights, gradient, NULL, NULL, &e));
    assert_memory_equal(weights, m.weights, m.weight_count * sizeof *weights);

    float *noise = test_floats(V);
    for (size_t n = 0; n < FULL; n++) {
        random_normal_float(key, 7 + n, 4, noise, V);
        for (size_t i = 0; i < V; i++) {
            z[n * V + i] = (double)noise[i];
            phi[n * V + i] =
                (double)(examples[n].sign * fields[examples[n].field * V + i] + examples[n].noise * noise[i]);
        }
    }
    score_oracle(&m, w, FULL, phi, t, out, NULL, NULL);
    for (size_t i = 0; i < FULL * V; i++) {
        g[i] = 2 * (out[i] + z[i]) / FULL;
        expected_loss[i / V] += (out[i] + z[i]) * (out[i] + z[i]);
    }
    assert_close(FULL, loss, expected_loss, 1e-5);
    score_oracle(&m, w, FULL, phi, t, out, g, expected);
    for (size_t i = 0; i < m.weight_count; i++) {
        found[i] = (double)gradient[i];
    }
    assert_gradients_close(&shape, found, expected, 1e-4, 0);

    b->training_free(training);
    b->close(b);
    free(fields);
    free(gradient);
    free(weights);
    free(phi);
    free(z);
    free(out);
    free(g);
    free(expected);
    free(found);
    free(w);
    free(noise);
    score_model_release(&m);
}

static void gradients(void **state) {
    (void)state;
    check_gradient((struct unet_shape){16, 16, 8, 32, 2, UNET_PERIODIC}, SCORE_PUBLISHED);
    check_gradient((struct unet_shape){16, 16, 8, 32, 2, UNET_ZEROS}, SCORE_WIENER);
    check_gradient((struct unet_shape){8, 8, 8, 32, 1, UNET_PERIODIC}, SCORE_PRECONDITIONED);
    check_gradient((struct unet_shape){8, 8, 4, 6, 1, UNET_ZEROS}, SCORE_PUBLISHED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_stride_1), cmocka_unit_test(references_stride_2),
        cmocka_unit_test(parameterisations),   cmocka_unit_test(an_unusual_width),
        cmocka_unit_test(short_mantissas),     cmocka_unit_test(traces),
        cmocka_unit_test(gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
