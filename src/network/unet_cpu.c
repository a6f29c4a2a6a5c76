#include "network/unet_cpu.h"

#include <stdlib.h>
#include <string.h>

#include "network/convolution.h"
#include "network/embedding.h"
#include "network/halo.h"
#include "network/normalise.h"
#include "network/single_channel.h"

/* Levels are numbered along the data: 0-3 contract (gnorm1-4), 4-6 expand (tgnorm4-2). Sizes 0-3 are the
 * lattice, then s, s^2, s^3 times coarser; level l lives at size[l]. Convolutions 0-2 are conv2-4, 3-5
 * tconv4-2. */
enum { LEVELS = 7, CONVOLUTIONS = 6, SIZES = 4 };
static const int size_of[LEVELS] = {0, 1, 2, 3, 2, 1, 0};
static const char *const norm_name[LEVELS] = {"gnorm1", "gnorm2", "gnorm3", "gnorm4", "tgnorm4", "tgnorm3", "tgnorm2"};
static const char *const dense_name[LEVELS] = {"dense1", "dense2", "dense3", "dense4", "dense5", "dense6", "dense7"};
static const char *const convolution_name[CONVOLUTIONS] = {"conv2", "conv3", "conv4", "tconv4", "tconv3", "tconv2"};

struct unet_cpu {
    struct unet_shape shape;
    int batch;
    struct unet_tensor tensors[UNET_TENSORS];
    size_t weight_count, sites;
    struct normalise level[LEVELS];
    size_t d_offset[LEVELS]; /* of a level's channels among the rows of all dense layers */
    struct halo halo[3];     /* of the wide fields at sizes 0-2; channels as in contraction and expansion */
    struct halo outer;       /* of the single-channel fields */
    struct single_channel first, last;
    struct convolution *convolution[CONVOLUTIONS];
    struct embedding embedding;
    float *weights;     /* the flat vector; group norms and the last bias are filled in, the rest lies below */
    float *first_taps;  /* conv1 as (9, width) */
    float *last_taps;   /* tconv1 as (9, 2 width) */
    size_t scratch;
    /* packed gradient: the convolutions as oneDNN has them, then the rest */
    size_t at_convolution[CONVOLUTIONS], at_first, at_last, at_bias, at_gamma[LEVELS], at_beta[LEVELS], at_embed,
        at_embed_bias, at_dense, at_dense_bias, packed;
};

struct unet_cpu_workspace {
    struct unet_cpu *network;
    void *scratch;
    float *single;      /* batch x field with outer halo: the input */
    float *output;      /* one field with outer halo */
    float *y[LEVELS];   /* before the norm; levels 4-6 inside their halo */
    float *wide[3];     /* h1-h3 with halo */
    float *joined[3];   /* [u, h] at sizes 0-2 */
    float *deepest;     /* h4 */
    float *mean[LEVELS], *rstd[LEVELS];
    struct embedding_state state;
    /* gradients with respect to the same */
    float *d_single, *d_y[LEVELS], *d_wide[3], *d_joined[3], *d_deepest, *d_d;
    float *vector;      /* workspace of normalise and embedding */
};

static size_t round_up(size_t floats) {
    return (floats + 15) / 16 * 16;
}

static float *floats(size_t count) {
    float *p = aligned_alloc(64, round_up(count) * sizeof *p);
    if (p)
        memset(p, 0, round_up(count) * sizeof *p);
    return p;
}

static const struct unet_tensor *tensor(const struct unet_cpu *u, const char *layer, const char *kind) {
    size_t length = strlen(layer);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        const char *name = u->tensors[i].name;
        if (strncmp(name, layer, length) == 0 && name[length] == '.' && strcmp(name + length + 1, kind) == 0)
            return &u->tensors[i];
    }
    abort(); /* names are literals of this file */
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
        u->level[l] = (struct normalise){height[size_of[l]], width[size_of[l]], channels[l], groups};
        u->d_offset[l] = d;
        d += channels[l];
    }
    const bool periodic = u->shape.padding == UNET_PERIODIC;
    for (int s = 0; s < 3; s++)
        u->halo[s] = (struct halo){height[s], width[s], channels[s], u->shape.stride == 1, periodic};
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

static enum status build(struct unet_cpu *u, const float *frequencies, struct error *e) {
    lay_out(u);
    for (int k = 0; k < CONVOLUTIONS; k++) {
        /* from level k to k+1 on the way down; on the way up to level k+1, from [u, h] of twice its
         * channels on the size below */
        const struct normalise *wide = &u->level[k < 3 ? k : k + 1], *narrow = &u->level[k < 3 ? k + 1 : k];
        struct convolution_shape shape = {.batch = u->batch,
                                          .wide_channels = (int)wide->channels,
                                          .narrow_channels = (int)(k > 3 ? 2 * narrow->channels : narrow->channels),
                                          .narrow_height = (int)narrow->height,
                                          .narrow_width = (int)narrow->width,
                                          .stride = u->shape.stride};
        enum status status = convolution_new(&shape, &u->convolution[k], e);
        if (status != STATUS_OK)
            return status;
        size_t scratch = convolution_scratch(u->convolution[k]);
        u->scratch = scratch > u->scratch ? scratch : u->scratch;
    }
    lay_out_gradient(u);
    struct embedding *m = &u->embedding;
    const size_t length = m->length, total = m->total;
    u->weights = floats(u->weight_count);
    u->first_taps = floats(9 * u->first.many);
    u->last_taps = floats(9 * u->last.many);
    m->frequencies = floats(length / 2);
    m->embed = floats(length * length);
    m->embed_bias = floats(length);
    m->dense = floats(total * length);
    m->dense_transposed = floats(total * length);
    m->dense_bias = floats(total);
    if (!u->weights || !u->first_taps || !u->last_taps || !m->frequencies || !m->embed || !m->embed_bias ||
        !m->dense || !m->dense_transposed || !m->dense_bias)
        return error_set(e, STATUS_FAILED, "out of memory for the network");
    memcpy(m->frequencies, frequencies, length / 2 * sizeof *frequencies);
    return STATUS_OK;
}

enum status unet_cpu_new(const struct unet_shape *shape, const float *frequencies, int max_batch,
                         struct unet_cpu **network, struct error *e) {
    *network = NULL;
    enum status status = unet_check(shape, e);
    if (status != STATUS_OK)
        return status;
    struct unet_cpu *u = calloc(1, sizeof *u);
    if (!u)
        return error_set(e, STATUS_FAILED, "out of memory for the network");
    u->shape = *shape;
    u->batch = max_batch;
    unet_tensors(shape, u->tensors, &u->weight_count);
    status = build(u, frequencies, e);
    if (status != STATUS_OK) {
        unet_cpu_free(u);
        return status;
    }
    *network = u;
    return STATUS_OK;
}

void unet_cpu_free(struct unet_cpu *u) {
    if (!u)
        return;
    for (int k = 0; k < CONVOLUTIONS; k++)
        convolution_free(u->convolution[k]);
    struct embedding *m = &u->embedding;
    float *owned[] = {u->weights, u->first_taps, u->last_taps, m->frequencies, m->embed, m->embed_bias,
                      m->dense, m->dense_transposed, m->dense_bias};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        free(owned[i]);
    free(u);
}

/* out (columns, rows) = transpose of in (rows, columns) */
static void transpose(size_t rows, size_t columns, const float *in, float *out) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            out[j * rows + i] = in[i * columns + j];
}

/* The weights change hands once a training step, while nothing else runs: so in pieces that threads share. */
enum { PIECES = CONVOLUTIONS + LEVELS + 3 };

/* What is used as it lies in the flat vector. */
static void keep(struct unet_cpu *u, const float *weights, const char *layer, const char *kind) {
    const struct unet_tensor *t = tensor(u, layer, kind);
    memcpy(u->weights + t->offset, weights + t->offset, t->count * sizeof *weights);
}

static enum status set_piece(struct unet_cpu *u, int piece, const float *weights, struct error *e) {
    struct embedding *m = &u->embedding;
    if (piece < CONVOLUTIONS)
        return convolution_set_weights(u->convolution[piece],
                                       weights + tensor(u, convolution_name[piece], "weight")->offset, e);
    const int l = piece - CONVOLUTIONS;
    if (l < LEVELS) {
        const size_t channels = u->level[l].channels, row = u->d_offset[l];
        const float *dense = weights + tensor(u, dense_name[l], "weight")->offset;
        memcpy(m->dense + row * m->length, dense, channels * m->length * sizeof *dense);
        for (size_t i = 0; i < m->length; i++)
            for (size_t j = 0; j < channels; j++)
                m->dense_transposed[i * m->total + row + j] = dense[j * m->length + i];
        memcpy(m->dense_bias + row, weights + tensor(u, dense_name[l], "bias")->offset, channels * sizeof *weights);
        keep(u, weights, norm_name[l], "weight");
        keep(u, weights, norm_name[l], "bias");
    } else if (l == LEVELS) {
        transpose(u->first.many, 9, weights + tensor(u, "conv1", "weight")->offset, u->first_taps);
        transpose(u->last.many, 9, weights + tensor(u, "tconv1", "weight")->offset, u->last_taps);
    } else if (l == LEVELS + 1)
        transpose(m->length, m->length, weights + tensor(u, "embed", "weight")->offset, m->embed);
    else {
        memcpy(m->embed_bias, weights + tensor(u, "embed", "bias")->offset, m->length * sizeof *weights);
        keep(u, weights, "tconv1", "bias");
    }
    return STATUS_OK;
}

static enum status unpack_piece(struct unet_cpu *u, int piece, float *packed, float *out, struct error *e) {
    const size_t length = u->embedding.length;
    if (piece < CONVOLUTIONS)
        return convolution_unpack(u->convolution[piece], packed + u->at_convolution[piece],
                                  out + tensor(u, convolution_name[piece], "weight")->offset, e);
    const int l = piece - CONVOLUTIONS;
    if (l < LEVELS) {
        const size_t c = u->level[l].channels, row = u->d_offset[l];
        memcpy(out + tensor(u, norm_name[l], "weight")->offset, packed + u->at_gamma[l], c * sizeof *out);
        memcpy(out + tensor(u, norm_name[l], "bias")->offset, packed + u->at_beta[l], c * sizeof *out);
        memcpy(out + tensor(u, dense_name[l], "weight")->offset, packed + u->at_dense + row * length,
               c * length * sizeof *out);
        memcpy(out + tensor(u, dense_name[l], "bias")->offset, packed + u->at_dense_bias + row, c * sizeof *out);
    } else if (l == LEVELS) {
        transpose(9, u->first.many, packed + u->at_first, out + tensor(u, "conv1", "weight")->offset);
        transpose(9, u->last.many, packed + u->at_last, out + tensor(u, "tconv1", "weight")->offset);
    } else if (l == LEVELS + 1)
        memcpy(out + tensor(u, "embed", "weight")->offset, packed + u->at_embed, length * length * sizeof *out);
    else {
        out[tensor(u, "tconv1", "bias")->offset] = packed[u->at_bias];
        memcpy(out + tensor(u, "embed", "bias")->offset, packed + u->at_embed_bias, length * sizeof *out);
    }
    return STATUS_OK;
}

/* Unpacks a gradient to `out`, or where there is none takes over the weights. */
static enum status exchange(struct unet_cpu *u, const float *weights, float *packed, float *out, struct error *e) {
    enum status status = STATUS_OK;
#pragma omp parallel for schedule(dynamic, 1)
    for (int piece = 0; piece < PIECES; piece++) {
        struct error own;
        if ((packed ? unpack_piece(u, piece, packed, out, &own) : set_piece(u, piece, weights, &own)) != STATUS_OK)
#pragma omp critical(unet_cpu_error)
        {
            *e = own;
            status = own.status;
        }
    }
    return status;
}

enum status unet_cpu_set_weights(struct unet_cpu *u, const float *weights, struct error *e) {
    return exchange(u, weights, NULL, NULL, e);
}

enum status unet_cpu_unpack_gradient(struct unet_cpu *u, float *packed, float *flat, struct error *e) {
    return exchange(u, NULL, packed, flat, e);
}

/* --- workspace --------------------------------------------------------------------------------- */

static size_t padded(const struct halo *h) {
    return halo_height(h) * halo_width(h) * h->channels;
}

static size_t inside(const struct normalise *l) {
    return l->height * l->width * l->channels;
}

/* Floats of y of a level for one configuration: the expanding levels carry a halo. */
static size_t level_floats(const struct unet_cpu *u, int l) {
    return l < 4 ? inside(&u->level[l]) : padded(&u->halo[size_of[l]]);
}

/* Every array of a workspace and its size, for one pass that allocates and one that frees. */
static size_t arrays(struct unet_cpu_workspace *ws, float **list[64], size_t counts[64]) {
    const struct unet_cpu *u = ws->network;
    const size_t batch = (size_t)u->batch, length = u->embedding.length, total = u->embedding.total;
    size_t n = 0;
#define ARRAY(pointer, size) (list[n] = &(pointer), counts[n] = (size), n++)
    ARRAY(ws->single, batch * padded(&u->outer));
    ARRAY(ws->d_single, batch * padded(&u->outer));
    ARRAY(ws->output, padded(&u->outer));
    for (int l = 0; l < LEVELS; l++) {
        ARRAY(ws->y[l], batch * level_floats(u, l));
        ARRAY(ws->d_y[l], batch * level_floats(u, l));
        ARRAY(ws->mean[l], batch * u->level[l].channels);
        ARRAY(ws->rstd[l], batch * u->level[l].channels);
    }
    for (int s = 0; s < 3; s++) {
        ARRAY(ws->wide[s], batch * padded(&u->halo[s]));
        ARRAY(ws->d_wide[s], batch * padded(&u->halo[s]));
        ARRAY(ws->joined[s], batch * 2 * inside(&u->level[s]));
        ARRAY(ws->d_joined[s], batch * 2 * inside(&u->level[s]));
    }
    ARRAY(ws->deepest, batch * inside(&u->level[3]));
    ARRAY(ws->d_deepest, batch * inside(&u->level[3]));
    ARRAY(ws->state.features, batch * length);
    ARRAY(ws->state.before, batch * length);
    ARRAY(ws->state.after, batch * length);
    ARRAY(ws->state.d, batch * total);
    ARRAY(ws->d_d, batch * total);
    const size_t norm = normalise_workspace(&u->level[3]);
    ARRAY(ws->vector, norm > batch * length ? norm : batch * length);
#undef ARRAY
    return n;
}

enum status unet_cpu_workspace_new(struct unet_cpu *network, struct unet_cpu_workspace **workspace, struct error *e) {
    *workspace = NULL;
    struct unet_cpu_workspace *ws = calloc(1, sizeof *ws);
    if (!ws)
        return error_set(e, STATUS_FAILED, "out of memory for a workspace of the network");
    ws->network = network;
    ws->scratch = aligned_alloc(64, (network->scratch + 127) / 64 * 64);
    float **list[64];
    size_t counts[64], n = arrays(ws, list, counts);
    bool complete = ws->scratch != NULL;
    for (size_t i = 0; i < n; i++)
        complete = (*list[i] = floats(counts[i])) && complete;
    if (!complete) {
        unet_cpu_workspace_free(ws);
        return error_set(e, STATUS_FAILED, "out of memory for a workspace of the network");
    }
    *workspace = ws;
    return STATUS_OK;
}

void unet_cpu_workspace_free(struct unet_cpu_workspace *ws) {
    if (!ws)
        return;
    float **list[64];
    size_t counts[64], n = arrays(ws, list, counts);
    for (size_t i = 0; i < n; i++)
        free(*list[i]);
    free(ws->scratch);
    free(ws);
}

/* --- views of configuration b -------------------------------------------------------------------- */

static struct view inner(const struct halo *h, float *field, size_t b) {
    const size_t row = halo_width(h) * h->channels;
    return (struct view){field + b * padded(h) + row + h->channels, padded(h), row, h->channels};
}

static struct view flat(const struct normalise *l, float *field, size_t b) {
    return (struct view){field + b * inside(l), inside(l), l->width * l->channels, l->channels};
}

/* The first (part 0: u) or second (part 1: h) half of the channels of a joined field. */
static struct view half(const struct normalise *l, float *field, size_t b, size_t part) {
    const size_t site = 2 * l->channels;
    return (struct view){field + b * 2 * inside(l) + part * l->channels, 2 * inside(l), l->width * site, site};
}

static struct view whole(const struct normalise *l, float *field, size_t b) {
    struct view v = half(l, field, b, 0);
    return v;
}

static struct view level_view(const struct unet_cpu *u, int l, float *field, size_t b) {
    return l < 4 ? flat(&u->level[l], field, b) : inner(&u->halo[size_of[l]], field, b);
}

static void copy_in(const struct halo *outer, const float *x, float *field) {
    const size_t row = halo_width(outer);
    for (size_t i = 0; i < outer->height; i++)
        memcpy(field + (i + 1) * row + 1, x + i * outer->width, outer->width * sizeof *x);
    halo_fill(outer, field);
}

/* --- forward ------------------------------------------------------------------------------------- */

static void normalise_level(struct unet_cpu_workspace *ws, int l, size_t n) {
    const struct unet_cpu *u = ws->network;
    const struct normalise *level = &u->level[l];
    const float *gamma = u->weights + tensor(u, norm_name[l], "weight")->offset;
    const float *beta = u->weights + tensor(u, norm_name[l], "bias")->offset;
    const size_t c = level->channels;
    const int s = size_of[l];
    for (size_t b = 0; b < n; b++) {
        struct view y = level_view(u, l, ws->y[l], b), out, second = {0};
        if (l < 3) {
            out = inner(&u->halo[s], ws->wide[s], b);
            second = half(level, ws->joined[s], b, 1);
        } else if (l == 3)
            out = flat(level, ws->deepest, b);
        else
            out = half(level, ws->joined[s], b, 0);
        normalise_forward(level, y.at, y.row, ws->state.d + b * u->embedding.total + u->d_offset[l], gamma, beta,
                          ws->mean[l] + b * c, ws->rstd[l] + b * c, &out, &second, ws->vector);
        if (l < 3)
            halo_fill(&u->halo[s], ws->wide[s] + b * padded(&u->halo[s]));
    }
}

enum status unet_cpu_forward(struct unet_cpu_workspace *ws, int n, const float *x, const float *t, float *output,
                             struct error *e) {
    const struct unet_cpu *u = ws->network;
    const size_t count = (size_t)n, single = padded(&u->outer);
    embedding_forward(&u->embedding, count, t, &ws->state);
    for (size_t b = 0; b < count; b++) {
        copy_in(&u->outer, x + b * u->sites, ws->single + b * single);
        struct view y = flat(&u->level[0], ws->y[0], b);
        single_channel_spread(&u->first, ws->single + b * single, u->first_taps, &y);
    }
    normalise_level(ws, 0, count);
    for (int k = 0; k < 3; k++) {
        enum status status = convolution_forward(u->convolution[k], ws->scratch, ws->wide[k], ws->y[k + 1], e);
        if (status != STATUS_OK)
            return status;
        normalise_level(ws, k + 1, count);
    }
    for (int k = 3; k < CONVOLUTIONS; k++) {
        const int level = k + 1, size = size_of[level];
        float *narrow = k == 3 ? ws->deepest : ws->joined[size + 1];
        enum status status = convolution_adjoint(u->convolution[k], ws->scratch, narrow, ws->y[level], e);
        if (status != STATUS_OK)
            return status;
        for (size_t b = 0; b < count; b++)
            halo_fold(&u->halo[size], ws->y[level] + b * padded(&u->halo[size]));
        normalise_level(ws, level, count);
    }
    const float bias = u->weights[tensor(u, "tconv1", "bias")->offset];
    const size_t row = halo_width(&u->outer);
    for (size_t b = 0; b < count; b++) {
        struct view joined = whole(&u->level[0], ws->joined[0], b);
        single_channel_gather(&u->last, &joined, u->last_taps, ws->output);
        halo_fold(&u->outer, ws->output);
        for (size_t i = 0; i < u->outer.height; i++)
            for (size_t j = 0; j < u->outer.width; j++)
                output[b * u->sites + i * u->outer.width + j] = ws->output[(i + 1) * row + j + 1] + bias;
    }
    return STATUS_OK;
}

/* --- backward ------------------------------------------------------------------------------------ */

/* From the gradients of the activations to that of y; levels 4-6 get their halo filled. */
static void normalise_level_backward(struct unet_cpu_workspace *ws, int l, size_t n, float *gradient) {
    const struct unet_cpu *u = ws->network;
    const struct normalise *level = &u->level[l];
    const float *gamma = u->weights + tensor(u, norm_name[l], "weight")->offset;
    const float *beta = u->weights + tensor(u, norm_name[l], "bias")->offset;
    const size_t c = level->channels, batch = (size_t)u->batch;
    const int s = size_of[l];
    for (size_t b = 0; b < n; b++) {
        struct view y = level_view(u, l, ws->y[l], b), dy = level_view(u, l, ws->d_y[l], b), g, second = {0};
        if (l < 3) {
            g = inner(&u->halo[s], ws->d_wide[s], b);
            second = half(level, ws->d_joined[s], b, 1);
        } else if (l == 3)
            g = flat(level, ws->d_deepest, b);
        else
            g = half(level, ws->d_joined[s], b, 0);
        const size_t d = b * u->embedding.total + u->d_offset[l];
        normalise_backward(level, y.at, y.row, ws->state.d + d, gamma, beta, ws->mean[l] + b * c, ws->rstd[l] + b * c,
                           &g, &second, &dy, gradient ? gradient + u->at_gamma[l] : NULL,
                           gradient ? gradient + u->at_beta[l] : NULL, ws->d_d + d, ws->vector);
        if (l > 3)
            halo_fill(&u->halo[s], ws->d_y[l] + b * padded(&u->halo[s]));
    }
    /* configurations that are not there must not contribute to the weights' gradient */
    const size_t one = level_floats(u, l);
    memset(ws->d_y[l] + n * one, 0, (batch - n) * one * sizeof(float));
}

static void outer_backward(struct unet_cpu_workspace *ws, size_t n, const float *output_gradient, float *gradient) {
    const struct unet_cpu *u = ws->network;
    const size_t single = padded(&u->outer);
    for (size_t b = 0; b < n; b++) {
        const float *g = output_gradient + b * u->sites;
        float *field = ws->d_single + b * single;
        copy_in(&u->outer, g, field);
        struct view d_joined = whole(&u->level[0], ws->d_joined[0], b);
        single_channel_spread(&u->last, field, u->last_taps, &d_joined);
        if (!gradient)
            continue;
        struct view joined = whole(&u->level[0], ws->joined[0], b);
        single_channel_gradient(&u->last, field, &joined, gradient + u->at_last);
        float sum = 0;
        for (size_t i = 0; i < u->sites; i++)
            sum += g[i];
        gradient[u->at_bias] += sum;
    }
}

static void input_backward(struct unet_cpu_workspace *ws, size_t n, float *input_gradient, float *gradient) {
    const struct unet_cpu *u = ws->network;
    const size_t single = padded(&u->outer), row = halo_width(&u->outer);
    for (size_t b = 0; b < n; b++) {
        struct view dy = flat(&u->level[0], ws->d_y[0], b);
        if (gradient)
            single_channel_gradient(&u->first, ws->single + b * single, &dy, gradient + u->at_first);
        if (!input_gradient)
            continue;
        single_channel_gather(&u->first, &dy, u->first_taps, ws->output);
        halo_fold(&u->outer, ws->output);
        for (size_t i = 0; i < u->outer.height; i++)
            memcpy(input_gradient + b * u->sites + i * u->outer.width, ws->output + (i + 1) * row + 1,
                   u->outer.width * sizeof *input_gradient);
    }
}

enum status unet_cpu_backward(struct unet_cpu_workspace *ws, int n, const float *output_gradient,
                              float *input_gradient, float *gradient, struct error *e) {
    const struct unet_cpu *u = ws->network;
    const size_t count = (size_t)n;
    enum status status = STATUS_OK;
    if (gradient)
        memset(gradient + u->at_first, 0, (u->packed - u->at_first) * sizeof *gradient); /* oneDNN fills its part */
    outer_backward(ws, count, output_gradient, gradient);
    for (int k = CONVOLUTIONS - 1; k >= 3 && status == STATUS_OK; k--) {
        const int level = k + 1, size = size_of[level];
        normalise_level_backward(ws, level, count, gradient);
        float *narrow = k == 3 ? ws->deepest : ws->joined[size + 1];
        float *d_narrow = k == 3 ? ws->d_deepest : ws->d_joined[size + 1];
        status = convolution_forward(u->convolution[k], ws->scratch, ws->d_y[level], d_narrow, e);
        if (status == STATUS_OK && gradient)
            status = convolution_weight_gradient(u->convolution[k], ws->scratch, ws->d_y[level], narrow,
                                                 gradient + u->at_convolution[k], e);
    }
    for (int k = 2; k >= 0 && status == STATUS_OK; k--) {
        normalise_level_backward(ws, k + 1, count, gradient);
        status = convolution_adjoint(u->convolution[k], ws->scratch, ws->d_y[k + 1], ws->d_wide[k], e);
        for (size_t b = 0; b < count && status == STATUS_OK; b++)
            halo_fold(&u->halo[k], ws->d_wide[k] + b * padded(&u->halo[k]));
        if (status == STATUS_OK && gradient)
            status = convolution_weight_gradient(u->convolution[k], ws->scratch, ws->wide[k], ws->d_y[k + 1],
                                                 gradient + u->at_convolution[k], e);
    }
    if (status != STATUS_OK)
        return status;
    normalise_level_backward(ws, 0, count, gradient);
    input_backward(ws, count, input_gradient, gradient);
    if (gradient)
        embedding_backward(&u->embedding, count, &ws->state, ws->d_d, gradient + u->at_embed,
                           gradient + u->at_embed_bias, gradient + u->at_dense, gradient + u->at_dense_bias,
                           ws->vector);
    return STATUS_OK;
}

size_t unet_cpu_gradient_size(const struct unet_cpu *u) {
    return u->packed;
}

double unet_cpu_flop(const struct unet_cpu *u) {
    double flop = 18.0 * u->batch * (double)(u->sites * (u->first.many + u->last.many));
    for (int k = 0; k < CONVOLUTIONS; k++)
        flop += convolution_flop(u->convolution[k]);
    return flop;
}
