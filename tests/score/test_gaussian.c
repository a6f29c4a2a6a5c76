/* Draws from the Gaussian field of a model: their density by its definition, their propagator, bits for any number of
 * threads and parts; weights and acceptance for a free field in closed form; and an exact chain of wrong proposals. */
#include "base/sum.h"
#include "statistics/weights.h"
#include "tests/diffusion/exact_chain.h"
#include "tests/scratch.h"

static const volatile sig_atomic_t never = 0, now = 1;

/* log q of one field by its definition, with a simple Fourier sum. */
static double log_q_by_definition(const struct score_model *m, const float *phi) {
    const size_t V = m->volume;
    double *scaled = test_reals(V), log_q = (double)V * log(fabs(m->factor));
    double complex *modes = test_alloc(V, sizeof *modes);
    for (size_t i = 0; i < V; i++) {
        scaled[i] = ((double)phi[i] - m->offset) * m->factor;
    }
    transform(m, scaled, modes);
    for (size_t p = 0; p < V; p++) {
        const double power = creal(modes[p] * conj(modes[p])) / (double)V;
        log_q -= 0.5 * (log(two_pi * m->propagator[p]) + power / m->propagator[p]);
    }
    free(scaled);
    free(modes);
    return log_q;
}

static void check_density(struct score_model m, double offset, double factor) {
    enum { N = 5 };
    float *phi = test_floats(N * m.volume);
    double log_q[N];
    struct error e = {0};
    m.offset = offset;
    m.factor = factor;
    assert_ok(gaussian_sample(&m, 3, 10, N, 1, phi, log_q, &never, &e));
    for (size_t i = 0; i < N; i++) {
        assert_near(log_q[i], log_q_by_definition(&m, phi + i * m.volume), 1e-9);
    }
    free(phi);
    score_model_release(&m);
}

static void test_density(void **state) {
    (void)state;
    check_density(free_field(2, (size_t[]){4, 6}, 0.21), 0, 1);
    check_density(free_field(2, (size_t[]){4, 6}, 0.21), -3, 0.25);
    check_density(free_field(3, (size_t[]){2, 4, 3}, 0.12), 0.5, 7);
    check_density(free_field(1, (size_t[]){5}, 0.3), 0, 1);
}

/* <|phi(p)|^2>/V = G(p) within 5 sigma: |phi(p)|^2/(V G) has variance 1, and 2 at the real modes. */
static void test_propagator(void **state) {
    (void)state;
    enum { N = 2000 };
    struct score_model m = free_field(2, (size_t[]){4, 6}, 0.23);
    const size_t V = m.volume;
    float *phi = test_floats(N * V);
    double *log_q = test_reals(N), *x = test_reals(V), *power = test_reals(V), *mean = test_reals(V);
    struct fourier *f;
    struct error e = {0};
    m.offset = 2;
    m.factor = 0.5;
    assert_ok(gaussian_sample(&m, 1, 0, N, 2, phi, log_q, &never, &e));
    assert_ok(fourier_new(m.extents, 2, &f, &e));
    double *work = test_reals(fourier_workspace(f));
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < V; k++) {
            x[k] = ((double)phi[i * V + k] - m.offset) * m.factor;
        }
        fourier_power(f, x, power, work);
        for (size_t p = 0; p < V; p++) {
            mean[p] += power[p] / N;
        }
    }
    for (size_t p = 0; p < V; p++) {
        assert_near(mean[p] / m.propagator[p], 1, 5 * sqrt(2.0 / N));
    }
    fourier_free(f);
    void *all[] = {phi, log_q, x, power, mean, work};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    score_model_release(&m);
}

static void test_bits(void **state) {
    (void)state;
    enum { N = 150 };
    struct score_model m = free_field(2, (size_t[]){4, 4}, 0.2);
    const size_t V = m.volume;
    float *one = test_floats(N * V), *other = test_floats(N * V);
    double a[N], b[N];
    struct error e = {0};
    assert_ok(gaussian_sample(&m, 8, 3, N, 1, one, a, &never, &e));
    assert_ok(gaussian_sample(&m, 8, 3, N, 3, other, b, &never, &e));
    assert_memory_equal(one, other, N * V * sizeof *one);
    assert_memory_equal(a, b, sizeof a);
    assert_ok(gaussian_sample(&m, 8, 3 + 70, N - 70, 2, other, b, &never, &e));
    assert_memory_equal(one + 70 * V, other, (N - 70) * V * sizeof *one);
    assert_memory_equal(a + 70, b, (N - 70) * sizeof *a);
    assert_ok(gaussian_sample(&m, 9, 3, N, 1, other, b, &never, &e));
    assert_memory_not_equal(one, other, N * V * sizeof *one);
    assert_refused(gaussian_sample(&m, 8, 0, N, 1, one, a, &now, &e), STATUS_FAILED, "interrupted");
    m.propagator[0] = 0;
    assert_refused(gaussian_sample(&m, 8, 0, N, 1, one, a, &never, &e), STATUS_BAD_INPUT, "mode 0 is 0");
    free(one);
    free(other);
    score_model_release(&m);
}

/* For the free field of the same kappa the weights are constant. For another kappa, with propagator G', log w = 1/2
 * sum_p r z_p^2 with r = 1 - G/G' has variance 1/2 sum r^2; if that is small, the acceptance is that of Gaussian
 * log-weights. */
static void test_weights_of_the_free_field(void **state) {
    (void)state;
    enum { N = 20000 };
    const double kappa = 0.15, others[] = {0.15, 0.17, 0.12};
    struct score_model m = free_field(2, (size_t[]){8, 8}, kappa);
    float *phi = test_floats(N * m.volume);
    double *log_q = test_reals(N), *S = test_reals(N), *x = test_reals(m.volume), *log_w = test_reals(N);
    size_t *proposal = test_alloc(N, sizeof *proposal), *at = test_alloc(N, sizeof *at);
    unsigned char *taken = test_alloc(N, 1);
    struct geometry *g;
    struct error e = {0};
    assert_ok(geometry_new(m.extents, 2, &g, &e));
    assert_ok(gaussian_sample(&m, 2, 0, N, 2, phi, log_q, &never, &e));
    independence_fresh(0, N, proposal);
    for (size_t k = 0; k < 3; k++) {
        const struct theory theory = {others[k], 0};
        struct score_model target = free_field(2, m.extents, others[k]);
        double variance = 0, values[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS], accepted = 0;
        for (size_t p = 0; p < m.volume; p++) {
            variance += 0.5 * pow(1 - m.propagator[p] / target.propagator[p], 2);
        }
        for (size_t i = 0; i < N; i++) {
            for (size_t s = 0; s < m.volume; s++) {
                x[s] = (double)phi[i * m.volume + s];
            }
            S[i] = action(g, &theory, x);
            log_w[i] = -S[i] - log_q[i];
        }
        assert_ok(weights_analyse(S, log_q, N, WEIGHTS_PROPOSALS, 200, values, errors, &e));
        assert_ok(independence_chain(log_w, proposal, N, random_key(1, "test", "free"), k, at, taken, &e));
        for (size_t i = 1; i < N; i++) {
            accepted += taken[i] / (N - 1.0);
        }
        assert_near(values[WEIGHTS_VAR_LOG_W], variance, 5 * errors[WEIGHTS_VAR_LOG_W] + 1e-10);
        const double gaussian = erfc(sqrt(variance) / 2);
        assert_near(accepted, gaussian, 10 * sqrt(fabs(gaussian * (1 - gaussian)) / N) + 1e-9 + 0.02 * sqrt(variance));
        assert_near(values[WEIGHTS_ACCEPTANCE], accepted, 0.01);
        if (k == 0) {
            assert_true(accepted > 0.999 && values[WEIGHTS_R2] > 1 - 1e-9);
        } else {
            assert_true(variance > 0.02 && accepted < 0.9);
        }
        score_model_release(&target);
    }
    geometry_free(g);
    void *all[] = {phi, log_q, S, x, log_w, proposal, at, taken};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
    score_model_release(&m);
}

/* The chain is exact, with proposals of 1.1 times the measured propagator; a longer test is slow_exact_chain.c. */
static void test_exact_chain(void **state) {
    (void)state;
    struct run reference = exact_ensemble(0.21, 256, 1, 7);
    struct score_model m = exact_model(&reference, 1.1);
    assert_exact(&m, 0.21, 60000, 5, exact_symmetric, 4, 30);
    score_model_release(&m);
    run_free(&reference);
    double expected[EXACT_QUANTITIES][2];
    reference = exact_ensemble(0.25, 128, 400, 8);
    exact_expected(&reference, expected);
    m = exact_model(&reference, 1.1);
    assert_exact(&m, 0.25, 60000, 6, (const double(*)[2])expected, 4, 20);
    score_model_release(&m);
    run_free(&reference);
}

/* An invalid propagator is refused when a model is read, for all its users. */
static void test_refuses_a_bad_propagator(void **state) {
    (void)state;
    static const double bad[] = {-1, (double)INFINITY, (double)NAN};
    static const char *const said[] = {"propagator of mode 3 is -1, expected a finite number >= 0",
                                       "propagator of mode 3 is inf", "propagator of mode 3 is "};
    char path[300];
    const char *folder = scratch_folder("gaussian");
    snprintf(path, sizeof path, "%s/model.npz", folder);
    for (size_t i = 0; i < 3; i++) {
        struct score_model m = free_field(2, (size_t[]){4, 6}, 0.21), read;
        struct npz_writer *w;
        struct npz *npz;
        struct error e = {0};
        m.propagator[3] = bad[i];
        assert_ok(npz_create(path, &w, &e));
        assert_ok(score_model_add(&m, w, &e));
        assert_ok(npz_commit(w, &e));
        assert_ok(npz_read(path, &npz, &e));
        assert_refused(score_model_read(npz, &read, &e), STATUS_BAD_INPUT, said[i]);
        npz_free(npz);
        score_model_release(&m);
    }
    scratch_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_density),     cmocka_unit_test(test_propagator),
        cmocka_unit_test(test_bits),        cmocka_unit_test(test_weights_of_the_free_field),
        cmocka_unit_test(test_exact_chain), cmocka_unit_test(test_refuses_a_bad_propagator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
