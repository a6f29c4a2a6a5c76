/* The interface of the CUDA backend to the rest of the program. If CUDA is not found at build time, cuda/absent.c
 * replaces the backend and its message says what is missing.
 *
 * Names, which become part of recipes:
 *   cuda          convolutions in TF32 (factors with a mantissa of 10 bits, float32 sums), everything else in float32
 *   cuda-float32  everything in float32: the reference
 *   cuda-bf16     fields between layers and factors of convolutions in bfloat16; only forward passes */
#ifndef DMSQ_CUDA_BACKEND_H
#define DMSQ_CUDA_BACKEND_H

#ifdef __cplusplus
extern "C" {
#endif

#include "backend/backend.h"

/* NULL if the program was built with CUDA, else what was missing: "no nvcc was found ...". */
const char *backend_cuda_missing(void);

/* Opens the first CUDA device under one of the names above; the caller closes it by backend->close. STATUS_FAILED:
 * there is no device, or cuDNN has another version than at build time. STATUS_BAD_INPUT: an unknown name. */
enum status backend_cuda_open(const char *name, struct backend **backend, struct error *e);

#ifdef __cplusplus
}
#endif

#endif
