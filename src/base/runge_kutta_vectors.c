/* The vectors of an integration on the host, and the execution of orders (runge_kutta.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sum.h"
#include "base/runge_kutta.h"

struct runge_kutta_vectors {
    size_t components, quadratures, length;
    double *memory, *y, *next, *k[RUNGE_KUTTA_STAGES], *measured, *terms; /* length each */
};

struct runge_kutta_vectors *runge_kutta_vectors_new(size_t components, size_t quadratures) {
    enum { VECTORS = RUNGE_KUTTA_STAGES + 4 };
    struct runge_kutta_vectors *v = calloc(1, sizeof *v);
    const size_t length = components + quadratures;
    double *memory = v ? calloc(VECTORS * length, sizeof *memory) : NULL;
    if (!memory) {
        free(v);
        return NULL;
    }
    v->components = components;
    v->quadratures = quadratures;
    v->length = length;
    v->memory = v->y = memory;
    v->next = memory + length;
    v->measured = memory + 2 * length;
    v->terms = memory + 3 * length;
    for (size_t i = 0; i < RUNGE_KUTTA_STAGES; i++) {
        v->k[i] = memory + (4 + i) * length;
    }
    return v;
}

void runge_kutta_vectors_free(struct runge_kutta_vectors *v) {
    if (v) {
        free(v->memory);
    }
    free(v);
}

void runge_kutta_vectors_start(struct runge_kutta_vectors *v, const double *y0) {
    memcpy(v->y, y0, v->components * sizeof *y0);
    memset(v->y + v->components, 0, v->quadratures * sizeof *y0);
    memcpy(v->next, v->y, v->length * sizeof *y0);
}

static void exchange(double **a, double **b) {
    double *kept = *a;
    *a = *b;
    *b = kept;
}

const double *runge_kutta_vectors_combine(struct runge_kutta_vectors *v, const struct runge_kutta_order *order) {
    if (order->accept) {
        exchange(&v->y, &v->next);
    }
    if (order->first_same_as_last) {
        exchange(&v->k[0], &v->k[RUNGE_KUTTA_STAGES - 1]);
    }
    memcpy(v->next, v->y, v->length * sizeof *v->next);
    for (int j = 0; j < RUNGE_KUTTA_STAGES - 1; j++) {
        const double factor = order->factor[j], *k = v->k[j];
        for (size_t i = 0; factor != 0 && i < v->length; i++) {
            v->next[i] += factor * k[i];
        }
    }
    return v->next;
}

static struct runge_kutta_norm norm_of(struct runge_kutta_vectors *v, double tolerance, const double *x,
                                       const double *a, const double *b) {
    const size_t n = v->components, q = v->quadratures;
    for (size_t i = 0; i < n; i++) {
        const double relative = x[i] / (tolerance * (1 + fmax(fabs(a[i]), fabs(b[i]))));
        v->terms[i] = relative * relative;
    }
    return (struct runge_kutta_norm){sum_tree(v->terms, n), sum_tree(x + n, q), sum_tree(a + n, q), sum_tree(b + n, q)};
}

static bool all_finite(const double *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return false;
        }
    }
    return true;
}

void runge_kutta_vectors_take(struct runge_kutta_vectors *v, const struct runge_kutta_order *order,
                              const double *derivative, struct runge_kutta_sums *sums) {
    const double tolerance = order->tolerance;
    *sums = (struct runge_kutta_sums){.finite = all_finite(derivative, v->length)};
    memcpy(v->k[order->slot], derivative, v->length * sizeof *derivative);
    if (order->measure == RUNGE_KUTTA_START) {
        sums->norm[0] = norm_of(v, tolerance, v->y, v->y, v->y);
        sums->norm[1] = norm_of(v, tolerance, v->k[0], v->y, v->y);
    } else if (order->measure == RUNGE_KUTTA_CHANGE) {
        for (size_t i = 0; i < v->length; i++) {
            v->measured[i] = v->k[1][i] - v->k[0][i];
        }
        sums->norm[0] = norm_of(v, tolerance, v->measured, v->y, v->y);
    } else if (order->measure == RUNGE_KUTTA_ERROR) {
        for (size_t i = 0; i < v->length; i++) {
            double sum = 0;
            for (int j = 0; j < RUNGE_KUTTA_STAGES; j++) {
                if (order->error[j] != 0) {
                    sum += order->error[j] * v->k[j][i];
                }
            }
            v->measured[i] = order->h * sum;
        }
        sums->norm[0] = norm_of(v, tolerance, v->measured, v->y, v->next);
    }
}
