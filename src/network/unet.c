/* The shape of the score network (unet.h): its check, and the position of each trainable array in the flat weight
 * vector. */
#include "network/unet.h"

#include <string.h>

/* Bounds far above any real network, so that no product of extents exceeds size_t or int. */
#define MAX_EXTENT 8192
#define MAX_WIDTH 1024
#define MAX_EMBEDDING 65536

const char *const unet_padding_name[] = {[UNET_ZEROS] = "zeros", [UNET_PERIODIC] = "periodic"};
const char *const unet_convolutions_name[] = {
    [UNET_DIRECT] = "direct", [UNET_WINOGRAD] = "winograd", [UNET_BFLOAT16] = "bfloat16"};

enum status unet_check(const struct unet_shape *shape, struct error *e) {
    if (shape->stride != 1 && shape->stride != 2) {
        return error_set(e, STATUS_BAD_INPUT, "network: stride is %d, expected 1 or 2", shape->stride);
    }
    if (shape->padding != UNET_ZEROS && shape->padding != UNET_PERIODIC) {
        return error_set(e, STATUS_BAD_INPUT, "network: padding is %d, expected zeros or periodic",
                         (int)shape->padding);
    }
    /* The group norms have min(32, channels) groups, so 1 (tgnorm2), 2, 4 and 8 times the width must each be at most 32
     * or divisible by 32. gnorm1 needs a multiple of 4. */
    int w = shape->width;
    if (w != 4 && w != 8 && w != 16 && (w < 32 || w % 32 != 0 || w > MAX_WIDTH)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "network: width is %d, expected 4, 8, 16 or a multiple of 32 up to %d (group norm)", w,
                         MAX_WIDTH);
    }
    if (shape->embedding < 2 || shape->embedding % 2 != 0 || shape->embedding > MAX_EMBEDDING) {
        return error_set(e, STATUS_BAD_INPUT, "network: embedding is %d, expected an even number from 2 to %d",
                         shape->embedding, MAX_EMBEDDING);
    }
    int divisor = shape->stride * shape->stride * shape->stride;
    int extents[2] = {shape->height, shape->width_sites};
    for (int i = 0; i < 2; i++) {
        if (extents[i] < 1 || extents[i] > MAX_EXTENT || extents[i] % divisor != 0) {
            return error_set(e, STATUS_BAD_INPUT,
                             "network: lattice is %d x %d, expected extents from 1 to %d divisible by "
                             "stride^3 = %d",
                             shape->height, shape->width_sites, MAX_EXTENT, divisor);
        }
    }
    return STATUS_OK;
}

/* An extent of an array in terms of the shape: a fixed number, a multiple of the width, or the embedding. */
enum { W = 1000, E = 1000000 };

static const struct {
    const char *name;
    size_t dimensions;
    int extent[4];
} tensors[] = {
    {"embed.weight", 2, {E, E}},
    {"embed.bias", 1, {E}},
    {"conv1.weight", 4, {1 * W, 1, 3, 3}},
    {"conv2.weight", 4, {2 * W, 1 * W, 3, 3}},
    {"conv3.weight", 4, {4 * W, 2 * W, 3, 3}},
    {"conv4.weight", 4, {8 * W, 4 * W, 3, 3}},
    {"tconv4.weight", 4, {8 * W, 4 * W, 3, 3}},
    {"tconv3.weight", 4, {8 * W, 2 * W, 3, 3}}, /* input channels: 4 W + 4 W of the skip connection */
    {"tconv2.weight", 4, {4 * W, 1 * W, 3, 3}},
    {"tconv1.weight", 4, {2 * W, 1, 3, 3}},
    {"tconv1.bias", 1, {1}},
    {"dense1.weight", 2, {1 * W, E}},
    {"dense1.bias", 1, {1 * W}},
    {"dense2.weight", 2, {2 * W, E}},
    {"dense2.bias", 1, {2 * W}},
    {"dense3.weight", 2, {4 * W, E}},
    {"dense3.bias", 1, {4 * W}},
    {"dense4.weight", 2, {8 * W, E}},
    {"dense4.bias", 1, {8 * W}},
    {"dense5.weight", 2, {4 * W, E}},
    {"dense5.bias", 1, {4 * W}},
    {"dense6.weight", 2, {2 * W, E}},
    {"dense6.bias", 1, {2 * W}},
    {"dense7.weight", 2, {1 * W, E}},
    {"dense7.bias", 1, {1 * W}},
    {"gnorm1.weight", 1, {1 * W}},
    {"gnorm1.bias", 1, {1 * W}},
    {"gnorm2.weight", 1, {2 * W}},
    {"gnorm2.bias", 1, {2 * W}},
    {"gnorm3.weight", 1, {4 * W}},
    {"gnorm3.bias", 1, {4 * W}},
    {"gnorm4.weight", 1, {8 * W}},
    {"gnorm4.bias", 1, {8 * W}},
    {"tgnorm4.weight", 1, {4 * W}},
    {"tgnorm4.bias", 1, {4 * W}},
    {"tgnorm3.weight", 1, {2 * W}},
    {"tgnorm3.bias", 1, {2 * W}},
    {"tgnorm2.weight", 1, {1 * W}},
    {"tgnorm2.bias", 1, {1 * W}},
};

_Static_assert(sizeof tensors / sizeof tensors[0] == UNET_TENSORS, "UNET_TENSORS is not the length of the list");

static size_t extent(int code, const struct unet_shape *shape) {
    if (code == E) {
        return (size_t)shape->embedding;
    }
    return code >= W ? (size_t)(code / W) * (size_t)shape->width : (size_t)code;
}

size_t unet_tensors(const struct unet_shape *shape, struct unet_tensor list[UNET_TENSORS], size_t *total) {
    size_t offset = 0;
    for (size_t i = 0; i < UNET_TENSORS; i++) {
        struct unet_tensor tensor = {
            .name = tensors[i].name, .dimensions = tensors[i].dimensions, .offset = offset, .count = 1};
        for (size_t d = 0; d < tensor.dimensions; d++) {
            tensor.shape[d] = extent(tensors[i].extent[d], shape);
            tensor.count *= tensor.shape[d];
        }
        offset += tensor.count;
        if (list) {
            list[i] = tensor;
        }
    }
    if (total) {
        *total = offset;
    }
    return UNET_TENSORS;
}

int unet_find(const struct unet_shape *shape, const char *name) {
    (void)shape; /* every shape has the same arrays */
    for (int i = 0; i < UNET_TENSORS; i++) {
        if (strcmp(tensors[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}
