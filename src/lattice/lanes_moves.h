/* Force, moves and energies of lanes.h in one precision: lanes.c includes this once for each, with
 *
 *   REAL        double or float
 *   NAME(x)     x, or x_float
 *   NAME(load)  a vector of lanes, in double precision
 *   WIDE_PLANE  optional: another implementation of kick and drift on a plane lattice; it returns false, having done
 *               nothing, if the lattice does not suit it
 *
 * Energies are computed in double precision for both precisions of the field. */

static struct NAME(coefficients) NAME(coefficients_of)(const struct theory *theory) {
    return (struct NAME(coefficients))THEORY_FORCE_OF(theory, REAL);
}

/* Kicks n numbers of a row, whose neighbours are at left, right, up and down. */
static inline void NAME(kick_piece)(struct NAME(coefficients) c, REAL step, size_t n, const REAL *phi, const REAL *left,
                                    const REAL *right, const REAL *up, const REAL *down, REAL *restrict momentum) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const REAL sum = (left[i] + right[i]) + (up[i] + down[i]);
        momentum[i] += step * THEORY_FORCE(c, sum, phi[i]);
    }
}

/* The same with the sum over the other directions already done. */
static inline void NAME(kick_piece_others)(struct NAME(coefficients) c, REAL step, size_t n, const REAL *phi,
                                           const REAL *left, const REAL *right, const REAL *others,
                                           REAL *restrict momentum) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const REAL sum = (left[i] + right[i]) + others[i];
        momentum[i] += step * THEORY_FORCE(c, sum, phi[i]);
    }
}

static void NAME(kick_row_plane)(const struct geometry *g, struct NAME(coefficients) c, REAL step, const REAL *phi,
                                 size_t r, REAL *momentum) {
    const size_t n = g->row * LANES;
    const REAL *row = phi + r * n;
    const REAL *up = phi + g->neighbour_rows[2 * r] * n;
    const REAL *down = phi + g->neighbour_rows[2 * r + 1] * n;
    REAL *p = momentum + r * n;
    const size_t last = n - LANES;
    NAME(kick_piece)(c, step, LANES, row, row + last, row + LANES, up, down, p);
    NAME(kick_piece)(c, step, n - 2 * LANES, row + LANES, row, row + 2 * LANES, up + LANES, down + LANES, p + LANES);
    NAME(kick_piece)(c, step, LANES, row + last, row + last - LANES, row, up + last, down + last, p + last);
}

static void NAME(kick_row)(const struct geometry *g, struct NAME(coefficients) c, REAL step, const REAL *phi, size_t r,
                           REAL *momentum, REAL *others) {
    const size_t n = g->row * LANES;
    const size_t directions = g->dimensions - 1;
    for (size_t i = 0; i < n; i++) {
        others[i] = 0;
    }
    for (size_t mu = 0; mu < directions; mu++) {
        const REAL *up = phi + g->neighbour_rows[2 * (directions * r + mu)] * n;
        const REAL *down = phi + g->neighbour_rows[2 * (directions * r + mu) + 1] * n;
#pragma omp simd
        for (size_t i = 0; i < n; i++) {
            others[i] += up[i] + down[i];
        }
    }
    const REAL *row = phi + r * n;
    REAL *p = momentum + r * n;
    const size_t last = n - LANES;
    NAME(kick_piece_others)(c, step, LANES, row, row + last, row + LANES, others, p);
    NAME(kick_piece_others)(c, step, n - 2 * LANES, row + LANES, row, row + 2 * LANES, others + LANES, p + LANES);
    NAME(kick_piece_others)(c, step, LANES, row + last, row + last - LANES, row, others + last, p + last);
}

static void NAME(drift_row)(size_t n, REAL step, const REAL *momentum, REAL *restrict phi) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        phi[i] += step * momentum[i];
    }
}

void NAME(lanes_kick)(const struct geometry *g, const struct theory *theory, double step, const REAL *phi,
                      REAL *momentum, REAL *workspace) {
    const struct NAME(coefficients) c = NAME(coefficients_of)(theory);
    for (size_t r = 0; r < g->rows; r++) {
        if (g->dimensions == 2) {
            NAME(kick_row_plane)(g, c, (REAL)step, phi, r, momentum);
        } else {
            NAME(kick_row)(g, c, (REAL)step, phi, r, momentum, workspace);
        }
    }
}

void NAME(lanes_drift)(const struct geometry *g, double step, const REAL *momentum, REAL *phi) {
    NAME(drift_row)(g->volume * LANES, (REAL)step, momentum, phi);
}

void NAME(lanes_kick_drift)(const struct geometry *g, const struct theory *theory, double kick, double drift, REAL *phi,
                            REAL *momentum, REAL *workspace) {
    if (g->dimensions != 2 || g->rows < 3) {
        NAME(lanes_kick)(g, theory, kick, phi, momentum, workspace);
        NAME(lanes_drift)(g, drift, momentum, phi);
        return;
    }
    const struct NAME(coefficients) c = NAME(coefficients_of)(theory);
#ifdef WIDE_PLANE
    if (WIDE_PLANE(g, c, (REAL)kick, (REAL)drift, phi, momentum)) {
        return;
    }
#endif
    /* a row can drift once both its neighbours have been kicked; row 0 has to wait for the last one */
    const size_t n = g->row * LANES;
    for (size_t r = 0; r < g->rows; r++) {
        NAME(kick_row_plane)(g, c, (REAL)kick, phi, r, momentum);
        if (r >= 2) {
            NAME(drift_row)(n, (REAL)drift, momentum + (r - 1) * n, phi + (r - 1) * n);
        }
    }
    NAME(drift_row)(n, (REAL)drift, momentum + (g->rows - 1) * n, phi + (g->rows - 1) * n);
    NAME(drift_row)(n, (REAL)drift, momentum, phi);
}

void NAME(lanes_integrate)(const struct geometry *g, const struct theory *theory, const struct integrator *integrator,
                           REAL *phi, REAL *momentum, REAL *workspace) {
    const size_t drifts = integrator_drifts(integrator);
    for (size_t k = 0; k < drifts; k++) {
        const double kick = integrator_kick(integrator, k), drift = integrator_drift(integrator);
        NAME(lanes_kick_drift)(g, theory, kick, drift, phi, momentum, workspace);
    }
    NAME(lanes_kick)(g, theory, integrator_kick(integrator, drifts), phi, momentum, workspace);
}

void NAME(lanes_action_rows)(const struct geometry *g, const struct theory *theory, const REAL *phi, double *rows) {
    const size_t n = g->row * LANES, directions = g->dimensions - 1;
    const struct energy c = THEORY_ENERGY_OF(theory);
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t part = 0; part < LANES; part += LANE_VECTOR) {
            const REAL *row = phi + r * n + part;
            lane_reals sum = {0}, right = NAME(load)(row);
            for (size_t x = 0; x < g->row; x++) {
                const lane_reals here = right, s = here * here;
                right = NAME(load)(row + (x + 1 < g->row ? x + 1 : 0) * LANES);
                lane_reals forward = right;
                for (size_t mu = 0; mu < directions; mu++) {
                    const REAL *up = phi + g->neighbour_rows[2 * (directions * r + mu)] * n + part;
                    forward += NAME(load)(up + x * LANES);
                }
                sum += THEORY_ENERGY(c, forward, here, s);
            }
            memcpy(rows + r * LANES + part, &sum, sizeof sum);
        }
    }
}

void NAME(lanes_kinetic_rows)(const struct geometry *g, const REAL *momentum, double *rows) {
    for (size_t r = 0; r < g->rows; r++) {
        for (size_t part = 0; part < LANES; part += LANE_VECTOR) {
            const REAL *row = momentum + r * g->row * LANES + part;
            lane_reals sum = {0};
            for (size_t x = 0; x < g->row; x++) {
                const lane_reals p = NAME(load)(row + x * LANES);
                sum += p * p;
            }
            sum *= 0.5;
            memcpy(rows + r * LANES + part, &sum, sizeof sum);
        }
    }
}

void NAME(lanes_restore)(const struct geometry *g, const int accept[LANES], const REAL *old, REAL *restrict phi) {
    for (size_t i = 0; i < g->volume * LANES; i += LANES) {
#pragma omp simd
        for (size_t l = 0; l < LANES; l++) {
            phi[i + l] = accept[l] ? phi[i + l] : old[i + l];
        }
    }
}
