/* The time embedding and the dense layers that it feeds (network/unet.h), single precision, one
 * micro-batch at a time: e = swish(embed [sin, cos](2 pi w t) + bias), d = dense e + bias, the dense layers of
 * all levels side by side as one matrix of `total` rows. */
#ifndef DMSQ_NETWORK_EMBEDDING_H
#define DMSQ_NETWORK_EMBEDDING_H

#include <stddef.h>

struct embedding {
    size_t length;      /* of the embedding */
    size_t total;       /* rows of all dense layers together */
    float *frequencies; /* length / 2 */
    float *embed;       /* transposed: (in, out) */
    float *embed_bias;
    float *dense;            /* (total, length) */
    float *dense_transposed; /* (length, total) */
    float *dense_bias;
};

/* Results that backward needs, for n configurations: features, before and after the activation, d. */
struct embedding_state {
    float *features, *before, *after; /* n x length */
    float *d;                         /* n x total */
};

void embedding_forward(const struct embedding *e, size_t n, const float *t, const struct embedding_state *s);

/* d_gradient: n x total. Adds to the gradients of embed (out, in), its bias, dense (total, length) and its
 * bias. workspace: n x length floats. */
void embedding_backward(const struct embedding *e, size_t n, const struct embedding_state *s, const float *d_gradient,
                        float *embed_gradient, float *embed_bias_gradient, float *dense_gradient,
                        float *dense_bias_gradient, float *workspace);

#endif
