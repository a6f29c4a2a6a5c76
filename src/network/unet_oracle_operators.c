/* The operators of the oracle network and their adjoints (unet_oracle_operators.h), by their definitions. */
#include "network/unet_oracle_operators.h"

#include <math.h>
#include <string.h>

#define NORM_EPSILON 1e-5

/* Site of the fine map, along an axis of n sites, that is multiplied by tap k for coarse site i; -1 if it is outside
 * and zero. It is at most one site beyond the lattice. */
static ptrdiff_t touched(const struct oracle_convolution *c, size_t i, size_t k, size_t n) {
    ptrdiff_t site = (ptrdiff_t)(c->stride * i + k) - 1, end = (ptrdiff_t)n;
    if (site >= 0 && site < end) {
        return site;
    }
    if (c->padding == UNET_ZEROS) {
        return -1;
    }
    return site < 0 ? site + end : site - end;
}

/* The convolution of one input and one output channel. */
static void plane_to_coarse(const struct oracle_convolution *c, const double w[9], const double *fine, double *coarse) {
    size_t rows = c->height / c->stride, columns = c->width / c->stride;
    for (size_t tap = 0; tap < 9; tap++) {
        for (size_t i = 0; i < rows; i++) {
            ptrdiff_t row = touched(c, i, tap / 3, c->height);
            for (size_t j = 0; row >= 0 && j < columns; j++) {
                ptrdiff_t column = touched(c, j, tap % 3, c->width);
                if (column >= 0) {
                    coarse[i * columns + j] += w[tap] * fine[row * (ptrdiff_t)c->width + column];
                }
            }
        }
    }
}

/* Its transpose: the same loop with input and output exchanged. */
static void plane_to_fine(const struct oracle_convolution *c, const double w[9], double *fine, const double *coarse) {
    size_t rows = c->height / c->stride, columns = c->width / c->stride;
    for (size_t tap = 0; tap < 9; tap++) {
        for (size_t i = 0; i < rows; i++) {
            ptrdiff_t row = touched(c, i, tap / 3, c->height);
            for (size_t j = 0; row >= 0 && j < columns; j++) {
                ptrdiff_t column = touched(c, j, tap % 3, c->width);
                if (column >= 0) {
                    fine[row * (ptrdiff_t)c->width + column] += w[tap] * coarse[i * columns + j];
                }
            }
        }
    }
}

/* Its gradient with respect to the nine weights. */
static void plane_to_weights(const struct oracle_convolution *c, double w[9], const double *fine,
                             const double *coarse) {
    size_t rows = c->height / c->stride, columns = c->width / c->stride;
    for (size_t tap = 0; tap < 9; tap++) {
        double sum = 0;
        for (size_t i = 0; i < rows; i++) {
            ptrdiff_t row = touched(c, i, tap / 3, c->height);
            for (size_t j = 0; row >= 0 && j < columns; j++) {
                ptrdiff_t column = touched(c, j, tap % 3, c->width);
                if (column >= 0) {
                    sum += coarse[i * columns + j] * fine[row * (ptrdiff_t)c->width + column];
                }
            }
        }
        w[tap] += sum;
    }
}

static size_t fine_sites(const struct oracle_convolution *c) {
    return c->height * c->width;
}

static size_t coarse_sites(const struct oracle_convolution *c) {
    return c->height / c->stride * (c->width / c->stride);
}

void oracle_convolve(const struct oracle_convolution *c, const double *w, const double *fine, double *coarse) {
    memset(coarse, 0, c->coarse_channels * coarse_sites(c) * sizeof *coarse);
    for (size_t o = 0; o < c->coarse_channels; o++) {
        for (size_t f = 0; f < c->fine_channels; f++) {
            plane_to_coarse(c, w + 9 * (o * c->fine_channels + f), fine + f * fine_sites(c),
                            coarse + o * coarse_sites(c));
        }
    }
}

void oracle_convolve_transposed(const struct oracle_convolution *c, const double *w, const double *coarse,
                                double *fine) {
    memset(fine, 0, c->fine_channels * fine_sites(c) * sizeof *fine);
    for (size_t o = 0; o < c->coarse_channels; o++) {
        for (size_t f = 0; f < c->fine_channels; f++) {
            plane_to_fine(c, w + 9 * (o * c->fine_channels + f), fine + f * fine_sites(c),
                          coarse + o * coarse_sites(c));
        }
    }
}

void oracle_convolve_weights(const struct oracle_convolution *c, const double *fine, const double *coarse,
                             double *w_gradient) {
    for (size_t o = 0; o < c->coarse_channels; o++) {
        for (size_t f = 0; f < c->fine_channels; f++) {
            plane_to_weights(c, w_gradient + 9 * (o * c->fine_channels + f), fine + f * fine_sites(c),
                             coarse + o * coarse_sites(c));
        }
    }
}

void oracle_dense(size_t inputs, size_t outputs, const double *w, const double *b, const double *x, double *y) {
    for (size_t o = 0; o < outputs; o++) {
        y[o] = b[o];
        for (size_t i = 0; i < inputs; i++) {
            y[o] += w[o * inputs + i] * x[i];
        }
    }
}

void oracle_dense_adjoint(size_t inputs, size_t outputs, const double *w, const double *x, const double *y_gradient,
                          double *x_gradient, double *w_gradient, double *b_gradient) {
    for (size_t o = 0; o < outputs; o++) {
        for (size_t i = 0; x_gradient && i < inputs; i++) {
            x_gradient[i] += w[o * inputs + i] * y_gradient[o];
        }
        for (size_t i = 0; w_gradient && i < inputs; i++) {
            w_gradient[o * inputs + i] += y_gradient[o] * x[i];
        }
        if (b_gradient) {
            b_gradient[o] += y_gradient[o];
        }
    }
}

/* Mean and 1/sqrt(variance + epsilon) of n numbers. */
static void moments(size_t n, const double *x, double *mean, double *inverse) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        squares += (x[i] - *mean) * (x[i] - *mean);
    }
    *inverse = 1 / sqrt(squares / (double)n + NORM_EPSILON);
}

void oracle_norm(const struct oracle_norm *n, const double *scale, const double *shift, const double *x, double *y) {
    size_t block = n->channels / n->groups * n->sites; /* numbers normalised together */
    for (size_t start = 0; start < n->channels * n->sites; start += block) {
        double mean, inverse;
        moments(block, x + start, &mean, &inverse);
        for (size_t i = start; i < start + block; i++) {
            y[i] = scale[i / n->sites] * ((x[i] - mean) * inverse) + shift[i / n->sites];
        }
    }
}

void oracle_norm_adjoint(const struct oracle_norm *n, const double *scale, const double *x, const double *y_gradient,
                         double *x_gradient, double *scale_gradient, double *shift_gradient) {
    size_t block = n->channels / n->groups * n->sites;
    for (size_t start = 0; start < n->channels * n->sites; start += block) {
        double mean, inverse;
        moments(block, x + start, &mean, &inverse);
        /* With h = (x - mean) inverse and u = dL/dh: dL/dx = inverse (u - <u> - h <u h>). */
        double u_mean = 0, uh_mean = 0;
        for (size_t i = start; i < start + block; i++) {
            double h = (x[i] - mean) * inverse, u = scale[i / n->sites] * y_gradient[i];
            u_mean += u / (double)block;
            uh_mean += u * h / (double)block;
            if (scale_gradient) {
                scale_gradient[i / n->sites] += y_gradient[i] * h;
            }
            if (shift_gradient) {
                shift_gradient[i / n->sites] += y_gradient[i];
            }
        }
        for (size_t i = start; x_gradient && i < start + block; i++) {
            double h = (x[i] - mean) * inverse, u = scale[i / n->sites] * y_gradient[i];
            x_gradient[i] += inverse * (u - u_mean - h * uh_mean);
        }
    }
}

void oracle_swish(size_t n, const double *x, double *y) {
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] / (1 + exp(-x[i]));
    }
}

void oracle_swish_adjoint(size_t n, const double *x, const double *y_gradient, double *x_gradient) {
    for (size_t i = 0; i < n; i++) {
        double sigmoid = 1 / (1 + exp(-x[i]));
        x_gradient[i] += y_gradient[i] * sigmoid * (1 + x[i] * (1 - sigmoid));
    }
}

void oracle_fourier(size_t count, const double *frequencies, double t, double *y) {
    const double pi = 3.14159265358979323846;
    for (size_t i = 0; i < count; i++) {
        y[i] = sin(2 * pi * frequencies[i] * t);
        y[count + i] = cos(2 * pi * frequencies[i] * t);
    }
}
