/* The excess of a model's denoising loss over that of the Wiener filter: zero for the filter itself, closed forms for
 * Gaussian data, bits. Losses are quadratic in Gaussian numbers, so their variances are known as well. */
#include "diffusion/excess.h"

#include "diffusion/reverse.h"
#include "tests/score/models.h"

enum { N = 600, LEVELS = 7 };

static const double t_min = 1e-4;

/* Exact draws of the Gaussian field of the model. */
static float *gaussian_fields(const struct score_model *m) {
    static const volatile sig_atomic_t never = 0;
    const struct reverse_settings settings = {.method = REVERSE_DIRECT, .seed = 21};
    struct score_model filter = *m;
    struct error e = {0};
    float *phi = test_floats(N * m->volume);
    filter.kind = &score_gaussian;
    assert_ok(reverse_run(&filter, &settings, 0, N, 2, phi, NULL, &never, NULL, &e));
    return phi;
}

static void assert_levels(const struct score_model *m, const struct excess *x) {
    assert_int_equal(x->levels, LEVELS);
    const double low = log(s2(m->sigma, t_min)) / 2, high = log(s2(m->sigma, 1)) / 2;
    for (int k = 0; k < LEVELS; k++) {
        assert_near(log(x->sigma[k]), low + (high - low) * k / (LEVELS - 1), 1e-10);
    }
}

/* The residual of a mode of the Wiener filter is (G z - s phi)/(G + s^2), of variance w = G/(G + s^2); the loss of a
 * configuration is the sum of squares of these normal numbers: mean sum w, variance 2 sum w^2. */
static void test_wiener_filter(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.23);
    struct error e = {0};
    struct excess x;
    float *phi = gaussian_fields(&m);
    assert_ok(excess_measure(&m, phi, N, LEVELS, t_min, 31, 2, &x, &e));
    assert_levels(&m, &x);
    for (int k = 0; k < LEVELS; k++) {
        double mean = 0, variance = 0;
        for (size_t p = 0; p < m.volume; p++) {
            const double w = m.propagator[p] / (m.propagator[p] + x.sigma[k] * x.sigma[k]);
            mean += w;
            variance += 2 * w * w;
        }
        assert_near(x.wiener[k], mean, 4 * sqrt(variance / N));
        assert_true(x.loss[k] == x.wiener[k] && x.excess[k] == 0 && x.error[k] == 0);
    }
    assert_true(x.nats == 0 && x.nats_error == 0);
    excess_release(&x);
    free(phi);
    score_model_release(&m);
}

/* A preconditioned network with weights 0, F = 0, treats every mode like one of variance v. Its residual is
 * (v z - s phi)/(v + s^2), and that of the filter (G z - s phi)/(G + s^2). The difference of the squares of two
 * correlated normal numbers of variances A and B and covariance C has mean A - B and variance 2 (A^2 + B^2 - 2 C^2). */
static void test_network_without_weights(void **state) {
    (void)state;
    struct score_model m = network_model((struct unet_shape){8, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_PRECONDITIONED, 1);
    struct error e = {0};
    struct excess x;
    float *phi = gaussian_fields(&m);
    memset(m.weights, 0, m.weight_count * sizeof *m.weights);
    assert_ok(excess_measure(&m, phi, N, LEVELS, t_min, 32, 2, &x, &e));
    assert_levels(&m, &x);
    double nats = 0, variance_of_nats = 0; /* levels have independent noise, but the same configurations */
    for (int k = 0; k < LEVELS; k++) {
        const double square = x.sigma[k] * x.sigma[k], v = m.variance;
        double loss = 0, variance = 0, excess = 0, excess_variance = 0;
        for (size_t p = 0; p < m.volume; p++) {
            const double G = m.propagator[p];
            const double A = (v * v + square * G) / ((v + square) * (v + square)), B = G / (G + square);
            const double C = (v * G + square * G) / ((v + square) * (G + square));
            loss += A;
            variance += 2 * A * A;
            excess += A - B;
            excess_variance += 2 * (A * A + B * B - 2 * C * C);
        }
        const double error = sqrt(excess_variance / N);
        assert_near(x.loss[k], loss, 4 * sqrt(variance / N));
        assert_near(x.excess[k], excess, 4 * error + 1e-4); /* 64 sites in single precision */
        assert_near(x.excess[k], x.loss[k] - x.wiener[k], 1e-10 * loss);
        /* the error of an error from 600 numbers with a skewed distribution */
        assert_near(x.error[k], error, 0.25 * error + 1e-5);
        nats += k > 0 ? (x.excess[k] + x.excess[k - 1]) / 2 * log(x.sigma[k] / x.sigma[k - 1]) : 0;
        const double weight = log(x.sigma[1] / x.sigma[0]) * (k == 0 || k == LEVELS - 1 ? 0.5 : 1);
        variance_of_nats += weight * weight * x.error[k] * x.error[k];
    }
    assert_near(x.nats, nats, 1e-9 * (1 + fabs(nats)));
    assert_true(x.nats_error > 0.8 * sqrt(variance_of_nats) && x.nats_error < 3 * sqrt(variance_of_nats));
    excess_release(&x);
    free(phi);
    score_model_release(&m);
}

/* With the propagator instead of v the network is the filter. */
static void test_wiener_network_without_weights(void **state) {
    (void)state;
    struct score_model m = network_model((struct unet_shape){8, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_WIENER, 1);
    struct error e = {0};
    struct excess x;
    float *phi = gaussian_fields(&m);
    memset(m.weights, 0, m.weight_count * sizeof *m.weights);
    assert_ok(excess_measure(&m, phi, 20, LEVELS, t_min, 32, 2, &x, &e));
    for (int k = 0; k < LEVELS; k++) {
        assert_true(x.loss[k] > 0 && x.excess[k] == 0 && x.error[k] == 0);
    }
    excess_release(&x);
    free(phi);
    score_model_release(&m);
}

static void test_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    struct score_model m = network_model((struct unet_shape){8, 8, 8, 32, 2, UNET_PERIODIC}, SCORE_PUBLISHED, 30);
    struct error e = {0};
    struct excess x[3];
    float *phi = gaussian_fields(&m);
    for (int i = 0; i < 3; i++) {
        assert_ok(excess_measure(&m, phi, 21, LEVELS, t_min, 33, i + 1, &x[i], &e));
    }
    for (int i = 1; i < 3; i++) {
        assert_memory_equal(x[i].sigma, x[0].sigma, LEVELS * sizeof(double));
        assert_memory_equal(x[i].loss, x[0].loss, LEVELS * sizeof(double));
        assert_memory_equal(x[i].wiener, x[0].wiener, LEVELS * sizeof(double));
        assert_memory_equal(x[i].excess, x[0].excess, LEVELS * sizeof(double));
        assert_memory_equal(x[i].error, x[0].error, LEVELS * sizeof(double));
        assert_true(x[i].nats == x[0].nats && x[i].nats_error == x[0].nats_error);
    }
    for (int k = 0; k < LEVELS; k++) {
        assert_true(x[0].error[k] > 0 && x[0].excess[k] > 0); /* the network is untrained */
    }
    for (int i = 0; i < 3; i++) {
        excess_release(&x[i]);
    }
    free(phi);
    score_model_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wiener_filter),
        cmocka_unit_test(test_network_without_weights),
        cmocka_unit_test(test_wiener_network_without_weights),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
