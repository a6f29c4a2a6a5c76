/* Products of small dense matrices with a micro-batch, in single precision. Every sum is in the order of its index, so
 * the bits are always the same. */
#ifndef DMSQ_NETWORK_DENSE_H
#define DMSQ_NETWORK_DENSE_H

#include <stddef.h>

/* out (n, rows) = bias + in (n, columns) times matrix (columns, rows). bias may be NULL. */
void dense_affine(size_t n, size_t columns, size_t rows, const float *matrix, const float *bias, const float *in,
                  float *out);

/* gradient (rows, columns) += transpose of left (n, rows) times right (n, columns), configurations in order. */
void dense_outer(size_t n, size_t rows, size_t columns, const float *restrict left, const float *restrict right,
                 float *restrict gradient);

/* out[rows] += x m[rows] */
void dense_accumulate(size_t rows, float x, const float *restrict m, float *restrict out);

#endif
