#include "network/embedding.h"

#include "base/functions.h"
#include "network/dense.h"

void embedding_forward(const struct embedding *e, size_t n, const float *t, const struct embedding_state *s) {
    const size_t half = e->length / 2;
    for (size_t b = 0; b < n; b++) {
        for (size_t j = 0; j < half; j++) {
            double sine, cosine;
            function_sincos_turns((double)e->frequencies[j] * (double)t[b], &sine, &cosine);
            s->features[b * e->length + j] = (float)sine;
            s->features[b * e->length + half + j] = (float)cosine;
        }
    }
    dense_affine(n, e->length, e->length, e->embed, e->embed_bias, s->features, s->before);
    for (size_t i = 0; i < n * e->length; i++) {
        s->after[i] = s->before[i] / (1.0f + function_exp_float(-s->before[i]));
    }
    dense_affine(n, e->length, e->total, e->dense_transposed, e->dense_bias, s->after, s->d);
}

void embedding_backward(const struct embedding *e, size_t n, const struct embedding_state *s, const float *d_gradient,
                        float *embed_gradient, float *embed_bias_gradient, float *dense_gradient,
                        float *dense_bias_gradient, float *workspace) {
    const size_t length = e->length, total = e->total;
    dense_outer(n, total, length, d_gradient, s->after, dense_gradient);
    dense_affine(n, total, length, e->dense, NULL, d_gradient, workspace);
    for (size_t b = 0; b < n; b++) {
        dense_accumulate(total, 1.0f, d_gradient + b * total, dense_bias_gradient);
        float *g = workspace + b * length;
        const float *a = s->before + b * length;
        for (size_t i = 0; i < length; i++) {
            const float sigmoid = 1.0f / (1.0f + function_exp_float(-a[i]));
            g[i] *= sigmoid + a[i] * sigmoid * (1.0f - sigmoid);
        }
        dense_accumulate(length, 1.0f, g, embed_bias_gradient);
    }
    dense_outer(n, length, length, workspace, s->features, embed_gradient);
}
