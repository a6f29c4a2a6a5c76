/* The toy model: closed forms of the Gaussian case, finite differences, identities that hold for any action, the
 * distribution of draws; and the Fokker-Planck equation against the Ornstein-Uhlenbeck process. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lattice/fokker_planck.h"
#include "lattice/toy.h"

static const struct toy_theory theories[] = {{1, 0.4}, {-1, 0.4}, {2.5, 0}, {0, 3}, {-4, 0.7}};
enum { THEORIES = sizeof theories / sizeof theories[0] };

static void near(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.15g, expected %.15g +- %.2g", found, expected, tolerance);
    }
}

static struct toy *toy_of(const struct toy_theory *theory) {
    struct toy *toy;
    struct error e = {0};
    if (toy_new(theory, &toy, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    return toy;
}

static void test_action(void **state) {
    (void)state;
    const size_t extents[] = {2};
    struct geometry *g;
    struct error e = {0};
    assert_int_equal(geometry_new(extents, 1, &g, &e), STATUS_OK);
    for (int i = 0; i < THEORIES; i++) {
        const struct toy_theory *t = &theories[i];
        const struct theory lattice = toy_to_theory(t);
        const struct toy_theory back = toy_from_theory(&lattice);
        near(back.mu2, t->mu2, 1e-14);
        near(back.g, t->g, 1e-14);
        double least = 0;
        for (double x = -12; x <= 12; x += 0.01) {
            near((toy_action(t, x - 1e-5) - toy_action(t, x + 1e-5)) / 2e-5, toy_force(t, x), 1e-4);
            least = fmin(least, toy_action(t, x));
            /* a constant field on two sites has twice the action of one site that is its own neighbour */
            const double field[] = {x, x};
            near(0.5 * action(g, &lattice, field), toy_action(t, x), 1e-12 * (1 + fabs(toy_action(t, x))));
        }
        near(toy_minimum(t), least, 1e-3);
    }
    geometry_free(g);
}

static void test_gaussian(void **state) {
    (void)state;
    const struct toy_theory free_theory = {2.5, 0};
    struct toy *toy = toy_of(&free_theory);
    near(toy_moment(toy, 2), 0.4, 1e-14);
    near(toy_moment(toy, 4), 0.48, 1e-14);
    for (int k = 0; k < 9; k++) {
        const double noise[] = {0, 1e-6, 1e-3, 0.01, 0.3, 1, 10, 97, 400}, total = 0.4 + noise[k];
        for (double x = -8; x <= 8; x += 0.5) {
            double log_density, score;
            toy_smeared(toy, noise[k], x, &log_density, &score);
            near(log_density, -0.5 * x * x / total - 0.5 * log(2 * M_PI * total), 1e-9);
            near(score, -x / total, 1e-11 * (1 + fabs(x / total)));
        }
    }
    for (double x = -3; x <= 3; x += 0.37) {
        near(toy_cumulative(toy, x), 0.5 * erfc(-x / sqrt(0.8)), 1e-13);
    }
    toy_free(toy);
}

/* For any action: normalised densities, <phi S'> = 1, the score as derivative, and addition of the variances of
 * repeated smearing. */
static void test_identities(void **state) {
    (void)state;
    for (int i = 0; i < THEORIES; i++) {
        const struct toy_theory *t = &theories[i];
        struct toy *toy = toy_of(t);
        near(t->mu2 * toy_moment(toy, 2) + t->g / 6 * toy_moment(toy, 4), 1, 1e-12);
        near(toy_moment(toy, 3), 0, 1e-13);
        near(toy_cumulative(toy, 0), 0.5, 1e-13);
        near(toy_cumulative(toy, 1e3), 1, 0);
        near(toy_cumulative(toy, 0.999 * toy_reach(toy)), 1, 1e-12);
        const double noise[] = {0, 0.01, 0.5, 30};
        for (int k = 0; k < 4; k++) {
            const double reach = toy_reach(toy) + 9 * sqrt(noise[k]), h = reach / 4000;
            double norm = 0, square = 0, log_density, score, up, down;
            for (int j = -4000; j <= 4000; j++) {
                toy_smeared(toy, noise[k], j * h, &log_density, NULL);
                norm += h * exp(log_density);
                square += h * exp(log_density) * j * h * j * h;
            }
            near(norm, 1, 1e-11);
            near(square, toy_moment(toy, 2) + noise[k], 1e-9 * square);
            for (double x = -5; x <= 5; x += 1.25) {
                toy_smeared(toy, noise[k], x, &log_density, &score);
                toy_smeared(toy, noise[k], x + 1e-4, &up, NULL);
                toy_smeared(toy, noise[k], x - 1e-4, &down, NULL);
                near(score, (up - down) / 2e-4, 1e-6 * (1 + fabs(score)));
            }
        }
        toy_free(toy);
    }
}

/* The distribution of draws by the Kolmogorov-Smirnov test at 4.5 sigma (probability 2 exp(-2 d^2) = 7e-6), and moments
 * within 4.5 errors. */
static void test_draws(void **state) {
    (void)state;
    enum { N = 20000 };
    static double x[N], part[100];
    for (int i = 0; i < THEORIES; i++) {
        struct toy *toy = toy_of(&theories[i]);
        toy_draw(toy, 11, "test", 0, N, x);
        toy_draw(toy, 11, "test", 500, 100, part);
        assert_memory_equal(part, x + 500, sizeof part); /* any split */
        double square = 0, quartic = 0;
        static int cells[1000];
        memset(cells, 0, sizeof cells);
        for (int k = 0; k < N; k++) {
            square += x[k] * x[k] / N;
            quartic += x[k] * x[k] * x[k] * x[k] / N;
            const double u = toy_cumulative(toy, x[k]);
            assert_true(u > 0 && u < 1);
            cells[(int)(1000 * u)]++;
        }
        near(square, toy_moment(toy, 2), 4.5 * sqrt((toy_moment(toy, 4) - pow(toy_moment(toy, 2), 2)) / N));
        near(quartic, toy_moment(toy, 4), 4.5 * sqrt((toy_moment(toy, 8) - pow(toy_moment(toy, 4), 2)) / N));
        double sum = 0, farthest = 0;
        for (int c = 0; c < 1000; c++) {
            sum += cells[c];
            farthest = fmax(farthest, fabs(sum / N - (c + 1) / 1000.0));
        }
        assert_true(farthest * sqrt(N) < 2.5);
        toy_free(toy);
    }
}

static void test_refusals(void **state) {
    (void)state;
    struct toy *toy;
    struct error e = {0};
    const struct toy_theory bad[] = {{-1, 0}, {0, 0}, {1, -0.1}, {NAN, 1}, {-900, 1e-4}};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(toy_new(&bad[i], &toy, &e), STATUS_BAD_INPUT);
        assert_non_null(strstr(e.message, i < 4 ? "expected g > 0" : "expected wells"));
        assert_null(toy);
    }
}

/* Ornstein-Uhlenbeck process: a Gaussian stays Gaussian, with variance 1/mu2 + (v0 - 1/mu2) exp(-2 mu2 tau). */
static void test_fokker_planck(void **state) {
    (void)state;
    enum { POINTS = 2001 };
    static double p[POINTS];
    const struct toy_theory free_theory = {1.5, 0};
    struct error e = {0};
    const double range = 8, h = 2 * range / (POINTS - 1), start = 0.25, tau = 0.4;
    for (int i = 0; i < POINTS; i++) {
        p[i] = exp(-0.5 * pow(-range + i * h, 2) / start) / sqrt(2 * M_PI * start);
    }
    assert_int_equal(fokker_planck(&free_theory, range, POINTS, tau, 800, p, &e), STATUS_OK);
    const double v = 1 / 1.5 + (start - 1 / 1.5) * exp(-3 * tau);
    for (int i = 0; i < POINTS; i++) {
        near(p[i], exp(-0.5 * pow(-range + i * h, 2) / v) / sqrt(2 * M_PI * v), 2e-5);
    }
    /* exp(-S) is stationary on any grid; probability is conserved */
    static double q[41];
    double before = 0, after = 0;
    for (int i = 0; i < 41; i++) {
        before += q[i] = exp(-toy_action(&theories[1], -5 + 0.25 * i));
    }
    assert_int_equal(fokker_planck(&theories[1], 5, 41, 3, 20, q, &e), STATUS_OK);
    for (int i = 0; i < 41; i++) {
        after += q[i];
        near(q[i], exp(-toy_action(&theories[1], -5 + 0.25 * i)), 1e-9 * q[i]);
    }
    near(after, before, 1e-9 * before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_action), cmocka_unit_test(test_gaussian), cmocka_unit_test(test_identities),
        cmocka_unit_test(test_draws),  cmocka_unit_test(test_refusals), cmocka_unit_test(test_fokker_planck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
