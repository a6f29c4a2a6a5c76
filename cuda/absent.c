/* Replaces the CUDA backend in a program built without CUDA. */
#include "cuda/backend.h"

#ifndef DMSQ_CUDA_MISSING
#define DMSQ_CUDA_MISSING "no nvcc was found on the path or in CUDA_HOME"
#endif

const char *backend_cuda_missing(void) {
    return DMSQ_CUDA_MISSING;
}

enum status backend_cuda_open(const char *name, struct backend **backend, struct error *e) {
    *backend = NULL;
    return error_set(e, STATUS_FAILED, "backend '%s': this program was built without CUDA (%s); use cpu", name,
                     backend_cuda_missing());
}
