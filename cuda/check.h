/* Errors of CUDA calls, and the launch of kernels. Private to cuda/. */
#ifndef DMSQ_CUDA_CHECK_H
#define DMSQ_CUDA_CHECK_H

#include <cuda_runtime.h>

extern "C" {
#include "base/error.h"
}

static inline enum status cuda_failed(cudaError_t code, const char *call, struct error *e) {
    cudaGetLastError(); /* clears the error, so that later calls do not return it */
    return error_set(e, STATUS_FAILED, "CUDA: %s: %s (%s)", call, cudaGetErrorString(code), cudaGetErrorName(code));
}

#define CUDA_TRY(call) \
    do { \
        const cudaError_t code_ = (call); \
        if (code_ != cudaSuccess) \
            return cuda_failed(code_, #call, e); \
    } while (0)

/* Launches a kernel: launch("name", kernel, grid, block, stream, e, arguments...). Errors name the kernel and its
 * grid. */
template <class... Parameters, class... Arguments>
static inline enum status launch(const char *name, void (*kernel)(Parameters...), dim3 grid, dim3 block,
                                 cudaStream_t stream, struct error *e, Arguments... arguments) {
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.stream = stream;
    const cudaError_t code = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
    if (code == cudaSuccess) {
        return STATUS_OK;
    }
    cudaGetLastError(); /* clears the error, so that later calls do not return it */
    return error_set(e, STATUS_FAILED, "CUDA: kernel %s, grid %ux%ux%u of %u threads: %s (%s)", name, grid.x, grid.y,
                     grid.z, block.x * block.y * block.z, cudaGetErrorString(code), cudaGetErrorName(code));
}

#endif
