/* The time embedding and the dense layers that follow it (network/unet.h), in single precision, for one micro-batch:
 * e = swish(embed [sin, cos](2 pi w t) + bias), d = dense e + bias, with the dense layers of all levels combined into
 * one matrix of `total` rows. */
#ifndef DMSQ_NETWORK_EMBEDDING_H
#define DMSQ_NETWORK_EMBEDDING_H

#include <stddef.h>

struct embedding {
    size_t length;      /* length of the embedding */
    size_t total;       /* rows of all dense layers together */
    float *frequencies; /* (length / 2) */
    float *embed;       /* transposed: (in, out) */
    float *embed_bias;
    float *dense;            /* (total, length) */
    float *dense_transposed; /* (length, total) */
    float *dense_bias;
};

/* Results of n configurations that backward needs: features, e before and after the activation, d. */
struct embedding_state {
    float *features, *before, *after; /* (n, length) */
    float *d;                         /* (n, total) */
};

void embedding_forward(const struct embedding *e, size_t n, const float *t, const struct embedding_state *s);

/* Adds to the gradients of embed (out, in), its bias, dense (total, length) and its bias. d_gradient: (n, total);
 * workspace: (n, length). */
void embedding_backward(const struct embedding *e, size_t n, const struct embedding_state *s, const float *d_gradient,
                        float *embed_gradient, float *embed_bias_gradient, float *dense_gradient,
                        float *dense_bias_gradient, float *workspace);

#endif
