/* Products of small dense matrices with a micro-batch, single precision: every sum in the order of its index, so that
 * the bits depend on nothing but the numbers. Blocks of 32 results stay in registers. */
#ifndef DMSQ_NETWORK_DENSE_H
#define DMSQ_NETWORK_DENSE_H

#include <stddef.h>

/* out (n x rows) = bias + in (n x columns) times matrix (columns, rows). bias may be NULL. */
void dense_affine(size_t n, size_t columns, size_t rows, const float *matrix, const float *bias, const float *in,
                  float *out);

/* gradient (rows, columns) += left (n x rows) transposed times right (n x columns), configurations in order. */
void dense_outer(size_t n, size_t rows, size_t columns, const float *restrict left, const float *restrict right,
                 float *restrict gradient);

/* out[rows] += x m[rows] */
void dense_accumulate(size_t rows, float x, const float *restrict m, float *restrict out);

#endif
