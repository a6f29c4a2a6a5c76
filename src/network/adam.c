/* Adam and the average of weights (adam.h), in pieces that are distributed over threads. */
#include "network/adam.h"

#include <math.h>

#define PIECE ((size_t)16384) /* elements; with less than two pieces, threads are not worth their cost */

/* The compiler vectorises this, including sqrtf, because of the option -fno-math-errno. */
static void step_piece(float *restrict w, const float *restrict g, float *restrict m, float *restrict v, size_t n,
                       const struct adam_scalars *s) {
    const struct adam_scalars k = *s;
    for (size_t i = 0; i < n; i++) {
        m[i] = k.keep_m * m[i] + k.add_m * g[i];
        v[i] = k.keep_v * v[i] + k.add_v * (g[i] * g[i]);
        w[i] = w[i] - k.rate * (m[i] / (sqrtf(v[i]) / k.correction + k.epsilon));
    }
}

/* base^exponent by squaring, since the bits of pow depend on the machine. */
static double power(double base, int64_t exponent) {
    double result = 1;
    for (; exponent > 0; exponent /= 2, base *= base) {
        if (exponent % 2) {
            result *= base;
        }
    }
    return result;
}

struct adam_scalars adam_scalars(int64_t step, double rate, double beta1, double beta2, double epsilon) {
    return (struct adam_scalars){(float)beta1,
                                 (float)(1 - beta1),
                                 (float)beta2,
                                 (float)(1 - beta2),
                                 (float)(rate / (1 - power(beta1, step))),
                                 (float)sqrt(1 - power(beta2, step)),
                                 (float)epsilon};
}

void adam_step(float *w, const float *g, float *m, float *v, size_t n, const struct adam_scalars *scalars) {
#pragma omp parallel for schedule(static) if (n > 2 * PIECE)
    for (size_t start = 0; start < n; start += PIECE) {
        size_t count = n - start < PIECE ? n - start : PIECE;
        step_piece(w + start, g + start, m + start, v + start, count, scalars);
    }
}

static void average_piece(float *restrict average, const float *restrict w, size_t n, float weight) {
    for (size_t i = 0; i < n; i++) {
        average[i] += weight * (w[i] - average[i]);
    }
}

void adam_average(float *average, const float *w, size_t n, float weight) {
#pragma omp parallel for schedule(static) if (n > 2 * PIECE)
    for (size_t start = 0; start < n; start += PIECE) {
        average_piece(average + start, w + start, n - start < PIECE ? n - start : PIECE, weight);
    }
}
