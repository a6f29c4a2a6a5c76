/* Evaluates score and divergence of a noise level on packs of fields; the equations are in effective_level.h. */
#include "score/effective_level_internal.h"

#include <string.h>

#include "base/functions.h"
#include "base/sum.h"

size_t effective_level_transforms(const struct effective_level *l) {
    return 2 + (size_t)l->powers + l->convolved;
}

/* Packs of V sites: t, f, the powers of t and the convolutions (struct room), and on a blocked lattice its modes, its
 * drift and the scaled modes; then the workspace of the transform. */
size_t effective_level_workspace(const struct effective_level *l) {
    return (2 + (size_t)l->powers + l->convolved + (l->lattice->factor > 1 ? 3 : 0)) * l->volume +
           transform_workspace(l->transform);
}

/* The workspace of one evaluation. f holds u first; power[q] and convolution[c] are at sites or in momentum space. */
struct room {
    struct transform_site *t, *f, *power[EFFECTIVE_POWERS], *convolution[EFFECTIVE_POWERS], *transform;
};

static struct room divide(const struct effective_level *l, struct transform_site *workspace) {
    struct room r = {.t = workspace, .f = workspace + l->volume};
    struct transform_site *next = r.f + l->volume;
    for (int q = 1; q <= l->powers; q++, next += l->volume) {
        r.power[q] = next;
    }
    for (size_t c = 0; c < l->convolved; c++, next += l->volume) {
        r.convolution[c] = next;
    }
    r.transform = next;
    return r;
}

static void scale_modes(size_t V, const float *gain, const struct transform_site *in, struct transform_site *out) {
    for (size_t p = 0; p < V; p++) {
        out[p].re = in[p].re * gain[p];
        out[p].im = in[p].im * gain[p];
    }
}

/* t from u, and its powers. */
static void saturate(const struct effective_level *l, const struct room *r) {
    const float a = l->saturation, inverse = 1.0f / a;
    for (size_t x = 0; x < l->volume; x++) {
        const wide re = wide_tanh(r->f[x].re * inverse) * a, im = wide_tanh(r->f[x].im * inverse) * a;
        r->t[x] = (struct transform_site){re, im};
        wide power_re = re, power_im = im;
        for (int q = 1; q <= l->powers; q++) {
            r->power[q][x] = (struct transform_site){power_re, power_im};
            power_re *= re;
            power_im *= im;
        }
    }
}

/* For every field: the coefficients of t^p given its zero mode, and the force on the zero mode, constant in x. */
struct zero_mode {
    struct transform_site potential[EFFECTIVE_POWERS], constant;
};

/* The sum over the sites of t^p of field `lane`, where p is a power that is transformed. */
static double power_sum(const struct room *r, int p, size_t lane) {
    return lane < WIDE_LANES ? (double)r->power[p][0].re[lane] : (double)r->power[p][0].im[lane - WIDE_LANES];
}

/* u0: the mean of u. slope: derivatives of z->potential with respect to m; divergence: of z->constant. */
static void zero_mode(const struct effective_level *l, const struct transform_site *u0, struct zero_mode *z,
                      double slope[TRANSFORM_FIELDS][EFFECTIVE_POWERS], double divergence[TRANSFORM_FIELDS]) {
    const double a = l->zero_saturation;
    for (size_t lane = 0; lane < TRANSFORM_FIELDS; lane++) {
        const size_t w = lane % WIDE_LANES;
        const double sum_u = lane < WIDE_LANES ? (double)u0->re[w] : (double)u0->im[w];
        const double t0 = a * function_tanh(sum_u * l->sigma_u / l->sigma_m / a), dt0 = 1 - t0 * t0 / (a * a);
        double power[EFFECTIVE_POWERS + 1] = {1}, constant = 0;
        divergence[lane] = 0;
        for (int p = 1; p < EFFECTIVE_POWERS; p++) {
            power[p] = power[p - 1] * t0;
        }
        for (int p = 0; p <= l->local; p++) {
            double value = l->potential[p];
            slope[lane][p] = 0;
            for (int b = 1; b < EFFECTIVE_POWERS; b++) {
                value += l->zero_local[b][p] * power[b];
                slope[lane][p] += l->zero_local[b][p] * b * power[b - 1] * dt0;
            }
            if (lane < WIDE_LANES) {
                z->potential[p].re[w] = (float)value;
            } else {
                z->potential[p].im[w] = (float)value;
            }
        }
        for (int p = 1; p < EFFECTIVE_POWERS; p++) {
            constant += l->zero[p] * power[p];
            divergence[lane] += l->W0 * l->W0 / l->sigma_m * l->zero[p] * p * power[p - 1] * dt0;
        }
        if (lane < WIDE_LANES) {
            z->constant.re[w] = (float)constant;
        } else {
            z->constant.im[w] = (float)constant;
        }
    }
}

/* Sums over the sites of t^1 ... t^summed of every field. */
typedef double power_sums[EFFECTIVE_POWERS][TRANSFORM_FIELDS];

/* Adds the sites first ... last-1 to the sums of the powers that are not transformed. */
static void sum_powers(const struct effective_level *l, const struct room *r, size_t first, size_t last,
                       power_sums sums) {
    struct transform_site sum[EFFECTIVE_POWERS] = {{{0}, {0}}};
    for (size_t x = first; x < last; x++) {
        const struct transform_site t = r->t[x];
        struct transform_site power = t;
        for (int p = 1; p <= l->summed; p++) {
            sum[p].re += power.re;
            sum[p].im += power.im;
            power.re *= t.re;
            power.im *= t.im;
        }
    }
    for (int p = l->powers + 1; p <= l->summed; p++) {
        wide_accumulate(sums[p], &sum[p].re);
        wide_accumulate(sums[p] + WIDE_LANES, &sum[p].im);
    }
}

/* Sets r->f to the force at the sites, and divergence to sum_x df/du of its pointwise dependence on u. */
static void sites(const struct effective_level *l, const struct zero_mode *z, const struct room *r,
                  double divergence[TRANSFORM_FIELDS], power_sums sums) {
    enum { CHUNK = 64 };
    int convolution[EFFECTIVE_POWERS];
    for (int p = 0; p <= l->local; p++) {
        convolution[p] = -1;
    }
    for (size_t c = 0; c < l->convolved; c++) {
        convolution[l->convolved_power[c]] = (int)c;
    }
    for (size_t start = 0; start < l->volume; start += CHUNK) {
        const size_t end = start + CHUNK < l->volume ? start + CHUNK : l->volume;
        struct transform_site sum = {{0}, {0}};
        for (size_t x = start; x < end; x++) {
            const struct transform_site t = r->t[x];
            struct transform_site value = z->potential[0], slope = {{0}, {0}}, power = t, below = {{0}, {0}};
            below.re += 1.0f;
            below.im += 1.0f;
            for (int p = 1; p <= l->local; p++) {
                struct transform_site c = z->potential[p];
                if (convolution[p] >= 0) {
                    c.re += r->convolution[convolution[p]][x].re;
                    c.im += r->convolution[convolution[p]][x].im;
                }
                value.re += c.re * power.re;
                value.im += c.im * power.im;
                slope.re += c.re * (below.re * (float)p);
                slope.im += c.im * (below.im * (float)p);
                below = power;
                power.re *= t.re;
                power.im *= t.im;
            }
            r->f[x] = value;
            sum.re += slope.re * (1.0f - t.re * t.re * l->inverse_square);
            sum.im += slope.im * (1.0f - t.im * t.im * l->inverse_square);
        }
        wide_accumulate(divergence, &sum.re);
        wide_accumulate(divergence + WIDE_LANES, &sum.im);
        if (l->summed > l->powers) {
            sum_powers(l, r, start, end, sums);
        }
    }
}

/* The convolutions that multiply powers of t at the sites, at mode p. */
static inline void convolve(const struct effective_level *l, const struct room *r, size_t p) {
    const float *term = l->term + p * l->terms;
    for (size_t c = 0; c < l->convolved; c++) {
        struct transform_site sum = {{0}, {0}};
        for (size_t i = l->term_end[c]; i < l->term_end[c + 1]; i++) {
            const struct transform_site *power = &r->power[l->term_power[i]][p];
            sum.re += power->re * term[i];
            sum.im += power->im * term[i];
        }
        r->convolution[c][p] = sum;
    }
}

/* In momentum space: the convolutions, and sum over modes of M_pq t^p(k) conj t^q(k) of each field. */
static void pairs(const struct effective_level *l, const struct room *r, double divergence[TRANSFORM_FIELDS]) {
    enum { CHUNK = 64 };
    for (size_t start = 0; start < l->modes; start += CHUNK) {
        const size_t end = start + CHUNK < l->modes ? start + CHUNK : l->modes;
        struct transform_site sum = {{0}, {0}};
        for (size_t h = start; h < end; h++) {
            const size_t p = l->half[h], opposite = l->opposite[p];
            const float *weight = l->weight + h * l->products;
            /* twice the transforms of the fields in the real parts (a), and i times twice those in the imaginary
             * parts (b) */
            struct transform_site a[EFFECTIVE_POWERS], b[EFFECTIVE_POWERS];
            for (int q = 1; q <= l->powers && l->products > 0; q++) {
                const struct transform_site here = r->power[q][p], there = r->power[q][opposite];
                a[q] = (struct transform_site){here.re + there.re, here.im - there.im};
                b[q] = (struct transform_site){here.re - there.re, here.im + there.im};
            }
            for (size_t i = 0; i < l->products; i++) {
                const struct product m = l->product[i];
                sum.re += (a[m.p].re * a[m.q].re + a[m.p].im * a[m.q].im) * weight[i];
                sum.im += (b[m.p].re * b[m.q].re + b[m.p].im * b[m.q].im) * weight[i];
            }
            convolve(l, r, p);
            if (opposite != p) {
                convolve(l, r, opposite);
            }
        }
        wide_accumulate(divergence, &sum.re);
        wide_accumulate(divergence + WIDE_LANES, &sum.im);
    }
}

/* The drift: f in momentum space, times the filter. The transform of u is to_u V modes. */
static void drift_of(const struct effective_level *l, const struct zero_mode *z, const struct room *r,
                     const struct transform_site *modes, struct transform_site *drift) {
    const float linear = (float)(l->linear * (double)l->volume), V = (float)l->volume;
    r->f[0].re += z->constant.re * V;
    r->f[0].im += z->constant.im * V;
    for (size_t p = 0; p < l->volume; p++) {
        const float *term = l->term + p * l->terms, u = l->to_u[p] * linear;
        struct transform_site sum = r->f[p];
        sum.re += modes[p].re * u;
        sum.im += modes[p].im * u;
        for (size_t i = 0; i < l->term_end[0]; i++) {
            const struct transform_site *power = &r->power[l->term_power[i]][p];
            sum.re += power->re * term[i];
            sum.im += power->im * term[i];
        }
        drift[p].re = sum.re * l->to_drift[p];
        drift[p].im = sum.im * l->to_drift[p];
    }
}

/* On the level's own lattice. */
static void evaluate(const struct effective_level *l, const struct transform_site *modes, struct transform_site *drift,
                     double divergence[TRANSFORM_FIELDS], struct transform_site *workspace) {
    const struct room r = divide(l, workspace);
    struct zero_mode z;
    double slope[TRANSFORM_FIELDS][EFFECTIVE_POWERS], own[TRANSFORM_FIELDS], at_sites[TRANSFORM_FIELDS] = {0},
                                                                             at_modes[TRANSFORM_FIELDS] = {0};
    scale_modes(l->volume, l->to_u, modes, r.f);
    const struct transform_site u0 = r.f[0]; /* mean of u */
    zero_mode(l, &u0, &z, slope, own);
    transform_inverse(l->transform, r.f, r.f, r.transform);
    saturate(l, &r);
    for (int q = 1; q <= l->powers; q++) {
        transform_forward(l->transform, r.power[q], r.power[q], r.transform);
    }
    if (l->convolved > 0 || l->products > 0) {
        pairs(l, &r, at_modes);
    }
    for (size_t c = 0; c < l->convolved; c++) {
        transform_inverse(l->transform, r.convolution[c], r.convolution[c], r.transform);
    }
    power_sums sums = {{0}};
    sites(l, &z, &r, at_sites, sums);
    for (size_t lane = 0; lane < TRANSFORM_FIELDS; lane++) {
        for (int q = 1; q <= l->powers; q++) {
            sums[q][lane] = power_sum(&r, q, lane);
        }
    }
    transform_forward(l->transform, r.f, r.f, r.transform);
    drift_of(l, &z, &r, modes, drift);
    const double V = (double)l->volume;
    for (size_t lane = 0; lane < TRANSFORM_FIELDS; lane++) {
        double sum = (l->W2 * (at_sites[lane] + l->linear * V) + at_modes[lane] + l->constant[0] * V) / l->sigma_u;
        for (int q = 1; q <= l->summed; q++) {
            sum += l->constant[q] * sums[q][lane] / l->sigma_u;
        }
        for (int p = 1; p <= l->local && p <= l->summed; p++) { /* no feature t0^b t^p has a higher p */
            sum += l->W0 * l->W0 / (l->sigma_m * V) * slope[lane][p] * sums[p][lane];
        }
        divergence[lane] = -l->s * l->s * (sum + own[lane]);
    }
}

void effective_level_evaluate_own(const struct effective_level *l, const struct transform_site *modes,
                                  struct transform_site *drift, double divergence[TRANSFORM_FIELDS],
                                  struct transform_site *workspace) {
    if (l->lattice->factor == 1) {
        evaluate(l, modes, drift, divergence, workspace);
        return;
    }
    struct transform_site *own = workspace;
    memcpy(own, modes, l->volume * sizeof *own);
    effective_lattice_scale(l->lattice, 1 / l->lattice->unit, own);
    evaluate(l, own, drift, divergence, own + l->volume);
    effective_lattice_scale(l->lattice, l->lattice->unit, drift);
}

void effective_level_evaluate(const struct effective_level *l, const struct transform_site *modes,
                              struct transform_site *drift, double divergence[TRANSFORM_FIELDS],
                              struct transform_site *workspace) {
    if (l->lattice->factor == 1) {
        evaluate(l, modes, drift, divergence, workspace);
        return;
    }
    struct transform_site *own = workspace, *own_drift = own + l->volume;
    effective_lattice_pick(l->lattice, modes, own);
    effective_level_evaluate_own(l, own, own_drift, divergence, own_drift + l->volume);
    memset(drift, 0, l->lattice->whole * sizeof *drift);
    effective_lattice_put(l->lattice, own_drift, drift);
}
