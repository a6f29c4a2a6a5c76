/* Discrete Fourier transform on a periodic lattice; see fourier.h.
 *
 * Each pass transforms the slowest axis and writes the result with that axis as the fastest. So every pass reads
 * contiguous lanes, and after all passes the axes are in their original order. Along an axis the input is folded into
 * its even and odd part about x = 0, e and o:
 *   X(k) = C(k) -+ i S(k),  C = sum_{n <= L/2} cos(2 pi k n/L) e(n),  S = sum_{n <= L/2} sin(2 pi k n/L) o(n),
 * which needs a quarter of the multiplications of the plain sum and gives X(-k) together with X(k).
 */
#include "lattice/fourier.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "lattice/lane_vectors.h"

#define LANES 8

struct axis {
    size_t extent;
    size_t half;           /* extent / 2: the last k and n of the folded sums */
    double *cosine, *sine; /* (half + 1, half + 1): cos and sin of 2 pi k n / extent */
};

struct fourier {
    size_t dimensions, volume, longest;
    struct axis *axes;
    size_t orbits, *orbit_of; /* (V): the orbit of each mode */
    double *orbit_size;       /* (orbits): number of modes in the orbit */
};

/* Sets k[d] to the mode numbers k_1 .. k_d of mode p. */
static void mode_numbers(const struct fourier *f, size_t p, size_t *k) {
    for (size_t mu = f->dimensions; mu-- > 0;) {
        k[mu] = p % f->axes[mu].extent;
        p /= f->axes[mu].extent;
    }
}

static size_t mode_index(const struct fourier *f, const size_t *k) {
    size_t p = 0;
    for (size_t mu = 0; mu < f->dimensions; mu++) {
        p = p * f->axes[mu].extent + k[mu];
    }
    return p;
}

/* Numbers the orbits of the modes under the symmetries of the lattice by the first mode of each. */
static bool find_orbits(struct fourier *f) {
    const size_t V = f->volume, d = f->dimensions;
    size_t *k = malloc(d * sizeof *k);
    f->orbit_of = malloc(V * sizeof *f->orbit_of);
    f->orbit_size = calloc(V, sizeof *f->orbit_size);
    if (!k || !f->orbit_of || !f->orbit_size) {
        free(k);
        return false;
    }
    for (size_t p = 0; p < V; p++) {
        mode_numbers(f, p, k);
        for (size_t mu = 0; mu < d; mu++) {
            if (2 * k[mu] > f->axes[mu].extent) {
                k[mu] = f->axes[mu].extent - k[mu];
            }
        }
        /* sorts the mode numbers of directions of equal extent; the result is the first member of the orbit */
        for (size_t mu = 0; mu < d; mu++) {
            for (size_t nu = mu + 1; nu < d; nu++) {
                if (f->axes[mu].extent == f->axes[nu].extent && k[nu] < k[mu]) {
                    const size_t swap = k[mu];
                    k[mu] = k[nu];
                    k[nu] = swap;
                }
            }
        }
        const size_t first = mode_index(f, k);
        f->orbit_of[p] = first == p ? f->orbits++ : f->orbit_of[first];
        f->orbit_size[f->orbit_of[p]] += 1.0;
    }
    free(k);
    return true;
}

enum status fourier_new(const size_t *extents, size_t dimensions, struct fourier **fourier, struct error *e) {
    *fourier = NULL;
    if (dimensions == 0) {
        return error_set(e, STATUS_BAD_INPUT, "Fourier transform: no dimension, expected at least 1");
    }
    struct fourier *f = calloc(1, sizeof *f);
    if (f) {
        f->axes = calloc(dimensions, sizeof *f->axes);
    }
    if (!f || !f->axes) {
        free(f);
        return error_set(e, STATUS_FAILED, "Fourier transform: out of memory");
    }
    f->dimensions = dimensions;
    f->volume = 1;
    for (size_t mu = 0; mu < dimensions; mu++) {
        struct axis *axis = &f->axes[mu];
        const size_t L = extents[mu];
        if (L == 0 || L > 4096 || f->volume > SIZE_MAX / 64 / L) {
            fourier_free(f);
            return error_set(e, STATUS_BAD_INPUT, "Fourier transform: extent %zu of direction %zu, expected 1 to 4096",
                             L, mu + 1);
        }
        f->volume *= L;
        f->longest = L > f->longest ? L : f->longest;
        axis->extent = L;
        axis->half = L / 2;
        const size_t rows = axis->half + 1;
        axis->cosine = malloc(rows * rows * sizeof(double));
        axis->sine = malloc(rows * rows * sizeof(double));
        if (!axis->cosine || !axis->sine) {
            fourier_free(f);
            return error_set(e, STATUS_FAILED, "Fourier transform: out of memory for extent %zu", L);
        }
        for (size_t k = 0; k < rows; k++) {
            for (size_t n = 0; n < rows; n++) {
                function_sincos_turns((double)(k * n % L) / (double)L, &axis->sine[k * rows + n],
                                      &axis->cosine[k * rows + n]);
            }
        }
    }
    if (!find_orbits(f)) {
        fourier_free(f);
        return error_set(e, STATUS_FAILED, "Fourier transform: out of memory for the modes");
    }
    *fourier = f;
    return STATUS_OK;
}

void fourier_free(struct fourier *f) {
    if (!f) {
        return;
    }
    for (size_t mu = 0; mu < f->dimensions; mu++) {
        free(f->axes[mu].cosine);
        free(f->axes[mu].sine);
    }
    free(f->axes);
    free(f->orbit_of);
    free(f->orbit_size);
    free(f);
}

size_t fourier_volume(const struct fourier *f) {
    return f->volume;
}

/* Two complex fields, source and target of the passes in turn, and the folded lanes of one pass. */
size_t fourier_workspace(const struct fourier *f) {
    return 4 * f->volume + 4 * (f->longest / 2 + 1) * LANES;
}

/* Even and odd part about n = 0 of lanes i .. i+width-1 of x (extent, inner); lanes beyond `inner` are zero. */
static void fold(const struct axis *axis, const double *x, size_t inner, size_t i, size_t width, double *even,
                 double *odd) {
    const size_t L = axis->extent;
    for (size_t n = 0; n <= axis->half; n++) {
        const size_t mirror = n == 0 ? 0 : L - n;
        const double *a = x + n * inner + i, *b = x + mirror * inner + i;
        const bool alone = mirror == n;
        for (size_t l = 0; l < width; l++) {
            even[n * LANES + l] = alone ? a[l] : a[l] + b[l];
            odd[n * LANES + l] = alone ? 0.0 : a[l] - b[l];
        }
        for (size_t l = width; l < LANES; l++) {
            even[n * LANES + l] = odd[n * LANES + l] = 0.0;
        }
    }
}

/* The folded sums of one k: C of the real and of the imaginary part, and S of both (for complex input). The sums are
 * computed in parallel, because each term of a sum has to wait for the term before. */
static inline __attribute__((always_inline)) void sum_lanes(const double *c, const double *s, const double *lanes,
                                                            size_t rows, bool complex, double out[4][LANES]) {
    const double *even_re = lanes, *odd_re = even_re + rows * LANES, *even_im = odd_re + rows * LANES,
                 *odd_im = even_im + rows * LANES;
    for (size_t part = 0; part < LANES; part += LANE_VECTOR) {
        lane_reals c_re = {0}, s_re = {0}, c_im = {0}, s_im = {0};
        for (size_t n = 0; n < rows; n++) {
            const size_t at = n * LANES + part;
            c_re += c[n] * lane_reals_load(even_re + at);
            s_re += s[n] * lane_reals_load(odd_re + at);
            if (complex) {
                c_im += c[n] * lane_reals_load(even_im + at);
                s_im += s[n] * lane_reals_load(odd_im + at);
            }
        }
        const lane_reals sums[4] = {c_re, s_re, c_im, s_im};
        for (size_t i = 0; i < 4; i++) {
            memcpy(out[i] + part, &sums[i], sizeof sums[i]);
        }
    }
}

/* Transforms the slowest axis of in (L, inner) into out (inner, L); sign: -1 forward, +1 inverse. in_im is NULL for
 * real input. */
static void pass(const struct axis *axis, size_t inner, double sign, const double *in_re, const double *in_im,
                 double *restrict out_re, double *restrict out_im, double *lanes) {
    const size_t L = axis->extent, rows = axis->half + 1;
    for (size_t i = 0; i < inner; i += LANES) {
        const size_t width = inner - i < LANES ? inner - i : LANES;
        fold(axis, in_re, inner, i, width, lanes, lanes + rows * LANES);
        if (in_im) {
            fold(axis, in_im, inner, i, width, lanes + 2 * rows * LANES, lanes + 3 * rows * LANES);
        }
        for (size_t k = 0; k < rows; k++) {
            const double *c = axis->cosine + k * rows, *s = axis->sine + k * rows;
            double sums[4][LANES];
            if (in_im) {
                sum_lanes(c, s, lanes, rows, true, sums);
            } else {
                sum_lanes(c, s, lanes, rows, false, sums);
            }
            const size_t mirror = k == 0 ? 0 : L - k;
            for (size_t l = 0; l < width; l++) {
                const double c_re = sums[0][l], s_re = sums[1][l], c_im = sums[2][l], s_im = sums[3][l];
                double *re = out_re + (i + l) * L, *im = out_im + (i + l) * L;
                re[mirror] = c_re + sign * s_im;
                im[mirror] = c_im - sign * s_re;
                re[k] = c_re - sign * s_im;
                im[k] = c_im + sign * s_re;
            }
        }
    }
}

/* Transforms re and im (NULL for real input) along all axes. The passes alternate between the halves of the workspace,
 * one of which may be the input. Returns the half with the result, the imaginary part after the real part. */
static double *transform(const struct fourier *f, double sign, const double *re, const double *im, double *workspace) {
    const size_t V = f->volume;
    double *lanes = workspace + 4 * V, *to = workspace;
    for (size_t mu = 0; mu < f->dimensions; mu++) {
        to = re == workspace ? workspace + 2 * V : workspace;
        pass(&f->axes[mu], V / f->axes[mu].extent, sign, re, im, to, to + V, lanes);
        re = to;
        im = to + V;
    }
    return to;
}

void fourier_forward(const struct fourier *f, const double *phi, double *re, double *im, double *workspace) {
    const double *modes = transform(f, -1.0, phi, NULL, workspace);
    memcpy(re, modes, f->volume * sizeof(double));
    memcpy(im, modes + f->volume, f->volume * sizeof(double));
}

void fourier_inverse(const struct fourier *f, const double *re, const double *im, double *phi, double *workspace) {
    const double *field = transform(f, 1.0, re, im, workspace);
    for (size_t x = 0; x < f->volume; x++) {
        phi[x] = field[x] / (double)f->volume;
    }
}

void fourier_power(const struct fourier *f, const double *phi, double *power, double *workspace) {
    const size_t V = f->volume;
    const double *re = transform(f, -1.0, phi, NULL, workspace), *im = re + V;
    for (size_t p = 0; p < V; p++) {
        power[p] = (re[p] * re[p] + im[p] * im[p]) / (double)V;
    }
}

void fourier_filter(const struct fourier *f, const double *gain, const double *in, double *out, double *workspace) {
    const size_t V = f->volume;
    double *re = transform(f, -1.0, in, NULL, workspace), *im = re + V;
    for (size_t p = 0; p < V; p++) {
        re[p] *= gain[p];
        im[p] *= gain[p];
    }
    fourier_inverse(f, re, im, out, workspace);
}

enum status fourier_gaussian_gain(const struct fourier *f, const double *propagator, double *gain, struct error *e) {
    size_t *k = malloc(f->dimensions * sizeof *k);
    if (!k) {
        return error_set(e, STATUS_FAILED, "Gaussian field: out of memory");
    }
    for (size_t p = 0; p < f->volume; p++) {
        if (!(propagator[p] >= 0.0) || isinf(propagator[p])) {
            free(k);
            return error_set(e, STATUS_BAD_INPUT, "propagator: mode %zu is %g, expected a finite number >= 0", p,
                             propagator[p]);
        }
        mode_numbers(f, p, k);
        for (size_t mu = 0; mu < f->dimensions; mu++) {
            k[mu] = (f->axes[mu].extent - k[mu]) % f->axes[mu].extent;
        }
        gain[p] = sqrt(0.5 * (propagator[p] + propagator[mode_index(f, k)]));
    }
    free(k);
    return STATUS_OK;
}

size_t fourier_orbits(const struct fourier *f) {
    return f->orbits;
}

size_t fourier_orbit_of(const struct fourier *f, size_t mode) {
    return f->orbit_of[mode];
}

void fourier_orbit_means(const struct fourier *f, const double *g, double *means) {
    memset(means, 0, f->orbits * sizeof *means);
    for (size_t p = 0; p < f->volume; p++) {
        means[f->orbit_of[p]] += g[p];
    }
    for (size_t o = 0; o < f->orbits; o++) {
        means[o] /= f->orbit_size[o];
    }
}

void fourier_symmetrise(const struct fourier *f, double *g, double *workspace) {
    fourier_orbit_means(f, g, workspace);
    for (size_t p = 0; p < f->volume; p++) {
        g[p] = workspace[f->orbit_of[p]];
    }
}

size_t fourier_first_mode(const struct fourier *f, size_t direction) {
    size_t mode = f->axes[direction].extent > 1;
    for (size_t mu = direction + 1; mu < f->dimensions; mu++) {
        mode *= f->axes[mu].extent;
    }
    return mode;
}

/* 4 sin^2(pi/L) of an axis. */
static double first_momentum_squared(const struct axis *axis) {
    double sine, cosine;
    function_sincos_turns(0.5 / (double)axis->extent, &sine, &cosine);
    return 4.0 * sine * sine;
}

double fourier_correlation_length(const struct fourier *f, double zero, const double *first) {
    double sum = 0.0;
    size_t directions = 0;
    for (size_t mu = 0; mu < f->dimensions; mu++) {
        if (f->axes[mu].extent == 1) {
            continue;
        }
        if (!(first[mu] > 1e-24 * zero)) {
            return NAN;
        }
        sum += (zero / first[mu] - 1.0) / first_momentum_squared(&f->axes[mu]);
        directions++;
    }
    return directions ? sqrt(sum / (double)directions) : NAN;
}

void fourier_correlation_length_gradient(const struct fourier *f, double zero, const double *first, double *by_zero,
                                         double *by_first) {
    const double xi = fourier_correlation_length(f, zero, first);
    size_t directions = 0;
    for (size_t mu = 0; mu < f->dimensions; mu++) {
        directions += f->axes[mu].extent > 1;
    }
    *by_zero = isnan(xi) ? NAN : 0.0;
    for (size_t mu = 0; mu < f->dimensions; mu++) {
        by_first[mu] = 0.0;
        if (f->axes[mu].extent > 1) {
            const double outer = 0.5 / (xi * (double)directions * first_momentum_squared(&f->axes[mu]));
            *by_zero += outer / first[mu];
            by_first[mu] = -outer * zero / (first[mu] * first[mu]);
        }
    }
}
