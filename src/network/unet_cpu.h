/* The network of unet.h in single precision on the CPU: 3x3 convolutions as matrix products by oneDNN, everything else
 * by our own kernels. Each thread has a workspace; bits do not depend on the number of threads. */
#ifndef DMSQ_NETWORK_UNET_CPU_H
#define DMSQ_NETWORK_UNET_CPU_H

#include "network/unet.h"

struct unet_cpu;           /* a network: shape, frequencies, and weights in the layouts of the kernels */
struct unet_cpu_workspace; /* activations of one micro-batch, for one thread */

/* Makes a network. frequencies: embedding/2 values. max_batch: largest number of configurations of a call. Errors of
 * unet_check; STATUS_FAILED: out of memory. */
enum status unet_cpu_new(const struct unet_shape *shape, enum unet_convolutions convolutions, const float *frequencies,
                         int max_batch, struct unet_cpu **network, struct error *e);
void unet_cpu_free(struct unet_cpu *network);

/* Copies new weights (flat vector of unet.h); no workspace may be in use meanwhile. */
void unet_cpu_set_weights(struct unet_cpu *network, const float *weights);

/* Makes a workspace for one thread. Calls with fewer configurations than max_batch cost as much as with max_batch. */
enum status unet_cpu_workspace_new(struct unet_cpu *network, struct unet_cpu_workspace **ws, struct error *e);
void unet_cpu_workspace_free(struct unet_cpu_workspace *ws);

/* output (n, V) = F(x (n, V), t[n]), n <= max_batch. The workspace keeps the results that backward needs. */
enum status unet_cpu_forward(struct unet_cpu_workspace *ws, int n, const float *x, const float *t, float *output,
                             struct error *e);
/* After unet_cpu_forward with the same n, any number of times (for several probes): sets input_gradient (n, V) to
 * J^T output_gradient, and `gradient` to the gradient of the weights, summed over the micro-batch, in the packed layout
 * of unet_cpu_gradient_size floats. Either may be NULL. */
enum status unet_cpu_backward(struct unet_cpu_workspace *ws, int n, const float *output_gradient, float *input_gradient,
                              float *gradient, struct error *e);

/* Length of the packed gradient, and its conversion to the flat vector of unet.h. Packed gradients of several
 * micro-batches may be added. */
size_t unet_cpu_gradient_size(const struct unet_cpu *network);
void unet_cpu_unpack_gradient(struct unet_cpu *network, const float *packed, float *flat);

#endif
