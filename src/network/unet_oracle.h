/* The network of unet.h in plain C and double precision: the oracle that tests compare against.
 * Written to be read, not to be fast. */
#ifndef DMSQ_NETWORK_UNET_ORACLE_H
#define DMSQ_NETWORK_UNET_ORACLE_H

#include "network/unet.h"

/* F(x, t) for n configurations.
 * weights: flat vector of unet.h; frequencies: embedding/2 Fourier frequencies w;
 * x, output: n x height x width_sites; t: n.
 * output_gradient (same shape as output) NULL: forward only. Otherwise input_gradient (same shape as x)
 * receives the vector-Jacobian product J^T output_gradient and weight_gradient (flat vector) the gradient
 * of sum(output * output_gradient), summed over configurations; either may be NULL.
 * Fails only when out of memory. */
enum status unet_oracle(const struct unet_shape *shape, const double *weights, const double *frequencies, size_t n,
                        const double *x, const double *t, double *output, const double *output_gradient,
                        double *input_gradient, double *weight_gradient, struct error *e);

#endif
