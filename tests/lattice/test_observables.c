/* Observables of configurations against plain loops and closed forms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "lattice/fourier.h"
#include "lattice/observables.h"

static void assert_close(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.17g, expected %.17g +- %.2g", found, expected, tolerance);
    }
}

/* Every primary quantity of random fields on a 5 x 4 x 3 lattice against simple loops, the virial against a finite
 * difference of the action. */
static void test_against_plain_loops(void **state) {
    (void)state;
    enum { X = 5, Y = 4, Z = 3, V = X * Y * Z };
    const size_t extents[3] = {X, Y, Z};
    const struct theory theory = {0.17, 0.3};
    struct observables *o;
    struct error e;
    assert_int_equal(observables_new(extents, 3, &theory, &o, &e), STATUS_OK);
    assert_int_equal(observables_volume(o), V);
    assert_int_equal(observables_primaries(o), PRIMARY_FIRST_MODE + 3);
    double *workspace = malloc(observables_workspace(o) * sizeof *workspace);
    double *propagator = malloc(observables_orbits(o) * sizeof *propagator);
    assert_non_null(workspace);
    assert_non_null(propagator);
    for (uint64_t n = 0; n < 5; n++) {
        double phi[X][Y][Z], found[PRIMARY_FIRST_MODE + 3], M = 0, magnitude = 0, square = 0, S[3] = {0}, g[V];
        random_normal(random_key(1, "test", "observables"), n, 0, &phi[0][0][0], V);
        const double epsilon = 1e-5;
        for (int x = 0; x < X; x++) {
            for (int y = 0; y < Y; y++) {
                for (int z = 0; z < Z; z++) {
                    const double f = phi[x][y][z] + 0.5;
                    M += f / V;
                    magnitude += fabs(f) / V;
                    square += f * f / V;
                }
            }
        }
        for (int scale = -1; scale <= 1; scale++) { /* the action of (1 + scale epsilon) phi */
            for (int x = 0; x < X; x++) {
                for (int y = 0; y < Y; y++) {
                    for (int z = 0; z < Z; z++) {
                        const double a = 1.0 + scale * epsilon, f = a * (phi[x][y][z] + 0.5),
                                     sum = a * (phi[(x + 1) % X][y][z] + phi[x][(y + 1) % Y][z] +
                                                phi[x][y][(z + 1) % Z] + 1.5);
                        S[scale + 1] += -2.0 * theory.kappa * f * sum + (1.0 - 2.0 * theory.lambda) * f * f +
                                        theory.lambda * f * f * f * f;
                    }
                }
            }
        }
        for (int i = 0; i < V; i++) {
            (&phi[0][0][0])[i] += 0.5;
        }
        observables_measure(o, &phi[0][0][0], found, propagator, workspace);
        assert_close(found[PRIMARY_M], M, 1e-14);
        assert_close(found[PRIMARY_M2], M * M, 1e-14);
        assert_close(found[PRIMARY_M4], M * M * M * M, 1e-14);
        assert_close(found[PRIMARY_ABS_M], fabs(M), 1e-14);
        assert_close(found[PRIMARY_MEAN_ABS_PHI], magnitude, 1e-14);
        assert_close(found[PRIMARY_PHI2], square, 1e-13);
        assert_close(found[PRIMARY_ACTION], S[1] / V, 1e-13);
        assert_close(found[PRIMARY_VIRIAL], (S[2] - S[0]) / (2.0 * epsilon * V), 1e-8);
        /* G(0) = V M^2, the sum of G is V <phi^2>, and G at k = 1 along y is an average over both signs of k */
        assert_close(propagator[0], V * M * M, 1e-12);
        observables_expand(o, propagator, g);
        double sum = 0.0, re = 0.0, im = 0.0;
        for (int i = 0; i < V; i++) {
            sum += g[i] / V;
            re += cos(M_PI / 2.0 * (i / Z % Y)) * (&phi[0][0][0])[i];
            im += sin(M_PI / 2.0 * (i / Z % Y)) * (&phi[0][0][0])[i];
        }
        assert_close(sum, square, 1e-12);
        assert_close(found[PRIMARY_FIRST_MODE + 1], (re * re + im * im) / V, 1e-12);
        assert_close(g[Z], found[PRIMARY_FIRST_MODE + 1], 1e-12);
        assert_close(g[3 * Z], found[PRIMARY_FIRST_MODE + 1], 1e-12);
    }
    free(workspace);
    free(propagator);
    observables_free(o);
}

/* The observables as functions of given means. */
static void test_functions_of_means(void **state) {
    (void)state;
    const size_t extents[2] = {6, 6};
    const struct theory theory = {0.2, 0.0};
    struct observables *o;
    struct error e;
    assert_int_equal(observables_new(extents, 2, &theory, &o, &e), STATUS_OK);
    /* sin(pi/6) = 1/2: xi = sqrt(G(0)/G(1) - 1) */
    const double means[10] = {0.5, 1.25, 3.0, 0.7, 0.9, 2.0, 0.4, 1.1, 9.0, 9.0};
    const double expected[OBSERVABLES] = {0.5, 36.0, 1.0 - 3.0 / (3.0 * 1.25 * 1.25), 0.7, 0.9, 2.0, 0.4, 1.1, 2.0};
    double values[OBSERVABLES];
    observables_evaluate(means, values, o);
    for (int i = 0; i < OBSERVABLES; i++) {
        assert_close(values[i], expected[i], 1e-13);
    }
    /* the gradient against differences of fourth order */
    double exact[OBSERVABLES * 10], shifted[10], at[4][OBSERVABLES];
    const double curved[10] = {0.5, 1.25, 3.0, 0.7, 0.9, 2.0, 0.4, 1.1, 9.0, 7.0};
    observables_differentiate(curved, exact, o);
    for (int a = 0; a < 10; a++) {
        const double h = 1e-3 * curved[a];
        for (int k = 0; k < 4; k++) {
            memcpy(shifted, curved, sizeof shifted);
            shifted[a] += h * (double[]){-2, -1, 1, 2}[k];
            observables_evaluate(shifted, at[k], o);
        }
        for (int i = 0; i < OBSERVABLES; i++) {
            const double slope = (at[0][i] - 8 * at[1][i] + 8 * at[2][i] - at[3][i]) / (12 * h);
            assert_close(exact[i * 10 + a], slope, 1e-9 * (1 + fabs(slope)));
        }
    }
    assert_string_equal(observable_names[OBSERVABLE_M], "M");
    assert_string_equal(observable_names[OBSERVABLE_XI], "xi");
    observables_free(o);
}

/* A free field (lambda = 0) drawn from its propagator 1/(2 - 4 kappa sum cos p): chi2 = G(0), U_L = 0, phi2 = mean of
 * G, S/V = 1/2, virial = 1, xi = 1/m from 1/G = 2 kappa (sum 4 sin^2(p/2) + m^2) with m^2 = (2 - 8 kappa)/(2 kappa).
 * Limits are 4 sigma of 4000 fields. */
static void test_free_field(void **state) {
    (void)state;
    enum { L = 8, V = L * L, FIELDS = 4000 };
    const size_t extents[2] = {L, L};
    const struct theory theory = {0.21, 0.0};
    struct observables *o;
    struct fourier *f;
    struct error e;
    assert_int_equal(observables_new(extents, 2, &theory, &o, &e), STATUS_OK);
    assert_int_equal(fourier_new(extents, 2, &f, &e), STATUS_OK);
    double *workspace = malloc(observables_workspace(o) * sizeof *workspace);
    double *propagator = malloc(observables_orbits(o) * sizeof *propagator);
    assert_non_null(workspace);
    assert_non_null(propagator);
    double g[V], gain[V], phi[V], primaries[PRIMARY_FIRST_MODE + 2], means[PRIMARY_FIRST_MODE + 2] = {0}, phi2 = 0.0;
    for (int p = 0; p < V; p++) {
        g[p] = 1.0 / (2.0 - 4.0 * theory.kappa * (cos(2.0 * M_PI * (p / L) / L) + cos(2.0 * M_PI * (p % L) / L)));
        phi2 += g[p] / V;
    }
    assert_int_equal(fourier_gaussian_gain(f, g, gain, &e), STATUS_OK);
    for (uint64_t n = 0; n < FIELDS; n++) {
        random_normal(random_key(2, "test", "observables"), n, 0, phi, V);
        fourier_filter(f, gain, phi, phi, workspace);
        observables_measure(o, phi, primaries, propagator, workspace);
        for (int a = 0; a < PRIMARY_FIRST_MODE + 2; a++) {
            means[a] += primaries[a] / FIELDS;
        }
    }
    double values[OBSERVABLES];
    observables_evaluate(means, values, o);
    const double n = FIELDS;
    assert_close(values[OBSERVABLE_M], 0.0, 4.0 * sqrt(g[0] / V / n));
    assert_close(values[OBSERVABLE_CHI2], g[0], 4.0 * g[0] * sqrt(2.0 / n));
    assert_close(values[OBSERVABLE_U_L], 0.0, 4.0 * sqrt(8.0 / 3.0 / n)); /* var of (m^4/3 - 2 m^2), m normal: 8/3 */
    assert_close(values[OBSERVABLE_ABS_M], sqrt(2.0 / M_PI * g[0] / V), 4.0 * sqrt(0.37 * g[0] / V / n));
    assert_close(values[OBSERVABLE_MEAN_ABS_PHI], sqrt(2.0 / M_PI * phi2), 4.0 * 0.1 / sqrt(n));
    assert_close(values[OBSERVABLE_ACTION], 0.5, 4.0 * sqrt(0.5 / V / n));
    assert_close(values[OBSERVABLE_VIRIAL], 1.0, 4.0 * sqrt(2.0 / V / n));
    double variance = 0.0;
    for (int p = 0; p < V; p++) {
        variance += 2.0 * g[p] * g[p] / (V * V);
    }
    assert_close(values[OBSERVABLE_PHI2], phi2, 4.0 * sqrt(variance / n));
    /* relative error of xi^2: those of G(0) and G(1) (four modes, two of them equal), times G0/(G0-G1) */
    const double xi = 1.0 / sqrt((2.0 - 8.0 * theory.kappa) / (2.0 * theory.kappa)), loss = g[0] / (g[0] - g[1]);
    assert_close(values[OBSERVABLE_XI], xi, 4.0 * xi * 0.5 * loss * sqrt(2.5 / n));
    free(workspace);
    free(propagator);
    fourier_free(f);
    observables_free(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain_loops),
        cmocka_unit_test(test_functions_of_means),
        cmocka_unit_test(test_free_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
