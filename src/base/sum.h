/* Sums in a fixed order: pairwise, by a binary tree over the index. So the bits of the result do not depend on the
 * number of threads, and the rounding error grows as log n. */
#ifndef DMSQ_BASE_SUM_H
#define DMSQ_BASE_SUM_H

#include <stddef.h>

double sum_tree(const double *x, size_t n);
/* sum of x[i] y[i], by the same tree */
double dot_tree(const double *x, const double *y, size_t n);

#endif
