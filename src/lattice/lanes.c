/* Force, leapfrog moves and energies of several chains at once (lanes.h), A 4.2. */
#include "lattice/lanes.h"

enum { LANES = LATTICE_LANES };

/* -dS/dphi = hopping * (sum of neighbours) - phi * (mass + cubic * phi^2) */
struct coefficients {
    double hopping, mass, cubic;
};

static struct coefficients coefficients_of(const struct phi4 *theory) {
    return (struct coefficients){2.0 * theory->kappa, 2.0 * (1.0 - 2.0 * theory->lambda), 4.0 * theory->lambda};
}

/* n numbers of a row whose neighbours lie at left, right, up and down. */
static inline void kick_piece(struct coefficients c, double step, size_t n, const double *phi, const double *left,
                              const double *right, const double *up, const double *down,
                              double *restrict momentum) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const double sum = (left[i] + right[i]) + (up[i] + down[i]);
        momentum[i] += step * (c.hopping * sum - phi[i] * (c.mass + c.cubic * (phi[i] * phi[i])));
    }
}

/* The same with the sum over the other directions already done. */
static inline void kick_piece_others(struct coefficients c, double step, size_t n, const double *phi,
                                     const double *left, const double *right, const double *others,
                                     double *restrict momentum) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const double sum = (left[i] + right[i]) + others[i];
        momentum[i] += step * (c.hopping * sum - phi[i] * (c.mass + c.cubic * (phi[i] * phi[i])));
    }
}

static void kick_row_plane(const struct geometry *g, struct coefficients c, double step, const double *phi, size_t r,
                           double *momentum) {
    const size_t n = g->row * LANES;
    const double *row = phi + r * n;
    const double *up = phi + g->neighbour_rows[2 * r] * n;
    const double *down = phi + g->neighbour_rows[2 * r + 1] * n;
    double *p = momentum + r * n;
    const size_t last = n - LANES;
    kick_piece(c, step, LANES, row, row + last, row + LANES, up, down, p);
    kick_piece(c, step, n - 2 * LANES, row + LANES, row, row + 2 * LANES, up + LANES, down + LANES, p + LANES);
    kick_piece(c, step, LANES, row + last, row + last - LANES, row, up + last, down + last, p + last);
}

static void kick_row(const struct geometry *g, struct coefficients c, double step, const double *phi, size_t r,
                     double *momentum, double *others) {
    const size_t n = g->row * LANES;
    const size_t directions = g->dimensions - 1;
    for (size_t i = 0; i < n; i++) {
        others[i] = 0.0;
    }
    for (size_t mu = 0; mu < directions; mu++) {
        const double *up = phi + g->neighbour_rows[2 * (directions * r + mu)] * n;
        const double *down = phi + g->neighbour_rows[2 * (directions * r + mu) + 1] * n;
#pragma omp simd
        for (size_t i = 0; i < n; i++) {
            others[i] += up[i] + down[i];
        }
    }
    const double *row = phi + r * n;
    double *p = momentum + r * n;
    const size_t last = n - LANES;
    kick_piece_others(c, step, LANES, row, row + last, row + LANES, others, p);
    kick_piece_others(c, step, n - 2 * LANES, row + LANES, row, row + 2 * LANES, others + LANES, p + LANES);
    kick_piece_others(c, step, LANES, row + last, row + last - LANES, row, others + last, p + last);
}

static void drift_row(size_t n, double step, const double *momentum, double *restrict phi) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        phi[i] += step * momentum[i];
    }
}

void lanes_kick(const struct geometry *g, const struct phi4 *theory, double step, const double *phi,
                double *momentum, double *workspace) {
    const struct coefficients c = coefficients_of(theory);
    for (size_t r = 0; r < g->rows; r++) {
        if (g->dimensions == 2) {
            kick_row_plane(g, c, step, phi, r, momentum);
        } else {
            kick_row(g, c, step, phi, r, momentum, workspace);
        }
    }
}

void lanes_drift(const struct geometry *g, double step, const double *momentum, double *phi) {
    drift_row(g->volume * LANES, step, momentum, phi);
}

void lanes_kick_drift(const struct geometry *g, const struct phi4 *theory, double kick, double drift, double *phi,
                      double *momentum, double *workspace) {
    if (g->dimensions != 2 || g->rows < 3) {
        lanes_kick(g, theory, kick, phi, momentum, workspace);
        lanes_drift(g, drift, momentum, phi);
        return;
    }
    /* A row may move once both its neighbours have been kicked; row 0 waits for the last one. */
    const struct coefficients c = coefficients_of(theory);
    const size_t n = g->row * LANES;
    for (size_t r = 0; r < g->rows; r++) {
        kick_row_plane(g, c, kick, phi, r, momentum);
        if (r >= 2) {
            drift_row(n, drift, momentum + (r - 1) * n, phi + (r - 1) * n);
        }
    }
    drift_row(n, drift, momentum + (g->rows - 1) * n, phi + (g->rows - 1) * n);
    drift_row(n, drift, momentum, phi);
}

void lanes_leapfrog(const struct geometry *g, const struct phi4 *theory, double step, size_t steps, double *phi,
                    double *momentum, double *workspace) {
    for (size_t i = 0; i < steps; i++) {
        lanes_kick_drift(g, theory, i == 0 ? 0.5 * step : step, step, phi, momentum, workspace);
    }
    lanes_kick(g, theory, 0.5 * step, phi, momentum, workspace);
}

void lanes_action_rows(const struct geometry *g, const struct phi4 *theory, const double *phi, double *rows) {
    const size_t n = g->row * LANES;
    const size_t directions = g->dimensions - 1;
    const double hopping = -2.0 * theory->kappa;
    const double square = 1.0 - 2.0 * theory->lambda;
    const double quartic = theory->lambda;
    for (size_t r = 0; r < g->rows; r++) {
        const double *row = phi + r * n;
        double sum[LANES] = {0};
        for (size_t x = 0; x < g->row; x++) {
            const double *here = row + x * LANES;
            const double *right = row + (x + 1 < g->row ? x + 1 : 0) * LANES;
            double forward[LANES];
#pragma omp simd
            for (int l = 0; l < LANES; l++) {
                forward[l] = right[l];
            }
            for (size_t mu = 0; mu < directions; mu++) {
                const double *up = phi + g->neighbour_rows[2 * (directions * r + mu)] * n + x * LANES;
#pragma omp simd
                for (int l = 0; l < LANES; l++) {
                    forward[l] += up[l];
                }
            }
#pragma omp simd
            for (int l = 0; l < LANES; l++) {
                const double s = here[l] * here[l];
                sum[l] += hopping * (here[l] * forward[l]) + s * (square + quartic * s);
            }
        }
        for (int l = 0; l < LANES; l++) {
            rows[r * LANES + (size_t)l] = sum[l];
        }
    }
}

void lanes_kinetic_rows(const struct geometry *g, const double *momentum, double *rows) {
    for (size_t r = 0; r < g->rows; r++) {
        double sum[LANES] = {0};
        for (size_t x = 0; x < g->row; x++) {
            const double *p = momentum + (r * g->row + x) * LANES;
#pragma omp simd
            for (int l = 0; l < LANES; l++) {
                sum[l] += p[l] * p[l];
            }
        }
        for (int l = 0; l < LANES; l++) {
            rows[r * LANES + (size_t)l] = 0.5 * sum[l];
        }
    }
}
