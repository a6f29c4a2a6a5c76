#include "network/embedding.h"

#include <string.h>

#include "base/functions.h"

/* out[rows] += x m[rows] */
static void accumulate(size_t rows, float x, const float *restrict m, float *restrict out) {
    for (size_t i = 0; i < rows; i++)
        out[i] += x * m[i];
}

/* out (n x rows) = bias + in (n x columns) times matrix (columns, rows): column by column, so that the
 * matrix is read once a micro-batch. */
static void affine(size_t n, size_t columns, size_t rows, const float *matrix, const float *bias, const float *in,
                   float *out) {
    for (size_t b = 0; b < n; b++)
        memcpy(out + b * rows, bias, rows * sizeof *out);
    for (size_t j = 0; j < columns; j++)
        for (size_t b = 0; b < n; b++)
            accumulate(rows, in[b * columns + j], matrix + j * rows, out + b * rows);
}

void embedding_forward(const struct embedding *e, size_t n, const float *t, const struct embedding_state *s) {
    const size_t half = e->length / 2;
    for (size_t b = 0; b < n; b++)
        for (size_t j = 0; j < half; j++) {
            double sine, cosine;
            function_sincos_turns((double)e->frequencies[j] * (double)t[b], &sine, &cosine);
            s->features[b * e->length + j] = (float)sine;
            s->features[b * e->length + half + j] = (float)cosine;
        }
    affine(n, e->length, e->length, e->embed, e->embed_bias, s->features, s->before);
    for (size_t i = 0; i < n * e->length; i++)
        s->after[i] = s->before[i] / (1.0f + function_exp_float(-s->before[i]));
    affine(n, e->length, e->total, e->dense_transposed, e->dense_bias, s->after, s->d);
}

void embedding_backward(const struct embedding *e, size_t n, const struct embedding_state *s,
                        const float *d_gradient, float *embed_gradient, float *embed_bias_gradient,
                        float *dense_gradient, float *dense_bias_gradient, float *workspace) {
    const size_t length = e->length, total = e->total;
    for (size_t r = 0; r < total; r++)
        for (size_t b = 0; b < n; b++)
            accumulate(length, d_gradient[b * total + r], s->after + b * length, dense_gradient + r * length);
    for (size_t b = 0; b < n; b++) {
        accumulate(total, 1.0f, d_gradient + b * total, dense_bias_gradient);
        float *g = workspace;
        memset(g, 0, length * sizeof *g);
        for (size_t r = 0; r < total; r++)
            accumulate(length, d_gradient[b * total + r], e->dense + r * length, g);
        const float *a = s->before + b * length;
        for (size_t i = 0; i < length; i++) {
            const float sigmoid = 1.0f / (1.0f + function_exp_float(-a[i]));
            g[i] *= sigmoid + a[i] * sigmoid * (1.0f - sigmoid);
        }
        accumulate(length, 1.0f, g, embed_bias_gradient);
        for (size_t i = 0; i < length; i++)
            accumulate(length, g[i], s->features + b * length, embed_gradient + i * length);
    }
}
