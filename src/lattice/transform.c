/* Fast Fourier transforms in lanes; see transform.h.
 *
 * Axes are transformed one after the other, line by line. The first pass of a line reads it from the lattice with the
 * stride of the axis, the next passes alternate between two short buffers, and the last one writes the line back. */
#include "lattice/transform.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum { MAX_FACTORS = 16 };

struct axis {
    size_t extent, stride; /* stride in sites */
    size_t factors, factor[MAX_FACTORS];
    float *cosine, *sine; /* (extent): cos and sin of 2 pi j / extent */
};

struct transform {
    size_t dimensions, volume, longest;
    struct axis *axes;
    size_t *opposite;
};

/* A line of sites: element i is site[i * stride]. */
struct line {
    struct transform_site *site;
    size_t stride;
};

typedef struct transform_site complex_wide;

static inline complex_wide plus(complex_wide a, complex_wide b) {
    return (complex_wide){a.re + b.re, a.im + b.im};
}
static inline complex_wide minus(complex_wide a, complex_wide b) {
    return (complex_wide){a.re - b.re, a.im - b.im};
}
/* -i a; i a for the inverse. */
static inline complex_wide quarter(complex_wide a, bool inverse) {
    return inverse ? (complex_wide){-a.im, a.re} : (complex_wide){a.im, -a.re};
}
static inline complex_wide scaled(complex_wide a, float s) {
    return (complex_wide){a.re * s, a.im * s};
}
/* a (cosine - i sine); a (cosine + i sine) for the inverse. */
static inline complex_wide turned(complex_wide a, float cosine, float sine, bool inverse) {
    sine = inverse ? -sine : sine;
    return (complex_wide){a.re * cosine + a.im * sine, a.im * cosine - a.re * sine};
}

/* A pass of radix r over a line of n = r * columns * blocks elements (`blocks` the product of the radices before):
 *   out[i + columns (k + blocks j)] = w^(blocks i j) sum_m exp(-2 pi i j m / r) in[i + columns (m + r k)],
 * i < columns, k < blocks, j < r, w = exp(-2 pi i / n). */
struct pass {
    const struct axis *axis;
    size_t radix, blocks, columns;
    struct line in, out;
};

static inline complex_wide load(const struct pass *p, size_t i, size_t m, size_t k) {
    return p->in.site[(i + p->columns * (m + p->radix * k)) * p->in.stride];
}

static inline void store(const struct pass *p, bool inverse, size_t i, size_t j, size_t k, complex_wide value) {
    const size_t angle = p->blocks * i * j; /* below the extent */
    p->out.site[(i + p->columns * (k + p->blocks * j)) * p->out.stride] =
        angle == 0 ? value : turned(value, p->axis->cosine[angle], p->axis->sine[angle], inverse);
}

static ALWAYS_INLINE void pass_2(const struct pass *p, const bool inverse) {
    for (size_t k = 0; k < p->blocks; k++) {
        for (size_t i = 0; i < p->columns; i++) {
            const complex_wide a = load(p, i, 0, k), b = load(p, i, 1, k);
            store(p, inverse, i, 0, k, plus(a, b));
            store(p, inverse, i, 1, k, minus(a, b));
        }
    }
}

static ALWAYS_INLINE void pass_3(const struct pass *p, const bool inverse) {
    const float half = 0.5f, root = 0.866025403784438647f; /* cos and sin of 60 degrees */
    for (size_t k = 0; k < p->blocks; k++) {
        for (size_t i = 0; i < p->columns; i++) {
            const complex_wide a = load(p, i, 0, k), b = load(p, i, 1, k), c = load(p, i, 2, k);
            const complex_wide sum = plus(b, c), turn = quarter(scaled(minus(b, c), root), inverse);
            const complex_wide rest = minus(a, scaled(sum, half));
            store(p, inverse, i, 0, k, plus(a, sum));
            store(p, inverse, i, 1, k, plus(rest, turn));
            store(p, inverse, i, 2, k, minus(rest, turn));
        }
    }
}

static ALWAYS_INLINE void pass_4(const struct pass *p, const bool inverse) {
    for (size_t k = 0; k < p->blocks; k++) {
        for (size_t i = 0; i < p->columns; i++) {
            const complex_wide a = load(p, i, 0, k), b = load(p, i, 1, k), c = load(p, i, 2, k), d = load(p, i, 3, k);
            const complex_wide even = plus(a, c), odd = plus(b, d), left = minus(a, c),
                               right = quarter(minus(b, d), inverse);
            store(p, inverse, i, 0, k, plus(even, odd));
            store(p, inverse, i, 1, k, plus(left, right));
            store(p, inverse, i, 2, k, minus(even, odd));
            store(p, inverse, i, 3, k, minus(left, right));
        }
    }
}

static ALWAYS_INLINE void pass_5(const struct pass *p, const bool inverse) {
    const float c1 = 0.309016994374947424f, c2 = -0.809016994374947424f; /* cos 72, cos 144 degrees */
    const float s1 = 0.951056516295153572f, s2 = 0.587785252292473129f;
    for (size_t k = 0; k < p->blocks; k++) {
        for (size_t i = 0; i < p->columns; i++) {
            const complex_wide a = load(p, i, 0, k), b = load(p, i, 1, k), c = load(p, i, 2, k), d = load(p, i, 3, k),
                               f = load(p, i, 4, k);
            const complex_wide b_sum = plus(b, f), b_difference = minus(b, f), c_sum = plus(c, d),
                               c_difference = minus(c, d);
            const complex_wide x = plus(a, plus(scaled(b_sum, c1), scaled(c_sum, c2)));
            const complex_wide y = plus(a, plus(scaled(b_sum, c2), scaled(c_sum, c1)));
            const complex_wide u = quarter(plus(scaled(b_difference, s1), scaled(c_difference, s2)), inverse);
            const complex_wide v = quarter(minus(scaled(b_difference, s2), scaled(c_difference, s1)), inverse);
            store(p, inverse, i, 0, k, plus(a, plus(b_sum, c_sum)));
            store(p, inverse, i, 1, k, plus(x, u));
            store(p, inverse, i, 2, k, plus(y, v));
            store(p, inverse, i, 3, k, minus(y, v));
            store(p, inverse, i, 4, k, minus(x, u));
        }
    }
}

/* A pass of any radix, by the definition of the sum. */
static ALWAYS_INLINE void pass_any(const struct pass *p, const bool inverse) {
    const size_t n = p->axis->extent, step = n / p->radix;
    for (size_t k = 0; k < p->blocks; k++) {
        for (size_t i = 0; i < p->columns; i++) {
            for (size_t j = 0; j < p->radix; j++) {
                complex_wide sum = load(p, i, 0, k);
                for (size_t m = 1; m < p->radix; m++) {
                    const size_t angle = j * m % p->radix * step;
                    sum = plus(sum, turned(load(p, i, m, k), p->axis->cosine[angle], p->axis->sine[angle], inverse));
                }
                store(p, inverse, i, j, k, sum);
            }
        }
    }
}

static ALWAYS_INLINE void transform_line(const struct axis *axis, bool inverse, struct line line, complex_wide *first,
                                         complex_wide *second) {
    struct pass p = {.axis = axis, .blocks = 1, .columns = axis->extent, .in = line};
    for (size_t f = 0; f < axis->factors; f++) {
        p.radix = axis->factor[f];
        p.columns /= p.radix;
        /* a single pass would overwrite elements that it has not read yet, so it writes to a buffer */
        p.out = f + 1 < axis->factors || f == 0 ? (struct line){f % 2 == 0 ? first : second, 1} : line;
        switch (p.radix) {
        case 2:
            pass_2(&p, inverse);
            break;
        case 3:
            pass_3(&p, inverse);
            break;
        case 4:
            pass_4(&p, inverse);
            break;
        case 5:
            pass_5(&p, inverse);
            break;
        default:
            pass_any(&p, inverse);
        }
        p.blocks *= p.radix;
        p.in = p.out;
    }
    if (axis->factors == 1) {
        for (size_t i = 0; i < axis->extent; i++) {
            line.site[i * line.stride] = first[i];
        }
    }
}

static ALWAYS_INLINE void transform_all(const struct transform *t, bool inverse, const struct transform_site *in,
                                        struct transform_site *out, struct transform_site *workspace) {
    if (in != out) {
        memcpy(out, in, t->volume * sizeof *out);
    }
    for (size_t mu = 0; mu < t->dimensions; mu++) {
        const struct axis *axis = &t->axes[mu];
        for (size_t start = 0; start < t->volume; start += axis->stride * axis->extent) {
            for (size_t i = 0; i < axis->stride; i++) {
                transform_line(axis, inverse, (struct line){out + start + i, axis->stride}, workspace,
                               workspace + t->longest);
            }
        }
    }
}

void transform_forward(const struct transform *t, const struct transform_site *in, struct transform_site *out,
                       struct transform_site *workspace) {
    transform_all(t, false, in, out, workspace);
}

void transform_inverse(const struct transform *t, const struct transform_site *in, struct transform_site *out,
                       struct transform_site *workspace) {
    transform_all(t, true, in, out, workspace);
}

/* Factors of an extent: 4 first, then 2, 3, 5 and other primes. */
static void factorise(struct axis *axis) {
    size_t n = axis->extent;
    for (size_t radix = 4; n > 1;) {
        if (n % radix == 0) {
            axis->factor[axis->factors++] = radix;
            n /= radix;
        } else {
            radix = radix == 4 ? 2 : radix == 3 ? 5 : radix + 1; /* 4 was first */
        }
    }
}

static bool make_axis(struct axis *axis, size_t extent, size_t stride) {
    *axis = (struct axis){.extent = extent, .stride = stride};
    factorise(axis);
    axis->cosine = malloc(extent * sizeof *axis->cosine);
    axis->sine = malloc(extent * sizeof *axis->sine);
    if (!axis->cosine || !axis->sine) {
        return false;
    }
    for (size_t j = 0; j < extent; j++) {
        double sine, cosine;
        function_sincos_turns((double)j / (double)extent, &sine, &cosine);
        axis->cosine[j] = (float)cosine;
        axis->sine[j] = (float)sine;
    }
    return true;
}

static bool find_opposites(struct transform *t) {
    t->opposite = malloc(t->volume * sizeof *t->opposite);
    if (!t->opposite) {
        return false;
    }
    for (size_t p = 0; p < t->volume; p++) {
        size_t opposite = 0;
        for (size_t mu = 0; mu < t->dimensions; mu++) {
            const struct axis *axis = &t->axes[mu];
            const size_t k = p / axis->stride % axis->extent;
            opposite += (axis->extent - k) % axis->extent * axis->stride;
        }
        t->opposite[p] = opposite;
    }
    return true;
}

enum status transform_new(const size_t *extents, size_t dimensions, struct transform **transform, struct error *e) {
    *transform = NULL;
    size_t volume = 1;
    for (size_t mu = 0; mu < dimensions; mu++) {
        if (extents[mu] == 0 || extents[mu] > 4096 || volume > SIZE_MAX / 4096 / extents[mu]) {
            return error_set(e, STATUS_BAD_INPUT, "Fourier transform: extent %zu of direction %zu, expected 1 to 4096",
                             extents[mu], mu + 1);
        }
        volume *= extents[mu];
    }
    if (dimensions == 0) {
        return error_set(e, STATUS_BAD_INPUT, "Fourier transform: no dimension, expected at least 1");
    }
    struct transform *t = calloc(1, sizeof *t);
    bool whole = t && (t->axes = calloc(dimensions, sizeof *t->axes));
    if (whole) {
        t->dimensions = dimensions;
        t->volume = volume;
        size_t stride = volume;
        for (size_t mu = 0; mu < dimensions && whole; mu++) {
            stride /= extents[mu];
            t->longest = extents[mu] > t->longest ? extents[mu] : t->longest;
            whole = make_axis(&t->axes[mu], extents[mu], stride);
        }
        whole = whole && find_opposites(t);
    }
    if (!whole) {
        transform_free(t);
        return error_set(e, STATUS_FAILED, "Fourier transform: out of memory");
    }
    *transform = t;
    return STATUS_OK;
}

void transform_free(struct transform *t) {
    if (!t) {
        return;
    }
    for (size_t mu = 0; t->axes && mu < t->dimensions; mu++) {
        free(t->axes[mu].cosine);
        free(t->axes[mu].sine);
    }
    free(t->axes);
    free(t->opposite);
    free(t);
}

size_t transform_volume(const struct transform *t) {
    return t->volume;
}
size_t transform_workspace(const struct transform *t) {
    return 2 * t->longest;
}
const size_t *transform_opposite(const struct transform *t) {
    return t->opposite;
}

double transform_flop(const struct transform *t) {
    return 5.0 * (double)t->volume * log2((double)t->volume) * WIDE_LANES;
}

struct transform_site *transform_allocate(size_t count) {
    return aligned_alloc(sizeof(struct transform_site), (count ? count : 1) * sizeof(struct transform_site));
}
