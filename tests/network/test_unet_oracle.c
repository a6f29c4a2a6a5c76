/* The double-precision oracle against exact properties: adjoints, translations, finite differences, and cancellations
 * by group norm. */
#include "network/unet_oracle.h"
#include "network/unet_oracle_operators.h"
#include "tests/network/reference.h"

static double dot(size_t n, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* --- convolutions ------------------------------------------------------------------------------ */

static const size_t extents[][2] = {{8, 8}, {4, 6}, {2, 4}, {2, 2}, {1, 1}, {1, 5}, {3, 7}};

/* Calls `check` for every stride, padding and lattice; channels 3 -> 2. */
static void for_all_convolutions(void (*check)(const struct oracle_convolution *c, size_t fine, size_t coarse)) {
    for (size_t stride = 1; stride <= 2; stride++) {
        for (int padding = UNET_ZEROS; padding <= UNET_PERIODIC; padding++) {
            for (size_t i = 0; i < sizeof extents / sizeof extents[0]; i++) {
                struct oracle_convolution c = {3, 2, extents[i][0], extents[i][1], stride, (enum unet_padding)padding};
                if (c.height % stride == 0 && c.width % stride == 0) {
                    check(&c, 3 * c.height * c.width, 2 * c.height * c.width / stride / stride);
                }
            }
        }
    }
}

/* <coarse, A fine> = <A^T coarse, fine> = <w, d/dw> (A is linear in w as well) */
static void check_adjoint(const struct oracle_convolution *c, size_t fine, size_t coarse) {
    double x[3 * 64], y[2 * 64], ax[2 * 64], aty[3 * 64], w[3 * 2 * 9], dw[3 * 2 * 9] = {0};
    test_normal("adjoint x", x, fine);
    test_normal("adjoint y", y, coarse);
    test_normal("adjoint w", w, 54);
    oracle_convolve(c, w, x, ax);
    oracle_convolve_transposed(c, w, y, aty);
    oracle_convolve_weights(c, x, y, dw);
    double forward = dot(coarse, y, ax), scale = sqrt(dot(coarse, y, y) * dot(coarse, ax, ax));
    assert_true(fabs(dot(fine, aty, x) - forward) < 1e-13 * scale);
    assert_true(fabs(dot(54, w, dw) - forward) < 1e-13 * scale);
}

static void test_adjoints(void **state) {
    (void)state;
    for_all_convolutions(check_adjoint);
}

/* Compares with the definition, an explicit sum over all pairs of sites. */
static void check_definition(const struct oracle_convolution *c, size_t fine, size_t coarse) {
    double x[3 * 64], y[2 * 64], w[3 * 2 * 9];
    test_normal("definition x", x, fine);
    test_normal("definition w", w, 54);
    oracle_convolve(c, w, x, y);
    size_t rows = c->height / c->stride, columns = c->width / c->stride;
    assert_int_equal(coarse, 2 * rows * columns);
    for (size_t o = 0; o < 2; o++) {
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < columns; j++) {
                double sum = 0;
                for (size_t f = 0; f < 3; f++) {
                    for (int k = 0; k < 3; k++) {
                        for (int l = 0; l < 3; l++) {
                            int height = (int)c->height, width = (int)c->width;
                            int row = (int)(c->stride * i) + k - 1, column = (int)(c->stride * j) + l - 1;
                            int inside = row >= 0 && row < height && column >= 0 && column < width;
                            if (c->padding == UNET_PERIODIC) {
                                row = (row + height) % height;
                                column = (column + width) % width;
                            } else if (!inside) {
                                continue;
                            }
                            sum += w[((o * 3 + f) * 3 + (size_t)k) * 3 + (size_t)l] *
                                   x[(f * c->height + (size_t)row) * c->width + (size_t)column];
                        }
                    }
                }
                assert_true(fabs(sum - y[(o * rows + i) * columns + j]) < 1e-13);
            }
        }
    }
}

static void test_convolution_is_its_definition(void **state) {
    (void)state;
    for_all_convolutions(check_definition);
}

/* to[c, (i + di) mod height, (j + dj) mod width] = from[c, i, j] */
static void translate(size_t channels, size_t height, size_t width, size_t di, size_t dj, const double *from,
                      double *to) {
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < height; i++) {
            for (size_t j = 0; j < width; j++) {
                to[(c * height + (i + di) % height) * width + (j + dj) % width] = from[(c * height + i) * width + j];
            }
        }
    }
}

static void check_translation(const struct oracle_convolution *c, size_t fine, size_t coarse) {
    if (c->padding != UNET_PERIODIC) {
        return;
    }
    double x[3 * 64], moved[3 * 64], y[2 * 64], expected[2 * 64], w[3 * 2 * 9];
    test_normal("translation x", x, fine);
    test_normal("translation w", w, 54);
    oracle_convolve(c, w, x, y);
    translate(2, c->height / c->stride, c->width / c->stride, 1, 2, y, expected);
    translate(3, c->height, c->width, c->stride, 2 * c->stride, x, moved);
    oracle_convolve(c, w, moved, y);
    assert_close(coarse, y, expected, 1e-14);
}

static void test_periodic_convolution_commutes_with_translations(void **state) {
    (void)state;
    for_all_convolutions(check_translation);
}

/* --- the other operators ----------------------------------------------------------------------- */

static void test_norm_and_swish_by_hand(void **state) {
    (void)state;
    /* two groups of two channels and one site each: mean 2, deviations -1, 1; and a constant group */
    const struct oracle_norm n = {4, 1, 2};
    const double x[4] = {1, 3, 5, 5}, scale[4] = {1, 2, 3, 4}, shift[4] = {0, 10, 20, 30};
    double y[4];
    oracle_norm(&n, scale, shift, x, y);
    double unit = 1 / sqrt(1 + 1e-5);
    const double expected[4] = {-unit, 10 + 2 * unit, 20, 30};
    assert_close(4, y, expected, 1e-15);

    const double u[3] = {0, log(3), -log(3)}; /* sigmoid 1/2, 3/4, 1/4 */
    const double swish[3] = {0, 0.75 * log(3), -0.25 * log(3)}, one[3] = {1, 1, 1};
    const double slope[3] = {0.5, 0.75 + log(3) * 0.1875, 0.25 - log(3) * 0.1875};
    double v[3], d[3] = {0};
    oracle_swish(3, u, v);
    oracle_swish_adjoint(3, u, one, d);
    assert_close(3, v, swish, 1e-15);
    assert_close(3, d, slope, 1e-15);

    const double w[2] = {0.25, 3};
    double fourier[4];
    oracle_fourier(2, w, 1.0 / 3, fourier); /* angles pi/6 and 2 pi */
    const double sines[4] = {0.5, 0, sqrt(0.75), 1};
    assert_close(4, fourier, sines, 1e-15);
}

/* --- the whole network ------------------------------------------------------------------------- */

struct network {
    struct unet_shape shape;
    struct unet_tensor list[UNET_TENSORS];
    size_t n, sites, total;
    double *weights, *frequencies, *x, *t, *probe, *output, *vjp, *gradient;
};

/* A network with weights like those at the start of a training, but with nontrivial norms and biases. */
static struct network network_new(struct unet_shape shape, size_t n) {
    struct network u = {.shape = shape, .n = n, .sites = (size_t)(shape.height * shape.width_sites)};
    struct error e = {0};
    assert_int_equal(unet_check(&shape, &e), STATUS_OK);
    unet_tensors(&shape, u.list, &u.total);
    size_t half = (size_t)shape.embedding / 2, count = n * u.sites;
    u.weights = test_reals(u.total);
    u.frequencies = test_reals(half);
    u.x = test_reals(count);
    u.probe = test_reals(count);
    u.output = test_reals(count);
    u.vjp = test_reals(count);
    u.t = test_reals(n);
    u.gradient = test_reals(u.total);
    test_normal("weights", u.weights, u.total);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        for (size_t k = 0; k < u.list[i].count; k++) {
            double *w = &u.weights[u.list[i].offset + k];
            if (strstr(u.list[i].name, "norm")) {
                *w = 0.3 * *w + (strstr(u.list[i].name, "weight") ? 1 : 0);
            } else if (u.list[i].dimensions == 4) {
                *w *= 1 / sqrt(9 * (double)u.list[i].shape[1]);
            } else {
                *w *= 1 / sqrt((double)shape.embedding);
            }
        }
    }
    test_normal("frequencies", u.frequencies, half);
    test_normal("fields", u.x, count);
    test_normal("probe", u.probe, count);
    for (size_t i = 0; i < n; i++) {
        u.t[i] = 0.2 + 0.7 * (double)i / (double)n;
    }
    return u;
}

static void network_free(struct network *u) {
    double *all[] = {u->weights, u->frequencies, u->x, u->t, u->probe, u->output, u->vjp, u->gradient};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
}

static void evaluate(struct network *u, int backward) {
    struct error e = {0};
    assert_int_equal(unet_oracle(&u->shape, u->weights, u->frequencies, u->n, u->x, u->t, u->output,
                                 backward ? u->probe : NULL, u->vjp, u->gradient, &e),
                     STATUS_OK);
}

/* L = sum(output * probe) with `values` shifted by step along `direction`; then restores the values exactly. */
static double moved(struct network *u, size_t count, double *values, const double *direction, double step) {
    double *saved = test_reals(count);
    memcpy(saved, values, count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] += step * direction[i];
    }
    evaluate(u, 0);
    memcpy(values, saved, count * sizeof *values);
    free(saved);
    return dot(u->n * u->sites, u->output, u->probe);
}

/* Compares the derivative of L along a random unit direction in an array, by a central difference of fourth order, with
 * that from the gradient. `scale`: typical size of derivatives. */
static void check_derivative(struct network *u, const char *name, size_t count, double *values, const double *gradient,
                             double scale) {
    double *direction = test_reals(count);
    test_normal(name, direction, count);
    double length = sqrt(dot(count, direction, direction));
    for (size_t i = 0; i < count; i++) {
        direction[i] /= length;
    }
    const double h = 1e-3;
    double one = moved(u, count, values, direction, h) - moved(u, count, values, direction, -h);
    double two = moved(u, count, values, direction, 2 * h) - moved(u, count, values, direction, -2 * h);
    double difference = (8 * one - two) / (12 * h), exact = dot(count, gradient, direction);
    if (!(fabs(difference - exact) <= 1e-7 * fabs(exact) + 1e-11 * scale)) {
        fail_msg("%s: derivative %.12g, by differences %.12g", name, exact, difference);
    }
    free(direction);
}

static void check_differences(struct unet_shape shape, size_t n) {
    struct network u = network_new(shape, n);
    evaluate(&u, 1);
    double scale = sqrt(dot(u.total, u.gradient, u.gradient));
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        check_derivative(&u, u.list[i].name, u.list[i].count, u.weights + u.list[i].offset,
                         u.gradient + u.list[i].offset, scale);
    }
    check_derivative(&u, "x", u.n * u.sites, u.x, u.vjp, scale);
    network_free(&u);
}

static void test_gradients_are_differences_stride_1(void **state) {
    (void)state;
    check_differences((struct unet_shape){6, 8, 8, 8, 1, UNET_PERIODIC}, 2);
    check_differences((struct unet_shape){6, 8, 8, 8, 1, UNET_ZEROS}, 2);
}

static void test_gradients_are_differences_stride_2(void **state) {
    (void)state;
    check_differences((struct unet_shape){16, 24, 8, 8, 2, UNET_PERIODIC}, 1);
    check_differences((struct unet_shape){24, 16, 8, 8, 2, UNET_ZEROS}, 1);
}

/* Largest |F(translated x) - translated F(x)| relative to the largest |F|. */
static double broken_translation(struct unet_shape shape, size_t di, size_t dj) {
    struct network u = network_new(shape, 1);
    double *expected = test_reals(u.sites), *field = test_reals(u.sites);
    evaluate(&u, 0);
    translate(1, (size_t)shape.height, (size_t)shape.width_sites, di, dj, u.output, expected);
    memcpy(field, u.x, u.sites * sizeof *field);
    translate(1, (size_t)shape.height, (size_t)shape.width_sites, di, dj, field, u.x);
    evaluate(&u, 0);
    double broken = relative_difference(u.sites, u.output, expected);
    free(expected);
    free(field);
    network_free(&u);
    return broken;
}

static void test_periodic_network_commutes_with_translations(void **state) {
    (void)state;
    assert_true(broken_translation((struct unet_shape){6, 8, 8, 8, 1, UNET_PERIODIC}, 1, 3) < 1e-12);
    assert_true(broken_translation((struct unet_shape){16, 24, 8, 8, 2, UNET_PERIODIC}, 8, 16) < 1e-12);
    /* with zero padding the network does not commute with translations */
    assert_true(broken_translation((struct unet_shape){6, 8, 8, 8, 1, UNET_ZEROS}, 1, 3) > 1e-3);
    assert_true(broken_translation((struct unet_shape){16, 24, 8, 8, 2, UNET_PERIODIC}, 4, 0) > 1e-3);
    assert_true(broken_translation((struct unet_shape){16, 24, 8, 8, 2, UNET_ZEROS}, 8, 16) > 1e-3);
}

/* A constant added to a channel that is alone in its group is removed with the mean. So at the published width dense7
 * has no effect (tgnorm2 has 32 groups of 1 channel), but dense1 has. */
static void test_group_norm_of_one_channel_cancels_the_dense_layer(void **state) {
    (void)state;
    struct network u = network_new((struct unet_shape){8, 8, 32, 8, 2, UNET_PERIODIC}, 1);
    double *before = test_reals(u.sites);
    evaluate(&u, 1);
    memcpy(before, u.output, u.sites * sizeof *before);
    const struct unet_tensor *w7 = &u.list[unet_find(&u.shape, "dense7.weight")];
    const struct unet_tensor *b7 = &u.list[unet_find(&u.shape, "dense7.bias")];
    const struct unet_tensor *b1 = &u.list[unet_find(&u.shape, "dense1.bias")];
    double scale = largest(u.total, u.gradient);
    assert_true(largest(w7->count, u.gradient + w7->offset) < 1e-12 * scale);
    assert_true(largest(b7->count, u.gradient + b7->offset) < 1e-12 * scale);
    assert_true(largest(b1->count, u.gradient + b1->offset) > 1e-4 * scale);

    for (size_t i = 0; i < b7->count; i++) {
        u.weights[b7->offset + i] += (double)i - 7;
    }
    evaluate(&u, 0);
    assert_close(u.sites, u.output, before, 1e-12);
    for (size_t i = 0; i < b1->count; i++) {
        u.weights[b1->offset + i] += (double)(i % 3);
    }
    evaluate(&u, 0);
    assert_true(relative_difference(u.sites, u.output, before) > 1e-3);
    free(before);
    network_free(&u);
}

/* A batch gives the bits of its separate configurations; the weight gradient is their sum. */
static void test_configurations_are_independent(void **state) {
    (void)state;
    struct network u = network_new((struct unet_shape){8, 8, 4, 8, 2, UNET_PERIODIC}, 3);
    struct error e = {0};
    double *output = test_reals(u.sites), *vjp = test_reals(u.sites);
    double *gradient = test_reals(u.total), *sum = test_reals(u.total);
    evaluate(&u, 1);
    for (size_t i = 0; i < 3; i++) {
        size_t at = i * u.sites;
        assert_int_equal(unet_oracle(&u.shape, u.weights, u.frequencies, 1, u.x + at, u.t + i, output, u.probe + at,
                                     vjp, gradient, &e),
                         STATUS_OK);
        assert_memory_equal(output, u.output + at, u.sites * sizeof *output);
        assert_memory_equal(vjp, u.vjp + at, u.sites * sizeof *vjp);
        for (size_t k = 0; k < u.total; k++) {
            sum[k] += gradient[k];
        }
    }
    assert_gradients_close(&u.shape, sum, u.gradient, 1e-13, 0);
    free(output);
    free(vjp);
    free(gradient);
    free(sum);
    network_free(&u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adjoints),
        cmocka_unit_test(test_convolution_is_its_definition),
        cmocka_unit_test(test_periodic_convolution_commutes_with_translations),
        cmocka_unit_test(test_norm_and_swish_by_hand),
        cmocka_unit_test(test_gradients_are_differences_stride_1),
        cmocka_unit_test(test_gradients_are_differences_stride_2),
        cmocka_unit_test(test_periodic_network_commutes_with_translations),
        cmocka_unit_test(test_group_norm_of_one_channel_cancels_the_dense_layer),
        cmocka_unit_test(test_configurations_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
