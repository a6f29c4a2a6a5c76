#include "lattice/fokker_planck.h"

#include <stdlib.h>

#include "base/functions.h"

/* Solves the tridiagonal system with diagonal b, a below and c above it (Thomas); x holds the right-hand side. */
static void solve(size_t n, const double *a, const double *b, const double *c, double *x, double *room) {
    double pivot = b[0];
    x[0] /= pivot;
    for (size_t i = 1; i < n; i++) {
        room[i] = c[i - 1] / pivot;
        pivot = b[i] - a[i] * room[i];
        x[i] = (x[i] - a[i] * x[i - 1]) / pivot;
    }
    for (size_t i = n - 1; i-- > 0;) {
        x[i] -= room[i + 1] * x[i + 1];
    }
}

enum status fokker_planck(const struct toy_theory *theory, double range, size_t points, double duration, size_t steps,
                          double *p, struct error *e) {
    if (!(duration > 0)) {
        return STATUS_OK;
    }
    double *memory = calloc(7 * points, sizeof *memory);
    if (!memory) {
        return error_set(e, STATUS_FAILED, "out of memory for the Fokker-Planck equation");
    }
    double *up = memory, *down = up + points, *a = down + points, *b = a + points, *c = b + points, *x = c + points,
           *room = x + points;
    const double h = 2 * range / (double)(points - 1), half = 0.5 * duration / (double)steps;
    /* half a time step times the rates from i to i + 1 (up) and from i + 1 to i (down) */
    for (size_t i = 0; i + 1 < points; i++) {
        const double left = -range + (double)i * h, middle = toy_action(theory, left + 0.5 * h);
        up[i] = half / (h * h) * function_exp(toy_action(theory, left) - middle);
        down[i] = half / (h * h) * function_exp(toy_action(theory, left + h) - middle);
    }
    for (size_t i = 0; i < points; i++) {
        b[i] = 1 + up[i] + (i > 0 ? down[i - 1] : 0); /* up[points - 1] is zero */
        a[i] = i > 0 ? -up[i - 1] : 0;
        c[i] = -down[i];
    }
    for (size_t step = 0; step < steps; step++) {
        for (size_t i = 0; i < points; i++) {
            x[i] = (2 - b[i]) * p[i] - (i > 0 ? a[i] * p[i - 1] : 0) - (i + 1 < points ? c[i] * p[i + 1] : 0);
        }
        solve(points, a, b, c, x, room);
        for (size_t i = 0; i < points; i++) {
            p[i] = x[i];
        }
    }
    free(memory);
    return STATUS_OK;
}
