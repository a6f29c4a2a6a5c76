/* Paths up with noise and down by the effective-action model. For a Gaussian field every step is accepted, at any
 * number of steps. For f linear in u the ratio of the probabilities of two paths is compared with its definition in
 * double precision, with the same random numbers. Also rejected proposals, bits, refusals. */
#include "score/effective_path.h"
#include "tests/score/linear.h"

enum { N = 40 };

/* Fields of the free theory, and the result of a step. */
struct moved {
    float *phi, *proposal;
    double log_ratio[N];
};

static const struct random_key noise = {{17, 23}};

static struct moved move(const struct score_model *m, const struct effective_model *model, double lowest, double level,
                         size_t steps, uint64_t step) {
    struct moved r = {test_floats(N * m->volume), test_floats(N * m->volume), {0}};
    static const volatile sig_atomic_t never = 0;
    const struct score_draw draw = {random_key(1, "test", "start"), 0, N, 1, r.phi, NULL, &never, NULL};
    struct effective_path *path;
    struct error e = {0};
    assert_ok(score_model_draw(m, &draw, &e));
    assert_ok(effective_path_new(model, lowest, level, steps, 2, &path, &e));
    assert_int_equal(effective_path_evaluations(path), 2 * steps - 1);
    struct transform_site *room = transform_allocate(effective_path_workspace(path));
    assert_non_null(room);
    for (size_t at = 0; at < N; at += TRANSFORM_FIELDS) {
        const size_t n = N - at < TRANSFORM_FIELDS ? N - at : TRANSFORM_FIELDS;
        effective_path_propose(path, noise, at, n, step, r.phi + at * m->volume, r.proposal + at * m->volume,
                               r.log_ratio + at, room);
    }
    free(room);
    effective_path_free(path);
    return r;
}

static void moved_free(struct moved *r) {
    free(r->phi);
    free(r->proposal);
}

/* 1/2 sum |phi(p)|^2 / (G V): the action of the free field. */
static double gaussian_action(const struct score_model *m, const float *phi) {
    double complex *modes = test_alloc(m->volume, sizeof *modes);
    double *x = to_reals(m->volume, phi), S = 0;
    transform(m, x, modes);
    for (size_t p = 0; p < m->volume; p++) {
        S += 0.5 * pow(cabs(modes[p]), 2) / m->propagator[p] / (double)m->volume;
    }
    free(modes);
    free(x);
    return S;
}

static void test_gaussian(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){4, 6}, 0.24);
    struct effective_model model = linear_model(&m, 0);
    static const size_t steps[] = {1, 2, 9};
    for (size_t k = 0; k < 3; k++) {
        struct moved r = move(&m, &model, 0.1, 3, steps[k], k);
        double far = 0;
        for (size_t i = 0; i < N; i++) {
            const float *a = r.phi + i * m.volume, *b = r.proposal + i * m.volume;
            assert_near(gaussian_action(&m, a) - gaussian_action(&m, b) + r.log_ratio[i], 0, 2e-5);
            for (size_t x = 0; x < m.volume; x++) {
                far += fabs((double)(b[x] - a[x])) / (double)(N * m.volume);
            }
        }
        assert_true(far > 0.5);
        moved_free(&r);
    }
    effective_model_release(&model);
    score_model_release(&m);
}

/* --- the definition ------------------------------------------------------------------------------ */

/* Logarithm of a Gaussian density of modes with variances V v(p), up to a constant. */
static double log_normal(size_t V, const double complex *y, const double complex *mean, const double *v) {
    double sum = 0;
    for (size_t p = 0; p < V; p++) {
        sum -= 0.5 * pow(cabs(y[p] - mean[p]), 2) / v[p] / (double)V;
    }
    return sum;
}

/* Means and variances of both kernels, in the modes of the field: up to level s_hi, and down from it. */
struct kernels {
    const struct score_model *m;
    double a;
};

static double forward(const struct kernels *k, const double *s, size_t i, const double complex *low,
                      const double complex *high) {
    double v[32];
    for (size_t p = 0; p < k->m->volume; p++) {
        v[p] = s[i + 1] * s[i + 1] - s[i] * s[i];
    }
    return log_normal(k->m->volume, high, low, v);
}

static void reverse_of(const struct kernels *k, const double *s, size_t i, const double complex *high,
                       double complex *mean, double *v) {
    const double D = s[i + 1] * s[i + 1] - s[i] * s[i], s2 = s[i + 1] * s[i + 1];
    double sigma_u = 0;
    for (size_t p = 0; p < k->m->volume; p++) {
        sigma_u += pow(k->m->propagator[p], 2) / (k->m->propagator[p] + s2) / (double)k->m->volume;
    }
    sigma_u = sqrt(sigma_u);
    for (size_t p = 0; p < k->m->volume; p++) {
        const double G = k->m->propagator[p], W = G / (G + s2);
        mean[p] = high[p] + D * (-high[p] / (G + s2) + W * k->a * W * high[p] / sigma_u);
        v[p] = D * (G + s[i] * s[i]) / (G + s2);
    }
}

static double reverse(const struct kernels *k, const double *s, size_t i, const double complex *low,
                      const double complex *high) {
    double complex mean[32];
    double v[32];
    reverse_of(k, s, i, high, mean, v);
    return log_normal(k->m->volume, low, mean, v);
}

static void normal_modes(const struct score_model *m, size_t chain, uint64_t number, double complex *z) {
    float *x = test_floats(m->volume);
    random_normal_float(noise, chain, number, x, m->volume);
    double *reals = to_reals(m->volume, x);
    transform(m, reals, z);
    free(x);
    free(reals);
}

static void check_definition(double a, size_t steps, double lowest, double level) {
    enum { MOST = 8, STEP = 5 };
    struct score_model m = free_field(2, (size_t[]){4, 6}, 0.24);
    struct effective_model model = linear_model(&m, a);
    const struct kernels k = {&m, a};
    const size_t V = m.volume;
    struct moved r = move(&m, &model, lowest, level, steps, STEP);
    double s[MOST + 1] = {0}, spread = 0;
    for (size_t i = 0; i < steps; i++) {
        s[i + 1] = i + 1 == steps ? level : lowest * pow(level / lowest, (double)i / (double)(steps - 1));
    }
    for (size_t c = 0; c < N; c++) {
        double complex up[MOST + 1][32], down[MOST + 1][32], z[32], mean[32];
        double v[32], log_ratio = 0, back = 0, *x = to_reals(V, r.phi + c * V);
        transform(&m, x, up[0]);
        free(x);
        for (size_t i = 0; i < steps; i++) {
            normal_modes(&m, c, STEP * 2 * steps + i, z);
            for (size_t p = 0; p < V; p++) {
                up[i + 1][p] = up[i][p] + sqrt(s[i + 1] * s[i + 1] - s[i] * s[i]) * z[p];
            }
        }
        memcpy(down[steps], up[steps], sizeof up[0]);
        for (size_t i = steps; i-- > 0;) {
            normal_modes(&m, c, STEP * 2 * steps + steps + (steps - 1 - i), z);
            reverse_of(&k, s, i, down[i + 1], mean, v);
            for (size_t p = 0; p < V; p++) {
                down[i][p] = mean[p] + sqrt(v[p]) * z[p];
            }
        }
        for (size_t i = 0; i < steps; i++) {
            log_ratio += forward(&k, s, i, down[i], down[i + 1]) + reverse(&k, s, i, up[i], up[i + 1]) -
                         forward(&k, s, i, up[i], up[i + 1]) - reverse(&k, s, i, down[i], down[i + 1]);
            back += forward(&k, s, i, up[i], up[i + 1]) + reverse(&k, s, i, down[i], down[i + 1]) -
                    forward(&k, s, i, down[i], down[i + 1]) - reverse(&k, s, i, up[i], up[i + 1]);
        }
        assert_near(log_ratio + back, 0, 1e-10);
        assert_near(r.log_ratio[c], log_ratio, 5e-5);
        const double change = gaussian_action(&m, r.phi + c * V) - gaussian_action(&m, r.proposal + c * V) + log_ratio;
        spread += change * change / N;
        x = to_reals(V, r.proposal + c * V);
        transform(&m, x, z);
        free(x);
        for (size_t p = 0; p < V; p++) {
            assert_near(cabs(z[p] - down[0][p]), 0, 2e-4);
        }
    }
    assert_true(spread > 0.01); /* the model is not exact */
    moved_free(&r);
    effective_model_release(&model);
    score_model_release(&m);
}

static void test_definition(void **state) {
    (void)state;
    check_definition(-0.4, 1, 0.1, 0.7);
    check_definition(-0.4, 2, 0.1, 1);
    check_definition(0.3, 7, 0.06, 4);
}

/* --- one phase, bits, refusals ------------------------------------------------------------------- */

static void test_one_phase(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){4, 6}, 0.1);
    struct effective_model model = linear_model(&m, -0.1);
    model.one_phase = true; /* its mean is 0, so half of the proposals are in the other phase */
    struct moved r = move(&m, &model, 0.1, 5, 3, 0);
    size_t rejected = 0;
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t x = 0; x < m.volume; x++) {
            sum += (double)r.proposal[i * m.volume + x];
        }
        assert_true(isnan(r.log_ratio[i]) == !(sum > 0));
        rejected += isnan(r.log_ratio[i]) ? 1 : 0;
    }
    assert_near((double)rejected, N / 2, 4 * sqrt(N) / 2);
    moved_free(&r);
    effective_model_release(&model);
    score_model_release(&m);
}

static void test_lanes(void **state) {
    (void)state;
    struct score_model m = free_field(1, (size_t[]){10}, 0.3);
    struct effective_model model = linear_model(&m, -0.2);
    struct moved all = move(&m, &model, 0.1, 1, 3, 4), other = move(&m, &model, 0.1, 1, 3, 5);
    struct effective_path *path;
    struct error e = {0};
    assert_ok(effective_path_new(&model, 0.1, 1, 3, 1, &path, &e));
    struct transform_site *room = transform_allocate(effective_path_workspace(path));
    float *proposal = test_floats(N * m.volume);
    double log_ratio[N];
    effective_path_propose(path, noise, TRANSFORM_FIELDS, N - TRANSFORM_FIELDS, 4,
                           all.phi + TRANSFORM_FIELDS * m.volume, proposal, log_ratio, room);
    assert_memory_equal(proposal, all.proposal + TRANSFORM_FIELDS * m.volume,
                        (N - TRANSFORM_FIELDS) * m.volume * sizeof *proposal);
    assert_memory_equal(log_ratio, all.log_ratio + TRANSFORM_FIELDS, (N - TRANSFORM_FIELDS) * sizeof *log_ratio);
    assert_memory_not_equal(other.proposal, all.proposal, m.volume * sizeof *proposal);
    effective_path_free(path);
    assert_refused(effective_path_new(&model, 1, 1, 2, 1, &path, &e), STATUS_BAD_INPUT,
                   "level 1 found, expected more than the lowest level 1 for 2 steps");
    assert_null(path);
    free(room);
    free(proposal);
    moved_free(&all);
    moved_free(&other);
    effective_model_release(&model);
    score_model_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian),
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_one_phase),
        cmocka_unit_test(test_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
