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

/* Extents that tiles divide, and channels that fill lanes. */
static bool suits(const struct convolution_shape *shape) {
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

/* --- maps along both axes ---------------------------------------------------------------------------- */

enum map { DATA, DATA_ADJOINT, TAPS, TAPS_ADJOINT, RESULTS, RESULTS_ADJOINT };

INLINE void along_axis(enum map map, int stride, const wide *in, wide *out) {
    switch (map) {
    case DATA:
        data(stride, in, out);
        break;
    case DATA_ADJOINT:
        data_adjoint(stride, in, out);
        break;
    case TAPS:
        taps_transform(stride, in, out);
        break;
    case TAPS_ADJOINT:
        taps_adjoint(stride, in, out);
        break;
    case RESULTS:
        results(stride, in, out);
        break;
    case RESULTS_ADJOINT:
        results_adjoint(stride, in, out);
        break;
    }
}

/* From in x in numbers of each channel to out x out. Number (i, j) is at from_at[i in + j], or to_at[i out + j].
 * DATA_ADJOINT adds to `to`. */
INLINE void both_axes(enum map map, int stride, int in, int out, size_t channels, const float *from,
                      const size_t *from_at, float *to, const size_t *to_at) {
    for (size_t k = 0; k < channels; k += WIDE_LANES) {
        wide half[POINTS][POINTS];
        for (int i = 0; i < in; i++) {
            wide along[POINTS];
            for (int j = 0; j < in; j++) {
                along[j] = load(from + from_at[i * in + j] + k);
            }
            along_axis(map, stride, along, half[i]);
        }
        for (int j = 0; j < out; j++) {
            wide along[POINTS], result[POINTS];
            for (int i = 0; i < in; i++) {
                along[i] = half[i][j];
            }
            along_axis(map, stride, along, result);
            for (int i = 0; i < out; i++) {
                float *place = to + to_at[i * out + j] + k;
                store(place, map == DATA_ADJOINT ? load(place) + result[i] : result[i]);
            }
        }
    }
}

/* both_axes, compiled for each map and both strides. */
static void apply(enum map map, int stride, size_t channels, const float *from, const size_t *from_at, float *to,
                  const size_t *to_at) {
#define CASE(map, in1, out1, in2, out2) \
    case map: \
        if (stride == 1) { \
            both_axes(map, 1, in1, out1, channels, from, from_at, to, to_at); \
        } else { \
            both_axes(map, 2, in2, out2, channels, from, from_at, to, to_at); \
        } \
        break
    switch (map) {
        CASE(DATA, 4, 4, 5, 5);
        CASE(DATA_ADJOINT, 4, 4, 5, 5);
        CASE(TAPS, 3, 4, 3, 5);
        CASE(TAPS_ADJOINT, 4, 3, 5, 3);
        CASE(RESULTS, 4, EXTENT, 3, EXTENT);
        CASE(RESULTS_ADJOINT, EXTENT, 4, EXTENT, 3);
    }
#undef CASE
}

/* Places of numbers (i, j) with these distances along the axes. */
static void grid(size_t n, size_t row, size_t column, size_t at[CONVOLUTION_POINTS]) {
    for (size_t i = 0; i < n * n; i++) {
        at[i] = i / n * row + i % n * column;
    }
}

/* Places of the points of row n of matrices with `rows` rows each. */
static void points_at(const struct convolution *c, size_t rows, size_t n, size_t at[CONVOLUTION_POINTS]) {
    const size_t points = axes[c->shape.stride].points;
    for (size_t i = 0; i < points * points; i++) {
        const size_t k = c->point_matrix[i];
        at[i] = c->at[k] * rows + n * c->columns[k] + c->point_column[i];
    }
}

/* --- the algorithm ----------------------------------------------------------------------------------- */

static void gather(const struct convolution *c, const struct convolution_tiles *t, const void *field) {
    const size_t channels = (size_t)c->shape.wide_channels;
    size_t at[CONVOLUTION_POINTS], inputs[CONVOLUTION_POINTS];
    grid(axes[c->shape.stride].points, c->wide_row, channels, inputs);
    for (size_t n = 0; n < t->count; n++) {
        points_at(c, c->rows, n, at);
        apply(DATA, c->shape.stride, channels, (const float *)field + convolution_patch(c, t->first + n), inputs,
              t->patches, at);
    }
}

static void scatter(const struct convolution *c, const struct convolution_tiles *t, float *field) {
    const size_t channels = (size_t)c->shape.wide_channels;
    size_t at[CONVOLUTION_POINTS], inputs[CONVOLUTION_POINTS];
    grid(axes[c->shape.stride].points, c->wide_row, channels, inputs);
    for (size_t n = 0; n < t->count; n++) {
        points_at(c, c->rows, n, at);
        apply(DATA_ADJOINT, c->shape.stride, channels, t->patches, at, field + convolution_patch(c, t->first + n),
              inputs);
    }
}

/* Places of the sites of a tile in the narrow field, and of its numbers in the R_k. */
static void results_at(const struct convolution *c, size_t sites[CONVOLUTION_POINTS], size_t at[CONVOLUTION_POINTS]) {
    const size_t channels = (size_t)c->shape.narrow_channels, parts = axes[c->shape.stride].parts;
    grid(EXTENT, (size_t)c->shape.narrow_width * channels, channels, sites);
    grid(parts, parts * c->rows * channels, c->rows * channels, at);
}

/* First site of a tile in the narrow field. */
static size_t first_site(const struct convolution *c, size_t tile) {
    const size_t width = (size_t)c->shape.narrow_width / EXTENT;
    return (tile / width * EXTENT * (size_t)c->shape.narrow_width + tile % width * EXTENT) *
           (size_t)c->shape.narrow_channels;
}

static void collect(const struct convolution *c, const struct convolution_tiles *t, float *narrow) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    size_t sites[CONVOLUTION_POINTS], at[CONVOLUTION_POINTS];
    results_at(c, sites, at);
    for (size_t n = 0; n < t->count; n++) {
        apply(RESULTS, c->shape.stride, channels, t->results + n * channels, at, narrow + first_site(c, t->first + n),
              sites);
    }
}

static void spread(const struct convolution *c, const struct convolution_tiles *t, const float *narrow) {
    const size_t channels = (size_t)c->shape.narrow_channels;
    size_t sites[CONVOLUTION_POINTS], at[CONVOLUTION_POINTS];
    results_at(c, sites, at);
    for (size_t n = 0; n < t->count; n++) {
        apply(RESULTS_ADJOINT, c->shape.stride, channels, narrow + first_site(c, t->first + n), sites,
              t->results + n * channels, at);
    }
}

static void transform(const struct convolution *c, size_t n, const float *taps, float *weights) {
    const size_t channels = (size_t)c->shape.wide_channels;
    size_t at[CONVOLUTION_POINTS], taps_at[CONVOLUTION_POINTS];
    grid(3, 3 * channels, channels, taps_at);
    points_at(c, (size_t)c->shape.narrow_channels, n, at);
    apply(TAPS, c->shape.stride, channels, taps, taps_at, weights, at);
}

static void transform_adjoint(const struct convolution *c, size_t n, const float *weights, float *taps) {
    const size_t channels = (size_t)c->shape.wide_channels;
    size_t at[CONVOLUTION_POINTS], taps_at[CONVOLUTION_POINTS];
    grid(3, 3 * channels, channels, taps_at);
    points_at(c, (size_t)c->shape.narrow_channels, n, at);
    apply(TAPS_ADJOINT, c->shape.stride, channels, weights, at, taps, taps_at);
}

const struct convolution_algorithm convolution_winograd = {.extent = EXTENT,
                                                           .suits = suits,
                                                           .lay_out = lay_out,
                                                           .gather = gather,
                                                           .scatter = scatter,
                                                           .collect = collect,
                                                           .spread = spread,
                                                           .transform = transform,
                                                           .transform_adjoint = transform_adjoint};
