/* Positions of weights and fields on the device; see layout.h. */
#include "cuda/layout.h"

#include <string.h>

const int layout_size[LAYOUT_LEVELS] = {0, 1, 2, 3, 2, 1, 0};

static const char *const norm_name[LAYOUT_LEVELS] = {"gnorm1",  "gnorm2",  "gnorm3", "gnorm4",
                                                     "tgnorm4", "tgnorm3", "tgnorm2"};
static const char *const dense_name[LAYOUT_LEVELS] = {"dense1", "dense2", "dense3", "dense4",
                                                      "dense5", "dense6", "dense7"};
static const char *const convolution_name[LAYOUT_CONVOLUTIONS] = {"conv2",  "conv3",  "conv4",
                                                                  "tconv4", "tconv3", "tconv2"};

static size_t rounded(size_t elements) {
    return (elements + 63) / 64 * 64;
}

void layout_make(const struct unet_shape *shape, struct layout *l) {
    memset(l, 0, sizeof *l);
    l->shape = *shape;
    const int w = shape->width, channels[LAYOUT_LEVELS] = {w, 2 * w, 4 * w, 8 * w, 4 * w, 2 * w, w};
    int height[LAYOUT_SIZES] = {shape->height}, width[LAYOUT_SIZES] = {shape->width_sites};
    for (int s = 1; s < LAYOUT_SIZES; s++) {
        height[s] = height[s - 1] / shape->stride;
        width[s] = width[s - 1] / shape->stride;
    }
    l->volume = (size_t)height[0] * (size_t)width[0];
    l->embedding = (size_t)shape->embedding;
    l->halo = shape->stride == 1 ? 2 : 1;
    for (int i = 0; i < LAYOUT_LEVELS; i++) {
        const int groups = i == 0 ? 4 : channels[i] < 32 ? channels[i] : 32, size = layout_size[i];
        l->level[i] = (struct layout_level){height[size], width[size], channels[i], groups, l->rows};
        l->rows += (size_t)channels[i];
    }
    for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++) {
        const struct layout_level *wide = &l->level[k < 3 ? k : k + 1], *narrow = &l->level[k < 3 ? k + 1 : k];
        l->convolution[k] = (struct layout_convolution){0,
                                                        wide->channels,
                                                        k > 3 ? 2 * narrow->channels : narrow->channels,
                                                        narrow->height,
                                                        narrow->width,
                                                        shape->stride};
    }
    size_t at = 0;
    l->gamma = at, at += l->rows;
    l->beta = at, at += l->rows;
    l->dense_bias = at, at += rounded(3 * l->rows) - 2 * l->rows;
    l->dense = at, at += rounded(l->rows * l->embedding);
    l->embed = at, at += rounded(l->embedding * l->embedding);
    l->embed_bias = at, at += rounded(l->embedding);
    l->first = at, at += rounded(9 * (size_t)w);
    l->last = at, at += rounded(18 * (size_t)w);
    l->last_bias = at, at += 64;
    for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++) {
        l->convolutions[k] = at;
        at += rounded(9 * (size_t)l->convolution[k].wide_channels * (size_t)l->convolution[k].narrow_channels);
    }
    l->weights = at;
}

static const struct unet_tensor *find(const struct unet_tensor *list, const char *layer, const char *kind) {
    const size_t length = strlen(layer);
    const struct unet_tensor *t = list;
    while (strncmp(t->name, layer, length) != 0 || t->name[length] != '.' || strcmp(t->name + length + 1, kind) != 0) {
        t++; /* ends, since all names are literals in this file */
    }
    return t;
}

static void copy(const struct unet_tensor *t, size_t at, uint32_t *position) {
    for (size_t i = 0; i < t->count; i++) {
        position[t->offset + i] = (uint32_t)(at + i);
    }
}

/* Positions for the change from (outer, inner, 9) to (outer, 9, inner). */
static void swap_taps(const struct unet_tensor *t, size_t outer, size_t inner, size_t at, uint32_t *position) {
    for (size_t o = 0; o < outer; o++) {
        for (size_t i = 0; i < inner; i++) {
            for (size_t k = 0; k < 9; k++) {
                position[t->offset + (o * inner + i) * 9 + k] = (uint32_t)(at + (o * 9 + k) * inner + i);
            }
        }
    }
}

void layout_positions(const struct layout *l, uint32_t *position) {
    struct unet_tensor list[UNET_TENSORS];
    unet_tensors(&l->shape, list, NULL);
    for (int i = 0; i < LAYOUT_LEVELS; i++) {
        const size_t row = l->level[i].row;
        copy(find(list, norm_name[i], "weight"), l->gamma + row, position);
        copy(find(list, norm_name[i], "bias"), l->beta + row, position);
        copy(find(list, dense_name[i], "weight"), l->dense + row * l->embedding, position);
        copy(find(list, dense_name[i], "bias"), l->dense_bias + row, position);
    }
    copy(find(list, "embed", "weight"), l->embed, position);
    copy(find(list, "embed", "bias"), l->embed_bias, position);
    copy(find(list, "tconv1", "bias"), l->last_bias, position);
    const size_t w = (size_t)l->shape.width;
    swap_taps(find(list, "conv1", "weight"), 1, w, l->first, position);
    swap_taps(find(list, "tconv1", "weight"), 1, 2 * w, l->last, position);
    for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++) {
        swap_taps(find(list, convolution_name[k], "weight"), (size_t)l->convolution[k].narrow_channels,
                  (size_t)l->convolution[k].wide_channels, l->convolutions[k], position);
    }
}

static size_t inside(const struct layout_level *v) {
    return (size_t)v->height * (size_t)v->width * (size_t)v->channels;
}

static size_t padded(const struct layout *l, const struct layout_level *v) {
    return (size_t)(v->height + l->halo) * (size_t)(v->width + l->halo) * (size_t)v->channels;
}

void layout_fields(const struct layout *l, size_t batch, size_t element, bool backward, struct layout_fields *f) {
    memset(f, 0, sizeof *f);
    size_t elements[FIELD_COUNT] = {0}; /* for one configuration */
    elements[FIELD_X] = l->volume;
    elements[FIELD_TAPS] = 9 * l->volume;
    elements[FIELD_FEATURES] = elements[FIELD_BEFORE] = elements[FIELD_AFTER] = l->embedding;
    elements[FIELD_D] = l->rows;
    for (int i = 0; i < LAYOUT_LEVELS; i++) {
        elements[FIELD_Y0 + i] = i < 4 ? inside(&l->level[i]) : padded(l, &l->level[i]);
    }
    for (int s = 0; s < 3; s++) {
        elements[FIELD_WIDE0 + s] = padded(l, &l->level[s]);
        elements[FIELD_JOINED0 + s] = 2 * inside(&l->level[s]);
    }
    elements[FIELD_DEEPEST] = inside(&l->level[3]);
    elements[FIELD_MEAN] = elements[FIELD_RSTD] = l->rows;
    if (backward) {
        elements[FIELD_GRADIENT] = l->volume;
        for (int i = 0; i < FIELD_DEEPEST + 1 - FIELD_Y0; i++) {
            elements[FIELD_D_Y0 + i] = elements[FIELD_Y0 + i];
        }
        elements[FIELD_PARTIAL] = 3 * l->rows;
        elements[FIELD_D_AFTER] = l->embedding;
    }
    for (int i = 0; i < FIELD_COUNT; i++) {
        const bool between = i >= FIELD_Y0 && i <= FIELD_DEEPEST;
        f->at[i] = f->total;
        f->bytes[i] = batch * elements[i] * (between ? element : 4);
        f->total += (f->bytes[i] + 255) / 256 * 256;
    }
}

size_t layout_fitting_batch(const struct layout *l, size_t element, bool backward, size_t bytes) {
    size_t low = 0, high = 1;
    struct layout_fields f;
    for (layout_fields(l, high, element, backward, &f); f.total <= bytes && high < ((size_t)1 << 24);
         layout_fields(l, high, element, backward, &f)) {
        high *= 2;
    }
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        layout_fields(l, middle, element, backward, &f);
        *(f.total <= bytes ? &low : &high) = middle;
    }
    return low;
}

#ifndef LAYOUT_SITES
#define LAYOUT_SITES ((size_t)1 << 18) /* tests on the CPU use fewer */
#endif

enum { CAPACITY_MAX = 1 << 15 }; /* configurations are an axis of a grid, which has at most 65535 blocks */

size_t layout_capacity(size_t volume) {
    size_t n = 1;
    while (2 * n * volume <= LAYOUT_SITES && 2 * n <= CAPACITY_MAX) {
        n *= 2;
    }
    return n;
}

double layout_flop(const struct layout *l) {
    double flop = 18.0 * (double)l->volume * 3.0 * (double)l->shape.width;
    for (int k = 0; k < LAYOUT_CONVOLUTIONS; k++) {
        const struct layout_convolution *c = &l->convolution[k];
        flop += 18.0 * c->wide_channels * c->narrow_channels * ((double)c->narrow_height * c->narrow_width);
    }
    return flop;
}
