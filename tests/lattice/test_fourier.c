/* The Fourier transform against the definition, its inverse, Parseval's identity, orbits of symmetries, and Gaussian
 * fields with a given propagator. */
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

struct lattice {
    size_t dimensions, extents[4];
};

/* Odd, even, prime and unit extents; numbers of lanes below and above the length of a vector. */
static const struct lattice lattices[] = {
    {1, {1}},     {1, {2}},     {1, {3}},       {1, {64}},      {2, {8, 8}},
    {2, {5, 12}}, {2, {33, 2}}, {3, {4, 6, 4}}, {3, {3, 1, 7}}, {4, {4, 3, 2, 4}},
};

enum { LATTICES = sizeof lattices / sizeof *lattices };

static void assert_close(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.17g, expected %.17g +- %.2g", found, expected, tolerance);
    }
}

static double *allocate(size_t n) {
    double *x = malloc(n * sizeof *x);
    assert_non_null(x);
    return x;
}

static struct fourier *plan(const struct lattice *lattice, double **workspace) {
    struct fourier *f;
    struct error e;
    assert_int_equal(fourier_new(lattice->extents, lattice->dimensions, &f, &e), STATUS_OK);
    *workspace = allocate(fourier_workspace(f));
    return f;
}

static void normals(double *x, size_t n, uint64_t stream) {
    random_normal(random_key(3, "test", "fourier"), stream, 0, x, n);
}

/* Phase p.x in turns, of the mode and the site with these indices. */
static double turns(const struct lattice *lattice, size_t mode, size_t site) {
    double sum = 0.0;
    for (size_t mu = lattice->dimensions; mu-- > 0;) {
        const size_t L = lattice->extents[mu];
        sum += (double)((mode % L) * (site % L) % L) / (double)L;
        mode /= L;
        site /= L;
    }
    return sum;
}

static void test_plain_sum_inverse_parseval(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        double *workspace;
        struct fourier *f = plan(&lattices[i], &workspace);
        const size_t V = fourier_volume(f);
        double *phi = allocate(V), *re = allocate(V), *im = allocate(V), *back = allocate(V), *power = allocate(V);
        normals(phi, V, i);
        fourier_forward(f, phi, re, im, workspace);
        fourier_power(f, phi, power, workspace);
        double squares = 0.0, powers = 0.0;
        for (size_t p = 0; p < V; p++) {
            double a = 0.0, b = 0.0;
            for (size_t x = 0; x < V; x++) {
                const double angle = 2.0 * M_PI * turns(&lattices[i], p, x);
                a += cos(angle) * phi[x];
                b -= sin(angle) * phi[x];
            }
            assert_close(re[p], a, 1e-12);
            assert_close(im[p], b, 1e-12);
            assert_close(power[p], (a * a + b * b) / (double)V, 1e-12);
            squares += phi[p] * phi[p];
            powers += power[p];
        }
        assert_close(powers, squares, 1e-12 * squares);
        fourier_inverse(f, re, im, back, workspace);
        for (size_t x = 0; x < V; x++) {
            assert_close(back[x], phi[x], 1e-14);
        }
        fourier_inverse(f, re, im, re, workspace); /* in place */
        assert_memory_equal(re, back, V * sizeof *re);
        free(phi);
        free(re);
        free(im);
        free(back);
        free(power);
        free(workspace);
        fourier_free(f);
    }
}

/* A function of momentum with all symmetries of the lattice does not change; a function of the mode's index becomes
 * symmetric and keeps its sum. */
static void test_symmetries(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        const struct lattice *lattice = &lattices[i];
        double *workspace;
        struct fourier *f = plan(lattice, &workspace);
        const size_t V = fourier_volume(f);
        double *g = allocate(V), *h = allocate(V), *copy = allocate(V), sum = 0.0;
        for (size_t p = 0; p < V; p++) {
            g[p] = 1.0;
            size_t rest = p;
            for (size_t mu = lattice->dimensions; mu-- > 0;) {
                const size_t L = lattice->extents[mu], k = rest % L;
                g[p] += cos(2.0 * M_PI * (double)k / (double)L) * (1.0 + (double)L);
                rest /= L;
            }
            h[p] = (double)(p * p % 101);
            sum += h[p];
        }
        memcpy(copy, g, V * sizeof *g);
        fourier_symmetrise(f, g, workspace);
        fourier_symmetrise(f, h, workspace);
        double symmetric = 0.0;
        for (size_t p = 0; p < V; p++) {
            assert_close(g[p], copy[p], 1e-13);
            symmetric += h[p];
            /* p and -p */
            size_t negative = 0, rest = p, stride = 1;
            for (size_t mu = lattice->dimensions; mu-- > 0;) {
                const size_t L = lattice->extents[mu];
                negative += stride * ((L - rest % L) % L);
                rest /= L;
                stride *= L;
            }
            assert_true(h[p] == h[negative]);
        }
        assert_close(symmetric, sum, 1e-10);
        free(g);
        free(h);
        free(copy);
        free(workspace);
        fourier_free(f);
    }
    /* (4,6,4): reflections leave 3*4*3 modes, exchange of the first and last direction 6*4. */
    double *workspace;
    struct fourier *f = plan(&lattices[7], &workspace);
    assert_int_equal(fourier_orbits(f), 6 * 4);
    assert_int_equal(fourier_orbit_of(f, 0), 0);
    assert_int_equal(fourier_orbit_of(f, 1), fourier_orbit_of(f, 24));
    assert_int_equal(fourier_first_mode(f, 0), 24);
    assert_int_equal(fourier_first_mode(f, 1), 4);
    assert_int_equal(fourier_first_mode(f, 2), 1);
    free(workspace);
    fourier_free(f);
}

/* The mean of |phi(p)|^2/V of filtered white noise is G(p) in every mode: within 4.5 sigma for 60 modes of 4000 fields,
 * with errors of at most G sqrt(2/4000). And filtering is exactly a multiplication of the modes. */
static void test_gaussian_field(void **state) {
    (void)state;
    enum { FIELDS = 4000 };
    double *workspace;
    struct fourier *f = plan(&lattices[5], &workspace);
    const size_t V = fourier_volume(f);
    double *g = allocate(V), *gain = allocate(V), *phi = allocate(V), *white = allocate(V), *power = allocate(V),
           *mean = calloc(V, sizeof *mean);
    struct error e;
    assert_non_null(mean);
    for (size_t p = 0; p < V; p++) {
        g[p] = 1.0 / (2.0 - 4.0 * 0.2 *
                                (cos(2.0 * M_PI * (double)(p / 12) / 5.0) + cos(2.0 * M_PI * (double)(p % 12) / 12.0)));
    }
    assert_int_equal(fourier_gaussian_gain(f, g, gain, &e), STATUS_OK);
    for (size_t n = 0; n < FIELDS; n++) {
        normals(white, V, 1000 + n);
        fourier_filter(f, gain, white, phi, workspace);
        fourier_power(f, phi, power, workspace);
        for (size_t p = 0; p < V; p++) {
            mean[p] += power[p] / FIELDS;
        }
    }
    for (size_t p = 0; p < V; p++) {
        assert_close(mean[p], g[p], 4.5 * g[p] * sqrt(2.0 / FIELDS));
    }
    double *before = allocate(V);
    fourier_power(f, white, before, workspace);
    fourier_filter(f, gain, white, white, workspace); /* in place */
    assert_memory_equal(white, phi, V * sizeof *phi);
    for (size_t p = 0; p < V; p++) {
        assert_close(power[p], before[p] * g[p], 1e-12);
    }
    g[7] = -1.0;
    assert_int_equal(fourier_gaussian_gain(f, g, gain, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "propagator: mode 7 is -1, expected a finite number >= 0");
    free(g);
    free(gain);
    free(phi);
    free(white);
    free(power);
    free(mean);
    free(before);
    free(workspace);
    fourier_free(f);
}

/* G = 1/(m^2 + sum 4 sin^2(p/2)) has xi = 1/m exactly, on any lattice. */
static void test_correlation_length(void **state) {
    (void)state;
    const double m2 = 0.3;
    for (size_t i = 1; i < LATTICES; i++) {
        double *workspace, first[4] = {0};
        struct fourier *f = plan(&lattices[i], &workspace);
        for (size_t mu = 0; mu < lattices[i].dimensions; mu++) {
            const double s = sin(M_PI / (double)lattices[i].extents[mu]);
            first[mu] = 1.0 / (m2 + 4.0 * s * s);
        }
        assert_close(fourier_correlation_length(f, 1.0 / m2, first), 1.0 / sqrt(m2), 1e-13);
        assert_true(isnan(fourier_correlation_length(f, 0.1, first)));
        first[0] = 1e-30; /* of a constant field */
        assert_true(isnan(fourier_correlation_length(f, 1.0, first)));
        first[0] = 0;
        assert_true(isnan(fourier_correlation_length(f, 0.0, first)));
        free(workspace);
        fourier_free(f);
    }
}

/* The digest of a transform is the same on every machine. */
static void test_same_bits_everywhere(void **state) {
    (void)state;
    double *workspace;
    const struct lattice lattice = {2, {12, 10}};
    struct fourier *f = plan(&lattice, &workspace);
    double phi[120], re[120], im[120];
    for (int x = 0; x < 120; x++) {
        phi[x] = (double)(x * x % 37) / 37.0 - 0.5;
    }
    fourier_forward(f, phi, re, im, workspace);
    uint64_t hash = 0xcbf29ce484222325u, bits;
    for (int p = 0; p < 120; p++) {
        memcpy(&bits, &re[p], sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
        memcpy(&bits, &im[p], sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
    }
    assert_int_equal(hash, 0x8d9a42b76b799692u);
    free(workspace);
    fourier_free(f);
}

static void test_bad_input(void **state) {
    (void)state;
    struct fourier *f;
    struct error e;
    const size_t extents[2] = {4, 0};
    assert_int_equal(fourier_new(extents, 0, &f, &e), STATUS_BAD_INPUT);
    assert_int_equal(fourier_new(extents, 2, &f, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "Fourier transform: extent 0 of direction 2, expected 1 to 4096");
    assert_null(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_sum_inverse_parseval),
        cmocka_unit_test(test_symmetries),
        cmocka_unit_test(test_gaussian_field),
        cmocka_unit_test(test_correlation_length),
        cmocka_unit_test(test_same_bits_everywhere),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
