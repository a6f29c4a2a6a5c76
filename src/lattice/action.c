/* Action, force and means of one configuration of phi^4 theory, A 4.2 (action.h).
 *
 * This is simple code with the neighbour table; the fast code of the samplers is in lanes.c, and tests compare the
 * two. */
#include "lattice/action.h"

#include <math.h>

double action(const struct geometry *g, const struct theory *theory, const double *phi) {
    return configuration_measure(g, theory, phi).action * (double)g->volume;
}

void action_force(const struct geometry *g, const struct theory *theory, const double *phi, double *force) {
    const size_t coordination = 2 * g->dimensions;
    for (size_t x = 0; x < g->volume; x++) {
        double sum = 0.0;
        for (size_t i = 0; i < coordination; i++) {
            sum += phi[g->neighbours[coordination * x + i]];
        }
        force[x] = 2.0 * theory->kappa * sum -
                   phi[x] * (2.0 * (1.0 - 2.0 * theory->lambda) + 4.0 * theory->lambda * phi[x] * phi[x]);
    }
}

/* Sums row by row, so that rounding errors grow with the length and the number of rows, not with the volume. The field
 * is `phi` or, in single precision, `single`; the other is NULL. */
static struct configuration_means measure(const struct geometry *g, const struct theory *theory, const double *phi,
                                          const float *single) {
    struct configuration_means total = {0};
    double hopping = 0.0;
    for (size_t r = 0; r < g->rows; r++) {
        struct configuration_means row = {0};
        double row_hopping = 0.0;
        for (size_t x = r * g->row; x < (r + 1) * g->row; x++) {
            const double value = phi != NULL ? phi[x] : (double)single[x];
            double forward = 0.0;
            for (size_t mu = 0; mu < g->dimensions; mu++) {
                const size_t y = g->neighbours[2 * (g->dimensions * x + mu)];
                forward += phi != NULL ? phi[y] : (double)single[y];
            }
            const double square = value * value;
            row_hopping += value * forward;
            row.field += value;
            row.magnitude += fabs(value);
            row.square += square;
            row.quartic += square * square;
        }
        hopping += row_hopping;
        total.field += row.field;
        total.magnitude += row.magnitude;
        total.square += row.square;
        total.quartic += row.quartic;
    }
    const double volume = (double)g->volume;
    total.field /= volume;
    total.magnitude /= volume;
    total.square /= volume;
    total.quartic /= volume;
    total.action = theory_action(theory, hopping / volume, total.square, total.quartic);
    total.virial = theory_virial(theory, total.action, total.quartic);
    return total;
}

struct configuration_means configuration_measure(const struct geometry *g, const struct theory *theory,
                                                 const double *phi) {
    return measure(g, theory, phi, NULL);
}

struct configuration_means configuration_measure_float(const struct geometry *g, const struct theory *theory,
                                                       const float *phi) {
    return measure(g, theory, NULL, phi);
}
