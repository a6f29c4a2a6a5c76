/* Score models: the Gaussian one against its definition; networks against the oracle in double precision,
 * vector-Jacobian products and weight gradients also against finite differences; their artifacts. */
#include "score/schedule.h"
#include "tests/score/models.h"
#include "tests/scratch.h"

static const double times[SCORE_BATCH] = {1, 0.5, 0.1, 1e-3, 1e-5, 0.75, 0.02, 0.3};

/* Sets phi to typical noisy fields at these times, of variance v + s^2, with numbers that are exact in float32. */
static void perturbed(const struct score_model *m, int n, float *phi) {
    double *z = test_reals((size_t)n * m->volume);
    test_normal("perturbed", z, (size_t)n * m->volume);
    for (size_t i = 0; i < (size_t)n * m->volume; i++) {
        phi[i] = (float)(z[i] * sqrt(m->variance + s2(m->sigma, times[i / m->volume])));
    }
    free(z);
}

/* --- Gaussian ------------------------------------------------------------------------------------ */

static void check_gaussian(size_t dimensions, const size_t *extents, double kappa, int n) {
    struct score_model m = free_field(dimensions, extents, kappa);
    struct scorer s = scorer_new(&m);
    struct error e = {0};
    const size_t V = m.volume, count = (size_t)n * V;
    float *phi = test_floats(count), *out = test_floats(count), *vjp = test_floats(count), *probe = test_floats(count);
    double *z = test_reals(count), *expected = test_reals(V);
    perturbed(&m, n, phi);
    test_normal("probe", z, count);
    for (size_t i = 0; i < count; i++) {
        probe[i] = (float)z[i];
    }
    assert_ok(score_evaluate(s.worker, n, phi, times, out, &e));
    assert_ok(score_vjp(s.worker, n, probe, vjp, &e));
    for (int b = 0; b < n; b++) {
        const size_t at = (size_t)b * V;
        double *found = to_reals(V, out + at), forward = 0, backward = 0, scale = 0;
        double *field = to_reals(V, phi + at), *probed = to_reals(V, probe + at);
        const double noise = sqrt(s2(m.sigma, times[b]));
        wiener_by_definition(&m, noise, field, expected);
        assert_close(V, found, expected, 1e-6);
        for (size_t i = at; i < at + V; i++) {
            forward += (double)probe[i] * (double)out[i];
            backward += (double)vjp[i] * (double)phi[i];
            scale += fabs((double)probe[i] * (double)out[i]);
        }
        assert_near(backward, forward, 1e-6 * scale);      /* <probe, J phi> = <J^T probe, phi> */
        wiener_by_definition(&m, noise, probed, expected); /* J is symmetric */
        free(found);
        free(field);
        free(probed);
        found = to_reals(V, vjp + at);
        assert_close(V, found, expected, 1e-6);
        free(found);
    }
    float *again = test_floats(count);
    assert_ok(score_vjp(s.worker, n, phi, again, &e));
    assert_ok(score_vjp(s.worker, n, probe, again, &e));
    assert_memory_equal(again, vjp, count * sizeof *vjp);
    float *all[] = {phi, out, vjp, probe, again};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    free(z);
    free(expected);
    scorer_free(&s);
    score_model_release(&m);
}

static void test_gaussian_by_brute_force(void **state) {
    (void)state;
    check_gaussian(2, (size_t[]){8, 8}, 0.21, SCORE_BATCH);
    check_gaussian(2, (size_t[]){4, 6}, 0.24, 3);
    check_gaussian(3, (size_t[]){2, 5, 3}, 0.12, 2);
    check_gaussian(1, (size_t[]){7}, 0.4, 1);
}

/* A constant field has -s M/(G(0) + s^2); a staggered field is the mode at the corner of the Brillouin zone. */
static void test_gaussian_on_single_modes(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.21);
    struct scorer s = scorer_new(&m);
    struct error e = {0};
    float phi[2 * 64], out[2 * 64];
    for (size_t x = 0; x < 64; x++) {
        phi[x] = 1.5f;
        phi[64 + x] = (x / 8 + x) % 2 ? -0.5f : 0.5f;
    }
    assert_ok(score_evaluate(s.worker, 2, phi, times, out, &e));
    for (size_t x = 0; x < 128; x++) {
        const double square = s2(25, times[x / 64]), g = x < 64 ? 1 / (2 - 8 * 0.21) : 1 / (2 + 8 * 0.21);
        assert_near((double)out[x], -sqrt(square) * (double)phi[x] / (g + square), 1e-6);
    }
    scorer_free(&s);
    score_model_release(&m);
}

/* --- networks ------------------------------------------------------------------------------------ */

static const struct unet_shape shapes[] = {{8, 8, 8, 32, 1, UNET_ZEROS}, {16, 8, 8, 32, 2, UNET_PERIODIC}};
enum { NETWORK_TOLERANCE_INVERSE = 10000 }; /* float32 of several layers: 1e-4 of the largest number */

static void check_network(struct unet_shape shape, enum score_parameterisation how, int n) {
    struct score_model m = network_model(shape, how, 3);
    m.variance = 0.7; /* differs from the mean of G, which must not be used */
    struct scorer s = scorer_new(&m);
    struct error e = {0};
    const double tolerance = 1.0 / NETWORK_TOLERANCE_INVERSE, step = 1e-5;
    const size_t V = m.volume, count = (size_t)n * V;
    float *phi = test_floats(count), *out = test_floats(count), *vjp = test_floats(count);
    double *weights = to_reals(m.weight_count, m.weights), *expected = test_reals(count);
    double *probe = test_reals(count), *direction = test_reals(count);
    perturbed(&m, n, phi);
    double *fields = to_reals(count, phi);
    test_normal("probe", probe, count);
    test_normal("direction", direction, count);
    round_to_float(count, probe);
    float *probe_float = to_floats(count, probe);
    assert_ok(score_evaluate(s.worker, n, phi, times, out, &e));
    assert_ok(score_vjp(s.worker, n, probe_float, vjp, &e));
    score_oracle(&m, weights, (size_t)n, fields, times, expected, NULL, NULL);
    double *found = to_reals(count, out), *product = to_reals(count, vjp);
    /* direction . J^T probe = d/dh probe . f(phi + h direction), h in units of the field's width */
    double *moved[2] = {test_reals(count), test_reals(count)}, *value[2] = {test_reals(count), test_reals(count)};
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++) {
            const double width = sqrt(m.variance + s2(m.sigma, times[i / V]));
            moved[side][i] = fields[i] + (side ? -step : step) * width * direction[i];
        }
        score_oracle(&m, weights, (size_t)n, moved[side], times, value[side], NULL, NULL);
    }
    for (int b = 0; b < n; b++) {
        const size_t at = (size_t)b * V;
        const double width = sqrt(m.variance + s2(m.sigma, times[b]));
        assert_close(V, found + at, expected + at, tolerance);
        double difference = 0, inner = 0, scale = 0;
        for (size_t i = at; i < at + V; i++) {
            difference += probe[i] * (value[0][i] - value[1][i]) / (2 * step);
            inner += product[i] * width * direction[i];
            scale += fabs(product[i] * width * direction[i]);
        }
        assert_near(inner, difference, tolerance * scale);
    }
    double *reals[] = {weights, expected, probe,    direction, fields,  found,
                       product, moved[0], moved[1], value[0],  value[1]};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        free(reals[i]);
    }
    free(phi);
    free(out);
    free(vjp);
    free(probe_float);
    scorer_free(&s);
    score_model_release(&m);
}

static void test_published_network(void **state) {
    (void)state;
    check_network(shapes[0], SCORE_PUBLISHED, 3);
    check_network(shapes[1], SCORE_PUBLISHED, SCORE_BATCH);
}

/* Models that differ in how convolutions are computed agree up to rounding, and not in bits. */
static void test_winograd(void **state) {
    (void)state;
    const struct unet_shape shape = {16, 16, 16, 32, 2, UNET_PERIODIC};
    enum { N = 3, COUNT = N * 256 };
    struct error e = {0};
    float phi[COUNT], out[2][COUNT];
    double *values[2];
    for (int i = 0; i < 2; i++) {
        struct score_model m = network_model(shape, SCORE_PUBLISHED, 3);
        assert_int_equal(score_unet_convolutions(&m), UNET_DIRECT);
        score_unet_set_convolutions(&m, (enum unet_convolutions)i);
        struct scorer s = scorer_new(&m);
        perturbed(&m, N, phi);
        assert_ok(score_evaluate(s.worker, N, phi, times, out[i], &e));
        values[i] = to_reals(COUNT, out[i]);
        scorer_free(&s);
        score_model_release(&m);
    }
    assert_true(memcmp(out[0], out[1], sizeof out[0]) != 0);
    assert_close(COUNT, values[1], values[0], 1.0 / NETWORK_TOLERANCE_INVERSE);
    free(values[0]);
    free(values[1]);
}

/* Bits do not depend on how many configurations a call may have. */
static void check_batches(struct unet_shape shape, enum unet_convolutions convolutions) {
    struct score_model m = network_model(shape, SCORE_PUBLISHED, 3);
    struct error e = {0};
    const size_t V = m.volume, count = SCORE_BATCH * V, batches[] = {SCORE_BATCH, score_batch(&m), 1};
    score_unet_set_convolutions(&m, convolutions);
    float *phi = test_floats(count), *results[3];
    perturbed(&m, SCORE_BATCH, phi);
    for (size_t i = 0; i < 3; i++) {
        struct score *score;
        struct score_worker *worker;
        float *out = results[i] = test_floats(2 * count), *product = out + count;
        assert_ok(score_new(&m, batches[i], &score, &e));
        assert_ok(score_worker_new(score, &worker, &e));
        for (size_t at = 0, n; at < SCORE_BATCH; at += n) {
            n = SCORE_BATCH - at < batches[i] ? SCORE_BATCH - at : batches[i];
            assert_ok(score_evaluate(worker, (int)n, phi + at * V, times + at, out + at * V, &e));
            assert_ok(score_vjp(worker, (int)n, phi + at * V, product + at * V, &e));
        }
        assert_memory_equal(results[i], results[0], 2 * count * sizeof *out);
        score_worker_free(worker);
        score_free(score);
    }
    for (size_t i = 0; i < 3; i++) {
        free(results[i]);
    }
    free(phi);
    score_model_release(&m);
}

static void test_batches(void **state) {
    (void)state;
    const struct unet_shape shape = {32, 32, 32, 256, 2, UNET_PERIODIC};
    struct score_model m = network_model(shape, SCORE_PUBLISHED, 3);
    assert_int_equal(score_batch(&m), 3);
    score_model_release(&m);
    for (int i = 0; i < 2; i++) {
        const enum unet_convolutions convolutions = i ? UNET_WINOGRAD : UNET_DIRECT;
        check_batches(shape, convolutions);
        check_batches((struct unet_shape){64, 64, 16, 32, 2, UNET_ZEROS}, convolutions);
        check_batches((struct unet_shape){24, 24, 16, 32, 1, UNET_PERIODIC}, convolutions);
    }
}

static void test_preconditioned_network(void **state) {
    (void)state;
    check_network(shapes[0], SCORE_PRECONDITIONED, SCORE_BATCH);
    check_network(shapes[1], SCORE_PRECONDITIONED, 3);
}

/* sum |out + z|^2 over n configurations */
static double loss(const struct score_model *m, const double *weights, size_t n, const double *phi, const double *z,
                   double *out) {
    double sum = 0;
    score_oracle(m, weights, n, phi, times, out, NULL, NULL);
    for (size_t i = 0; i < n * m->volume; i++) {
        sum += (out[i] + z[i]) * (out[i] + z[i]);
    }
    return sum;
}

static void test_wiener_network(void **state) {
    (void)state;
    check_network(shapes[0], SCORE_WIENER, SCORE_BATCH);
    check_network(shapes[1], SCORE_WIENER, 3);
}

/* The gradient of the denoising loss: all weights against the oracle; for every array, the weight with the largest
 * gradient and one in the middle also against finite differences of the loss. */
static void check_weight_gradient(struct unet_shape shape, enum score_parameterisation how) {
    enum { N = 2 };
    struct score_model m = network_model(shape, how, 3);
    struct scorer s = scorer_new(&m);
    struct error e = {0};
    const size_t count = N * m.volume, total = m.weight_count;
    float *phi = test_floats(count), *out = test_floats(count), *g = test_floats(count);
    float *packed = test_floats(score_gradient_size(s.score)), *flat = test_floats(total);
    double *z = test_reals(count), *value = test_reals(count), *expected = test_reals(total);
    double *weights = to_reals(total, m.weights), *slope = test_reals(count);
    perturbed(&m, N, phi);
    double *fields = to_reals(count, phi);
    test_normal("z", z, count);
    round_to_float(count, z);
    assert_ok(score_evaluate(s.worker, N, phi, times, out, &e));
    for (size_t i = 0; i < count; i++) {
        g[i] = 2 * (out[i] + (float)z[i]);
    }
    assert_ok(score_weight_gradient(s.worker, N, g, packed, &e));
    score_unpack_gradient(s.score, packed, flat);
    double *gradient = to_reals(total, flat);
    score_oracle(&m, weights, N, fields, times, value, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        slope[i] = 2 * (value[i] + z[i]);
    }
    score_oracle(&m, weights, N, fields, times, value, slope, expected);
    assert_gradients_close(&shape, gradient, expected, 1e-4, 0);
    struct unet_tensor list[UNET_TENSORS];
    const double largest_of_all = largest(total, expected), h = 1e-5;
    unet_tensors(&shape, list, NULL);
    for (size_t k = 0; k < UNET_TENSORS; k++) {
        size_t chosen[2] = {list[k].offset, list[k].offset + list[k].count / 2};
        for (size_t i = list[k].offset; i < list[k].offset + list[k].count; i++) {
            if (fabs(expected[i]) > fabs(expected[chosen[0]])) {
                chosen[0] = i;
            }
        }
        const double scale = gradient_vanishes(&shape, list[k].name) ? largest_of_all : fabs(expected[chosen[0]]);
        for (int i = 0; i < 2; i++) {
            double *w = &weights[chosen[i]], before = *w;
            *w = before + h;
            const double above = loss(&m, weights, N, fields, z, value);
            *w = before - h;
            const double below = loss(&m, weights, N, fields, z, value);
            *w = before;
            const double difference = (above - below) / (2 * h);
            if (!(fabs(gradient[chosen[i]] - difference) <= 2e-4 * scale + 1e-6 * largest_of_all)) {
                fail_msg("gradient of %s[%zu] is %.8g, finite differences give %.8g", list[k].name,
                         chosen[i] - list[k].offset, gradient[chosen[i]], difference);
            }
        }
    }
    float *floats[] = {phi, out, g, packed, flat};
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        free(floats[i]);
    }
    double *reals[] = {z, value, expected, weights, slope, fields, gradient};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        free(reals[i]);
    }
    scorer_free(&s);
    score_model_release(&m);
}

static void test_weight_gradients(void **state) {
    (void)state;
    check_weight_gradient(shapes[0], SCORE_PUBLISHED);
    check_weight_gradient(shapes[1], SCORE_PRECONDITIONED);
    check_weight_gradient(shapes[1], SCORE_WIENER);
}

/* At the largest noise of a wide schedule the field is negligible, and a preconditioned network has the score of pure
 * noise, -phi/s^2, for any weights. */
static void test_preconditioning_is_right_at_large_noise(void **state) {
    (void)state;
    struct score_model m = network_model(shapes[0], SCORE_PRECONDITIONED, 30);
    m.sigma = 1e6;
    const double s = schedule_noise(m.sigma, 1), t = 1;
    struct scorer scorer = scorer_new(&m);
    struct error e = {0};
    float phi[64], out[64];
    for (size_t x = 0; x < 64; x++) {
        phi[x] = (float)(s * sin(1.0 + (double)x));
    }
    assert_ok(score_evaluate(scorer.worker, 1, phi, &t, out, &e));
    for (size_t x = 0; x < 64; x++) {
        assert_near((double)out[x], -(double)phi[x] / s, 1e-4);
    }
    scorer_free(&scorer);
    score_model_release(&m);
}

/* --- artifacts ----------------------------------------------------------------------------------- */

static char folder[256];

static const char *path_of(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("score"));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

static struct npz *written(const struct score_model *m) {
    struct npz_writer *writer;
    struct npz *npz;
    struct error e = {0};
    assert_ok(npz_create(path_of("model.npz"), &writer, &e));
    assert_ok(score_model_add(m, writer, &e));
    assert_ok(npz_commit(writer, &e));
    assert_ok(npz_read(path_of("model.npz"), &npz, &e));
    return npz;
}

static void check_artifact(struct score_model *m) {
    struct score_model found;
    struct error e = {0};
    m->offset = -0.25;
    m->factor = 1.5;
    struct npz *npz = written(m);
    assert_ok(score_model_read(npz, &found, &e));
    assert_true(found.kind == m->kind && found.sigma == m->sigma && found.offset == m->offset);
    assert_true(found.factor == m->factor && found.variance == m->variance);
    assert_true(found.theory.kappa == m->theory.kappa && found.theory.lambda == m->theory.lambda);
    assert_int_equal(found.dimensions, m->dimensions);
    assert_memory_equal(found.extents, m->extents, m->dimensions * sizeof *m->extents);
    assert_int_equal(found.volume, m->volume);
    assert_memory_equal(found.propagator, m->propagator, m->volume * sizeof *m->propagator);
    if (score_is_unet(m)) {
        assert_true(score_network(&found)->parameterisation == score_network(m)->parameterisation);
        assert_memory_equal(score_unet_shape(&found), score_unet_shape(m), sizeof(struct unet_shape));
        assert_int_equal(score_unet_convolutions(&found), score_unet_convolutions(m));
        assert_true(!npz_find(npz, "model.convolutions") == (score_unet_convolutions(m) == UNET_DIRECT));
        assert_int_equal(found.weight_count, m->weight_count);
        assert_memory_equal(found.weights, m->weights, m->weight_count * sizeof *m->weights);
        assert_memory_equal(score_network(&found)->frequencies, score_network(m)->frequencies,
                            (size_t)score_unet_shape(m)->embedding / 2 * sizeof(float));
    }
    npz_free(npz);
    score_model_release(&found);
    score_model_release(m);
}

static void test_artifacts_hold_the_model(void **state) {
    (void)state;
    struct score_model m = free_field(3, (size_t[]){2, 4, 3}, 0.12);
    check_artifact(&m);
    m = network_model(shapes[0], SCORE_PUBLISHED, 30);
    check_artifact(&m);
    m = network_model(shapes[1], SCORE_PRECONDITIONED, 30);
    check_artifact(&m);
    m = network_model(shapes[1], SCORE_WIENER, 1);
    check_artifact(&m);
    m = network_model(shapes[1], SCORE_PUBLISHED, 1);
    score_unet_set_convolutions(&m, UNET_WINOGRAD);
    check_artifact(&m);
}

/* Copies the arrays of a model except one, which is omitted or replaced by a text. */
static void copy_but(const struct npz *npz, const char *member, const char *text) {
    struct npz_writer *writer;
    struct error e = {0};
    assert_ok(npz_create(path_of("other.npz"), &writer, &e));
    for (size_t i = 0; i < npz_count(npz); i++) {
        const struct npz_array *a = npz_array_at(npz, i);
        char *own = NULL;
        if (strcmp(a->name, member) == 0) {
            if (text) {
                assert_ok(npz_add_text(writer, member, text, &e));
            }
        } else if (a->type == NPZ_BYTES) {
            assert_ok(npz_text(npz, a->name, &own, &e));
            assert_ok(npz_add_text(writer, a->name, own, &e));
        } else {
            assert_ok(npz_add(writer, a->name, a->type, a->dimensions, a->shape, a->data, &e));
        }
        free(own);
    }
    assert_ok(npz_commit(writer, &e));
}

static void test_what_is_no_model_is_refused(void **state) {
    (void)state;
    struct score_model m = network_model(shapes[1], SCORE_PUBLISHED, 30), other;
    struct error e = {0};
    score_unet_set_convolutions(&m, UNET_WINOGRAD);
    struct npz *npz = written(&m), *damaged;
    const struct {
        const char *member, *text, *message;
    } cases[] = {
        {"tgnorm2.bias", NULL, "tgnorm2.bias"},
        {"model.kind", "none", "model.kind is 'none', expected unet, gaussian, toy or effective-action"},
        {"model.padding", "reflect", "model.padding is 'reflect', expected "},
        {"model.convolutions", "fft", "model.convolutions is 'fft', expected one of 'direct' ... 'winograd'"},
        {"model.parameterisation", "exact", "model.parameterisation is 'exact', expected "},
        {"model.sigma", NULL, "model.sigma"},
        {"propagator", NULL, "propagator"},
        {"embed.fourier", "none", "embed.fourier"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        copy_but(npz, cases[i].member, cases[i].text);
        assert_ok(npz_read(path_of("other.npz"), &damaged, &e));
        assert_refused(score_model_read(damaged, &other, &e), STATUS_BAD_INPUT, cases[i].message);
        assert_non_null(strstr(e.message, "other.npz"));
        npz_free(damaged);
    }
    npz_free(npz);
    m.sigma = 0.5; /* not a valid base of the schedule */
    npz = written(&m);
    assert_refused(score_model_read(npz, &other, &e), STATUS_BAD_INPUT, "model.sigma");
    npz_free(npz);
    m.sigma = 25;
    m.factor = 0;
    npz = written(&m);
    assert_refused(score_model_read(npz, &other, &e), STATUS_BAD_INPUT, "model.factor");
    npz_free(npz);
    score_model_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian_by_brute_force),
        cmocka_unit_test(test_gaussian_on_single_modes),
        cmocka_unit_test(test_published_network),
        cmocka_unit_test(test_winograd),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_preconditioned_network),
        cmocka_unit_test(test_wiener_network),
        cmocka_unit_test(test_weight_gradients),
        cmocka_unit_test(test_preconditioning_is_right_at_large_noise),
        cmocka_unit_test(test_artifacts_hold_the_model),
        cmocka_unit_test(test_what_is_no_model_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
