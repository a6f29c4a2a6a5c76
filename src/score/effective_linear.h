/* Linear equations of a fit. */
#ifndef DMSQ_SCORE_EFFECTIVE_LINEAR_H
#define DMSQ_SCORE_EFFECTIVE_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

/* Solves (D^-1 A D^-1 + ridge) D x = D^-1 b, D^2 the diagonal of A[n x n], rows `stride` apart, by Cholesky's method;
 * where the diagonal is 0, x is 0. A is overwritten. scale: room for n. false: not positive. */
bool effective_solve(double *A, size_t n, size_t stride, const double *b, double ridge, double *x, double *scale);

#endif
