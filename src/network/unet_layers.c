/* See unet_layers.h. */
#include "network/unet_layers.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The levels in the order of evaluation: their layers, and the depth before and after them, the number of times that
 * the lattice is divided by the stride. */
static const struct {
    const char *convolution, *dense, *norm;
    int from, to;
} levels[UNET_CONVOLUTIONS] = {
    {"conv1", "dense1", "gnorm1", 0, 0},   {"conv2", "dense2", "gnorm2", 0, 1},   {"conv3", "dense3", "gnorm3", 1, 2},
    {"conv4", "dense4", "gnorm4", 2, 3},   {"tconv4", "dense5", "tgnorm4", 3, 2}, {"tconv3", "dense6", "tgnorm3", 2, 1},
    {"tconv2", "dense7", "tgnorm2", 1, 0}, {"tconv1", NULL, NULL, 0, 0},
};

static size_t extent(int sites, int stride, int depth) {
    while (depth-- > 0) {
        sites /= stride;
    }
    return (size_t)sites;
}

/* Total length of the arrays NAME.weight and NAME.bias; sets *weight to the former. */
static size_t count(const struct unet_tensor *tensors, const char *name, const struct unet_tensor **weight) {
    size_t numbers = 0;
    const size_t length = strlen(name);
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        if (strncmp(tensors[i].name, name, length) == 0 && tensors[i].name[length] == '.') {
            numbers += tensors[i].count;
            if (strcmp(tensors[i].name + length, ".weight") == 0) {
                *weight = &tensors[i];
            }
        }
    }
    return numbers;
}

static struct unet_layer dense(const struct unet_tensor *tensors, const char *name) {
    const struct unet_tensor *weight = NULL;
    const size_t parameters = count(tensors, name, &weight);
    struct unet_layer layer = {.kind = UNET_DENSE,
                               .in_channels = weight->shape[1],
                               .in_height = 1,
                               .in_width = 1,
                               .out_channels = weight->shape[0],
                               .out_height = 1,
                               .out_width = 1,
                               .parameters = parameters,
                               .flop = 2.0 * (double)weight->count};
    snprintf(layer.name, sizeof layer.name, "%s", name);
    return layer;
}

void unet_layers(const struct unet_shape *shape, struct unet_layer layers[UNET_LAYERS]) {
    struct unet_tensor tensors[UNET_TENSORS];
    size_t n = 0;
    unet_tensors(shape, tensors, NULL);
    layers[n++] = dense(tensors, "embed");
    for (size_t i = 0; i < UNET_CONVOLUTIONS; i++) {
        const struct unet_tensor *weight = NULL;
        const bool transposed = levels[i].convolution[0] == 't';
        const size_t parameters = count(tensors, levels[i].convolution, &weight);
        struct unet_layer layer = {.kind = transposed ? UNET_TRANSPOSED : UNET_CONVOLUTION,
                                   .in_channels = weight->shape[transposed ? 0 : 1],
                                   .in_height = extent(shape->height, shape->stride, levels[i].from),
                                   .in_width = extent(shape->width_sites, shape->stride, levels[i].from),
                                   .out_channels = weight->shape[transposed ? 1 : 0],
                                   .out_height = extent(shape->height, shape->stride, levels[i].to),
                                   .out_width = extent(shape->width_sites, shape->stride, levels[i].to),
                                   .parameters = parameters};
        /* every weight is used once for each site of the smaller of the two lattices */
        const size_t sites = transposed ? layer.in_height * layer.in_width : layer.out_height * layer.out_width;
        layer.flop = 2.0 * (double)weight->count * (double)sites;
        snprintf(layer.name, sizeof layer.name, "%s", levels[i].convolution);
        layers[n++] = layer;
        if (levels[i].dense == NULL) {
            continue;
        }
        layers[n++] = dense(tensors, levels[i].dense);
        struct unet_layer norm = {.kind = UNET_NORM,
                                  .in_channels = layer.out_channels,
                                  .in_height = layer.out_height,
                                  .in_width = layer.out_width,
                                  .out_channels = layer.out_channels,
                                  .out_height = layer.out_height,
                                  .out_width = layer.out_width};
        norm.parameters = count(tensors, levels[i].norm, &weight);
        snprintf(norm.name, sizeof norm.name, "%s", levels[i].norm);
        layers[n++] = norm;
    }
}
