/* Adam (Kingma & Ba 2015, algorithm 1) with the conventions of PyTorch, and the running average of weights. State and
 * weights are in single precision. Elements are independent of each other, so bits depend neither on threads nor on how
 * a vector is split. */
#ifndef DMSQ_NETWORK_ADAM_H
#define DMSQ_NETWORK_ADAM_H

#include <stddef.h>
#include <stdint.h>

/* The factors of step number `step`, the same for all elements. */
struct adam_scalars {
    float keep_m, add_m, keep_v, add_v, rate, correction, epsilon;
};
struct adam_scalars adam_scalars(int64_t step, double rate, double beta1, double beta2, double epsilon);

/* Makes one step; the first has number 1 and starts from m = v = 0:
 *   m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
 *   w <- w - rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
 * Published: rate 1e-3, and PyTorch's defaults beta1 0.9, beta2 0.999, epsilon 1e-8. */
void adam_step(float *w, const float *g, float *m, float *v, size_t n, const struct adam_scalars *scalars);

/* Moving average of the weights: average <- average + weight (w - average), weight = 1 - decay. */
void adam_average(float *average, const float *w, size_t n, float weight);

#endif
