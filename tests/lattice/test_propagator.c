/* The smoothed propagator: exact for free fields, more accurate than the measured one, and refused if the fit does not
 * suit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "lattice/propagator.h"

struct lattice {
    size_t dimensions, extents[3];
};

/* P = sum_mu p_mu^2 of a mode. */
static double momentum(const struct lattice *lattice, size_t mode) {
    double P = 0;
    for (size_t mu = lattice->dimensions; mu-- > 0; mode /= lattice->extents[mu]) {
        P += 2 - 2 * cos(2 * M_PI * (double)(mode % lattice->extents[mu]) / (double)lattice->extents[mu]);
    }
    return P;
}

static size_t volume(const struct lattice *lattice) {
    size_t V = 1;
    for (size_t mu = 0; mu < lattice->dimensions; mu++) {
        V *= lattice->extents[mu];
    }
    return V;
}

static double *allocate(size_t n) {
    double *x = malloc(n * sizeof *x);
    assert_non_null(x);
    return x;
}

static enum status smooth(const struct lattice *lattice, double above, double *G, double *residual, struct error *e) {
    struct fourier *f;
    assert_int_equal(fourier_new(lattice->extents, lattice->dimensions, &f, e), STATUS_OK);
    const enum status status = propagator_smooth(f, lattice->extents, lattice->dimensions, above, G, residual, e);
    fourier_free(f);
    return status;
}

/* Sets G to that of A 4.2 at lambda = 0, 1/G = 2 - 4 kappa sum_mu cos p_mu, as a function of P. */
static void free_field(const struct lattice *lattice, double kappa, double *G) {
    for (size_t p = 0; p < volume(lattice); p++) {
        G[p] = 1 / (2 - 4 * kappa * (double)lattice->dimensions + 2 * kappa * momentum(lattice, p));
    }
}

static void test_free_field(void **state) {
    (void)state;
    static const struct lattice lattices[] = {{1, {32}},    {1, {2}},       {2, {32, 32}}, {2, {12, 7}},
                                              {2, {1, 16}}, {3, {8, 8, 8}}, {3, {4, 6, 5}}};
    static const double above[] = {-1, 0, 0.3, 1, 100};
    for (size_t i = 0; i < sizeof lattices / sizeof *lattices; i++) {
        for (size_t k = 0; k < sizeof above / sizeof *above; k++) {
            const size_t V = volume(&lattices[i]);
            double *G = allocate(V), *expected = allocate(V), residual = -1;
            struct error e;
            free_field(&lattices[i], 0.24 / (double)lattices[i].dimensions, expected);
            memcpy(G, expected, V * sizeof *G);
            if (smooth(&lattices[i], above[k], G, &residual, &e) != STATUS_OK) {
                fail_msg("lattice %zu above %g: %s", i, above[k], e.message);
            }
            assert_true(residual >= 0 && residual < 1e-9);
            for (size_t p = 0; p < V; p++) {
                if (!(fabs(G[p] / expected[p] - 1) < 1e-9)) {
                    fail_msg("lattice %zu above %g, mode %zu: %.15g, expected %.15g", i, above[k], p, G[p],
                             expected[p]);
                }
                if (momentum(&lattices[i], p) < above[k] - 1e-9) {
                    assert_true(G[p] == expected[p]);
                }
            }
            free(G);
            free(expected);
        }
    }
}

/* With noise of 5% per mode, the noise of the smoothed G is that of nine terms, smaller by sqrt(9/V), and the residual
 * is the noise. */
static void test_noise(void **state) {
    (void)state;
    static const struct lattice lattices[] = {{1, {256}}, {2, {32, 32}}, {3, {8, 8, 8}}};
    const double noise = 0.05;
    for (size_t i = 0; i < 3; i++) {
        const size_t V = volume(&lattices[i]);
        double *G = allocate(V), *truth = allocate(V), *normal = allocate(V), residual, square = 0;
        struct error e;
        free_field(&lattices[i], 0.22 / (double)lattices[i].dimensions, truth);
        random_normal(random_key(1, "test", "propagator"), i, 0, normal, V);
        for (size_t p = 0; p < V; p++) {
            G[p] = truth[p] * (1 + noise * normal[p]);
        }
        assert_int_equal(smooth(&lattices[i], -1, G, &residual, &e), STATUS_OK);
        for (size_t p = 0; p < V; p++) {
            square += (G[p] / truth[p] - 1) * (G[p] / truth[p] - 1) / (double)V;
        }
        const double limit = 2 * noise * sqrt(9 / (double)V);
        if (!(sqrt(square) < limit)) {
            fail_msg("d = %zu: error %g, expected less than %g", lattices[i].dimensions, sqrt(square), limit);
        }
        if (!(fabs(residual / noise - 1) < 4 / sqrt(2 * (double)V) + 9 / (double)V)) {
            fail_msg("d = %zu: residual %g, expected %g", lattices[i].dimensions, residual, noise);
        }
        free(G);
        free(truth);
        free(normal);
    }
}

static void refused(const struct lattice *lattice, const double *G, const char *text) {
    double copy[64], residual;
    struct error e;
    assert_true(volume(lattice) <= 64);
    memcpy(copy, G, volume(lattice) * sizeof *copy);
    assert_int_equal(smooth(lattice, -1, copy, &residual, &e), STATUS_BAD_INPUT);
    if (!strstr(e.message, text)) {
        fail_msg("'%s' found, expected '%s'", e.message, text);
    }
}

static void test_refused(void **state) {
    (void)state;
    const struct lattice lattice = {2, {8, 8}};
    const double bad[] = {0, -1, (double)NAN, (double)INFINITY};
    const char *const text[] = {"mode 9 is 0, expected a finite number > 0", "mode 9 is -1,", "mode 9 is ",
                                "mode 9 is inf,"};
    double G[64];
    for (size_t i = 0; i < 4; i++) {
        free_field(&lattice, 0.1, G);
        G[9] = bad[i];
        refused(&lattice, G, text[i]);
    }
    /* not a smooth function of the momentum: the polynomial crosses zero */
    double normal[64];
    random_normal(random_key(2, "test", "propagator"), 0, 0, normal, 64);
    for (size_t p = 0; p < 64; p++) {
        G[p] = exp(4 * normal[p]);
    }
    refused(&lattice, G, "the smoothed propagator of mode ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_field),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
