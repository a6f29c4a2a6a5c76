/* The forward and the backward pass of the network on the device, in the order of network/unet_cpu_pass.c. */
#include "cuda/check.h"
#include "cuda/network.h"

/* --- fields -------------------------------------------------------------------------------------- */

template <class T> static struct field<const T> reading(const struct field<T> &f) {
    return {f.at, f.image, f.stride, f.map};
}

static struct sites
sites_of(const struct network *w, int size, bool haloed) {
    const struct layout_level *l = &w->layout.level[size];
    return {l->height, l->width, haloed ? w->layout.halo : 0, w->layout.shape.padding == UNET_PERIODIC};
}

/* A separate field at a size, with or without halo. */
template <class T>
static struct field<T> single_field(const struct network *w, enum layout_field which, int size, int channels,
                                    bool haloed) {
    const struct sites map = sites_of(w, size, haloed);
    return {(T *)network_field(w, which), sites_padded(map) * (size_t)channels, channels, map};
}

/* y or its gradient at a level. */
template <class T>
static struct field<T> level_field(const struct network *w, enum layout_field first, int l) {
    return single_field<T>(w, (enum layout_field)(first + l), layout_size[l], w->layout.level[l].channels, l > 3);
}

/* Part 0 (u) or 1 (h) of a joined field. */
template <class T>
static struct field<T> half_field(const struct network *w, enum layout_field first, int size, int part) {
    const int channels = w->layout.level[size].channels;
    struct field<T> f = single_field<T>(w, (enum layout_field)(first + size), size, 2 * channels, false);
    f.at += part * channels;
    return f;
}

/* The targets of the activations of a level (the sources of their gradients): the next layer, and the skip
 * connection. */
template <class T>
struct targets {
    struct field<T> out, second;
};

template <class T>
static struct targets<T> targets_of(const struct network *w, int l, enum layout_field wide, enum layout_field joined,
                                    enum layout_field deepest) {
    const int size = layout_size[l], channels = w->layout.level[l].channels;
    struct targets<T> t = {};
    if (l < 3) {
        t.out = single_field<T>(w, (enum layout_field)(wide + l), size, channels, true);
        t.second = half_field<T>(w, joined, size, 1);
    } else if (l == 3) {
        t.out = single_field<T>(w, deepest, size, channels, false);
    } else {
        t.out = half_field<T>(w, joined, size, 0);
    }
    return t;
}

static struct norm
norm_of(const struct network *w, int l) {
    const struct layout_level *v = &w->layout.level[l];
    return {v->height, v->width, v->channels, v->channels / v->groups};
}

static void *at(const struct network *w, int field) {
    return network_field(w, (enum layout_field)field);
}

static void *weights_of(const struct network *w, int k) {
    const size_t offset = w->layout.convolutions[k];
    return w->rounded ? (void *)(w->rounded + offset) : (void *)(w->weights + offset);
}

static struct embedding_arrays embedding_of(const struct network *w) {
    const struct layout *l = &w->layout;
    return {(int)l->embedding,
            (int)l->rows,
            w->frequencies,
            w->weights + l->embed,
            w->weights + l->embed_bias,
            w->weights + l->dense,
            w->weights + l->dense_bias,
            network_field(w, FIELD_FEATURES),
            network_field(w, FIELD_BEFORE),
            network_field(w, FIELD_AFTER),
            network_field(w, FIELD_D)};
}

/* --- forward ------------------------------------------------------------------------------------- */

/* d_image: elements from one configuration's terms of the embedding to the next; 0 if all have the same time. */
template <class T> static enum status norm_level(struct network *w, int l, size_t d_image, struct error *e) {
    const struct norm norm = norm_of(w, l);
    const size_t row = w->layout.level[l].row;
    const struct targets<T> t = targets_of<T>(w, l, FIELD_WIDE0, FIELD_JOINED0, FIELD_DEEPEST);
    return norm_forward<T>(&norm, w->batch, reading(level_field<T>(w, FIELD_Y0, l)), network_field(w, FIELD_D) + row,
                           d_image, w->weights + w->layout.gamma + row, w->weights + w->layout.beta + row,
                           network_field(w, FIELD_MEAN) + row, network_field(w, FIELD_RSTD) + row, w->layout.rows,
                           t.out, t.second, w->device->stream, e);
}

template <class T> static enum status forward(struct network *w, struct frames frames, struct error *e) {
    const struct layout *l = &w->layout;
    const int width = l->shape.width;
    cudaStream_t stream = w->device->stream;
    const bool common = frames.per_configuration == 0;
    const size_t d_image = common ? 0 : l->rows;
    const struct embedding_arrays embedding = embedding_of(w);
    TRY(embedding_forward(&embedding, common ? 1 : w->batch, frames, stream, e));
    TRY(single_spread<T>(network_sites(w), width, w->batch, network_field(w, FIELD_X), w->weights + l->first,
                         level_field<T>(w, FIELD_Y0, 0), stream, e));
    TRY(norm_level<T>(w, 0, d_image, e));
    for (int k = 0; k < 3; k++) {
        TRY(cuda_convolution_run(w->convolution[k][CUDA_FORWARD], at(w, FIELD_WIDE0 + k), at(w, FIELD_Y0 + k + 1),
                                 weights_of(w, k), w->workspace, e));
        TRY(norm_level<T>(w, k + 1, d_image, e));
    }
    for (int k = 3; k < LAYOUT_CONVOLUTIONS; k++) {
        const int level = k + 1, narrow = k == 3 ? FIELD_DEEPEST : FIELD_JOINED0 + layout_size[level] + 1;
        TRY(cuda_convolution_run(w->convolution[k][CUDA_ADJOINT], at(w, FIELD_Y0 + level), at(w, narrow),
                                 weights_of(w, k), w->workspace, e));
        TRY(norm_level<T>(w, level, d_image, e));
    }
    return single_taps<T>(network_sites(w), 2 * width, w->batch,
                          reading(single_field<T>(w, FIELD_JOINED0, 0, 2 * width, false)), w->weights + l->last,
                          network_field(w, FIELD_TAPS), stream, e);
}

enum status network_forward(struct network *w, struct frames frames, struct error *e) {
    return w->rounded ? forward<struct bfloat>(w, frames, e) : forward<float>(w, frames, e);
}

/* --- backward ------------------------------------------------------------------------------------ */

static enum status norm_level_backward(struct network *w, int l, struct error *e) {
    const struct norm norm = norm_of(w, l);
    const size_t row = w->layout.level[l].row, rows = w->layout.rows;
    const struct targets<float> t = targets_of<float>(w, l, FIELD_D_WIDE0, FIELD_D_JOINED0, FIELD_D_DEEPEST);
    return norm_backward(&norm, w->batch, reading(level_field<float>(w, FIELD_Y0, l)), network_field(w, FIELD_D) + row,
                         rows, w->weights + w->layout.gamma + row, w->weights + w->layout.beta + row,
                         network_field(w, FIELD_MEAN) + row, network_field(w, FIELD_RSTD) + row, rows, reading(t.out),
                         reading(t.second), level_field<float>(w, FIELD_D_Y0, l), network_field(w, FIELD_PARTIAL) + row,
                         3 * rows, rows, w->device->stream, e);
}

static enum status weight_gradient(struct network *w, int k, int wide, int narrow, struct error *e) {
    if (w->use != NETWORK_TRAINING) {
        return STATUS_OK;
    }
    return cuda_convolution_run(w->convolution[k][CUDA_WEIGHTS], at(w, wide), at(w, narrow),
                                w->gradient + w->layout.convolutions[k], w->workspace, e);
}

/* Gradients of all weights except those of convolutions, once d_y of all levels is known. */
static enum status small_gradients(struct network *w, struct error *e) {
    const struct layout *l = &w->layout;
    const struct sites map = network_sites(w);
    const int width = l->shape.width, rows = (int)l->rows;
    cudaStream_t stream = w->device->stream;
    const struct embedding_arrays embedding = embedding_of(w);
    float *partial = network_field(w, FIELD_PARTIAL), *g = w->gradient;
    TRY(single_gradient(map, width, w->batch, network_field(w, FIELD_X), reading(level_field<float>(w, FIELD_D_Y0, 0)),
                        w->partial, g + l->first, stream, e));
    TRY(single_gradient(map, 2 * width, w->batch, network_field(w, FIELD_GRADIENT),
                        reading(single_field<float>(w, FIELD_JOINED0, 0, 2 * width, false)), w->partial, g + l->last,
                        stream, e));
    TRY(sum_rows(w->bias, 1, w->batch, 1, g + l->last_bias, stream, e));
    TRY(sum_rows(partial, 3 * l->rows, w->batch, 3 * rows, g + l->gamma, stream, e));
    return embedding_backward(&embedding, w->batch, partial + 2 * l->rows, 3 * l->rows, network_field(w, FIELD_D_AFTER),
                              g + l->embed, g + l->embed_bias, g + l->dense, stream, e);
}

enum status network_backward(struct network *w, struct error *e) {
    const struct layout *l = &w->layout;
    const int width = l->shape.width;
    cudaStream_t stream = w->device->stream;
    TRY(single_spread<float>(network_sites(w), 2 * width, w->batch, network_field(w, FIELD_GRADIENT),
                             w->weights + l->last, single_field<float>(w, FIELD_D_JOINED0, 0, 2 * width, false), stream,
                             e));
    for (int k = LAYOUT_CONVOLUTIONS - 1; k >= 3; k--) {
        const int level = k + 1, joined = layout_size[level] + 1;
        const int narrow = k == 3 ? FIELD_DEEPEST : FIELD_JOINED0 + joined;
        const int d_narrow = k == 3 ? FIELD_D_DEEPEST : FIELD_D_JOINED0 + joined;
        TRY(norm_level_backward(w, level, e));
        TRY(cuda_convolution_run(w->convolution[k][CUDA_FORWARD], at(w, FIELD_D_Y0 + level), at(w, d_narrow),
                                 weights_of(w, k), w->workspace, e));
        TRY(weight_gradient(w, k, FIELD_D_Y0 + level, narrow, e));
    }
    for (int k = 2; k >= 0; k--) {
        TRY(norm_level_backward(w, k + 1, e));
        TRY(cuda_convolution_run(w->convolution[k][CUDA_ADJOINT], at(w, FIELD_D_WIDE0 + k), at(w, FIELD_D_Y0 + k + 1),
                                 weights_of(w, k), w->workspace, e));
        TRY(weight_gradient(w, k, FIELD_WIDE0 + k, FIELD_D_Y0 + k + 1, e));
    }
    TRY(norm_level_backward(w, 0, e));
    if (w->use == NETWORK_TRAINING) {
        return small_gradients(w, e);
    }
    return single_taps<float>(network_sites(w), width, w->batch, reading(level_field<float>(w, FIELD_D_Y0, 0)),
                              w->weights + l->first, network_field(w, FIELD_TAPS), stream, e);
}
