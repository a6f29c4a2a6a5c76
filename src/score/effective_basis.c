/* The separate features of the effective-action model; see effective_basis.h, and effective_level.h for the equations
 * of the divergence. */
#include "score/effective_basis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"

struct effective_basis {
    const struct transform *transform;
    const struct effective_filters *filters;
    const struct effective_features *features;
    struct effective_saturation saturation;
    int powers;   /* t^1 ... t^powers are transformed */
    float *gains; /* [V] each: W/(sigma_u V), W, and for every kernel n its transform and that of K_n W2, over V */
};

enum { TO_U, FILTER, KERNELS };

static const float *gain_of(const struct effective_basis *b, size_t i) {
    return b->gains + i * b->filters->volume;
}

static int highest_power(const struct effective_features *f) {
    int most = 1;
    for (size_t i = 0; i < f->count; i++) {
        const struct effective_feature *g = &f->list[i];
        const int here = g->kind == EFFECTIVE_PAIR && g->inner + 1 > g->power ? g->inner + 1 : g->power;
        most = here > most ? here : most;
    }
    return most;
}

enum status effective_basis_new(const struct effective_filters *filters, const struct effective_features *features,
                                struct effective_saturation saturation, struct effective_basis **basis,
                                struct error *e) {
    const size_t V = filters->volume;
    struct effective_basis *b = calloc(1, sizeof *b);
    float *gains = malloc((KERNELS + 2 * filters->kernels) * V * sizeof *gains);
    *basis = b;
    if (!b || !gains) {
        free(b);
        free(gains);
        return error_set(e, STATUS_FAILED, "out of memory for the features of %zu modes", V);
    }
    *b = (struct effective_basis){filters->lattice->transform, filters, features, saturation,
                                  highest_power(features),     gains};
    for (size_t p = 0; p < V; p++) {
        gains[TO_U * V + p] = (float)(filters->W[p] / (filters->sigma_u * (double)V));
        gains[FILTER * V + p] = (float)(filters->lattice->unit * filters->W[p]);
        for (size_t n = 0; n < filters->kernels; n++) {
            gains[(KERNELS + 2 * n) * V + p] = (float)(filters->kernel[n][p] / (double)V);
            gains[(KERNELS + 2 * n + 1) * V + p] = (float)(filters->kernel_squared[n][p] / (double)V);
        }
    }
    return STATUS_OK;
}

void effective_basis_free(struct effective_basis *b) {
    if (!b) {
        return;
    }
    free(b->gains);
    free(b);
}

size_t effective_basis_workspace(const struct effective_basis *b) {
    return (3 + (size_t)b->powers) * b->filters->volume + transform_workspace(b->transform);
}

/* --- evaluation ---------------------------------------------------------------------------------- */

struct room {
    struct transform_site *u, *t, *convolution, *power[EFFECTIVE_POWERS], *transform;
};

static struct room divide(const struct effective_basis *b, struct transform_site *all) {
    const size_t V = b->filters->volume;
    struct room r = {
        .u = all, .t = all + V, .convolution = all + 2 * V, .transform = all + (3 + (size_t)b->powers) * V};
    for (int q = 1; q <= b->powers; q++) {
        r.power[q] = all + (2 + (size_t)q) * V;
    }
    return r;
}

static void scale_modes(size_t V, const float *gain, const struct transform_site *in, struct transform_site *out) {
    for (size_t p = 0; p < V; p++) {
        out[p].re = in[p].re * gain[p];
        out[p].im = in[p].im * gain[p];
    }
}

static struct transform_site times(struct transform_site x, struct transform_site y) {
    return (struct transform_site){x.re * y.re, x.im * y.im};
}

static struct transform_site wide_power(struct transform_site x, int p) {
    struct transform_site product = {{0}, {0}};
    product.re += 1.0f;
    product.im += 1.0f;
    for (; p > 0; p--) {
        product = times(product, x);
    }
    return product;
}

/* d(t^p)/du = p t^(p-1) (1 - t^2/a^2) */
static struct transform_site slope(double a, struct transform_site t, int p) {
    struct transform_site s = {{0}, {0}};
    if (p == 0) {
        return s;
    }
    const float inverse = (float)(1 / (a * a));
    s = wide_power(t, p - 1);
    s.re *= (float)p * (1.0f - t.re * t.re * inverse);
    s.im *= (float)p * (1.0f - t.im * t.im * inverse);
    return s;
}

static void accumulate(double sum[TRANSFORM_FIELDS], const struct transform_site *x, double factor) {
    for (int l = 0; l < WIDE_LANES; l++) {
        sum[l] += factor * (double)x->re[l];
        sum[l + WIDE_LANES] += factor * (double)x->im[l];
    }
}

/* sum += factor sum_x f(x) g(x), with g = 1 if NULL; f = d(t^p)/du with `slopes`, else t^p. */
static void sum_sites(const struct effective_basis *b, const struct room *r, int p, bool slopes,
                      const struct transform_site *g, double factor, double sum[TRANSFORM_FIELDS]) {
    enum { CHUNK = 64 };
    for (size_t first = 0; first < b->filters->volume; first += CHUNK) {
        struct transform_site part = {{0}, {0}};
        for (size_t x = first; x < first + CHUNK && x < b->filters->volume; x++) {
            struct transform_site f = slopes ? slope(b->saturation.local, r->t[x], p) : wide_power(r->t[x], p);
            f = g ? times(f, g[x]) : f;
            part.re += f.re;
            part.im += f.im;
        }
        accumulate(sum, &part, factor);
    }
}

/* The pairs t^p (K_n * t^q) of one kernel and one q. */
static void pairs(const struct effective_basis *b, const struct room *r, int n, int q, struct transform_site *out,
                  double *divergence) {
    const struct effective_filters *filters = b->filters;
    const size_t V = filters->volume, kernel = KERNELS + 2 * ((size_t)n - 1);
    bool any = false;
    for (size_t i = 0; i < b->features->count; i++) {
        const struct effective_feature *f = &b->features->list[i];
        if (f->kind != EFFECTIVE_PAIR || f->kernel != n || f->inner != q) {
            continue;
        }
        if (!any) {
            scale_modes(V, gain_of(b, kernel), r->power[q], r->convolution);
            transform_inverse(b->transform, r->convolution, r->convolution, r->transform);
            any = true;
        }
        struct transform_site *feature = out + i * V;
        for (size_t x = 0; x < V; x++) {
            feature[x] = times(wide_power(r->t[x], f->power), r->convolution[x]);
        }
        transform_forward(b->transform, feature, feature, r->transform);
        if (divergence) {
            sum_sites(b, r, f->power, true, r->convolution, filters->W2 / filters->sigma_u,
                      divergence + i * TRANSFORM_FIELDS);
        }
    }
    if (!any || !divergence) {
        return;
    }
    /* (K_n W2) * d(t^q)/du = (K_n W2) * q (t^(q-1) - t^(q+1)/a^2) */
    const float first = (float)q, second = (float)(-q / (b->saturation.local * b->saturation.local));
    const float *gain = gain_of(b, kernel + 1);
    for (size_t p = 0; p < V; p++) {
        struct transform_site s = {r->power[q + 1][p].re * second, r->power[q + 1][p].im * second};
        if (q > 1) {
            s.re += r->power[q - 1][p].re * first;
            s.im += r->power[q - 1][p].im * first;
        } else if (p == 0) {
            s.re += first * (float)V;
            s.im += first * (float)V;
        }
        r->convolution[p] = (struct transform_site){s.re * gain[p], s.im * gain[p]};
    }
    /* for both fields together, since the constant above is real in both */
    transform_inverse(b->transform, r->convolution, r->convolution, r->transform);
    for (size_t i = 0; i < b->features->count; i++) {
        const struct effective_feature *f = &b->features->list[i];
        if (f->kind == EFFECTIVE_PAIR && f->kernel == n && f->inner == q) {
            sum_sites(b, r, f->power, false, r->convolution, 1 / filters->sigma_u, divergence + i * TRANSFORM_FIELDS);
        }
    }
}

/* Multiplies the modes of two fields by different numbers: out = f a(p) + i g b(p), with in = a(p) + i b(p) and factor
 * = (f, g). */
static void scale_fields(const struct effective_basis *b, const struct transform_site *in, struct transform_site factor,
                         struct transform_site *out) {
    const size_t *opposite = transform_opposite(b->transform);
    const wide mean = 0.5f * (factor.re + factor.im), half = 0.5f * (factor.re - factor.im);
    for (size_t p = 0; p < b->filters->volume; p++) {
        const struct transform_site here = in[p], there = in[opposite[p]];
        out[p] = (struct transform_site){mean * here.re + half * there.re, mean * here.im - half * there.im};
    }
}

/* The features that are not pairs; mean_u: the mean of u of every field. */
static void others(const struct effective_basis *b, const struct room *r, const struct transform_site *mean_u,
                   struct transform_site *out, double *divergence) {
    const struct effective_filters *filters = b->filters;
    const size_t V = filters->volume;
    const double a = b->saturation.zero, scale = filters->sigma_u / filters->sigma_m / a;
    struct transform_site t0;
    for (int l = 0; l < WIDE_LANES; l++) {
        t0.re[l] = (float)(a * function_tanh((double)mean_u->re[l] * scale));
        t0.im[l] = (float)(a * function_tanh((double)mean_u->im[l] * scale));
    }
    for (size_t i = 0; i < b->features->count; i++) {
        const struct effective_feature *f = &b->features->list[i];
        struct transform_site *feature = out + i * V;
        double *d = divergence ? divergence + i * TRANSFORM_FIELDS : NULL;
        const bool moved = f->kind == EFFECTIVE_ZERO_LOCAL;
        const struct transform_site factor = wide_power(t0, f->kind == EFFECTIVE_ZERO ? f->power
                                                            : moved                   ? f->inner
                                                                                      : 0);
        if (f->kind == EFFECTIVE_ZERO || (f->kind == EFFECTIVE_LOCAL && f->power == 0)) {
            memset(feature, 0, V * sizeof *feature);
            feature[0] = (struct transform_site){factor.re * (float)V, factor.im * (float)V};
            if (d && f->kind == EFFECTIVE_ZERO) {
                const struct transform_site s = slope(b->saturation.zero, t0, f->power);
                accumulate(d, &s, filters->W0 * filters->W0 / filters->sigma_m);
            }
        } else if (f->kind == EFFECTIVE_LOCAL || moved) {
            scale_fields(b, r->power[f->power], factor, feature);
            if (!d) {
                continue;
            }
            double sum[TRANSFORM_FIELDS] = {0}, change[TRANSFORM_FIELDS] = {0};
            sum_sites(b, r, f->power, true, NULL, filters->W2 / filters->sigma_u, sum);
            if (moved) {
                const struct transform_site s = times(slope(b->saturation.zero, t0, f->inner), r->power[f->power][0]);
                accumulate(change, &s, filters->W0 * filters->W0 / (filters->sigma_m * (double)V));
            }
            for (size_t l = 0; l < TRANSFORM_FIELDS; l++) {
                d[l] = sum[l] * (double)(l < WIDE_LANES ? factor.re[l] : factor.im[l - WIDE_LANES]) + change[l];
            }
        }
    }
}

void effective_basis_evaluate(const struct effective_basis *b, const struct transform_site *y,
                              struct transform_site *out, double *divergence, struct transform_site *workspace) {
    const struct room r = divide(b, workspace);
    const struct effective_features *features = b->features;
    const size_t V = b->filters->volume;
    const float a = (float)b->saturation.local, inverse = 1.0f / a;
    for (size_t i = 0; divergence && i < features->count * TRANSFORM_FIELDS; i++) {
        divergence[i] = 0;
    }
    scale_modes(V, gain_of(b, TO_U), y, r.u);
    const struct transform_site mean_u = r.u[0];
    for (size_t i = 0; i < features->count; i++) {
        if (features->list[i].kind == EFFECTIVE_LINEAR) {
            for (size_t p = 0; p < V; p++) {
                out[i * V + p] = (struct transform_site){r.u[p].re * (float)V, r.u[p].im * (float)V};
            }
            for (size_t l = 0; divergence && l < TRANSFORM_FIELDS; l++) {
                divergence[i * TRANSFORM_FIELDS + l] = (double)V * b->filters->W2 / b->filters->sigma_u;
            }
        }
    }
    transform_inverse(b->transform, r.u, r.u, r.transform);
    for (size_t x = 0; x < V; x++) {
        r.t[x] = (struct transform_site){wide_tanh(r.u[x].re * inverse) * a, wide_tanh(r.u[x].im * inverse) * a};
        struct transform_site power = r.t[x];
        for (int q = 1; q <= b->powers; q++) {
            r.power[q][x] = power;
            power = times(power, r.t[x]);
        }
    }
    for (int q = 1; q <= b->powers; q++) {
        transform_forward(b->transform, r.power[q], r.power[q], r.transform);
    }
    others(b, &r, &mean_u, out, divergence);
    for (int n = 1; n <= (int)b->filters->kernels; n++) {
        for (int q = 1; q < b->powers; q++) {
            pairs(b, &r, n, q, out, divergence);
        }
    }
    for (size_t i = 0; i < features->count; i++) {
        scale_modes(V, gain_of(b, FILTER), out + i * V, out + i * V);
    }
    for (size_t i = 0; divergence && i < features->count * TRANSFORM_FIELDS; i++) {
        divergence[i] *= b->filters->lattice->unit;
    }
}
