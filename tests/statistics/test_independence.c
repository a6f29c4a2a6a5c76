/* The independence Metropolis chain: each step by definition; acceptance erfc(w/2) for Gaussian log-weights of standard
 * deviation w; moments of the target from proposals of another width; and for draws from a pool with replacement, the
 * moments of the pool with its weights instead. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "statistics/gamma_method.h"
#include "statistics/independence.h"

static void assert_close(const char *what, double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("%s: found %.17g, expected %.17g +- %.2g", what, found, expected, tolerance);
    }
}

static struct random_key key(const char *purpose) {
    return random_key(3, "test independence", purpose);
}

enum { N = 40000 };
static double z[N], log_w[N], x[2 * N];
static size_t proposal[N], state_of[N];
static unsigned char accepted[N];

static int set_up(void **state) {
    (void)state;
    random_normal(key("z"), 0, 0, z, N);
    return 0;
}

static void run_fresh(void) {
    struct error e = {0};
    independence_fresh(0, N, proposal);
    assert_int_equal(independence_chain(log_w, proposal, N, key("accept"), 0, state_of, accepted, &e), STATUS_OK);
}

/* Every step by definition, from the same random numbers. */
static void test_rule(void **state) {
    (void)state;
    static double u[N];
    for (size_t i = 0; i < N; i++) {
        log_w[i] = 1.3 * z[i];
    }
    run_fresh();
    random_uniform(key("accept"), 0, 0, u, N);
    size_t at = 0, longest = 1, stay = 1;
    assert_true(accepted[0] == 1 && state_of[0] == 0);
    for (size_t i = 1; i < N; i++) {
        const int take = u[i] < fmin(1, exp(log_w[i] - log_w[at]));
        at = take ? i : at;
        stay = take ? 1 : stay + 1;
        longest = stay > longest ? stay : longest;
        assert_true(accepted[i] == take && state_of[i] == at);
    }
    assert_int_equal(independence_longest_stay(state_of, N), longest);
    assert_int_equal(independence_longest_stay(state_of, 0), 0);
    independence_fresh(7, 3, proposal);
    assert_true(proposal[0] == 7 && proposal[1] == 8 && proposal[2] == 9);
}

static void analyse(size_t primaries, struct gamma_result *result) {
    const struct series series = {x, primaries, N, 1};
    const struct estimator means = {.values = primaries};
    struct error e = {0};
    assert_int_equal(gamma_method(&series, &means, GAMMA_METHOD_S, result, &e), STATUS_OK);
}

static void test_acceptance_of_gaussian_weights(void **state) {
    (void)state;
    const double widths[] = {0.05, 0.5, 1.35};
    for (size_t k = 0; k < 3; k++) {
        struct gamma_result r;
        for (size_t i = 0; i < N; i++) {
            log_w[i] = widths[k] * z[i] - 1000; /* only differences matter */
        }
        run_fresh();
        for (size_t i = 0; i < N; i++) {
            x[i] = accepted[i];
        }
        analyse(1, &r);
        assert_close("acceptance", r.value, erfc(widths[k] / 2), 4 * r.error);
        assert_true(r.error < 0.01);
    }
}

/* q = N(0.3, 1.4^2) for p = N(0, 1): the chain has mean 0 and <x^2> = 1, its proposals 0.3 and 2.05. */
static void test_wrong_proposals(void **state) {
    (void)state;
    struct gamma_result r[2];
    for (size_t i = 0; i < N; i++) {
        const double y = 0.3 + 1.4 * z[i];
        log_w[i] = -0.5 * y * y + 0.5 * z[i] * z[i];
    }
    run_fresh();
    for (size_t i = 0; i < N; i++) {
        x[i] = 0.3 + 1.4 * z[state_of[i]];
        x[N + i] = x[i] * x[i];
    }
    analyse(2, r);
    assert_close("mean", r[0].value, 0, 4 * r[0].error);
    assert_close("square", r[1].value, 1, 4 * r[1].error);
    assert_true(r[0].error < 0.01 && r[1].error < 0.02); /* 0.3 and 2.05 are 30 sigma away */
}

/* With proposals from a pool the chain visits configuration k with frequency w_k/sum w, for any length. */
static void test_pool(void **state) {
    (void)state;
    enum { POOL = 5 };
    struct error e = {0};
    const double weights[POOL] = {1, 2, 0.5, 4, 1};
    double sum = 8.5, drawn[POOL] = {0};
    for (size_t k = 0; k < POOL; k++) {
        log_w[k] = log(weights[k]);
    }
    assert_int_equal(independence_pool(POOL, N, key("draw"), 2, proposal, &e), STATUS_OK);
    assert_int_equal(independence_chain(log_w, proposal, N, key("accept"), 2, state_of, accepted, &e), STATUS_OK);
    for (size_t i = 0; i < N; i++) {
        assert_true(proposal[i] < POOL);
        drawn[proposal[i]] += 1.0 / N;
    }
    for (size_t k = 0; k < POOL; k++) {
        struct gamma_result r;
        for (size_t i = 0; i < N; i++) {
            x[i] = state_of[i] == k;
        }
        analyse(1, &r);
        assert_close("visits", r.value, weights[k] / sum, 4 * r.error);
        assert_close("draws", drawn[k], 1.0 / POOL, 4 * sqrt(0.16 / N));
    }
}

/* Streams differ, and each depends only on its number. */
static void test_streams(void **state) {
    (void)state;
    enum { SHORT = 200 };
    struct error e = {0};
    size_t first[SHORT], again[SHORT], other[SHORT];
    unsigned char bytes[SHORT];
    for (size_t i = 0; i < SHORT; i++) {
        log_w[i] = 2 * z[i];
    }
    independence_fresh(0, SHORT, proposal);
    assert_int_equal(independence_chain(log_w, proposal, SHORT, key("accept"), 0, first, bytes, &e), STATUS_OK);
    assert_int_equal(independence_chain(log_w, proposal, SHORT, key("accept"), 1, other, bytes, &e), STATUS_OK);
    assert_int_equal(independence_chain(log_w, proposal, SHORT, key("accept"), 0, again, bytes, &e), STATUS_OK);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
}

/* A proposal of weight 0 is never accepted, except before the first one with a larger weight. */
static void test_rejected(void **state) {
    (void)state;
    for (size_t i = 0; i < N; i++) {
        log_w[i] = i < 3 || i % 7 == 0 ? -INFINITY : 0.2 * z[i];
    }
    run_fresh();
    for (size_t i = 0; i < N; i++) {
        assert_true(i <= 3 ? accepted[i] && state_of[i] == i
                           : isfinite(log_w[state_of[i]]) && (i % 7 != 0 || !accepted[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_rejected),
        cmocka_unit_test(test_acceptance_of_gaussian_weights),
        cmocka_unit_test(test_wrong_proposals),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
