#include "network/normalise.h"

#include <math.h>
#include <string.h>

#include "base/functions.h"

static const double epsilon = 1e-5;

/* Per channel: sums of y - y(first site) and of its square; the shift keeps the squares from cancelling. */
static void moments(const struct normalise *s, const float *y, size_t y_row, float *restrict sum,
                    float *restrict square) {
    const size_t c = s->channels;
    memset(sum, 0, c * sizeof *sum);
    memset(square, 0, c * sizeof *square);
    for (size_t i = 0; i < s->height; i++)
        for (size_t j = 0; j < s->width; j++) {
            const float *restrict v = y + i * y_row + j * c;
            for (size_t k = 0; k < c; k++) {
                float x = v[k] - y[k];
                sum[k] += x;
                square[k] += x * x;
            }
        }
}

static void group_statistics(const struct normalise *s, const float *y, const float *d, const float *sum,
                             const float *square, float *mean, float *rstd) {
    const size_t size = s->channels / s->groups;
    const double sites = (double)(s->height * s->width);
    for (size_t g = 0; g < s->groups; g++) {
        double total = 0, spread = 0;
        for (size_t k = g * size; k < (g + 1) * size; k++)
            total += (double)sum[k] / sites + (double)y[k] + (double)d[k];
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

static void activate(size_t channels, const float *restrict y, const float *restrict scale,
                     const float *restrict shift, float *restrict h) {
    for (size_t k = 0; k < channels; k++) {
        const float a = y[k] * scale[k] + shift[k];
        h[k] = a / (1.0f + function_exp_float(-a));
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
    for (size_t i = 0; i < s->height; i++) {
        float *row = view_row(out, 0, i);
        for (size_t j = 0; j < s->width; j++)
            activate(c, y + i * y_row + j * c, scale, shift, row + j * out->site);
        if (second->at)
            for (size_t j = 0; j < s->width; j++)
                memcpy(view_row(second, 0, i) + j * second->site, row + j * out->site, c * sizeof *row);
    }
}

static void add(size_t channels, const float *restrict a, const float *restrict b, float *restrict sum) {
    for (size_t k = 0; k < channels; k++)
        sum[k] = a[k] + b[k];
}

/* From dh in `gradient` to da = dh swish'(a) in its place, and the sums of da and da xhat. */
static void backward_site(size_t channels, const float *restrict y, const float *restrict rstd,
                          const float *restrict offset, const float *restrict gamma, const float *restrict beta,
                          float *restrict gradient, float *restrict sum, float *restrict product) {
    for (size_t k = 0; k < channels; k++) {
        const float xhat = y[k] * rstd[k] + offset[k];
        const float a = xhat * gamma[k] + beta[k];
        const float sigmoid = 1.0f / (1.0f + function_exp_float(-a));
        const float v = gradient[k] * (sigmoid + a * sigmoid * (1.0f - sigmoid));
        gradient[k] = v;
        sum[k] += v;
        product[k] += v * xhat;
    }
}

static void finish_site(size_t channels, const float *restrict y, const float *restrict rstd,
                        const float *restrict offset, const float *restrict own, const float *restrict common,
                        const float *restrict along, float *restrict dy, float *restrict total) {
    for (size_t k = 0; k < channels; k++) {
        const float xhat = y[k] * rstd[k] + offset[k];
        const float v = dy[k] * own[k] - common[k] - xhat * along[k];
        dy[k] = v;
        total[k] += v;
    }
}

void normalise_backward(const struct normalise *s, const float *y, size_t y_row, const float *d, const float *gamma,
                        const float *beta, const float *mean, const float *rstd, const struct view *g,
                        const struct view *second, const struct view *dy, float *gamma_gradient,
                        float *beta_gradient, float *d_gradient, float *workspace) {
    const size_t c = s->channels;
    float *offset = workspace, *sum = workspace + c, *product = workspace + 2 * c, *own = workspace + 3 * c;
    float *common = workspace + 4 * c, *along = workspace + 5 * c, *total = workspace + 6 * c;
    float *site = workspace + 7 * c;
    for (size_t k = 0; k < c; k++)
        offset[k] = (d[k] - mean[k]) * rstd[k];
    memset(sum, 0, c * sizeof *sum);
    memset(product, 0, c * sizeof *product);
    memset(total, 0, c * sizeof *total);
    for (size_t i = 0; i < s->height; i++)
        for (size_t j = 0; j < s->width; j++) {
            const float *dh = view_row(g, 0, i) + j * g->site;
            if (second->at)
                add(c, dh, view_row(second, 0, i) + j * second->site, site);
            else
                memcpy(site, dh, c * sizeof *site);
            backward_site(c, y + i * y_row + j * c, rstd, offset, gamma, beta, site, sum, product);
            memcpy(view_row(dy, 0, i) + j * dy->site, site, c * sizeof *site);
        }
    const size_t size = c / s->groups;
    const float count = (float)(size * s->height * s->width);
    for (size_t first = 0; first < c; first += size) {
        float s1 = 0, s2 = 0;
        for (size_t k = first; k < first + size; k++) {
            s1 += gamma[k] * sum[k];
            s2 += gamma[k] * product[k];
        }
        for (size_t k = first; k < first + size; k++) {
            own[k] = rstd[k] * gamma[k];
            common[k] = rstd[k] * s1 / count;
            along[k] = rstd[k] * s2 / count;
        }
    }
    for (size_t i = 0; i < s->height; i++)
        for (size_t j = 0; j < s->width; j++)
            finish_site(c, y + i * y_row + j * c, rstd, offset, own, common, along,
                        view_row(dy, 0, i) + j * dy->site, total);
    if (gamma_gradient) {
        for (size_t k = 0; k < c; k++) {
            gamma_gradient[k] += product[k];
            beta_gradient[k] += sum[k];
        }
        memcpy(d_gradient, total, c * sizeof *total);
    }
}
