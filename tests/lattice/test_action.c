/* geometry.h, action.h and lanes.h: neighbours, the action against its definition, the force as the derivative of the
 * action in one to four dimensions, the lanes against single configurations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "lattice/action.h"
#include "lattice/geometry.h"
#include "lattice/lanes.h"

enum { LANES = LATTICE_LANES };

static const struct theory theory = {0.23, 0.04};

static const struct {
    size_t dimensions, extents[4];
} lattices[] = {{1, {7}},    {1, {2}},       {2, {4, 6}},    {2, {2, 3}},       {2, {3, 2}},
                {2, {5, 5}}, {3, {4, 2, 3}}, {3, {3, 3, 4}}, {4, {2, 3, 2, 4}}, {2, {2, 2}}};
enum { LATTICES = sizeof lattices / sizeof lattices[0] };

static struct geometry *make(size_t i) {
    struct geometry *g;
    struct error e;
    assert_int_equal(geometry_new(lattices[i].extents, lattices[i].dimensions, &g, &e), STATUS_OK);
    return g;
}

static double *normals(size_t n, const char *purpose) {
    double *z = malloc(n * sizeof *z);
    assert_non_null(z);
    random_normal(random_key(11, "test", purpose), 0, 0, z, n);
    return z;
}

static void neighbours(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        struct geometry *g = make(i);
        const size_t d = g->dimensions;
        for (size_t x = 0; x < g->volume; x++) {
            size_t stride = g->volume;
            for (size_t mu = 0; mu < d; mu++) {
                stride /= g->extents[mu];
                const size_t up = g->neighbours[2 * (d * x + mu)];
                const size_t down = g->neighbours[2 * (d * x + mu) + 1];
                const size_t at = x / stride % g->extents[mu];
                assert_int_equal(up, x - at * stride + (at + 1) % g->extents[mu] * stride);
                assert_int_equal(g->neighbours[2 * (d * up + mu) + 1], x);
                assert_int_equal(g->neighbours[2 * (d * down + mu)], x);
                if (mu + 1 < d) {
                    assert_int_equal(g->neighbour_rows[2 * ((d - 1) * (x / g->row) + mu)], up / g->row);
                    assert_int_equal(g->neighbour_rows[2 * ((d - 1) * (x / g->row) + mu) + 1], down / g->row);
                }
            }
        }
        geometry_free(g);
    }
}

static void bad_lattices(void **state) {
    (void)state;
    struct geometry *g;
    struct error e;
    assert_int_equal(geometry_new((size_t[]){4, 1}, 2, &g, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "extent 1"));
    assert_null(g);
    assert_int_equal(geometry_new((size_t[]){4}, 0, &g, &e), STATUS_BAD_INPUT);
    assert_int_equal(geometry_new((size_t[8]){2, 2, 2, 2, 2, 2, 2, 2}, 8, &g, &e), STATUS_BAD_INPUT);
    assert_int_equal(geometry_new((size_t[]){65536, 65536}, 2, &g, &e), STATUS_BAD_INPUT);
    assert_int_equal(theory_check(&(struct theory){0.3, -0.1}, 2, &e), STATUS_BAD_INPUT);
    assert_int_equal(theory_check(&(struct theory){0.25, 0.0}, 2, &e), STATUS_BAD_INPUT);
    assert_int_equal(theory_check(&(struct theory){-0.25, 0.0}, 2, &e), STATUS_BAD_INPUT);
    assert_int_equal(theory_check(&(struct theory){0.24, 0.0}, 2, &e), STATUS_OK);
    assert_int_equal(theory_check(&(struct theory){(double)NAN, 0.1}, 2, &e), STATUS_BAD_INPUT);
}

/* The action of a constant field, and of a field with one different site, by hand. */
static void action_by_hand(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        struct geometry *g = make(i);
        const double v = (double)g->volume, d = (double)g->dimensions, c = -1.3;
        double *phi = calloc(g->volume, sizeof *phi);
        assert_non_null(phi);
        for (size_t x = 0; x < g->volume; x++) {
            phi[x] = c;
        }
        const double expected =
            -2.0 * theory.kappa * d * c * c + (1.0 - 2.0 * theory.lambda) * c * c + theory.lambda * c * c * c * c;
        assert_true(fabs(action(g, &theory, phi) - v * expected) < 1e-13 * v);
        for (size_t x = 0; x < g->volume; x++) {
            phi[x] = x == 1 ? c : 0.0;
        }
        const struct configuration_means m = configuration_measure(g, &theory, phi);
        const double bump = (1.0 - 2.0 * theory.lambda) * c * c + theory.lambda * c * c * c * c;
        assert_true(fabs(m.action - bump / v) < 1e-15);
        assert_true(fabs(m.field - c / v) < 1e-15 && fabs(m.magnitude + c / v) < 1e-15);
        assert_true(fabs(m.square - c * c / v) < 1e-15 && fabs(m.quartic - c * c * c * c / v) < 1e-15);
        free(phi);
        geometry_free(g);
    }
}

/* The action is of fourth order in each site, so symmetric differences with two step sizes and Richardson extrapolation
 * are exact up to rounding. */
static void force_is_the_derivative(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        struct geometry *g = make(i);
        double *phi = normals(g->volume, "force"), *force = malloc(g->volume * sizeof *force);
        assert_non_null(force);
        action_force(g, &theory, phi, force);
        double virial = 0.0;
        for (size_t x = 0; x < g->volume; x++) {
            const double here = phi[x], h = 0.125;
            double difference[2];
            for (int k = 0; k < 2; k++) {
                const double step = h * (1 + k);
                phi[x] = here + step;
                const double up = action(g, &theory, phi);
                phi[x] = here - step;
                difference[k] = (up - action(g, &theory, phi)) / (2.0 * step);
            }
            phi[x] = here;
            assert_true(fabs(force[x] + (4.0 * difference[0] - difference[1]) / 3.0) < 1e-11);
            virial -= here * force[x];
        }
        assert_true(fabs(configuration_measure(g, &theory, phi).virial - virial / (double)g->volume) < 1e-13);
        free(phi);
        free(force);
        geometry_free(g);
    }
}

static void float_configurations(void **state) {
    (void)state;
    struct geometry *g = make(6);
    double *phi = normals(g->volume, "float");
    float *single = malloc(g->volume * sizeof *single);
    assert_non_null(single);
    for (size_t x = 0; x < g->volume; x++) {
        single[x] = (float)phi[x];
        phi[x] = (double)single[x];
    }
    const struct configuration_means a = configuration_measure(g, &theory, phi);
    const struct configuration_means b = configuration_measure_float(g, &theory, single);
    assert_memory_equal(&a, &b, sizeof a);
    free(phi);
    free(single);
    geometry_free(g);
}

/* Force, energies and moves of every lane are those of its configuration, and the combined kick and drift has the bits
 * of the two separate moves. */
static void lanes_are_configurations(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        struct geometry *g = make(i);
        const size_t n = g->volume * LANES;
        double *phi = normals(n, "phi"), *p = normals(n, "momentum");
        double *fused_phi = normals(n, "phi"), *fused_p = normals(n, "momentum");
        double *start = normals(n, "momentum"), *workspace = malloc(g->row * LANES * sizeof *workspace);
        double *one = malloc(g->volume * sizeof *one), *force = malloc(g->volume * sizeof *force);
        double *rows = malloc(2 * g->rows * LANES * sizeof *rows);
        assert_true(workspace != NULL && one != NULL && force != NULL && rows != NULL);

        lanes_action_rows(g, &theory, phi, rows);
        lanes_kinetic_rows(g, p, rows + g->rows * LANES);
        lanes_kick(g, &theory, 0.3, phi, p, workspace);
        for (size_t lane = 0; lane < LANES; lane++) {
            double kinetic = 0.0, potential = 0.0, sum = 0.0;
            for (size_t x = 0; x < g->volume; x++) {
                one[x] = phi[x * LANES + lane];
                kinetic += 0.5 * start[x * LANES + lane] * start[x * LANES + lane];
            }
            for (size_t r = 0; r < g->rows; r++) {
                potential += rows[r * LANES + lane];
                sum += rows[(g->rows + r) * LANES + lane];
            }
            assert_true(fabs(sum - kinetic) < 1e-12 * kinetic);
            assert_true(fabs(potential - action(g, &theory, one)) < 1e-12 * (double)g->volume);
            action_force(g, &theory, one, force);
            for (size_t x = 0; x < g->volume; x++) {
                assert_true(fabs(p[x * LANES + lane] - start[x * LANES + lane] - 0.3 * force[x]) < 1e-13);
            }
        }
        lanes_drift(g, 0.7, p, phi);
        lanes_kick_drift(g, &theory, 0.3, 0.7, fused_phi, fused_p, workspace);
        assert_memory_equal(phi, fused_phi, n * sizeof *phi);
        assert_memory_equal(p, fused_p, n * sizeof *p);
        free(phi);
        free(p);
        free(fused_phi);
        free(fused_p);
        free(start);
        free(workspace);
        free(one);
        free(force);
        free(rows);
        geometry_free(g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours),           cmocka_unit_test(bad_lattices),
        cmocka_unit_test(action_by_hand),       cmocka_unit_test(force_is_the_derivative),
        cmocka_unit_test(float_configurations), cmocka_unit_test(lanes_are_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
