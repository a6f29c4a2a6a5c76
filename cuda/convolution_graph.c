/* The description of a convolution for cuDNN (convolution.h), in a file that does not need cuDNN. */
#include "cuda/convolution.h"

const char *const cuda_convolution_name[CUDA_KINDS] = {"forward", "adjoint", "weights"};

/* Extents and strides of an array with channels last. */
static void last(int64_t n, int64_t c, int64_t h, int64_t w, int64_t extent[4], int64_t stride[4]) {
    const int64_t extents[4] = {n, c, h, w}, strides[4] = {h * w * c, 1, w * c, c};
    for (int i = 0; i < 4; i++) {
        extent[i] = extents[i];
        stride[i] = strides[i];
    }
}

void cuda_convolution_describe(const struct layout_convolution *s, struct cuda_convolution_graph *g) {
    last(s->batch, s->wide_channels, s->stride * (s->narrow_height - 1) + 3, s->stride * (s->narrow_width - 1) + 3,
         g->wide, g->wide_stride);
    last(s->batch, s->narrow_channels, s->narrow_height, s->narrow_width, g->narrow, g->narrow_stride);
    last(s->narrow_channels, s->wide_channels, 3, 3, g->weights, g->weights_stride);
    for (int i = 0; i < 2; i++) {
        g->padding[i] = 0; /* the halo is the padding */
        g->stride[i] = s->stride;
        g->dilation[i] = 1;
    }
}
