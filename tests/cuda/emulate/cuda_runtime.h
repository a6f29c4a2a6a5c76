/* The part of the CUDA runtime that cuda/ uses, on the CPU, so that its kernels and its host code are tested without a
 * device: the same sources are compiled by a C++ compiler, which finds this header under the name of CUDA's.
 *
 * The threads of a block are coroutines that switch at __syncthreads and shuffles, in the order of their numbers;
 * blocks run one after the other. Streams execute immediately or, while a graph is captured, record. This cannot detect
 * races between threads that a real device interleaves, or memory errors (compute-sanitizer, tests/gpu), and says
 * nothing about speed. */
#ifndef DMSQ_TESTS_CUDA_RUNTIME_H
#define DMSQ_TESTS_CUDA_RUNTIME_H

#include <cuda_runtime_api.h>
#include <functional>
#include <math.h>
#include <tuple>

#define __host__
#define __device__
#define __global__ static
#define __shared__ static

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {
    }
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
static inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}

/* --- inside a kernel ----------------------------------------------------------------------------- */

extern dim3 threadIdx, blockIdx, blockDim, gridDim;
void emulate_sync(void);
float emulate_shuffle(float value, int partner_mask);
#define __syncthreads() emulate_sync()
static inline float __shfl_xor_sync(unsigned, float value, int mask) {
    return emulate_shuffle(value, mask);
}

/* --- launches ------------------------------------------------------------------------------------ */

struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
    void *attrs;
    unsigned numAttrs;
};

/* Does the work now, or adds it to the graph that the stream is recording. */
void emulate_enqueue(cudaStream_t stream, std::function<void()> work);
/* Runs body() for every thread of every block. */
cudaError_t emulate_launch(cudaStream_t stream, dim3 grid, dim3 block, std::function<void()> body);

template <class... Expected, class... Actual>
static inline cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *c, void (*kernel)(Expected...),
                                             Actual &&...arguments) {
    std::tuple<Expected...> copy(static_cast<Expected>(arguments)...);
    return emulate_launch(c->stream, c->gridDim, c->blockDim, [kernel, copy]() { std::apply(kernel, copy); });
}

#endif
