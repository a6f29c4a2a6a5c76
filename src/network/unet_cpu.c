/* Layout, weights and packed gradients of the network on the CPU; the passes are in unet_cpu_pass.c. */
#include "network/unet_cpu_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static size_t round_up(size_t floats) {
    return (floats + 15) / 16 * 16;
}

/* The trainable array LAYER.KIND, which must exist. */
static const struct unet_tensor *tensor(const struct unet_cpu *u, const char *layer, const char *kind) {
    char name[32];
    snprintf(name, sizeof name, "%s.%s", layer, kind);
    const int i = unet_find(&u->shape, name);
    if (i < 0) {
        abort();
    }
    return &u->tensors[i];
}

static void find_tensors(struct unet_cpu *u) {
    static const char *const norm[LEVELS] = {"gnorm1", "gnorm2", "gnorm3", "gnorm4", "tgnorm4", "tgnorm3", "tgnorm2"};
    static const char *const dense[LEVELS] = {"dense1", "dense2", "dense3", "dense4", "dense5", "dense6", "dense7"};
    static const char *const convolution[CONVOLUTIONS] = {"conv2", "conv3", "conv4", "tconv4", "tconv3", "tconv2"};
    for (int l = 0; l < LEVELS; l++) {
        u->gamma[l] = tensor(u, norm[l], "weight");
        u->beta[l] = tensor(u, norm[l], "bias");
        u->dense[l] = tensor(u, dense[l], "weight");
        u->dense_bias[l] = tensor(u, dense[l], "bias");
    }
    for (int k = 0; k < CONVOLUTIONS; k++) {
        u->kernel[k] = tensor(u, convolution[k], "weight");
    }
    u->first_kernel = tensor(u, "conv1", "weight");
    u->last_kernel = tensor(u, "tconv1", "weight");
    u->last_bias = tensor(u, "tconv1", "bias");
    u->embed = tensor(u, "embed", "weight");
    u->embed_bias = tensor(u, "embed", "bias");
}

static void lay_out(struct unet_cpu *u) {
    const size_t w = (size_t)u->shape.width, channels[LEVELS] = {w, 2 * w, 4 * w, 8 * w, 4 * w, 2 * w, w};
    size_t height[SIZES], width[SIZES];
    height[0] = (size_t)u->shape.height;
    width[0] = (size_t)u->shape.width_sites;
    for (int s = 1; s < SIZES; s++) {
        height[s] = height[s - 1] / (size_t)u->shape.stride;
        width[s] = width[s - 1] / (size_t)u->shape.stride;
    }
    u->sites = height[0] * width[0];
    size_t d = 0;
    for (int l = 0; l < LEVELS; l++) {
        size_t groups = l == 0 ? 4 : channels[l] < 32 ? channels[l] : 32;
        u->level[l] = (struct normalise){height[unet_cpu_size[l]], width[unet_cpu_size[l]], channels[l], groups};
        u->d_offset[l] = d;
        d += channels[l];
    }
    const bool periodic = u->shape.padding == UNET_PERIODIC;
    for (int s = 0; s < 3; s++) {
        u->halo[s] = (struct halo){height[s], width[s], channels[s], u->shape.stride == 1, periodic};
    }
    u->outer = (struct halo){height[0], width[0], 1, true, periodic};
    u->first = (struct single_channel){height[0], width[0], w};
    u->last = (struct single_channel){height[0], width[0], 2 * w};
    u->embedding.length = (size_t)u->shape.embedding;
    u->embedding.total = d;
}

static void lay_out_gradient(struct unet_cpu *u) {
    size_t at = 0;
    for (int k = 0; k < CONVOLUTIONS; k++) {
        u->at_convolution[k] = at;
        at += round_up(convolution_packed_size(u->convolution[k]));
    }
    u->at_first = at, at += round_up(9 * u->first.many);
    u->at_last = at, at += round_up(9 * u->last.many);
    u->at_bias = at, at += 16;
    for (int l = 0; l < LEVELS; l++) {
        u->at_gamma[l] = at, at += round_up(u->level[l].channels);
        u->at_beta[l] = at, at += round_up(u->level[l].channels);
    }
    const size_t length = u->embedding.length, total = u->embedding.total;
    u->at_embed = at, at += round_up(length * length);
    u->at_embed_bias = at, at += round_up(length);
    u->at_dense = at, at += round_up(total * length);
    u->at_dense_bias = at, at += round_up(total);
    u->packed = at;
}

/* How a convolution is computed, for each choice of the network. */
static const enum convolution_kind kinds[] = {
    [UNET_DIRECT] = CONVOLUTION_DIRECT, [UNET_WINOGRAD] = CONVOLUTION_WINOGRAD, [UNET_BFLOAT16] = CONVOLUTION_BFLOAT16};

static enum status build(struct unet_cpu *u, enum unet_convolutions convolutions, const float *frequencies,
                         struct error *e) {
    lay_out(u);
    u->rounded = kinds[convolutions] == CONVOLUTION_BFLOAT16;
    for (int k = 0; k < CONVOLUTIONS; k++) {
        /* k < 3: contraction from level k to k+1; else expansion to level k+1 from [u, h], which has twice its channels
         * and is one size smaller */
        const struct normalise *wide = &u->level[k < 3 ? k : k + 1], *narrow = &u->level[k < 3 ? k + 1 : k];
        struct convolution_shape shape = {.batch = u->batch,
                                          .wide_channels = (int)wide->channels,
                                          .narrow_channels = (int)(k > 3 ? 2 * narrow->channels : narrow->channels),
                                          .narrow_height = (int)narrow->height,
                                          .narrow_width = (int)narrow->width,
                                          .stride = u->shape.stride,
                                          .kind = kinds[convolutions]};
        TRY(convolution_new(&shape, &u->convolution[k], e));
        size_t scratch = convolution_scratch(u->convolution[k]);
        u->scratch = scratch > u->scratch ? scratch : u->scratch;
    }
    lay_out_gradient(u);
    struct embedding *m = &u->embedding;
    const size_t length = m->length, total = m->total;
    u->weights = memory_aligned(u->weight_count, sizeof(float));
    u->first_taps = memory_aligned(9 * u->first.many, sizeof(float));
    u->last_taps = memory_aligned(9 * u->last.many, sizeof(float));
    m->frequencies = memory_aligned(length / 2, sizeof(float));
    m->embed = memory_aligned(length * length, sizeof(float));
    m->embed_bias = memory_aligned(length, sizeof(float));
    m->dense = memory_aligned(total * length, sizeof(float));
    m->dense_transposed = memory_aligned(total * length, sizeof(float));
    m->dense_bias = memory_aligned(total, sizeof(float));
    if (!u->weights || !u->first_taps || !u->last_taps || !m->frequencies || !m->embed || !m->embed_bias || !m->dense ||
        !m->dense_transposed || !m->dense_bias) {
        return error_set(e, STATUS_FAILED, "out of memory for the network");
    }
    memcpy(m->frequencies, frequencies, length / 2 * sizeof *frequencies);
    return STATUS_OK;
}

enum status unet_cpu_new(const struct unet_shape *shape, enum unet_convolutions convolutions, const float *frequencies,
                         int max_batch, struct unet_cpu **network, struct error *e) {
    *network = NULL;
    TRY(unet_check(shape, e));
    struct unet_cpu *u = calloc(1, sizeof *u);
    if (!u) {
        return error_set(e, STATUS_FAILED, "out of memory for the network");
    }
    u->shape = *shape;
    u->batch = max_batch;
    unet_tensors(shape, u->tensors, &u->weight_count);
    find_tensors(u);
    enum status status = build(u, convolutions, frequencies, e);
    if (status != STATUS_OK) {
        unet_cpu_free(u);
        return status;
    }
    *network = u;
    return STATUS_OK;
}

void unet_cpu_free(struct unet_cpu *u) {
    if (!u) {
        return;
    }
    for (int k = 0; k < CONVOLUTIONS; k++) {
        convolution_free(u->convolution[k]);
    }
    struct embedding *m = &u->embedding;
    float *owned[] = {u->weights,    u->first_taps, u->last_taps,        m->frequencies, m->embed,
                      m->embed_bias, m->dense,      m->dense_transposed, m->dense_bias};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) {
        free(owned[i]);
    }
    free(u);
}

/* out (columns, rows) = transpose of in (rows, columns) */
static void transpose(size_t rows, size_t columns, const float *in, float *out) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            out[j * rows + i] = in[i * columns + j];
        }
    }
}

/* The weights are copied once per training step, while nothing else runs, so the copy is split over the threads. */
enum { PIECES = CONVOLUTIONS + LEVELS + 3 };

/* Copies an array that is used in the layout of the flat vector. */
static void keep(struct unet_cpu *u, const float *weights, const struct unet_tensor *t) {
    memcpy(u->weights + t->offset, weights + t->offset, t->count * sizeof *weights);
}

static void set_piece(struct unet_cpu *u, int piece, const float *weights) {
    struct embedding *m = &u->embedding;
    if (piece < CONVOLUTIONS) {
        convolution_set_weights(u->convolution[piece], weights + u->kernel[piece]->offset);
        return;
    }
    const int l = piece - CONVOLUTIONS;
    if (l < LEVELS) {
        const size_t channels = u->level[l].channels, row = u->d_offset[l];
        const float *dense = weights + u->dense[l]->offset;
        memcpy(m->dense + row * m->length, dense, channels * m->length * sizeof *dense);
        for (size_t i = 0; i < m->length; i++) {
            for (size_t j = 0; j < channels; j++) {
                m->dense_transposed[i * m->total + row + j] = dense[j * m->length + i];
            }
        }
        memcpy(m->dense_bias + row, weights + u->dense_bias[l]->offset, channels * sizeof *weights);
        keep(u, weights, u->gamma[l]);
        keep(u, weights, u->beta[l]);
    } else if (l == LEVELS) {
        transpose(u->first.many, 9, weights + u->first_kernel->offset, u->first_taps);
        transpose(u->last.many, 9, weights + u->last_kernel->offset, u->last_taps);
    } else if (l == LEVELS + 1) {
        transpose(m->length, m->length, weights + u->embed->offset, m->embed);
    } else {
        memcpy(m->embed_bias, weights + u->embed_bias->offset, m->length * sizeof *weights);
        keep(u, weights, u->last_bias);
    }
}

static void unpack_piece(struct unet_cpu *u, int piece, const float *packed, float *out) {
    const size_t length = u->embedding.length;
    if (piece < CONVOLUTIONS) {
        convolution_unpack(u->convolution[piece], packed + u->at_convolution[piece], out + u->kernel[piece]->offset);
        return;
    }
    const int l = piece - CONVOLUTIONS;
    if (l < LEVELS) {
        const size_t c = u->level[l].channels, row = u->d_offset[l];
        memcpy(out + u->gamma[l]->offset, packed + u->at_gamma[l], c * sizeof *out);
        memcpy(out + u->beta[l]->offset, packed + u->at_beta[l], c * sizeof *out);
        memcpy(out + u->dense[l]->offset, packed + u->at_dense + row * length, c * length * sizeof *out);
        memcpy(out + u->dense_bias[l]->offset, packed + u->at_dense_bias + row, c * sizeof *out);
    } else if (l == LEVELS) {
        transpose(9, u->first.many, packed + u->at_first, out + u->first_kernel->offset);
        transpose(9, u->last.many, packed + u->at_last, out + u->last_kernel->offset);
    } else if (l == LEVELS + 1) {
        memcpy(out + u->embed->offset, packed + u->at_embed, length * length * sizeof *out);
    } else {
        out[u->last_bias->offset] = packed[u->at_bias];
        memcpy(out + u->embed_bias->offset, packed + u->at_embed_bias, length * sizeof *out);
    }
}

void unet_cpu_set_weights(struct unet_cpu *u, const float *weights) {
#pragma omp parallel for schedule(dynamic, 1)
    for (int piece = 0; piece < PIECES; piece++) {
        set_piece(u, piece, weights);
    }
}

void unet_cpu_unpack_gradient(struct unet_cpu *u, const float *packed, float *flat) {
#pragma omp parallel for schedule(dynamic, 1)
    for (int piece = 0; piece < PIECES; piece++) {
        unpack_piece(u, piece, packed, flat);
    }
}

size_t unet_cpu_gradient_size(const struct unet_cpu *u) {
    return u->packed;
}
