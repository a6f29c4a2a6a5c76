/* Philox4x32-10 and what is made of it: uniforms, normals, permutations (random.h).
 *
 * Single blocks come from Random123's own header. The loops that fill arrays do the same ten rounds on
 * lanes, written so that the compiler vectorises them: lanes are either consecutive blocks of one stream or
 * consecutive streams. Every lane does the same operations whatever the vector width, so the bits are the
 * same; tests/base/test_random.c compares all of them with Random123's.
 */
#include "base/random.h"

#include <math.h>
#include <string.h>

#include <Random123/philox.h>

#include "base/functions.h"

enum { LANES = RANDOM_LANES };

struct random_key random_key(uint64_t seed, const char *stage, const char *purpose) {
    /* FNV-1a over the seed's eight bytes and the two names with their terminating zeros, then the finaliser
     * of splitmix64, which spreads the last bytes over all bits. */
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < 8; i++) {
        hash = (hash ^ ((seed >> (8 * i)) & 0xffu)) * 0x100000001b3u;
    }
    const char *names[2] = {stage, purpose};
    for (int n = 0; n < 2; n++) {
        for (size_t i = 0; i <= strlen(names[n]); i++) {
            hash = (hash ^ (uint8_t)names[n][i]) * 0x100000001b3u;
        }
    }
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    hash ^= hash >> 31;
    return (struct random_key){{(uint32_t)hash, (uint32_t)(hash >> 32)}};
}

void random_block(struct random_key key, uint64_t stream, uint64_t step, uint32_t index, uint32_t out[4]) {
    const philox4x32_ctr_t counter = {{index, (uint32_t)step, (uint32_t)stream,
                                       ((uint32_t)(step >> 32) << 16) | ((uint32_t)(stream >> 32) & 0xffffu)}};
    const philox4x32_key_t k = {{key.word[0], key.word[1]}};
    const philox4x32_ctr_t r = philox4x32_R(10, counter, k);
    for (int i = 0; i < 4; i++) {
        out[i] = r.v[i];
    }
}

/* A word of 32 bits, held in 64 where the machine multiplies 64-bit lanes directly (half the shuffles). */
#ifdef __AVX512DQ__
typedef uint64_t word;
#else
typedef uint32_t word;
#endif

/* One lane of random_block. A macro per round and separate variables, because the vectoriser wants neither
 * an inner loop nor an array. */
struct block {
    word w0, w1, w2, w3;
};

#define ROUND(r)                                                                                             \
    do {                                                                                                     \
        const uint64_t product0 = (uint64_t)w0 * 0xd2511f53u;                                                \
        const uint64_t product1 = (uint64_t)w2 * 0xcd9e8d57u;                                                \
        w0 = (word)(product1 >> 32) ^ w1 ^ (key.word[0] + (r)*0x9e3779b9u);                                  \
        w2 = (word)(product0 >> 32) ^ w3 ^ (key.word[1] + (r)*0xbb67ae85u);                                  \
        w1 = (word)(product1 & 0xffffffffu);                                                                 \
        w3 = (word)(product0 & 0xffffffffu);                                                                 \
    } while (0)

static inline __attribute__((always_inline)) struct block lane_block(struct random_key key, uint64_t stream,
                                                                     uint64_t step, uint64_t index) {
    word w0 = (word)(index & 0xffffffffu);
    word w1 = (word)(step & 0xffffffffu);
    word w2 = (word)(stream & 0xffffffffu);
    word w3 = (word)((((step >> 32) << 16) & 0xffffffffu) | ((stream >> 32) & 0xffffu));
    ROUND(0u);
    ROUND(1u);
    ROUND(2u);
    ROUND(3u);
    ROUND(4u);
    ROUND(5u);
    ROUND(6u);
    ROUND(7u);
    ROUND(8u);
    ROUND(9u);
    return (struct block){w0, w1, w2, w3};
}

/* The upper 52 of 64 bits as a number in [1,2), less 1 - 2^-53: the midpoints of 2^52 equal cells of
 * (0,1), exactly. */
static inline double uniform_of(word low, word high) {
    const uint64_t bits = ((uint64_t)high << 32) | low;
    return function_from_bits((bits >> 12) | 0x3ff0000000000000u) - (1.0 - 0x1p-53);
}

/* Box-Muller: two normals of a block. */
static inline void normals_of(struct block b, double *first, double *second) {
    double sine, cosine;
    const double radius = sqrt(-2.0 * function_log(uniform_of(b.w0, b.w1)));
    function_sincos_turns(uniform_of(b.w2, b.w3), &sine, &cosine);
    *first = radius * cosine;
    *second = radius * sine;
}

/* A word as a float in [2^-33, 1], rounded once: both halves convert exactly. */
static inline float uniform_float_of(word w) {
    const float high = (float)(int32_t)(w >> 16) * 65536.0f;
    const float low = (float)(int32_t)(w & 0xffffu);
    return (high + low) * 0x1p-32f + 0x1p-33f;
}

static inline void normals_float_of(word radius_word, word angle_word, float *first, float *second) {
    float sine, cosine;
    const float radius = sqrtf(-2.0f * function_log_float(uniform_float_of(radius_word)));
    function_sincos_turns_float((float)(int32_t)(angle_word >> 8) * 0x1p-24f, &sine, &cosine);
    *first = radius * cosine;
    *second = radius * sine;
}

/* --- one stream, lanes are its blocks ------------------------------------------------------------ */

void random_uniform(struct random_key key, uint64_t stream, uint64_t step, double *u, size_t n) {
    for (size_t start = 0; start < n; start += 2 * LANES) {
        double lane[2 * LANES];
        const uint64_t first = start / 2;
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const struct block b = lane_block(key, stream, step, first + (uint64_t)l);
            lane[2 * l] = uniform_of(b.w0, b.w1);
            lane[2 * l + 1] = uniform_of(b.w2, b.w3);
        }
        const size_t count = n - start < 2 * LANES ? n - start : 2 * LANES;
        memcpy(u + start, lane, count * sizeof *u);
    }
}

void random_normal(struct random_key key, uint64_t stream, uint64_t step, double *z, size_t n) {
    for (size_t start = 0; start < n; start += 2 * LANES) {
        double lane[2 * LANES];
        const uint64_t first = start / 2;
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            double a, b;
            normals_of(lane_block(key, stream, step, first + (uint64_t)l), &a, &b);
            lane[2 * l] = a;
            lane[2 * l + 1] = b;
        }
        const size_t count = n - start < 2 * LANES ? n - start : 2 * LANES;
        memcpy(z + start, lane, count * sizeof *z);
    }
}

void random_normal_float(struct random_key key, uint64_t stream, uint64_t step, float *z, size_t n) {
    enum { BLOCKS = 16 };
    for (size_t start = 0; start < n; start += 4 * BLOCKS) {
        word words[4][BLOCKS];
        float normals[4][BLOCKS], lane[4 * BLOCKS];
        const uint64_t first = start / 4;
#pragma omp simd
        for (int l = 0; l < BLOCKS; l++) {
            const struct block b = lane_block(key, stream, step, first + (uint64_t)l);
            words[0][l] = b.w0;
            words[1][l] = b.w1;
            words[2][l] = b.w2;
            words[3][l] = b.w3;
        }
        for (int pair = 0; pair < 4; pair += 2) {
#pragma omp simd
            for (int l = 0; l < BLOCKS; l++) {
                normals_float_of(words[pair][l], words[pair + 1][l], &normals[pair][l], &normals[pair + 1][l]);
            }
        }
        for (int l = 0; l < BLOCKS; l++) {
            for (int i = 0; i < 4; i++) {
                lane[4 * l + i] = normals[i][l];
            }
        }
        const size_t count = n - start < 4 * BLOCKS ? n - start : 4 * BLOCKS;
        memcpy(z + start, lane, count * sizeof *z);
    }
}

/* --- lanes are streams ---------------------------------------------------------------------------- */

void random_uniform_lanes(struct random_key key, uint64_t stream, uint64_t step, double *u, size_t n) {
    for (size_t i = 0; i < n; i += 2) {
        double first[LANES], second[LANES];
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const struct block b = lane_block(key, stream + (uint64_t)l, step, i / 2);
            first[l] = uniform_of(b.w0, b.w1);
            second[l] = uniform_of(b.w2, b.w3);
        }
        memcpy(u + i * LANES, first, sizeof first);
        if (i + 1 < n) {
            memcpy(u + (i + 1) * LANES, second, sizeof second);
        }
    }
}

void random_normal_lanes(struct random_key key, uint64_t stream, uint64_t step, double *z, size_t n) {
    for (size_t i = 0; i < n; i += 2) {
        double first[LANES], second[LANES];
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            normals_of(lane_block(key, stream + (uint64_t)l, step, i / 2), &first[l], &second[l]);
        }
        memcpy(z + i * LANES, first, sizeof first);
        if (i + 1 < n) {
            memcpy(z + (i + 1) * LANES, second, sizeof second);
        }
    }
}

void random_permutation(struct random_key key, uint64_t stream, uint64_t step, uint32_t *order, size_t n) {
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    uint32_t w[4];
    for (size_t draw = 0, left = n; left > 1; draw++, left--) {
        if (draw % 2 == 0) {
            random_block(key, stream, step, (uint32_t)(draw / 2), w);
        }
        /* floor(x left / 2^64) of a 64-bit x: biased by less than 2^-32 */
        const uint64_t low = w[2 * (draw % 2)], high = w[2 * (draw % 2) + 1];
        const size_t j = (size_t)((high * left + ((low * left) >> 32)) >> 32);
        const uint32_t swap = order[left - 1];
        order[left - 1] = order[j];
        order[j] = swap;
    }
}
