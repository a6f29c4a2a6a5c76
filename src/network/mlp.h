/* The network of the toy model (A Sec. 3.4, B Sec. 3: "a one-to-one network with time embedding"), with one number as
 * input and one as output. It has the time embedding of the papers' larger network and adds a dense layer of the
 * embedding at every level.
 *
 *   e   = swish(embed([sin, cos](2 pi w t)))                 w: fixed frequencies, not trained
 *   h_l = swish(layer_l h_(l-1) + dense_l(e)), l = 1, 2, 3   width; h_0 = x
 *   F   = output(h_3)
 *
 * Like the convolutions of network/unet.h, the layers have no bias, since dense_l has one. Single precision. Each
 * thread has a workspace, and bits do not depend on the number of threads. */
#ifndef DMSQ_NETWORK_MLP_H
#define DMSQ_NETWORK_MLP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { MLP_LEVELS = 3, MLP_TENSORS = 2 + 3 * MLP_LEVELS + 2 };

struct mlp_shape {
    int width;     /* units of a level, at least 1 */
    int embedding; /* length of the time embedding, even */
};

struct mlp_tensor {
    const char *name;            /* "embed.weight", "dense1.bias", "layer2.weight", "output.weight", ... */
    size_t dimensions, shape[2]; /* weights are (out, in) */
    size_t offset, count;        /* position and length in the flat weight vector, in elements */
};

/* Checks a shape. STATUS_BAD_INPUT: it is invalid. */
enum status mlp_check(const struct mlp_shape *shape, struct error *e);

/* Fills the list of trainable arrays in the order of the flat weight vector and returns the length of that vector. */
size_t mlp_tensors(const struct mlp_shape *shape, struct mlp_tensor list[MLP_TENSORS]);

/* Sets initial weights: uniform on [-b, b], b = 1/sqrt(inputs of the layer), as in network/initialise.h. */
enum status mlp_initialise(const struct mlp_shape *shape, uint64_t seed, float *weights, struct error *e);

struct mlp;
struct mlp_workspace;

/* Makes a network. frequencies: embedding/2 values. max_batch: largest n of a call. STATUS_FAILED: out of memory. */
enum status mlp_new(const struct mlp_shape *shape, const float *frequencies, int max_batch, struct mlp **network,
                    struct error *e);
void mlp_free(struct mlp *network);
/* Copies new weights; no workspace may be in use meanwhile. */
void mlp_set_weights(struct mlp *network, const float *weights);

enum status mlp_workspace_new(struct mlp *network, struct mlp_workspace **ws, struct error *e);
void mlp_workspace_free(struct mlp_workspace *ws);

/* output[n] = F(x[n], t[n]), n <= max_batch. The workspace keeps the results that backward needs. */
void mlp_forward(struct mlp_workspace *ws, int n, const float *x, const float *t, float *output);
/* After mlp_forward with the same n, any number of times: sets input_gradient[n] = dF/dx times output_gradient[n], and
 * gradient, a flat vector, to the gradient of sum(output * output_gradient) with respect to the weights. Either may be
 * NULL. */
void mlp_backward(struct mlp_workspace *ws, int n, const float *output_gradient, float *input_gradient,
                  float *gradient);

#endif
