/* The network of unet.h in plain C and double precision, the reference of tests. It is simple, not fast. */
#ifndef DMSQ_NETWORK_UNET_ORACLE_H
#define DMSQ_NETWORK_UNET_ORACLE_H

#include "network/unet.h"

/* output = F(x, t) for n configurations. weights: flat vector of unet.h; frequencies: embedding/2 Fourier frequencies
 * w; x, output: (n, height, width_sites); t: (n). If output_gradient (of the shape of output) is not NULL, sets
 * input_gradient (of the shape of x) to the vector-Jacobian product J^T output_gradient, and weight_gradient (flat
 * vector) to the gradient of sum(output * output_gradient), summed over configurations; either may be NULL.
 * STATUS_FAILED: out of memory. */
enum status unet_oracle(const struct unet_shape *shape, const double *weights, const double *frequencies, size_t n,
                        const double *x, const double *t, double *output, const double *output_gradient,
                        double *input_gradient, double *weight_gradient, struct error *e);

#endif
