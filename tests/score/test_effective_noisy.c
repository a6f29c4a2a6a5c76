/* The reverse process of the effective-action model in normalised modes. With f linear in u every mode is Gaussian, and
 * its variance follows a recursion; for f = 0 it is exactly G at any number of steps. Also signs and means of one
 * phase, and bits. */
#include "score/effective_flow.h"
#include "tests/score/linear.h"

static const volatile sig_atomic_t never = 0;

enum { N = 4000 };

static void draw_into(const struct effective_model *model, size_t steps, size_t first, size_t count, int threads,
                      float *phi, double *log_q) {
    const struct random_key key = random_key(3, "test", "noisy");
    struct effective_flow *flow;
    struct error e = {0};
    const struct effective_flow_work work = {&key, first, count, threads, phi, log_q, &never, NULL};
    assert_ok(effective_flow_noisy_new(model, steps, 1, &flow, &e));
    assert_int_equal(effective_flow_evaluations(flow), steps);
    assert_ok(effective_flow_run(flow, &work, &e));
    effective_flow_free(flow);
}

/* Sets the variances of the field's modes by the recursion
 *   xi' = (c + (1 - s'^2/s^2)/c s^2 W^2 a/sigma_u) xi + sqrt(1 - c^2) z. */
static void expected(const struct score_model *m, double a, size_t steps, double *variance) {
    for (size_t p = 0; p < m->volume; p++) {
        variance[p] = 1;
    }
    for (size_t k = 0; k < steps; k++) {
        const double s = 10 * pow(0.005, (double)k / (double)(steps - 1)),
                     next = k + 1 < steps ? 10 * pow(0.005, (double)(k + 1) / (double)(steps - 1)) : 0;
        double sigma_u = 0;
        for (size_t p = 0; p < m->volume; p++) {
            sigma_u += m->propagator[p] * m->propagator[p] / (m->propagator[p] + s * s) / (double)m->volume;
        }
        sigma_u = sqrt(sigma_u);
        for (size_t p = 0; p < m->volume; p++) {
            const double G = m->propagator[p], W = G / (G + s * s), c = sqrt((G + next * next) / (G + s * s));
            const double gain = c + (1 - next * next / (s * s)) / c * s * s * W * W * a / sigma_u;
            variance[p] = gain * gain * variance[p] + 1 - c * c;
        }
    }
    for (size_t p = 0; p < m->volume; p++) {
        variance[p] *= m->propagator[p];
    }
}

static void check_variances(const struct score_model *m, double a, size_t steps) {
    struct effective_model model = linear_model(m, a);
    const size_t V = m->volume;
    float *phi = test_floats(N * V);
    double *log_q = test_reals(N), *right = test_reals(V), *mean = test_reals(V);
    double complex *modes = test_alloc(V, sizeof *modes);
    draw_into(&model, steps, 0, N, 2, phi, log_q);
    expected(m, a, steps, right);
    for (size_t i = 0; i < N; i++) {
        double *x = to_reals(V, phi + i * V);
        transform(m, x, modes);
        for (size_t p = 0; p < V; p++) {
            mean[p] += pow(cabs(modes[p]), 2) / (double)V / right[p] / N;
        }
        assert_true(log_q[i] == 0);
        free(x);
    }
    for (size_t p = 0; p < V; p++) { /* its variance is at most 2/N */
        assert_near(mean[p], 1, 5 * sqrt(2.0 / N));
        assert_true(a != 0 || fabs(right[p] / m->propagator[p] - 1) < 1e-12);
    }
    free(phi);
    free(log_q);
    free(right);
    free(mean);
    free(modes);
    effective_model_release(&model);
}

static void test_variances(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){4, 6}, 0.24);
    check_variances(&m, 0, 2);
    check_variances(&m, 0, 7);
    check_variances(&m, -0.4, 2);
    check_variances(&m, -0.4, 12);
    check_variances(&m, 0.2, 12);
    score_model_release(&m);
}

/* Fields have the mean added and a random sign; the same bits in parts and for any number of threads. */
static void test_one_phase(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){4, 6}, 0.1);
    struct effective_model model = linear_model(&m, -0.1);
    const size_t V = m.volume;
    float *phi = test_floats(N * V), *part = test_floats(50 * V), *plain = test_floats(50 * V);
    double *log_q = test_reals(N);
    size_t positive = 0;
    draw_into(&model, 5, 0, 50, 1, plain, log_q);
    model.one_phase = true;
    model.mean = 9;
    draw_into(&model, 5, 0, N, 2, phi, log_q);
    draw_into(&model, 5, 2 * TRANSFORM_FIELDS, 33, 1, part, log_q);
    assert_memory_equal(part, phi + 2 * TRANSFORM_FIELDS * V, 33 * V * sizeof *phi);
    for (size_t i = 0; i < N; i++) {
        const bool up = phi[i * V] > 0;
        positive += up;
        for (size_t x = 0; i < 50 && x < V; x++) {
            assert_near((double)phi[i * V + x], (up ? 1 : -1) * ((double)plain[i * V + x] + 9), 1e-5);
        }
    }
    assert_near((double)positive, N / 2, 5 * sqrt(N) / 2);
    model.mean = 0; /* half of the draws are in the other phase, and rejected */
    draw_into(&model, 5, 0, N, 2, phi, log_q);
    size_t rejected = 0;
    for (size_t i = 0; i < N; i++) {
        rejected += log_q[i] != 0;
    }
    assert_near((double)rejected, N / 2, 5 * sqrt(N) / 2);
    free(phi);
    free(part);
    free(plain);
    free(log_q);
    effective_model_release(&model);
    score_model_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variances),
        cmocka_unit_test(test_one_phase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
