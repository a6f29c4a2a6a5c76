/* Philox4x32-10, and uniforms, normals and permutations from it (random.h).
 *
 * Single blocks come from Random123's own header. The loops that fill arrays do the same ten rounds on
 * lanes, in vectors: lanes are either consecutive blocks of one stream or consecutive streams. Every lane does
 * the same operations whatever the vector width, so the bits are the same; tests/base/test_random.c compares
 * all of them with Random123's.
 */
#include "base/random.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <Random123/philox.h>
#if defined __SSE2__
#include <immintrin.h>
#endif

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

/* Vectors of 32-bit words in the low halves of 64-bit elements: the instructions that multiply them to 64-bit products
 * expect this form. The high halves are ignored. */
#if defined __AVX512F__
typedef uint64_t words __attribute__((vector_size(64)));
#define WORDS_MULTIPLY(a, factor) ((words)_mm512_mul_epu32((__m512i)(a), _mm512_set1_epi64(factor)))
#elif defined __AVX2__
typedef uint64_t words __attribute__((vector_size(32)));
#define WORDS_MULTIPLY(a, factor) ((words)_mm256_mul_epu32((__m256i)(a), _mm256_set1_epi64x(factor)))
#elif defined __SSE2__
typedef uint64_t words __attribute__((vector_size(16)));
#define WORDS_MULTIPLY(a, factor) ((words)_mm_mul_epu32((__m128i)(a), _mm_set1_epi64x(factor)))
#else
typedef uint64_t words __attribute__((vector_size(16)));
#define WORDS_MULTIPLY(a, factor) ((0xffffffffu & (a)) * (uint64_t)(factor))
#endif
enum { WORDS = sizeof(words) / sizeof(uint64_t), CHUNK = 32 };

/* random_block of several lanes. */
static inline void blocks_of(struct random_key key, words w0, words w1, words w2, words w3, words out[4]) {
    for (uint32_t r = 0; r < 10; r++) {
        const words product0 = WORDS_MULTIPLY(w0, 0xd2511f53u), product1 = WORDS_MULTIPLY(w2, 0xcd9e8d57u);
        w0 = product1 >> 32 ^ w1 ^ (key.word[0] + r * 0x9e3779b9u);
        w2 = product0 >> 32 ^ w3 ^ (key.word[1] + r * 0xbb67ae85u);
        w1 = product1;
        w3 = product0;
    }
    out[0] = w0;
    out[1] = w1;
    out[2] = w2;
    out[3] = w3;
}

/* n <= CHUNK blocks of every lane, out[word][block][lane]: blocks first .. first + n - 1 of streams `stream` + lane;
 * or, for one stream, the blocks first + block LANES + lane. */
static void chunk_of(struct random_key key, uint64_t stream, uint64_t step, uint64_t first, size_t n, bool one_stream,
                     uint32_t out[4][CHUNK][LANES]) {
    const words zero = {0};
    words lanes[LANES / WORDS];
    for (size_t l = 0; l < LANES; l++) {
        lanes[l / WORDS][l % WORDS] = l;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t part = 0; part < LANES / WORDS; part++) {
            const words streams = one_stream ? stream + zero : stream + lanes[part];
            const words index = one_stream ? first + i * LANES + lanes[part] : first + i + zero;
            words b[4];
            blocks_of(key, index, step + zero, streams, (step >> 32 << 16) + (streams >> 32 & 0xffffu), b);
            for (size_t w = 0; w < 4; w++) {
                for (size_t l = 0; l < WORDS; l++) {
                    out[w][i][part * WORDS + l] = (uint32_t)b[w][l];
                }
            }
        }
    }
}

/* The upper 52 of 64 bits as a number in [1,2), less 1 - 2^-53: the midpoints of 2^52 equal cells of
 * (0,1), exactly. */
static inline double uniform_of(uint32_t low, uint32_t high) {
    const uint64_t bits = ((uint64_t)high << 32) | low;
    return function_from_bits((bits >> 12) | 0x3ff0000000000000u) - (1.0 - 0x1p-53);
}

/* Box-Muller: two normals of a block. */
static inline void normals_of(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3, double *first, double *second) {
    double sine, cosine;
    const double radius = sqrt(-2.0 * function_log(uniform_of(w0, w1)));
    function_sincos_turns(uniform_of(w2, w3), &sine, &cosine);
    *first = radius * cosine;
    *second = radius * sine;
}

/* A word as a float in [2^-33, 1], rounded once: both halves convert exactly. */
static inline float uniform_float_of(uint32_t w) {
    const float high = (float)(int32_t)(w >> 16) * 65536.0f;
    const float low = (float)(int32_t)(w & 0xffffu);
    return (high + low) * 0x1p-32f + 0x1p-33f;
}

static inline void normals_float_of(uint32_t radius_word, uint32_t angle_word, float *first, float *second) {
    float sine, cosine;
    const float radius = sqrtf(-2.0f * function_log_float(uniform_float_of(radius_word)));
    function_sincos_turns_float((float)(int32_t)(angle_word >> 8) * 0x1p-24f, &sine, &cosine);
    *first = radius * cosine;
    *second = radius * sine;
}

/* Numbers z[number][lane] from a chunk of n blocks. The blocks are computed by a loop of their own, because the chains
 * of dependent operations are long: the shorter an iteration, the more iterations a processor overlaps. */

static void chunk_uniform(size_t n, uint32_t b[4][CHUNK][LANES], double *z) {
    for (size_t i = 0; i < n; i++) {
        double *first = z + 2 * i * LANES, *second = first + LANES;
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            first[l] = uniform_of(b[0][i][l], b[1][i][l]);
        }
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            second[l] = uniform_of(b[2][i][l], b[3][i][l]);
        }
    }
}

static void chunk_normal(size_t n, uint32_t b[4][CHUNK][LANES], double *z) {
    for (size_t i = 0; i < n; i++) {
        double *restrict first = z + 2 * i * LANES, *restrict second = first + LANES;
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            normals_of(b[0][i][l], b[1][i][l], b[2][i][l], b[3][i][l], &first[l], &second[l]);
        }
    }
}

static void chunk_normal_float(size_t n, uint32_t b[4][CHUNK][LANES], float *z) {
    for (size_t pair = 0; pair < 2; pair++) {
        /* all blocks in one row, so that vectors may be longer than LANES */
        const uint32_t *radius = (const uint32_t *)b[2 * pair], *angle = (const uint32_t *)b[2 * pair + 1];
        float first[CHUNK * LANES], second[CHUNK * LANES];
#pragma omp simd
        for (size_t i = 0; i < n * LANES; i++) {
            normals_float_of(radius[i], angle[i], &first[i], &second[i]);
        }
        for (size_t i = 0; i < n; i++) {
            memcpy(z + (4 * i + 2 * pair) * LANES, first + i * LANES, LANES * sizeof *z);
            memcpy(z + (4 * i + 2 * pair + 1) * LANES, second + i * LANES, LANES * sizeof *z);
        }
    }
}

/* Defines random_KIND_lanes and random_KIND by chunk_KIND, which makes PER numbers of a block. */
#define DEFINE_RANDOM(KIND, TYPE, PER) \
    static void KIND##_lanes_from(struct random_key key, uint64_t stream, uint64_t step, uint64_t first, TYPE *z, \
                                  size_t n) { \
        uint32_t b[4][CHUNK][LANES]; \
        for (size_t i = 0; i < n; i += PER * CHUNK) { \
            const size_t left = n - i, blocks = left < PER * CHUNK ? (left + PER - 1) / PER : CHUNK; \
            chunk_of(key, stream, step, (first + i) / PER, blocks, false, b); \
            if (left >= PER * blocks) { \
                chunk_##KIND(blocks, b, z + i * LANES); \
            } else { \
                TYPE more[PER * CHUNK * LANES]; \
                chunk_##KIND(blocks, b, more); \
                memcpy(z + i * LANES, more, left * LANES * sizeof *z); \
            } \
        } \
    } \
    void random_##KIND##_lanes(struct random_key key, uint64_t stream, uint64_t step, TYPE *z, size_t n) { \
        KIND##_lanes_from(key, stream, step, 0, z, n); \
    } \
    void random_##KIND(struct random_key key, uint64_t stream, uint64_t step, TYPE *z, size_t n) { \
        enum { OF_ROW = PER * LANES }; \
        uint32_t b[4][CHUNK][LANES]; \
        TYPE lanes[CHUNK][PER][LANES]; \
        for (size_t i = 0; i < n; i += OF_ROW * CHUNK) { \
            const size_t left = n - i, rows = left < OF_ROW * CHUNK ? (left + OF_ROW - 1) / OF_ROW : CHUNK; \
            chunk_of(key, stream, step, i / PER, rows, true, b); \
            chunk_##KIND(rows, b, lanes[0][0]); \
            for (size_t row = 0; row < rows; row++) { \
                TYPE ordered[LANES][PER]; \
                for (size_t l = 0; l < LANES; l++) { \
                    for (size_t k = 0; k < PER; k++) { \
                        ordered[l][k] = lanes[row][k][l]; \
                    } \
                } \
                if (left - row * OF_ROW >= OF_ROW) { \
                    memcpy(z + i + row * OF_ROW, ordered, sizeof ordered); \
                } else { \
                    memcpy(z + i + row * OF_ROW, ordered, (left - row * OF_ROW) * sizeof *z); \
                } \
            } \
        } \
    }

DEFINE_RANDOM(uniform, double, 2)
DEFINE_RANDOM(normal, double, 2)
DEFINE_RANDOM(normal_float, float, 4)

void random_uniform_lanes_from(struct random_key key, uint64_t stream, uint64_t step, uint64_t first, double *u,
                               size_t n) {
    uniform_lanes_from(key, stream, step, first, u, n);
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
