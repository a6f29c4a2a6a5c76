/* Adam and the average of weights: exact steps, a sequence with the published settings, and bits that depend neither on
 * threads nor on how a vector is split. */
#include <omp.h>

#include "network/adam.h"
#include "tests/network/reference.h"

static void take_step(float *w, const float *g, float *m, float *v, size_t n, int64_t step, double rate, double beta1,
                      double beta2, double epsilon) {
    const struct adam_scalars scalars = adam_scalars(step, rate, beta1, beta2, epsilon);
    adam_step(w, g, m, v, n, &scalars);
}

/* beta1 = 1/2, beta2 = 0, epsilon = 0: every number of these steps is exact in single precision. */
static void test_exact_steps(void **state) {
    (void)state;
    float w[2] = {1, -1}, m[2] = {0}, v[2] = {0};
    const float first[2] = {4, -0.5f}, second[2] = {2, 1};
    take_step(w, first, m, v, 2, 1, 0.25, 0.5, 0, 0);
    /* m = g/2, v = g^2, bias correction 1/2: w moves by 0.25 sign(g) */
    assert_true(m[0] == 2 && m[1] == -0.25f && v[0] == 16 && v[1] == 0.25f);
    assert_true(w[0] == 0.75f && w[1] == -0.75f);
    take_step(w, second, m, v, 2, 2, 0.375, 0.5, 0, 0);
    /* m = {2, 0.375}, v = {4, 1}, bias correction 3/4: moves by 0.5 m / sqrt(v) */
    assert_true(m[0] == 2 && m[1] == 0.375f && v[0] == 4 && v[1] == 1);
    assert_true(w[0] == 0.25f && w[1] == -0.9375f);
}

/* With beta1 = 0 the first move is rate g / (|g| + epsilon) for any beta2, because of the correction of v. */
static void test_epsilon_is_added_after_the_correction(void **state) {
    (void)state;
    float w = 0, m = 0, v = 0;
    const float g = 1;
    take_step(&w, &g, &m, &v, 1, 1, 1, 0, 0.75, 3);
    assert_true(w == -0.25f);
    float zero[3] = {0}; /* no gradient yet: no move, no 0/0 */
    float unmoved[3] = {1, 2, 3}, mz[3] = {0}, vz[3] = {0};
    take_step(unmoved, zero, mz, vz, 3, 1, 1e-3, 0.9, 0.999, 1e-8);
    assert_true(unmoved[0] == 1 && unmoved[1] == 2 && unmoved[2] == 3);
}

/* The published settings, against values in double precision from the formulas of the paper, m-hat / (sqrt(v-hat) +
 * epsilon), to which PyTorch's form is equivalent. */
static void test_published_settings(void **state) {
    (void)state;
    static const float g[5] = {0.3f, -0.1f, 0.25f, 2.0f, -0.7f};
    static const double expected[5] = {0.49900000003333334, 0.4985997814792808, 0.49796077329396227,
                                       0.49728776269954145, 0.49692684825189715};
    float w = 0.5f, m = 0, v = 0;
    for (int i = 0; i < 5; i++) {
        take_step(&w, &g[i], &m, &v, 1, i + 1, 1e-3, 0.9, 0.999, 1e-8);
        assert_true(fabs((double)w - expected[i]) < 1e-7); /* five roundings of 2^-26, and those of the betas */
    }
    /* with a constant gradient every move is the rate, because of the corrections */
    w = 0;
    m = v = 0;
    for (int64_t step = 1; step <= 1000; step++) {
        take_step(&w, &g[3], &m, &v, 1, step, 1e-3, 0.9, 0.999, 1e-8);
    }
    assert_true(fabs((double)w + 1) < 1e-4);
}

static void test_bits_do_not_depend_on_threads_or_splitting(void **state) {
    (void)state;
    enum { N = 100003, STEPS = 3 };
    float *g = test_floats(N), *arrays[3][4];
    double *z = test_reals(N);
    for (int run = 0; run < 3; run++) {
        for (int i = 0; i < 4; i++) {
            arrays[run][i] = test_floats(N);
        }
    }
    int threads = omp_get_max_threads();
    for (int step = 1; step <= STEPS; step++) {
        test_normal(step == 1 ? "one" : step == 2 ? "two" : "three", z, N);
        for (size_t i = 0; i < N; i++) {
            g[i] = (float)(z[i] * pow(10, -(double)(i % 9)));
        }
        for (int run = 0; run < 2; run++) {
            float **a = arrays[run];
            omp_set_num_threads(run + 1);
            take_step(a[0], g, a[1], a[2], N, step, 1e-3, 0.9, 0.999, 1e-8);
            adam_average(a[3], a[0], N, (float)(1 - 0.99));
        }
        float **a = arrays[2]; /* unaligned pieces of 7 */
        for (size_t i = 0; i < N; i += 7) {
            size_t count = N - i < 7 ? N - i : 7;
            take_step(a[0] + i, g + i, a[1] + i, a[2] + i, count, step, 1e-3, 0.9, 0.999, 1e-8);
            adam_average(a[3] + i, a[0] + i, count, (float)(1 - 0.99));
        }
    }
    omp_set_num_threads(threads);
    for (int i = 0; i < 4; i++) {
        assert_memory_equal(arrays[0][i], arrays[1][i], N * sizeof(float));
        assert_memory_equal(arrays[0][i], arrays[2][i], N * sizeof(float));
    }
    for (int run = 0; run < 3; run++) {
        for (int i = 0; i < 4; i++) {
            free(arrays[run][i]);
        }
    }
    free(g);
    free(z);
}

static void test_average(void **state) {
    (void)state;
    float average[2] = {0, 8};
    const float w[2] = {4, 0};
    adam_average(average, w, 2, 0.25f);
    assert_true(average[0] == 1 && average[1] == 6);
    adam_average(average, w, 2, 0.5f);
    assert_true(average[0] == 2.5f && average[1] == 3);
    adam_average(average, w, 2, 1);
    assert_true(average[0] == 4 && average[1] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_steps),
        cmocka_unit_test(test_epsilon_is_added_after_the_correction),
        cmocka_unit_test(test_published_settings),
        cmocka_unit_test(test_bits_do_not_depend_on_threads_or_splitting),
        cmocka_unit_test(test_average),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
