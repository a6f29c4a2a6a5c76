/* See propagator.h. */
#include "lattice/propagator.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/functions.h"

enum { TERMS = 9 };

/* Sets the terms of 1/G at a mode and returns P. */
static double terms_at(const size_t *extents, size_t dimensions, size_t mode, bool pole, double term[TERMS]) {
    double P = 0, Q = 0;
    for (size_t mu = dimensions; mu-- > 0; mode /= extents[mu]) {
        double sine, cosine;
        function_sincos_turns((double)(mode % extents[mu]) / (double)extents[mu], &sine, &cosine);
        const double square = 2 - 2 * cosine;
        P += square;
        Q += square * square;
    }
    const double list[TERMS] = {1, P, P * P, P * P * P, P * P * P * P, Q, Q * P, Q * P * P, pole ? 1 / (P + 0.1) : 0};
    for (int i = 0; i < TERMS; i++) {
        term[i] = list[i];
    }
    return P;
}

/* Solves A x = b, A symmetric and positive semidefinite, by Gaussian elimination after scaling to unit diagonal. A term
 * that depends linearly on earlier ones gets x = 0. */
static void solve(double A[TERMS][TERMS], double b[TERMS], double x[TERMS]) {
    double scale[TERMS];
    bool kept[TERMS];
    for (int i = 0; i < TERMS; i++) {
        scale[i] = A[i][i] > 0 ? 1 / sqrt(A[i][i]) : 0;
    }
    for (int i = 0; i < TERMS; i++) {
        b[i] *= scale[i];
        for (int j = 0; j < TERMS; j++) {
            A[i][j] *= scale[i] * scale[j];
        }
    }
    for (int i = 0; i < TERMS; i++) {
        kept[i] = A[i][i] > 1e-12;
        for (int j = i + 1; j < TERMS && kept[i]; j++) {
            const double factor = A[j][i] / A[i][i];
            for (int k = i; k < TERMS; k++) {
                A[j][k] -= factor * A[i][k];
            }
            b[j] -= factor * b[i];
        }
    }
    for (int i = TERMS - 1; i >= 0; i--) {
        x[i] = 0;
        if (!kept[i]) {
            continue;
        }
        double sum = b[i];
        for (int j = i + 1; j < TERMS; j++) {
            sum -= A[i][j] * x[j];
        }
        x[i] = sum / A[i][i];
    }
    for (int i = 0; i < TERMS; i++) {
        x[i] *= scale[i];
    }
}

enum status propagator_smooth(const struct fourier *fourier, const size_t *extents, size_t dimensions, double above,
                              double *G, double *residual, struct error *e) {
    const size_t V = fourier_volume(fourier);
    const bool pole = above >= 0;
    double A[TERMS][TERMS] = {{0}}, b[TERMS] = {0}, x[TERMS], term[TERMS], sum = 0, count = 0;
    for (size_t p = 0; p < V; p++) {
        if (!(G[p] > 0 && isfinite(G[p]))) {
            return error_set(e, STATUS_BAD_INPUT, "the propagator of mode %zu is %g, expected a finite number > 0", p,
                             G[p]);
        }
        if (terms_at(extents, dimensions, p, pole, term) <= above) {
            continue;
        }
        for (int i = 0; i < TERMS; i++) {
            b[i] += term[i] * G[p];
            for (int j = 0; j < TERMS; j++) {
                A[i][j] += term[i] * term[j] * G[p] * G[p];
            }
        }
    }
    solve(A, b, x);
    for (size_t p = 0; p < V; p++) {
        if (terms_at(extents, dimensions, p, pole, term) <= above) {
            continue;
        }
        double inverse = 0;
        for (int i = 0; i < TERMS; i++) {
            inverse += x[i] * term[i];
        }
        if (!(inverse > 0)) {
            return error_set(e, STATUS_BAD_INPUT,
                             "the smoothed propagator of mode %zu is %g, expected a number > 0: smooth "
                             "above a larger momentum than %g",
                             p, 1 / inverse, above);
        }
        sum += (G[p] * inverse - 1) * (G[p] * inverse - 1);
        count++;
        G[p] = 1 / inverse;
    }
    *residual = count > 0 ? sqrt(sum / count) : 0;
    return STATUS_OK;
}
