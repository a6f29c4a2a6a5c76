/* Trajectories of hybrid Monte Carlo (integrator.h, lanes.h): kicks and drifts of the integrators, reversibility, order
 * of the error, in double and in single precision; and single precision against double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lattice/lanes.h"

enum { LANES = LATTICE_LANES };

static const struct theory theory = {0.23, 0.04};

/* Rows with odd and even numbers of sites, and fewer rows than the combined kick and drift needs. */
static const struct {
    size_t dimensions, extents[3];
} lattices[] = {{1, {7}}, {2, {4, 6}}, {2, {5, 5}}, {2, {2, 4}}, {2, {3, 2}}, {3, {3, 3, 4}}};
enum { LATTICES = sizeof lattices / sizeof lattices[0] };

static const enum integrator_kind kinds[] = {INTEGRATOR_LEAPFROG, INTEGRATOR_OMELYAN};

/* Field and momenta from N(0,1), the same numbers in both precisions. */
struct state {
    struct geometry *g;
    size_t n;
    double *phi, *p, *workspace;
    float *phi_float, *p_float, *workspace_float;
};

static void draw(struct state *s) {
    for (size_t i = 0; i < 2; i++) {
        const struct random_key key = random_key(11, "test", i == 0 ? "phi" : "momentum");
        double *z = i == 0 ? s->phi : s->p;
        float *single = i == 0 ? s->phi_float : s->p_float;
        random_normal_float(key, 0, 0, single, s->n);
        for (size_t k = 0; k < s->n; k++) {
            z[k] = (double)single[k];
        }
    }
}

static struct state state_new(const size_t *extents, size_t dimensions) {
    struct state s;
    struct error e;
    assert_int_equal(geometry_new(extents, dimensions, &s.g, &e), STATUS_OK);
    s.n = s.g->volume * LANES;
    s.phi = malloc(s.n * sizeof *s.phi);
    s.p = malloc(s.n * sizeof *s.p);
    s.workspace = malloc(s.g->row * LANES * sizeof *s.workspace);
    s.phi_float = malloc(s.n * sizeof *s.phi_float);
    s.p_float = malloc(s.n * sizeof *s.p_float);
    s.workspace_float = malloc(s.g->row * LANES * sizeof *s.workspace_float);
    assert_true(s.phi != NULL && s.p != NULL && s.workspace != NULL && s.phi_float != NULL && s.p_float != NULL &&
                s.workspace_float != NULL);
    draw(&s);
    return s;
}

static void state_free(struct state *s) {
    geometry_free(s->g);
    free(s->phi);
    free(s->p);
    free(s->workspace);
    free(s->phi_float);
    free(s->p_float);
    free(s->workspace_float);
}

/* Energies of every lane. */
static void energies(const struct state *s, bool single, double H[LANES]) {
    double *rows = malloc(2 * s->g->rows * LANES * sizeof *rows);
    assert_non_null(rows);
    if (single) {
        lanes_action_rows_float(s->g, &theory, s->phi_float, rows);
        lanes_kinetic_rows_float(s->g, s->p_float, rows + s->g->rows * LANES);
    } else {
        lanes_action_rows(s->g, &theory, s->phi, rows);
        lanes_kinetic_rows(s->g, s->p, rows + s->g->rows * LANES);
    }
    memset(H, 0, LANES * sizeof *H);
    for (size_t i = 0; i < 2 * s->g->rows * LANES; i++) {
        H[i % LANES] += rows[i];
    }
    free(rows);
}

static void integrate(struct state *s, bool single, enum integrator_kind kind, size_t steps, double length) {
    const struct integrator i = {kind, steps, length / (double)steps};
    if (single) {
        lanes_integrate_float(s->g, &theory, &i, s->phi_float, s->p_float, s->workspace_float);
    } else {
        lanes_integrate(s->g, &theory, &i, s->phi, s->p, s->workspace);
    }
}

/* The kicks and the drifts each add up to the length of the trajectory, and their order is symmetric. */
static void sequences(void **state) {
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        for (size_t steps = 1; steps < 5; steps++) {
            const struct integrator i = {kinds[k], steps, 0.3};
            const size_t drifts = integrator_drifts(&i);
            assert_int_equal(drifts, k == 0 ? steps : 2 * steps);
            double kicked = 0.0;
            for (size_t j = 0; j <= drifts; j++) {
                kicked += integrator_kick(&i, j);
                assert_true(integrator_kick(&i, j) == integrator_kick(&i, drifts - j));
            }
            assert_true(fabs(kicked - 0.3 * (double)steps) < 1e-15);
            assert_true(fabs((double)drifts * integrator_drift(&i) - 0.3 * (double)steps) < 1e-15);
        }
    }
}

/* Single precision: moves are those of double precision, rounded; the combined kick and drift has the bits of the two
 * separate moves for any length of a row; energies have the bits of the same numbers in double precision. */
static void single_precision_moves(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        struct state s = state_new(lattices[i].extents, lattices[i].dimensions);
        struct state fused = state_new(lattices[i].extents, lattices[i].dimensions);
        double H[2][LANES];
        energies(&s, false, H[0]);
        energies(&s, true, H[1]);
        assert_memory_equal(H[0], H[1], sizeof H[0]);
        lanes_kick(s.g, &theory, 0.3, s.phi, s.p, s.workspace);
        lanes_drift(s.g, 0.7, s.p, s.phi);
        lanes_kick_float(s.g, &theory, 0.3, s.phi_float, s.p_float, s.workspace_float);
        lanes_drift_float(s.g, 0.7, s.p_float, s.phi_float);
        lanes_kick_drift_float(s.g, &theory, 0.3, 0.7, fused.phi_float, fused.p_float, fused.workspace_float);
        assert_memory_equal(s.phi_float, fused.phi_float, s.n * sizeof(float));
        assert_memory_equal(s.p_float, fused.p_float, s.n * sizeof(float));
        for (size_t k = 0; k < s.n; k++) {
            assert_true(fabs((double)s.p_float[k] - s.p[k]) < 1e-6 * (1.0 + fabs(s.p[k])));
            assert_true(fabs((double)s.phi_float[k] - s.phi[k]) < 1e-6 * (1.0 + fabs(s.phi[k])));
        }
        state_free(&s);
        state_free(&fused);
    }
}

/* A trajectory with reversed momenta leads back to the start: to 1e-13 in double precision, to some units of the last
 * bit in single precision, also on a lattice of the papers' size. */
static void reversibility(void **state) {
    (void)state;
    for (size_t i = 0; i <= LATTICES; i++) {
        for (size_t run = 0; run < 4; run++) {
            const bool single = run % 2 == 1;
            struct state s = i < LATTICES ? state_new(lattices[i].extents, lattices[i].dimensions)
                                          : state_new((size_t[]){32, 32}, 2);
            double *start = malloc(s.n * sizeof *start);
            assert_non_null(start);
            memcpy(start, s.phi, s.n * sizeof *start);
            integrate(&s, single, kinds[run / 2], 10, 1.0);
            double moved = 0.0, missed = 0.0, squares = 0.0;
            for (size_t k = 0; k < s.n; k++) {
                moved = fmax(moved, fabs((single ? (double)s.phi_float[k] : s.phi[k]) - start[k]));
                s.p[k] = -s.p[k];
                s.p_float[k] = -s.p_float[k];
            }
            assert_true(moved > 0.5);
            integrate(&s, single, kinds[run / 2], 10, 1.0);
            for (size_t k = 0; k < s.n; k++) {
                const double miss = (single ? (double)s.phi_float[k] : s.phi[k]) - start[k];
                missed = fmax(missed, fabs(miss));
                squares += miss * miss / (double)s.n;
            }
            if (!(missed < (single ? 5e-6 : 1e-13)) || !(sqrt(squares) < (single ? 3e-7 : 1e-15))) {
                fail_msg("%s precision: %g at most, %g on average (root of the mean square)",
                         single ? "single" : "double", missed, sqrt(squares));
            }
            free(start);
            state_free(&s);
        }
    }
}

/* dH of a trajectory of fixed length falls as the square of the step in one, two and three dimensions. That of
 * Omelyan's integrator is less than a tenth of leapfrog's at the same step. Single and double precision agree up to
 * rounding. */
static void energy_error(void **state) {
    (void)state;
    for (size_t i = 0; i < LATTICES; i++) {
        double dH[2][2][LANES], sums[2];
        for (size_t k = 0; k < 2; k++) {
            for (size_t fine = 0; fine < 2; fine++) {
                struct state s = state_new(lattices[i].extents, lattices[i].dimensions);
                double before[LANES], after[LANES];
                for (size_t run = 0; run < 2; run++) {
                    const bool single = run == 1;
                    energies(&s, single, before);
                    integrate(&s, single, kinds[k], fine ? 80 : 40, 1.0);
                    energies(&s, single, after);
                    for (size_t l = 0; l < LANES; l++) {
                        const double change = after[l] - before[l];
                        if (single && !(fabs(change - dH[k][fine][l]) < 2e-5)) {
                            fail_msg("dH %g in single precision, %g in double", change, dH[k][fine][l]);
                        }
                        dH[k][fine][l] = single ? dH[k][fine][l] : change;
                    }
                }
                state_free(&s);
            }
            double squares[2] = {0};
            for (size_t l = 0; l < 2 * LANES; l++) {
                squares[l / LANES] += dH[k][l / LANES][l % LANES] * dH[k][l / LANES][l % LANES];
            }
            if (fabs(sqrt(squares[0] / squares[1]) - 4.0) > 0.1) {
                fail_msg("dH %g, with half the step %g", sqrt(squares[0]), sqrt(squares[1]));
            }
            sums[k] = squares[0];
        }
        const double ratio = sqrt(sums[1] / sums[0]);
        if (!(ratio > 0.001 && ratio < 0.1)) {
            fail_msg("Omelyan's dH is %g of leapfrog's", ratio);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences),
        cmocka_unit_test(single_precision_moves),
        cmocka_unit_test(reversibility),
        cmocka_unit_test(energy_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
