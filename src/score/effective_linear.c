#include "score/effective_linear.h"

#include <math.h>

bool effective_solve(double *A, size_t n, size_t stride, const double *b, double ridge, double *x, double *scale) {
    for (size_t i = 0; i < n; i++) {
        scale[i] = A[i * stride + i] > 0 ? 1 / sqrt(A[i * stride + i]) : 0;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            A[i * stride + j] = i == j ? 1 + ridge : A[i * stride + j] * scale[i] * scale[j];
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = A[i * stride + j];
            for (size_t k = 0; k < j; k++) {
                sum -= A[i * stride + k] * A[j * stride + k];
            }
            if (i == j && !(sum > 0)) {
                return false;
            }
            A[i * stride + j] = i == j ? sqrt(sum) : sum / A[j * stride + j];
        }
    }
    for (size_t i = 0; i < n; i++) {
        double sum = b[i] * scale[i];
        for (size_t k = 0; k < i; k++) {
            sum -= A[i * stride + k] * x[k];
        }
        x[i] = sum / A[i * stride + i];
    }
    for (size_t i = n; i-- > 0;) {
        double sum = x[i];
        for (size_t k = i + 1; k < n; k++) {
            sum -= A[k * stride + i] * x[k];
        }
        x[i] = sum / A[i * stride + i];
    }
    for (size_t i = 0; i < n; i++) {
        x[i] *= scale[i];
    }
    return true;
}
