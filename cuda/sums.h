/* Sums by the threads of a block of THREADS, in the order of base/sum.h, so that they have the bits of the host: leaves
 * of 64 terms in eight lanes, added in a binary tree whose left branch is the largest power of two. */
#ifndef DMSQ_CUDA_SUMS_H
#define DMSQ_CUDA_SUMS_H

#include "cuda/kernels.h"

/* The sum of term(0) ... term(n - 1). All threads must call it; only thread 0 gets the result. part: THREADS elements
 * of shared memory. A round sums THREADS/8 leaves. The sums of rounds are kept on a stack, like the digits of a binary
 * counter, until their neighbour in the tree is known. */
template <class Term> __device__ static double tree_sum(double *part, size_t n, const Term &term) {
    enum { LANES = 8, LEAF = 64, DEPTH = 48 };
    const int t = (int)threadIdx.x;
    double stack[DEPTH];
    int depth = 0;
    size_t round = 0;
    for (size_t from = 0; from < n; from += LANES * THREADS, round++) {
        const size_t leaf = from + (size_t)(t / LANES) * LEAF, end = leaf + LEAF < n ? leaf + LEAF : n;
        double sum = 0;
        for (size_t i = leaf + (size_t)(t % LANES); i < end; i += LANES) {
            sum += term(i);
        }
        part[t] = sum;
        __syncthreads();
        if (t % LANES == 0) {
            sum = ((part[t] + part[t + 1]) + (part[t + 2] + part[t + 3])) +
                  ((part[t + 4] + part[t + 5]) + (part[t + 6] + part[t + 7]));
        }
        __syncthreads();
        part[t] = sum;
        for (int step = LANES; step < THREADS; step *= 2) {
            __syncthreads();
            if (t % (2 * step) == 0 && leaf + (size_t)(step / LANES) * LEAF < n) {
                part[t] += part[t + step];
            }
        }
        if (t == 0) {
            double own = part[0];
            for (size_t k = round; k & 1; k >>= 1) {
                own = stack[--depth] + own;
            }
            stack[depth++] = own;
        }
        __syncthreads(); /* before `part` is overwritten */
    }
    if (t != 0 || depth == 0) {
        return 0;
    }
    double sum = stack[--depth];
    while (depth > 0) {
        sum = stack[--depth] + sum;
    }
    return sum;
}

#endif
