#include "network/normalise.h"

#include <math.h>
#include <string.h>

#include "base/functions.h"
#include "network/bfloat16.h"
#include "network/blocks.h"

static const double epsilon = 1e-5;

/* Per channel: sums of y - y(first site) and of its square. The shift avoids cancellation. */
BLOCK_FUNCTION block_moments(size_t n, const struct normalise *s, const float *restrict y, size_t y_row,
                             float *restrict sum, float *restrict square) {
    float start[BLOCK], one[BLOCK], two[BLOCK];
    for (size_t k = 0; k < n; k++) {
        start[k] = y[k];
        one[k] = two[k] = 0;
    }
    for (size_t i = 0; i < s->height; i++) {
        for (size_t j = 0; j < s->width; j++) {
            const float *restrict v = y + i * y_row + j * s->channels;
            for (size_t k = 0; k < n; k++) {
                const float x = v[k] - start[k];
                one[k] += x;
                two[k] += x * x;
            }
        }
    }
    memcpy(sum, one, n * sizeof *sum);
    memcpy(square, two, n * sizeof *square);
}

static void moments(const struct normalise *s, const float *y, size_t y_row, float *sum, float *square) {
#define CALL(n) block_moments(n, s, y + first, y_row, sum + first, square + first)
    FOR_BLOCKS(s->channels, CALL);
#undef CALL
}

static void group_statistics(const struct normalise *s, const float *y, const float *d, const float *sum,
                             const float *square, float *mean, float *rstd) {
    const size_t size = s->channels / s->groups;
    const double sites = (double)(s->height * s->width);
    for (size_t g = 0; g < s->groups; g++) {
        double total = 0, spread = 0;
        for (size_t k = g * size; k < (g + 1) * size; k++) {
            total += (double)sum[k] / sites + (double)y[k] + (double)d[k];
        }
        const double mu = total / (double)size;
        for (size_t k = g * size; k < (g + 1) * size; k++) {
            const double own = (double)sum[k] / sites, off = own + (double)y[k] + (double)d[k] - mu;
            spread += (double)square[k] / sites - own * own + off * off;
        }
        const double variance = spread > 0 ? spread / (double)size : 0;
        for (size_t k = g * size; k < (g + 1) * size; k++) {
            mean[k] = (float)mu;
            rstd[k] = (float)(1.0 / sqrt(variance + epsilon));
        }
    }
}

/* Sets channels `first` on of site (i, j) of a view, if it is kept as bfloat16 numbers. */
BLOCK_FUNCTION block_round(size_t n, const float *restrict x, const struct view *to, size_t i, size_t j, size_t first) {
    if (to->rounded) {
        uint16_t *restrict rounded = to->rounded + i * to->row + j * to->site + first;
        for (size_t k = 0; k < n; k++) {
            rounded[k] = bfloat16_round(x[k]);
        }
    }
}

/* The same for any view; it may be absent. */
BLOCK_FUNCTION block_store(size_t n, const float *restrict x, const struct view *to, size_t i, size_t j, size_t first) {
    if (to->at) {
        memcpy(to->at + i * to->row + j * to->site + first, x, n * sizeof *x);
    }
    block_round(n, x, to, i, j, first);
}

BLOCK_FUNCTION block_activate(size_t n, const struct normalise *s, const float *restrict y, size_t y_row,
                              const float *scale, const float *shift, const struct view *out, const struct view *second,
                              size_t first) {
    float by[BLOCK], plus[BLOCK];
    memcpy(by, scale, n * sizeof *by);
    memcpy(plus, shift, n * sizeof *plus);
    for (size_t i = 0; i < s->height; i++) {
        for (size_t j = 0; j < s->width; j++) {
            const float *restrict v = y + i * y_row + j * s->channels;
            float h[BLOCK], power[BLOCK];
            for (size_t k = 0; k < n; k++) {
                h[k] = v[k] * by[k] + plus[k];
                power[k] = function_exp_float(-h[k]);
            }
            for (size_t k = 0; k < n; k++) {
                h[k] = h[k] / (1.0f + power[k]);
            }
            block_store(n, h, out, i, j, first);
            block_store(n, h, second, i, j, first);
        }
    }
}

void normalise_forward(const struct normalise *s, const float *y, size_t y_row, const float *d, const float *gamma,
                       const float *beta, float *mean, float *rstd, const struct view *out, const struct view *second,
                       float *workspace) {
    const size_t c = s->channels;
    float *scale = workspace, *shift = workspace + c;
    moments(s, y, y_row, scale, shift);
    group_statistics(s, y, d, scale, shift, mean, rstd);
    for (size_t k = 0; k < c; k++) {
        scale[k] = gamma[k] * rstd[k];
        shift[k] = (d[k] - mean[k]) * scale[k] + beta[k];
    }
#define CALL(n) block_activate(n, s, y + first, y_row, scale + first, shift + first, out, second, first)
    FOR_BLOCKS(c, CALL);
#undef CALL
}

/* Shared by the two passes of the gradient; one number per channel. */
struct gradient {
    const float *rstd, *gamma, *beta;
    float *offset, *sum, *product, *own, *common, *along, *total;
};

/* Whether swish'(a) is computed, computed and stored, or read from an earlier pass. */
enum slopes { FIND, KEEP, KEPT };

/* Sets `out` to da = dh swish'(a) with dh = g + second, and finds the sums of da and da xhat. */
BLOCK_FUNCTION block_backward(size_t n, enum slopes slopes, const struct normalise *s, const float *restrict y,
                              size_t y_row, const struct gradient *q, const struct view *g, const struct view *second,
                              const struct view *out, float *slope, size_t first) {
    float rstd[BLOCK], offset[BLOCK], gamma[BLOCK], beta[BLOCK], sum[BLOCK], product[BLOCK];
    for (size_t k = 0; k < n; k++) {
        rstd[k] = q->rstd[first + k];
        offset[k] = q->offset[first + k];
        gamma[k] = q->gamma[first + k];
        beta[k] = q->beta[first + k];
        sum[k] = product[k] = 0;
    }
    for (size_t i = 0; i < s->height; i++) {
        for (size_t j = 0; j < s->width; j++) {
            const float *restrict v = y + i * y_row + j * s->channels;
            float *at = slopes == FIND ? NULL : slope + (i * s->width + j) * s->channels + first;
            float found[BLOCK];
            if (slopes != KEPT) {
                float power[BLOCK];
                for (size_t k = 0; k < n; k++) {
                    power[k] = function_exp_float(-((v[k] * rstd[k] + offset[k]) * gamma[k] + beta[k]));
                }
                for (size_t k = 0; k < n; k++) {
                    const float a = (v[k] * rstd[k] + offset[k]) * gamma[k] + beta[k];
                    const float sigmoid = 1.0f / (1.0f + power[k]);
                    found[k] = sigmoid + a * sigmoid * (1.0f - sigmoid);
                }
            }
            if (slopes == KEEP) {
                memcpy(at, found, n * sizeof *found);
            }
            const float *from = g->at + i * g->row + j * g->site + first, *along = slopes == KEPT ? at : found;
            const float *more = second->at ? second->at + i * second->row + j * second->site + first : NULL;
            float *to = out->at + i * out->row + j * out->site + first; /* may be `from` */
            for (size_t k = 0; k < n; k++) {
                const float xhat = v[k] * rstd[k] + offset[k];
                const float da = (more ? from[k] + more[k] : from[k]) * along[k];
                to[k] = da;
                sum[k] += da;
                product[k] += da * xhat;
            }
        }
    }
    memcpy(q->sum + first, sum, n * sizeof *sum);
    memcpy(q->product + first, product, n * sizeof *product);
}

/* Replaces da by dy, and stores it in `rounded` if present. */
BLOCK_FUNCTION block_finish(size_t n, const struct normalise *s, const float *restrict y, size_t y_row,
                            const struct gradient *q, const struct view *da, const struct view *rounded, size_t first) {
    float rstd[BLOCK], offset[BLOCK], own[BLOCK], common[BLOCK], along[BLOCK], total[BLOCK];
    for (size_t k = 0; k < n; k++) {
        rstd[k] = q->rstd[first + k];
        offset[k] = q->offset[first + k];
        own[k] = q->own[first + k];
        common[k] = q->common[first + k];
        along[k] = q->along[first + k];
        total[k] = 0;
    }
    for (size_t i = 0; i < s->height; i++) {
        for (size_t j = 0; j < s->width; j++) {
            const float *restrict v = y + i * y_row + j * s->channels;
            float *restrict d = da->at + i * da->row + j * da->site + first;
            for (size_t k = 0; k < n; k++) {
                const float xhat = v[k] * rstd[k] + offset[k];
                d[k] = d[k] * own[k] - common[k] - xhat * along[k];
                total[k] += d[k];
            }
            block_round(n, d, rounded, i, j, first);
        }
    }
    memcpy(q->total + first, total, n * sizeof *total);
}

void normalise_backward(const struct normalise *s, const float *y, size_t y_row, const float *d, const float *gamma,
                        const float *beta, const float *mean, const float *rstd, const struct view *g,
                        const struct view *second, const struct view *dy, float *slope, int known,
                        float *gamma_gradient, float *beta_gradient, float *d_gradient, float *workspace) {
    const size_t c = s->channels;
    const struct gradient q = {rstd,
                               gamma,
                               beta,
                               workspace,
                               workspace + c,
                               workspace + 2 * c,
                               workspace + 3 * c,
                               workspace + 4 * c,
                               workspace + 5 * c,
                               workspace + 6 * c};
    const struct view own = {.at = workspace + 7 * c, .row = s->width * c, .site = c};
    const struct view *da = dy->at ? dy : &own;
    for (size_t k = 0; k < c; k++) {
        q.offset[k] = (d[k] - mean[k]) * rstd[k];
    }
#define CALL(n) block_backward(n, FIND, s, y + first, y_row, &q, g, second, da, slope, first)
    if (!slope) {
        FOR_BLOCKS(c, CALL);
    }
#undef CALL
#define CALL(n) block_backward(n, KEEP, s, y + first, y_row, &q, g, second, da, slope, first)
    if (slope && !known) {
        FOR_BLOCKS(c, CALL);
    }
#undef CALL
#define CALL(n) block_backward(n, KEPT, s, y + first, y_row, &q, g, second, da, slope, first)
    if (slope && known) {
        FOR_BLOCKS(c, CALL);
    }
#undef CALL
    const size_t size = c / s->groups;
    const float count = (float)(size * s->height * s->width);
    for (size_t group = 0; group < c; group += size) {
        float s1 = 0, s2 = 0;
        for (size_t k = group; k < group + size; k++) {
            s1 += gamma[k] * q.sum[k];
            s2 += gamma[k] * q.product[k];
        }
        for (size_t k = group; k < group + size; k++) {
            q.own[k] = rstd[k] * gamma[k];
            q.common[k] = rstd[k] * s1 / count;
            q.along[k] = rstd[k] * s2 / count;
        }
    }
#define CALL(n) block_finish(n, s, y + first, y_row, &q, da, dy, first)
    FOR_BLOCKS(c, CALL);
#undef CALL
    if (gamma_gradient) {
        for (size_t k = 0; k < c; k++) {
            gamma_gradient[k] += q.product[k];
            beta_gradient[k] += q.sum[k];
        }
        memcpy(d_gradient, q.total, c * sizeof *d_gradient);
    }
}
