/* Winograd's minimal filtering (S. Winograd, Arithmetic Complexity of Computations, SIAM 1980; for networks, Lavin and
 * Gray, arXiv:1509.09308, whose notation is used here). A tile has 2 x 2 sites. Along each axis, its two outputs y are
 * A^T [(G g) (B^T x)] for the inputs x and the taps g, where the product is taken element by element.
 *
 *   stride 1: F(2, 3) with 4 products instead of 6. y0 = m0 + m1 + m2 and y1 = m1 - m2 - m3, where
 *     m0 = (x0 - x2) g0, m1 = (x1 + x2) (g0 + g1 + g2)/2, m2 = (x2 - x1) (g0 - g1 + g2)/2, m3 = (x1 - x3) g2.
 *   stride 2: F(2, 2) for the even inputs, with taps g0 and g2, and plain products of the odd ones with g1, which are
 *     added to those that only one output has: 5 products instead of 6. y0 = m0 + m1 and y1 = m1 + m2, where
 *     m0 = (x0 - x2) g0 + x1 g1, m1 = x2 (g0 + g2), m2 = (x4 - x2) g2 + x3 g1.
 *
 * So a tile needs 16 or 25 products instead of 36 for each pair of channels. A matrix P_k belongs to a pair (m along
 * rows, m along columns). Where an m has two terms, they are next to each other in the columns of P_k. */
#include <string.h>

#include "base/wide.h"
#include "network/convolution_internal.h"

enum { EXTENT = 2, POINTS = 5, PARTS = 4 };

/* Along an axis: number of points d, G g or B^T d, and of parts m; for each part its first point and their number. */
static const struct axis {
    size_t points, parts, first[PARTS], length[PARTS];
} axes[] = {[1] = {4, 4, {0, 1, 2, 3}, {1, 1, 1, 1}}, [2] = {5, 3, {0, 2, 3}, {2, 1, 2}}};

#define INLINE static inline __attribute__((always_inline))

INLINE wide load(const float *x) {
    wide v;
    memcpy(&v, x, sizeof v);
    return v;
}

INLINE void store(float *x, wide v) {
    memcpy(x, &v, sizeof v);
}

/* B^T x */
INLINE void data(int stride, const wide x[POINTS], wide d[POINTS]) {
    d[0] = x[0] - x[2];
    if (stride == 2) {
        d[1] = x[1];
        d[2] = x[2];
        d[3] = x[4] - x[2];
        d[4] = x[3];
    } else {
        d[1] = x[1] + x[2];
        d[2] = x[2] - x[1];
        d[3] = x[1] - x[3];
    }
}

/* B d */
INLINE void data_adjoint(int stride, const wide d[POINTS], wide x[POINTS]) {
    x[0] = d[0];
    if (stride == 2) {
        x[1] = d[1];
        x[2] = d[2] - d[0] - d[3];
        x[3] = d[4];
        x[4] = d[3];
    } else {
        x[1] = d[1] - d[2] + d[3];
        x[2] = d[1] + d[2] - d[0];
        x[3] = -d[3];
    }
}

/* G g */
INLINE void taps_transform(int stride, const wide g[3], wide u[POINTS]) {
    u[0] = g[0];
    if (stride == 2) {
        u[1] = u[4] = g[1];
        u[2] = g[0] + g[2];
        u[3] = g[2];
    } else {
        const wide even = 0.5f * (g[0] + g[2]), odd = 0.5f * g[1];
        u[1] = even + odd;
        u[2] = even - odd;
        u[3] = g[2];
    }
}

/* G^T u */
INLINE void taps_adjoint(int stride, const wide u[POINTS], wide g[3]) {
    if (stride == 2) {
        g[0] = u[0] + u[2];
        g[1] = u[1] + u[4];
        g[2] = u[2] + u[3];
    } else {
        const wide even = 0.5f * (u[1] + u[2]);
        g[0] = u[0] + even;
        g[1] = 0.5f * (u[1] - u[2]);
        g[2] = u[3] + even;
    }
}

/* A^T m */
INLINE void results(int stride, const wide m[PARTS], wide y[EXTENT]) {
    y[0] = m[0] + m[1];
    y[1] = m[1];
    if (stride == 2) {
        y[1] += m[2];
    } else {
        y[0] += m[2];
        y[1] -= m[2] + m[3];
    }
}

/* A y */
INLINE void results_adjoint(int stride, const wide y[EXTENT], wide m[PARTS]) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = stride == 2 ? y[1] : y[0] - y[1];
    m[3] = -y[1];
}

/* --- the matrices ------------------------------------------------------------------------------------ */

bool convolution_winograd_suits(const struct convolution_shape *shape) {
    return shape->narrow_height % EXTENT == 0 && shape->narrow_width % EXTENT == 0 &&
           shape->wide_channels % WIDE_LANES == 0 && shape->narrow_channels % WIDE_LANES == 0;
}

static void lay_out(struct convolution *c) {
    const struct axis *axis = &axes[c->shape.stride];
    const size_t channels = (size_t)c->shape.wide_channels;
    for (size_t i = 0; i < axis->parts; i++) {
        for (size_t j = 0; j < axis->parts; j++, c->matrices++) {
            const size_t terms = axis->length[i] * axis->length[j];
            for (size_t term = 0; term < terms; term++) {
                const size_t row = axis->first[i] + term / axis->length[j],
                             column = axis->first[j] + term % axis->length[j];
                c->point_matrix[row * axis->points + column] = c->matrices;
                c->point_column[row * axis->points + column] = term * channels;
            }
            c->columns[c->matrices] = terms * channels;
        }
    }
}

/* Sets at[i] to the place of point i of row n of matrices with `rows` rows each. */
static void find(const struct convolution *c, size_t rows, size_t n, size_t at[CONVOLUTION_POINTS]) {
    const size_t points = axes[c->shape.stride].points;
    for (size_t i = 0; i < points * points; i++) {
        const size_t k = c->point_matrix[i];
        at[i] = c->at[k] * rows + n * c->columns[k] + c->point_column[i];
    }
}

/* Each of the following is compiled for both strides. */

INLINE void gather_tile(int stride, const struct convolution *c, const float *x, const size_t at[CONVOLUTION_POINTS],
                        float *to) {
    const int n = stride + 3;
    const size_t channels = (size_t)c->shape.wide_channels, row = c->wide_row;
    for (size_t k = 0; k < channels; k += WIDE_LANES) {
        wide d[POINTS][POINTS];
        for (int i = 0; i < n; i++) {
            wide along[POINTS];
            for (int j = 0; j < n; j++) {
                along[j] = load(x + (size_t)i * row + (size_t)j * channels + k);
            }
            data(stride, along, d[i]);
        }
        for (int j = 0; j < n; j++) {
            wide along[POINTS], out[POINTS];
            for (int i = 0; i < n; i++) {
                along[i] = d[i][j];
            }
            data(stride, along, out);
            for (int i = 0; i < n; i++) {
                store(to + at[i * n + j] + k, out[i]);
            }
        }
    }
}

INLINE void scatter_tile(int stride, const struct convolution *c, const float *from,
                         const size_t at[CONVOLUTION_POINTS], float *x) {
    const int n = stride + 3;
    const size_t channels = (size_t)c->shape.wide_channels, row = c->wide_row;
    for (size_t k = 0; k < channels; k += WIDE_LANES) {
        wide d[POINTS][POINTS];
        for (int i = 0; i < n; i++) {
            wide along[POINTS];
            for (int j = 0; j < n; j++) {
                along[j] = load(from + at[i * n + j] + k);
            }
            data_adjoint(stride, along, d[i]);
        }
        for (int j = 0; j < n; j++) {
            wide along[POINTS], out[POINTS];
            for (int i = 0; i < n; i++) {
                along[i] = d[i][j];
            }
            data_adjoint(stride, along, out);
            for (int i = 0; i < n; i++) {
                float *to = x + (size_t)i * row + (size_t)j * channels + k;
                store(to, load(to) + out[i]);
            }
        }
    }
}

/* step: floats from one matrix to the next. y: the tile's first site; row: floats of a row of the narrow field. */
INLINE void collect_tile(int stride, size_t channels, size_t step, const float *m, size_t row, float *y) {
    const int parts = stride == 2 ? 3 : 4;
    for (size_t k = 0; k < channels; k += WIDE_LANES) {
        wide half[PARTS][EXTENT];
        for (int i = 0; i < parts; i++) {
            wide along[PARTS];
            for (int j = 0; j < parts; j++) {
                along[j] = load(m + (size_t)(i * parts + j) * step + k);
            }
            results(stride, along, half[i]);
        }
        for (int j = 0; j < EXTENT; j++) {
            wide along[PARTS], out[EXTENT];
            for (int i = 0; i < parts; i++) {
                along[i] = half[i][j];
            }
            results(stride, along, out);
            for (int i = 0; i < EXTENT; i++) {
                store(y + (size_t)i * row + (size_t)j * channels + k, out[i]);
            }
        }
    }
}

INLINE void spread_tile(int stride, size_t channels, size_t step, float *m, size_t row, const float *y) {
    const int parts = stride == 2 ? 3 : 4;
    for (size_t k = 0; k < channels; k += WIDE_LANES) {
        wide half[EXTENT][PARTS];
        for (int i = 0; i < EXTENT; i++) {
            const wide along[EXTENT] = {load(y + (size_t)i * row + k), load(y + (size_t)i * row + channels + k)};
            results_adjoint(stride, along, half[i]);
        }
        for (int j = 0; j < parts; j++) {
            const wide along[EXTENT] = {half[0][j], half[1][j]};
            wide out[PARTS];
            results_adjoint(stride, along, out);
            for (int i = 0; i < parts; i++) {
                store(m + (size_t)(i * parts + j) * step + k, out[i]);
            }
        }
    }
}

INLINE void transform_row(int stride, size_t channels, const float *taps, const size_t at[CONVOLUTION_POINTS],
                          float *to) {
    const int n = stride + 3;
    for (size_t k = 0; k < channels; k += WIDE_LANES) {
        wide u[3][POINTS];
        for (int i = 0; i < 3; i++) {
            wide along[3];
            for (int j = 0; j < 3; j++) {
                along[j] = load(taps + (size_t)(3 * i + j) * channels + k);
            }
            taps_transform(stride, along, u[i]);
        }
        for (int j = 0; j < n; j++) {
            const wide along[3] = {u[0][j], u[1][j], u[2][j]};
            wide out[POINTS];
            taps_transform(stride, along, out);
            for (int i = 0; i < n; i++) {
                store(to + at[i * n + j] + k, out[i]);
            }
        }
    }
}

INLINE void transform_row_adjoint(int stride, size_t channels, const float *from, const size_t at[CONVOLUTION_POINTS],
                                  float *taps) {
    const int n = stride + 3;
    for (size_t k = 0; k < channels; k += WIDE_LANES) {
        wide g[POINTS][3];
        for (int i = 0; i < n; i++) {
            wide along[POINTS];
            for (int j = 0; j < n; j++) {
                along[j] = load(from + at[i * n + j] + k);
            }
            taps_adjoint(stride, along, g[i]);
        }
        for (int j = 0; j < 3; j++) {
            wide along[POINTS], out[3];
            for (int i = 0; i < n; i++) {
                along[i] = g[i][j];
            }
            taps_adjoint(stride, along, out);
            for (int i = 0; i < 3; i++) {
                store(taps + (size_t)(3 * i + j) * channels + k, out[i]);
            }
        }
    }
}

/* --- the algorithm ----------------------------------------------------------------------------------- */

static void gather(const struct convolution *c, const struct convolution_tiles *t, const float *field) {
    size_t at[CONVOLUTION_POINTS];
    for (size_t n = 0; n < t->count; n++) {
        const float *x = field + convolution_patch(c, t->first + n);
        find(c, c->rows, n, at);
        if (c->shape.stride == 2) {
            gather_tile(2, c, x, at, t->patches);
        } else {
            gather_tile(1, c, x, at, t->patches);
        }
    }
}

static void scatter(const struct convolution *c, const struct convolution_tiles *t, float *field) {
    size_t at[CONVOLUTION_POINTS];
    for (size_t n = 0; n < t->count; n++) {
        float *x = field + convolution_patch(c, t->first + n);
        find(c, c->rows, n, at);
        if (c->shape.stride == 2) {
            scatter_tile(2, c, t->patches, at, x);
        } else {
            scatter_tile(1, c, t->patches, at, x);
        }
    }
}

/* First site of a tile in the narrow field. */
static size_t first_site(const struct convolution *c, size_t tile) {
    const size_t width = (size_t)c->shape.narrow_width / EXTENT;
    return (tile / width * EXTENT * (size_t)c->shape.narrow_width + tile % width * EXTENT) *
           (size_t)c->shape.narrow_channels;
}

static void collect(const struct convolution *c, const struct convolution_tiles *t, float *narrow) {
    const size_t channels = (size_t)c->shape.narrow_channels, row = (size_t)c->shape.narrow_width * channels;
    for (size_t n = 0; n < t->count; n++) {
        const float *m = t->results + n * channels;
        float *y = narrow + first_site(c, t->first + n);
        if (c->shape.stride == 2) {
            collect_tile(2, channels, c->rows * channels, m, row, y);
        } else {
            collect_tile(1, channels, c->rows * channels, m, row, y);
        }
    }
}

static void spread(const struct convolution *c, const struct convolution_tiles *t, const float *narrow) {
    const size_t channels = (size_t)c->shape.narrow_channels, row = (size_t)c->shape.narrow_width * channels;
    for (size_t n = 0; n < t->count; n++) {
        float *m = t->results + n * channels;
        const float *y = narrow + first_site(c, t->first + n);
        if (c->shape.stride == 2) {
            spread_tile(2, channels, c->rows * channels, m, row, y);
        } else {
            spread_tile(1, channels, c->rows * channels, m, row, y);
        }
    }
}

static void transform(const struct convolution *c, size_t n, const float *taps, float *weights) {
    size_t at[CONVOLUTION_POINTS];
    find(c, (size_t)c->shape.narrow_channels, n, at);
    if (c->shape.stride == 2) {
        transform_row(2, (size_t)c->shape.wide_channels, taps, at, weights);
    } else {
        transform_row(1, (size_t)c->shape.wide_channels, taps, at, weights);
    }
}

static void transform_adjoint(const struct convolution *c, size_t n, const float *weights, float *taps) {
    size_t at[CONVOLUTION_POINTS];
    find(c, (size_t)c->shape.narrow_channels, n, at);
    if (c->shape.stride == 2) {
        transform_row_adjoint(2, (size_t)c->shape.wide_channels, weights, at, taps);
    } else {
        transform_row_adjoint(1, (size_t)c->shape.wide_channels, weights, at, taps);
    }
}

const struct convolution_algorithm convolution_winograd = {.extent = EXTENT,
                                                           .lay_out = lay_out,
                                                           .gather = gather,
                                                           .scatter = scatter,
                                                           .collect = collect,
                                                           .spread = spread,
                                                           .transform = transform,
                                                           .transform_adjoint = transform_adjoint};
