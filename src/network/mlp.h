/* The network of the toy model (A Sec. 3.4, B Sec. 3: "a one-to-one network with time embedding"): one number in,
 * one out, with the embedding of the papers' larger network and one dense layer of it added at every level.
 *
 *   e   = swish(embed([sin, cos](2 pi w t)))                 w: fixed frequencies, not trained
 *   h_l = swish(layer_l h_(l-1) + dense_l(e)), l = 1, 2, 3   width; h_0 = x
 *   F   = output(h_3)
 *
 * The layers have no bias of their own (dense_l has one), as the convolutions of network/unet.h. Single precision;
 * a workspace serves one thread, and bits do not depend on how many there are. */
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
    size_t offset, count;        /* place in the flat weight vector, in elements */
};

/* STATUS_BAD_INPUT for a shape that is none. */
enum status mlp_check(const struct mlp_shape *shape, struct error *e);

/* Fills the list of trainable arrays in the order of their place in the flat weight vector and returns its length. */
size_t mlp_tensors(const struct mlp_shape *shape, struct mlp_tensor list[MLP_TENSORS]);

/* Weights to start from: uniform on [-b, b], b = 1/sqrt(inputs of the layer), as network/initialise.h has them. */
enum status mlp_initialise(const struct mlp_shape *shape, uint64_t seed, float *weights, struct error *e);

struct mlp;
struct mlp_workspace;

/* frequencies: embedding/2 values. max_batch: most numbers of one call. */
enum status mlp_new(const struct mlp_shape *shape, const float *frequencies, int max_batch, struct mlp **network,
                    struct error *e);
void mlp_free(struct mlp *network);
/* Copies new weights in; no workspace may be at work. */
void mlp_set_weights(struct mlp *network, const float *weights);

enum status mlp_workspace_new(struct mlp *network, struct mlp_workspace **ws, struct error *e);
void mlp_workspace_free(struct mlp_workspace *ws);

/* output[n] = F(x[n], t[n]), n <= max_batch. Keeps what backward needs. */
void mlp_forward(struct mlp_workspace *ws, int n, const float *x, const float *t, float *output);
/* After forward with the same n: input_gradient[n] = dF/dx times output_gradient[n], NULL to skip; gradient of
 * sum(output * output_gradient) with respect to the weights (flat vector), NULL to skip. Repeatable. */
void mlp_backward(struct mlp_workspace *ws, int n, const float *output_gradient, float *input_gradient,
                  float *gradient);

/* Floating-point operations of one forward pass of max_batch numbers. */
double mlp_flop(const struct mlp *network);

#endif
