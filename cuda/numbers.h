/* The functions of base/functions.h and the random numbers of base/random.h for host and device, with the same bits
 * (nvcc -fmad=false, IEEE division and square root). */
#ifndef DMSQ_CUDA_NUMBERS_H
#define DMSQ_CUDA_NUMBERS_H

#include <cuda_runtime.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* makes the `static inline` functions of base/functions.h, which is plain C, available on host and device */
#define inline __host__ __device__ __inline__
#include "base/functions.h"
#undef inline

extern "C" {
#include "base/random.h"
}
#include "cuda/geometry.h"

/* Block (stream, step, index) of Philox4x32-10, like random_block. */
BOTH void numbers_block(struct random_key key, uint64_t stream, uint64_t step, uint32_t index, uint32_t w[4]) {
    w[0] = index;
    w[1] = (uint32_t)step;
    w[2] = (uint32_t)stream;
    w[3] = ((uint32_t)(step >> 32) << 16) | ((uint32_t)(stream >> 32) & 0xffffu);
    uint32_t k0 = key.word[0], k1 = key.word[1];
    for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
        const uint64_t p0 = (uint64_t)w[0] * 0xd2511f53u, p1 = (uint64_t)w[2] * 0xcd9e8d57u;
        const uint32_t w1 = w[1], w3 = w[3];
        w[0] = (uint32_t)(p1 >> 32) ^ w1 ^ k0;
        w[2] = (uint32_t)(p0 >> 32) ^ w3 ^ k1;
        w[1] = (uint32_t)p1;
        w[3] = (uint32_t)p0;
    }
}

BOTH float numbers_uniform(uint32_t w) {
    const float high = (float)(int32_t)(w >> 16) * 65536.0f;
    const float low = (float)(int32_t)(w & 0xffffu);
    return (high + low) * 0x1p-32f + 0x1p-33f;
}

BOTH void numbers_pair(uint32_t radius_word, uint32_t angle_word, float *first, float *second) {
    float sine, cosine;
    const float radius = sqrtf(-2.0f * function_log_float(numbers_uniform(radius_word)));
    function_sincos_turns_float((float)(int32_t)(angle_word >> 8) * 0x1p-24f, &sine, &cosine);
    *first = radius * cosine;
    *second = radius * sine;
}

/* Normal numbers 4 index to 4 index + 3 of (stream, step), like random_normal_float. */
BOTH struct four numbers_normals(struct random_key key, uint64_t stream, uint64_t step, uint32_t index) {
    uint32_t w[4];
    struct four z;
    numbers_block(key, stream, step, index, w);
    numbers_pair(w[0], w[1], &z.v[0], &z.v[1]);
    numbers_pair(w[2], w[3], &z.v[2], &z.v[3]);
    return z;
}

/* Signs 4 index to 4 index + 3, like the probes of the CPU (backend/probes.c): sign i is bit i of the random words. */
BOTH struct four numbers_signs(struct random_key key, uint64_t stream, uint64_t step, uint32_t index) {
    uint32_t w[4];
    struct four z;
    const uint32_t first = 4 * index;
    numbers_block(key, stream, step, first / 128, w);
    for (uint32_t k = 0; k < 4; k++) {
        z.v[k] = w[(first + k) / 32 % 4] >> ((first + k) % 32) & 1 ? 1.0f : -1.0f;
    }
    return z;
}

BOTH float numbers_sigmoid(float x) {
    return 1.0f / (1.0f + function_exp_float(-x));
}

#endif
