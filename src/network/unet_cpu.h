/* The network of unet.h in single precision on the CPU: 3x3 convolutions as products of matrices by oneDNN, everything
 * else by kernels of our own. A workspace serves one thread; bits do not depend on how many there are. */
#ifndef DMSQ_NETWORK_UNET_CPU_H
#define DMSQ_NETWORK_UNET_CPU_H

#include "network/unet.h"

struct unet_cpu;           /* a network: shape, frequencies, weights in the layouts the kernels want */
struct unet_cpu_workspace; /* activations of one micro-batch, for one thread */

/* frequencies: embedding/2 values. max_batch: most configurations of one call. */
enum status unet_cpu_new(const struct unet_shape *shape, const float *frequencies, int max_batch,
                         struct unet_cpu **network, struct error *e);
void unet_cpu_free(struct unet_cpu *network);

/* Copies new weights (flat vector of unet.h) in; no workspace may be at work. */
void unet_cpu_set_weights(struct unet_cpu *network, const float *weights);

/* For one thread at a time. Fewer configurations than max_batch cost as much as max_batch. */
enum status unet_cpu_workspace_new(struct unet_cpu *network, struct unet_cpu_workspace **ws, struct error *e);
void unet_cpu_workspace_free(struct unet_cpu_workspace *ws);

/* output[n x V] = F(x[n x V], t[n]), n <= max_batch. Keeps what backward needs. */
enum status unet_cpu_forward(struct unet_cpu_workspace *ws, int n, const float *x, const float *t, float *output,
                             struct error *e);
/* After forward with the same n: input_gradient[n x V] = J^T output_gradient, NULL to skip;
 * weight gradients, summed over the micro-batch, into `gradient` in the packed layout of
 * unet_cpu_gradient_size floats, NULL to skip. May be called again after one forward (several probes). */
enum status unet_cpu_backward(struct unet_cpu_workspace *ws, int n, const float *output_gradient, float *input_gradient,
                              float *gradient, struct error *e);

/* Length of the packed gradient, and its conversion to the flat vector of unet.h. Packed gradients of
 * several micro-batches may be added element by element. */
size_t unet_cpu_gradient_size(const struct unet_cpu *network);
void unet_cpu_unpack_gradient(struct unet_cpu *network, const float *packed, float *flat);

/* Floating-point operations of the convolutions of one forward pass of max_batch configurations. */
double unet_cpu_flop(const struct unet_cpu *network);

#endif
