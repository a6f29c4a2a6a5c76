#include "network/single_channel.h"

#include <string.h>

#include "network/blocks.h"

enum { TAPS = 9, LANES = 16 };

BLOCK_FUNCTION block_spread(size_t n, const struct single_channel *s, const float *restrict one,
                            const float *restrict weights, const struct view *many, size_t first) {
    const size_t row = s->width + 2;
    float w[TAPS][BLOCK];
    for (size_t k = 0; k < TAPS; k++) {
        memcpy(w[k], weights + k * s->many + first, n * sizeof *weights);
    }
    for (size_t i = 0; i < s->height; i++) {
        for (size_t j = 0; j < s->width; j++) {
            const float *restrict x0 = one + i * row + j, *restrict x1 = x0 + row, *restrict x2 = x1 + row;
            float *restrict out = many->at + i * many->row + j * many->site + first;
            for (size_t c = 0; c < n; c++) {
                out[c] = ((x0[0] * w[0][c] + x0[1] * w[1][c]) + (x0[2] * w[2][c] + x1[0] * w[3][c])) +
                         ((x1[1] * w[4][c] + x1[2] * w[5][c]) + (x2[0] * w[6][c] + x2[1] * w[7][c])) + x2[2] * w[8][c];
            }
        }
    }
}

void single_channel_spread(const struct single_channel *s, const float *one, const float *weights,
                           const struct view *many) {
#define CALL(n) block_spread(n, s, one, weights, many, first)
    FOR_BLOCKS(s->many, CALL);
#undef CALL
}

/* Lanes are the nine taps, padded to 16, in vectors of the size of a register, since the compiler would keep larger
 * ones in memory. */
#ifdef __AVX512F__
enum { WIDTH = 16 };
#else
enum { WIDTH = 8 };
#endif
typedef float vector __attribute__((vector_size(WIDTH * sizeof(float)), aligned(4), may_alias));

/* Handles four sites at a time, to hide the latency of the additions. */
static void gather_sites(size_t many, const float *m, size_t site, const float *restrict w,
                         float (*restrict sum)[LANES]) {
    for (size_t k = 0; k < TAPS; k += WIDTH) {
        vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
        for (size_t c = 0; c < many; c++) {
            const vector v = *(const vector *)(w + c * LANES + k);
            s0 += m[c] * v;
            s1 += m[site + c] * v;
            s2 += m[2 * site + c] * v;
            s3 += m[3 * site + c] * v;
        }
        *(vector *)(sum[0] + k) = s0;
        *(vector *)(sum[1] + k) = s1;
        *(vector *)(sum[2] + k) = s2;
        *(vector *)(sum[3] + k) = s3;
    }
}

void single_channel_gather(const struct single_channel *s, const struct view *many, const float *weights, float *one) {
    const size_t row = s->width + 2;
    float w[s->many * LANES];
    memset(w, 0, sizeof w);
    for (size_t c = 0; c < s->many; c++) {
        for (size_t k = 0; k < TAPS; k++) {
            w[c * LANES + k] = weights[k * s->many + c];
        }
    }
    memset(one, 0, (s->height + 2) * row * sizeof *one);
    for (size_t i = 0; i < s->height; i++) {
        for (size_t j = 0, sites; j < s->width; j += sites) {
            sites = j + 4 <= s->width ? 4 : 1;
            float sum[4][LANES];
            gather_sites(s->many, many->at + i * many->row + j * many->site, sites == 4 ? many->site : 0, w, sum);
            for (size_t n = 0; n < sites; n++) {
                for (size_t k = 0; k < TAPS; k++) {
                    one[(i + k / 3) * row + j + n + k % 3] += sum[n][k];
                }
            }
        }
    }
}

BLOCK_FUNCTION block_gradient(size_t n, const struct single_channel *s, const float *restrict one,
                              const struct view *many, float *restrict gradient, size_t first) {
    const size_t row = s->width + 2;
    float sum[TAPS][BLOCK];
    for (size_t k = 0; k < TAPS; k++) {
        memcpy(sum[k], gradient + k * s->many + first, n * sizeof *gradient);
    }
    for (size_t i = 0; i < s->height; i++) {
        for (size_t j = 0; j < s->width; j++) {
            const float *restrict x0 = one + i * row + j, *restrict x1 = x0 + row, *restrict x2 = x1 + row;
            const float *restrict m = many->at + i * many->row + j * many->site + first;
            for (size_t c = 0; c < n; c++) {
                sum[0][c] += x0[0] * m[c];
                sum[1][c] += x0[1] * m[c];
                sum[2][c] += x0[2] * m[c];
                sum[3][c] += x1[0] * m[c];
                sum[4][c] += x1[1] * m[c];
                sum[5][c] += x1[2] * m[c];
                sum[6][c] += x2[0] * m[c];
                sum[7][c] += x2[1] * m[c];
                sum[8][c] += x2[2] * m[c];
            }
        }
    }
    for (size_t k = 0; k < TAPS; k++) {
        memcpy(gradient + k * s->many + first, sum[k], n * sizeof *gradient);
    }
}

void single_channel_gradient(const struct single_channel *s, const float *one, const struct view *many,
                             float *gradient) {
#define CALL(n) block_gradient(n, s, one, many, gradient, first)
    FOR_BLOCKS(s->many, CALL);
#undef CALL
}
