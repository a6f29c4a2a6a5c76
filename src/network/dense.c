#include "network/dense.h"

#include <string.h>

void dense_accumulate(size_t rows, float x, const float *restrict m, float *restrict out) {
    for (size_t i = 0; i < rows; i++) {
        out[i] += x * m[i];
    }
}

/* Blocks of rows, so that a block of every configuration's result stays in registers. */
enum { BLOCK = 32, GROUP = 8, AHEAD = 16 };

/* out (n, rows) = bias + in (n, columns) times matrix (columns, rows), for `length` rows from `first` on. */
static inline __attribute__((always_inline)) void block_affine(size_t length, size_t n, size_t columns, size_t rows,
                                                               const float *restrict matrix, const float *bias,
                                                               const float *restrict in, float *restrict out,
                                                               size_t first) {
    float sum[GROUP][BLOCK];
    for (size_t b = 0; b < n; b++) {
        for (size_t i = 0; i < length; i++) {
            sum[b][i] = bias ? bias[first + i] : 0;
        }
    }
    for (size_t j = 0; j < columns; j++) {
        /* hardware does not prefetch with strides of kilobytes */
        for (size_t i = 0; j + AHEAD < columns && i < length; i += 16) {
            __builtin_prefetch(matrix + (j + AHEAD) * rows + first + i);
        }
        for (size_t b = 0; b < n; b++) {
            for (size_t i = 0; i < length; i++) {
                sum[b][i] += in[b * columns + j] * matrix[j * rows + first + i];
            }
        }
    }
    for (size_t b = 0; b < n; b++) {
        memcpy(out + b * rows + first, sum[b], length * sizeof *out);
    }
}

void dense_affine(size_t n, size_t columns, size_t rows, const float *matrix, const float *bias, const float *in,
                  float *out) {
    for (size_t b = 0; b < n; b += GROUP) {
        const size_t group = n - b < GROUP ? n - b : GROUP;
        for (size_t first = 0; first < rows; first += BLOCK) {
            const float *from = in + b * columns;
            float *to = out + b * rows;
            if (group == GROUP && rows - first >= BLOCK) {
                block_affine(BLOCK, GROUP, columns, rows, matrix, bias, from, to, first);
            } else {
                block_affine(rows - first < BLOCK ? rows - first : BLOCK, group, columns, rows, matrix, bias, from, to,
                             first);
            }
        }
    }
}

void dense_outer(size_t n, size_t rows, size_t columns, const float *restrict left, const float *restrict right,
                 float *restrict gradient) {
    for (size_t r = 0; r < rows; r++) {
        float *restrict own = gradient + r * columns;
        size_t first = 0;
        for (; first + BLOCK <= columns; first += BLOCK) {
            float sum[BLOCK];
            memcpy(sum, own + first, sizeof sum);
            for (size_t b = 0; b < n; b++) {
                for (size_t i = 0; i < BLOCK; i++) {
                    sum[i] += left[b * rows + r] * right[b * columns + first + i];
                }
            }
            memcpy(own + first, sum, sizeof sum);
        }
        for (size_t b = 0; b < n; b++) {
            dense_accumulate(columns - first, left[b * rows + r], right + b * columns + first, own + first);
        }
    }
}
