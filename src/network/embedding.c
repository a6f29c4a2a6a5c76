#include "network/embedding.h"

#include <string.h>

#include "base/functions.h"

/* out[rows] += x m[rows] */
static void accumulate(size_t rows, float x, const float *restrict m, float *restrict out) {
    for (size_t i = 0; i < rows; i++)
        out[i] += x * m[i];
}

/* Rows are taken in blocks so that a block of every configuration's result stays in registers. */
enum { BLOCK = 32, GROUP = 8, AHEAD = 16 };

/* out (n x rows) = bias + in (n x columns) times matrix (columns, rows), for `length` rows from `first` on. */
static inline __attribute__((always_inline)) void block_affine(size_t length, size_t n, size_t columns, size_t rows,
                                                               const float *restrict matrix,
                                                               const float *bias, const float *restrict in,
                                                               float *restrict out, size_t first) {
    float sum[GROUP][BLOCK];
    for (size_t b = 0; b < n; b++)
        for (size_t i = 0; i < length; i++)
            sum[b][i] = bias ? bias[first + i] : 0;
    for (size_t j = 0; j < columns; j++) {
        /* the machine does not foresee strides of kilobytes */
        for (size_t i = 0; j + AHEAD < columns && i < length; i += 16)
            __builtin_prefetch(matrix + (j + AHEAD) * rows + first + i);
        for (size_t b = 0; b < n; b++)
            for (size_t i = 0; i < length; i++)
                sum[b][i] += in[b * columns + j] * matrix[j * rows + first + i];
    }
    for (size_t b = 0; b < n; b++)
        memcpy(out + b * rows + first, sum[b], length * sizeof *out);
}

/* bias may be NULL. */
static void affine(size_t n, size_t columns, size_t rows, const float *matrix, const float *bias, const float *in,
                   float *out) {
    for (size_t b = 0; b < n; b += GROUP) {
        const size_t group = n - b < GROUP ? n - b : GROUP;
        for (size_t first = 0; first < rows; first += BLOCK) {
            const float *from = in + b * columns;
            float *to = out + b * rows;
            if (group == GROUP && rows - first >= BLOCK)
                block_affine(BLOCK, GROUP, columns, rows, matrix, bias, from, to, first);
            else
                block_affine(rows - first < BLOCK ? rows - first : BLOCK, group, columns, rows, matrix, bias, from, to,
                             first);
        }
    }
}

/* gradient (rows, columns) += left (n x rows) transposed times right (n x columns), configurations in order. */
static void outer(size_t n, size_t rows, size_t columns, const float *restrict left, const float *restrict right,
                  float *restrict gradient) {
    for (size_t r = 0; r < rows; r++) {
        float *restrict own = gradient + r * columns;
        size_t first = 0;
        for (; first + BLOCK <= columns; first += BLOCK) {
            float sum[BLOCK];
            memcpy(sum, own + first, sizeof sum);
            for (size_t b = 0; b < n; b++)
                for (size_t i = 0; i < BLOCK; i++)
                    sum[i] += left[b * rows + r] * right[b * columns + first + i];
            memcpy(own + first, sum, sizeof sum);
        }
        for (size_t b = 0; b < n; b++)
            accumulate(columns - first, left[b * rows + r], right + b * columns + first, own + first);
    }
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
    outer(n, total, length, d_gradient, s->after, dense_gradient);
    affine(n, total, length, e->dense, NULL, d_gradient, workspace);
    for (size_t b = 0; b < n; b++) {
        accumulate(total, 1.0f, d_gradient + b * total, dense_bias_gradient);
        float *g = workspace + b * length;
        const float *a = s->before + b * length;
        for (size_t i = 0; i < length; i++) {
            const float sigmoid = 1.0f / (1.0f + function_exp_float(-a[i]));
            g[i] *= sigmoid + a[i] * sigmoid * (1.0f - sigmoid);
        }
        accumulate(length, 1.0f, g, embed_bias_gradient);
    }
    outer(n, length, length, workspace, s->features, embed_gradient);
}
