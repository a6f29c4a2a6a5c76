/* The linear equations of a fit. */
#ifndef DMSQ_SCORE_EFFECTIVE_LINEAR_H
#define DMSQ_SCORE_EFFECTIVE_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

/* Solves (D^-1 A D^-1 + ridge) D x = D^-1 b by Cholesky's method, with D^2 the diagonal of A (n, n), whose rows are
 * `stride` apart. x is 0 where the diagonal is 0. A is overwritten. scale: workspace for n numbers. Returns false if
 * the matrix is not positive definite. */
bool effective_solve(double *A, size_t n, size_t stride, const double *b, double ridge, double *x, double *scale);

#endif
