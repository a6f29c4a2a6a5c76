#include "network/mlp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/memory.h"
#include "base/random.h"
#include "network/dense.h"
#include "network/embedding.h"

/* The dense layers are adjacent in memory, weights and then biases, as embedding.h requires. */
enum {
    EMBED,
    EMBED_BIAS,
    DENSE,
    DENSE_BIAS = DENSE + MLP_LEVELS,
    LAYER = DENSE_BIAS + MLP_LEVELS,
    OUTPUT = LAYER + MLP_LEVELS,
    OUTPUT_BIAS
};

struct mlp {
    size_t width, length, batch, total;
    struct mlp_tensor tensors[MLP_TENSORS];
    float *memory;  /* everything below */
    float *weights; /* flat vector */
    struct embedding embedding;
    float *layer[MLP_LEVELS]; /* transposed: (in, out); for layer 1, which has one input, the weights themselves */
};

struct mlp_workspace {
    struct mlp *network;
    float *memory;
    struct embedding_state embedding;
    float *x;                                      /* (batch): the input */
    float *before[MLP_LEVELS], *after[MLP_LEVELS]; /* (batch, width): before and after the activation */
    float *gradient;                               /* (batch, width): gradient of the output of a level */
    float *level;                                  /* (batch, width): gradient of the input of its activation */
    float *d;                                      /* (batch, MLP_LEVELS width): `level` of all levels */
    float *room;                                   /* (batch, length): workspace of the embedding */
};

enum status mlp_check(const struct mlp_shape *shape, struct error *e) {
    if (shape->width < 1) {
        return error_set(e, STATUS_BAD_INPUT, "network: width is %d, expected 1 or more", shape->width);
    }
    if (shape->embedding < 2 || shape->embedding % 2 != 0) {
        return error_set(e, STATUS_BAD_INPUT, "network: embedding is %d, expected an even number", shape->embedding);
    }
    return STATUS_OK;
}

size_t mlp_tensors(const struct mlp_shape *shape, struct mlp_tensor list[MLP_TENSORS]) {
    static const char *const names[MLP_TENSORS] = {"embed.weight",  "embed.bias",    "dense1.weight", "dense2.weight",
                                                   "dense3.weight", "dense1.bias",   "dense2.bias",   "dense3.bias",
                                                   "layer1.weight", "layer2.weight", "layer3.weight", "output.weight",
                                                   "output.bias"};
    const size_t width = (size_t)shape->width, length = (size_t)shape->embedding;
    size_t offset = 0;
    for (int i = 0; i < MLP_TENSORS; i++) {
        const size_t rows = i <= EMBED_BIAS ? length : i >= OUTPUT ? 1 : width;
        const size_t columns = i < LAYER ? length : i == LAYER ? 1 : width;
        const int bias = i == EMBED_BIAS || i == OUTPUT_BIAS || (i >= DENSE_BIAS && i < LAYER);
        const size_t count = bias ? rows : rows * columns;
        list[i] = (struct mlp_tensor){names[i], bias ? 1 : 2, {rows, bias ? 0 : columns}, offset, count};
        offset += count;
    }
    return offset;
}

enum status mlp_initialise(const struct mlp_shape *shape, uint64_t seed, float *weights, struct error *e) {
    struct mlp_tensor list[MLP_TENSORS];
    const size_t total = mlp_tensors(shape, list);
    double *u = malloc(total * sizeof *u);
    if (!u) {
        return error_set(e, STATUS_FAILED, "initial weights: out of memory");
    }
    for (int i = 0; i < MLP_TENSORS; i++) {
        const double inputs = i < LAYER ? shape->embedding : i == LAYER ? 1 : shape->width;
        const double bound = 1 / sqrt(inputs);
        random_uniform(random_key(seed, "network", list[i].name), 0, 0, u, list[i].count);
        for (size_t k = 0; k < list[i].count; k++) {
            weights[list[i].offset + k] = (float)(bound * (2 * u[k] - 1));
        }
    }
    free(u);
    return STATUS_OK;
}

/* The next `count` floats of the memory, aligned for vector registers; with memory NULL it only counts them. */
static float *part(float *memory, size_t *used, size_t count) {
    float *at = memory ? memory + *used : NULL;
    *used += (count + 15) / 16 * 16;
    return at;
}

static size_t lay_out_network(struct mlp *m, float *memory) {
    size_t used = 0;
    m->weights = part(memory, &used, m->tensors[OUTPUT_BIAS].offset + 1);
    struct embedding *e = &m->embedding;
    e->frequencies = part(memory, &used, m->length / 2);
    e->embed = part(memory, &used, m->length * m->length);
    e->embed_bias = part(memory, &used, m->length);
    e->dense = part(memory, &used, m->total * m->length);
    e->dense_transposed = part(memory, &used, m->total * m->length);
    e->dense_bias = part(memory, &used, m->total);
    for (int l = 0; l < MLP_LEVELS; l++) {
        m->layer[l] = part(memory, &used, m->tensors[LAYER + l].count);
    }
    return used;
}

static size_t lay_out_workspace(struct mlp_workspace *w, float *memory) {
    const struct mlp *m = w->network;
    size_t used = 0;
    w->x = part(memory, &used, m->batch);
    w->embedding.features = part(memory, &used, m->batch * m->length);
    w->embedding.before = part(memory, &used, m->batch * m->length);
    w->embedding.after = part(memory, &used, m->batch * m->length);
    w->embedding.d = part(memory, &used, m->batch * m->total);
    for (int l = 0; l < MLP_LEVELS; l++) {
        w->before[l] = part(memory, &used, m->batch * m->width);
        w->after[l] = part(memory, &used, m->batch * m->width);
    }
    w->gradient = part(memory, &used, m->batch * m->width);
    w->level = part(memory, &used, m->batch * m->width);
    w->d = part(memory, &used, m->batch * m->total);
    w->room = part(memory, &used, m->batch * m->length);
    return used;
}

enum status mlp_new(const struct mlp_shape *shape, const float *frequencies, int max_batch, struct mlp **network,
                    struct error *e) {
    *network = NULL;
    TRY(mlp_check(shape, e));
    struct mlp *m = calloc(1, sizeof *m);
    if (!m) {
        return error_set(e, STATUS_FAILED, "out of memory for the network");
    }
    m->width = (size_t)shape->width;
    m->length = (size_t)shape->embedding;
    m->batch = (size_t)max_batch;
    m->total = MLP_LEVELS * m->width;
    mlp_tensors(shape, m->tensors);
    m->memory = memory_aligned(lay_out_network(m, NULL), sizeof *m->memory);
    if (!m->memory) {
        mlp_free(m);
        return error_set(e, STATUS_FAILED, "out of memory for the network");
    }
    lay_out_network(m, m->memory);
    m->embedding.length = m->length;
    m->embedding.total = m->total;
    memcpy(m->embedding.frequencies, frequencies, m->length / 2 * sizeof *frequencies);
    *network = m;
    return STATUS_OK;
}

void mlp_free(struct mlp *m) {
    if (!m) {
        return;
    }
    free(m->memory);
    free(m);
}

static void transpose(size_t rows, size_t columns, const float *in, float *out) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            out[j * rows + i] = in[i * columns + j];
        }
    }
}

void mlp_set_weights(struct mlp *m, const float *weights) {
    const struct mlp_tensor *t = m->tensors;
    struct embedding *e = &m->embedding;
    memcpy(m->weights, weights, (t[OUTPUT_BIAS].offset + 1) * sizeof *weights);
    transpose(m->length, m->length, weights + t[EMBED].offset, e->embed);
    memcpy(e->embed_bias, weights + t[EMBED_BIAS].offset, m->length * sizeof *weights);
    memcpy(e->dense, weights + t[DENSE].offset, m->total * m->length * sizeof *weights);
    transpose(m->total, m->length, weights + t[DENSE].offset, e->dense_transposed);
    memcpy(e->dense_bias, weights + t[DENSE_BIAS].offset, m->total * sizeof *weights);
    for (int l = 0; l < MLP_LEVELS; l++) {
        transpose(m->width, t[LAYER + l].shape[1], weights + t[LAYER + l].offset, m->layer[l]);
    }
}

enum status mlp_workspace_new(struct mlp *network, struct mlp_workspace **ws, struct error *e) {
    *ws = NULL;
    struct mlp_workspace *w = calloc(1, sizeof *w);
    if (w) {
        w->network = network;
        w->memory = memory_aligned(lay_out_workspace(w, NULL), sizeof *w->memory);
    }
    if (!w || !w->memory) {
        mlp_workspace_free(w);
        return error_set(e, STATUS_FAILED, "out of memory for the network");
    }
    lay_out_workspace(w, w->memory);
    *ws = w;
    return STATUS_OK;
}

void mlp_workspace_free(struct mlp_workspace *w) {
    if (!w) {
        return;
    }
    free(w->memory);
    free(w);
}

/* before += d of the level; after = swish(before) */
static void activate(size_t n, size_t width, const float *restrict d, size_t stride, float *restrict before,
                     float *restrict after) {
    for (size_t b = 0; b < n; b++) {
        for (size_t i = 0; i < width; i++) {
            const float a = before[b * width + i] + d[b * stride + i];
            before[b * width + i] = a;
            after[b * width + i] = a / (1.0f + function_exp_float(-a));
        }
    }
}

void mlp_forward(struct mlp_workspace *w, int n, const float *x, const float *t, float *output) {
    const struct mlp *m = w->network;
    const size_t count = (size_t)n, width = m->width;
    embedding_forward(&m->embedding, count, t, &w->embedding);
    for (int l = 0; l < MLP_LEVELS; l++) {
        dense_affine(count, l == 0 ? 1 : width, width, m->layer[l], NULL, l == 0 ? x : w->after[l - 1], w->before[l]);
        activate(count, width, w->embedding.d + (size_t)l * width, m->total, w->before[l], w->after[l]);
    }
    memcpy(w->x, x, count * sizeof *x);
    const float *out = m->weights + m->tensors[OUTPUT].offset, bias = m->weights[m->tensors[OUTPUT_BIAS].offset];
    for (size_t b = 0; b < count; b++) {
        float sum = bias;
        for (size_t i = 0; i < width; i++) {
            sum += out[i] * w->after[MLP_LEVELS - 1][b * width + i];
        }
        output[b] = sum;
    }
}

/* level = gradient times swish'(before), with a copy in d */
static void deactivate(size_t n, size_t width, const float *restrict gradient, const float *restrict before,
                       float *restrict level, float *restrict d, size_t stride) {
    for (size_t b = 0; b < n; b++) {
        for (size_t i = 0; i < width; i++) {
            const float a = before[b * width + i], sigmoid = 1.0f / (1.0f + function_exp_float(-a));
            const float g = gradient[b * width + i] * (sigmoid + a * sigmoid * (1.0f - sigmoid));
            level[b * width + i] = g;
            d[b * stride + i] = g;
        }
    }
}

void mlp_backward(struct mlp_workspace *w, int n, const float *output_gradient, float *input_gradient,
                  float *gradient) {
    const struct mlp *m = w->network;
    const struct mlp_tensor *t = m->tensors;
    const size_t count = (size_t)n, width = m->width;
    const float *out = m->weights + t[OUTPUT].offset;
    if (gradient) {
        memset(gradient, 0, (t[OUTPUT_BIAS].offset + 1) * sizeof *gradient);
    }
    for (size_t b = 0; b < count; b++) {
        const float g = output_gradient[b];
        for (size_t i = 0; i < width; i++) {
            w->gradient[b * width + i] = g * out[i];
        }
        if (gradient) {
            dense_accumulate(width, g, w->after[MLP_LEVELS - 1] + b * width, gradient + t[OUTPUT].offset);
            gradient[t[OUTPUT_BIAS].offset] += g;
        }
    }
    for (int l = MLP_LEVELS - 1; l >= 0; l--) {
        const size_t inputs = l == 0 ? 1 : width;
        deactivate(count, width, w->gradient, w->before[l], w->level, w->d + (size_t)l * width, m->total);
        if (gradient) {
            dense_outer(count, width, inputs, w->level, l == 0 ? w->x : w->after[l - 1],
                        gradient + t[LAYER + l].offset);
        }
        if (l > 0) {
            dense_affine(count, width, width, m->weights + t[LAYER + l].offset, NULL, w->level, w->gradient);
        }
    }
    const float *first = m->weights + t[LAYER].offset;
    for (size_t b = 0; b < count && input_gradient; b++) {
        float sum = 0;
        for (size_t i = 0; i < width; i++) {
            sum += first[i] * w->level[b * width + i];
        }
        input_gradient[b] = sum;
    }
    if (gradient) {
        embedding_backward(&m->embedding, count, &w->embedding, w->d, gradient + t[EMBED].offset,
                           gradient + t[EMBED_BIAS].offset, gradient + t[DENSE].offset, gradient + t[DENSE_BIAS].offset,
                           w->room);
    }
}
