/* 3x3 convolutions between a wide field with halo and a narrow one (as in network/convolution.h), channels last, by the
 * graph API of cuDNN, which no other file uses. Weights are (narrow, 3, 3, wide).
 *
 *   forward  narrow[o] = sum_{k,i} wide[s o + k][i] w[.][k][i]
 *   adjoint  wide[s o + k][i] = sum_{o,c} narrow[o][c] w[c][k][i]          (all of wide, halo included)
 *   weights  w[c][k][i] = sum_{n,o} narrow[o][c] wide[s o + k][i]
 *
 * The engine is the first one, in the order of cuDNN's heuristics, that is deterministic, sums a configuration in the
 * same order at any position in a batch, and suits the precision and the device. No times are measured, so the choice
 * depends only on shapes, device and cuDNN's version. */
#ifndef DMSQ_CUDA_CONVOLUTION_H
#define DMSQ_CUDA_CONVOLUTION_H

#include <cuda_runtime_api.h>
#include <stdint.h>

#include "cuda/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "base/error.h"

enum cuda_precision { CUDA_TF32, CUDA_FLOAT32, CUDA_BF16 };
enum cuda_convolution_kind { CUDA_FORWARD, CUDA_ADJOINT, CUDA_WEIGHTS, CUDA_KINDS };
extern const char *const cuda_convolution_name[CUDA_KINDS];

/* The description for cuDNN: extents (N, C, H, W) and strides in elements. */
struct cuda_convolution_graph {
    int64_t wide[4], wide_stride[4], narrow[4], narrow_stride[4], weights[4], weights_stride[4];
    int64_t padding[2], stride[2], dilation[2];
};
void cuda_convolution_describe(const struct layout_convolution *shape, struct cuda_convolution_graph *graph);

struct cuda_convolutions; /* a cuDNN handle on a stream */
struct cuda_convolution;

enum status cuda_convolutions_open(enum cuda_precision precision, cudaStream_t stream, struct cuda_convolutions **c,
                                   struct error *e);
void cuda_convolutions_close(struct cuda_convolutions *c);
/* Version of cuDNN, such as "9.19.0". */
const char *cuda_convolutions_version(const struct cuda_convolutions *c);

enum status cuda_convolution_new(struct cuda_convolutions *c, const struct layout_convolution *shape,
                                 enum cuda_convolution_kind kind, struct cuda_convolution **convolution,
                                 struct error *e);
void cuda_convolution_free(struct cuda_convolution *convolution);
size_t cuda_convolution_workspace(const struct cuda_convolution *convolution);
/* Number of the engine in cuDNN's list. */
int cuda_convolution_engine(const struct cuda_convolution *convolution);
/* Enqueues the convolution on the stream. The array that the kind computes is overwritten. */
enum status cuda_convolution_run(const struct cuda_convolution *convolution, void *wide, void *narrow, void *weights,
                                 void *workspace, struct error *e);

#ifdef __cplusplus
}
#endif

#endif
