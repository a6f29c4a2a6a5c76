/* Sums in a fixed order. Leaves of up to 64 terms are summed in eight lanes (so that vector registers of any width give
 * the same bits), and leaves are joined in a binary tree whose left branch is the largest power of two below n. */
#include "base/sum.h"

enum { LANES = 8, LEAF = 64 };

static double join_lanes(const double lane[LANES]) {
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

static size_t left_branch(size_t n) {
    size_t half = LEAF;
    while (half <= (n - 1) / 2) {
        half *= 2;
    }
    return half;
}

double sum_tree(const double *x, size_t n) {
    if (n > LEAF) {
        size_t left = left_branch(n);
        return sum_tree(x, left) + sum_tree(x + left, n - left);
    }
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            lane[k] += x[i + k];
        }
    }
    for (size_t k = 0; i + k < n; k++) {
        lane[k] += x[i + k];
    }
    return join_lanes(lane);
}

double dot_tree(const double *x, const double *y, size_t n) {
    if (n > LEAF) {
        size_t left = left_branch(n);
        return dot_tree(x, y, left) + dot_tree(x + left, y + left, n - left);
    }
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            lane[k] += x[i + k] * y[i + k];
        }
    }
    for (size_t k = 0; i + k < n; k++) {
        lane[k] += x[i + k] * y[i + k];
    }
    return join_lanes(lane);
}
