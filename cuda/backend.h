/* The CUDA backend as the rest of the program sees it: this header and nothing else. Where CUDA is not found at
 * build time cuda/absent.c takes its place and says what is missing.
 *
 * Names, which become part of recipes:
 *   cuda          convolutions in TF32 (10 bits of mantissa in the factors, float32 sums), all else in float32
 *   cuda-float32  everything in float32: the reference
 *   cuda-bf16     fields between layers and factors of convolutions in bfloat16; forward passes only */
#ifndef DMSQ_CUDA_BACKEND_H
#define DMSQ_CUDA_BACKEND_H

#ifdef __cplusplus
extern "C" {
#endif

#include "backend/backend.h"

/* NULL when the program was built with CUDA, else what was missing then: "no nvcc was found ...". */
const char *backend_cuda_missing(void);

/* Opens the first CUDA device under one of the names above. STATUS_FAILED when there is none, or no cuDNN of the
 * version built for. The caller calls backend->close. */
enum status backend_cuda_open(const char *name, struct backend **backend, struct error *e);

#ifdef __cplusplus
}
#endif

#endif
