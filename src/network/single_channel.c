#include "network/single_channel.h"

#include <string.h>

enum { TAPS = 9, LANES = 16 };

static void spread_site(size_t many, const float *x0, const float *x1, const float *x2, const float *restrict w,
                        float *restrict out) {
    for (size_t c = 0; c < many; c++)
        out[c] = ((x0[0] * w[c] + x0[1] * w[many + c]) + (x0[2] * w[2 * many + c] + x1[0] * w[3 * many + c])) +
                 ((x1[1] * w[4 * many + c] + x1[2] * w[5 * many + c]) +
                  (x2[0] * w[6 * many + c] + x2[1] * w[7 * many + c])) +
                 x2[2] * w[8 * many + c];
}

void single_channel_spread(const struct single_channel *s, const float *one, const float *weights,
                           const struct view *many) {
    const size_t row = s->width + 2;
    for (size_t i = 0; i < s->height; i++)
        for (size_t j = 0; j < s->width; j++) {
            const float *x = one + i * row + j;
            spread_site(s->many, x, x + row, x + 2 * row, weights, view_row(many, 0, i) + j * many->site);
        }
}

/* Lanes are the nine taps, padded to 16; four sites at a time hide the latency of the additions. */
static void gather_sites(size_t many, const float *m, size_t site, const float *restrict w, float (*restrict sum)[LANES]) {
    typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));
    lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    for (size_t c = 0; c < many; c++) {
        lanes v;
        memcpy(&v, w + c * LANES, sizeof v);
        s0 += m[c] * v;
        s1 += m[site + c] * v;
        s2 += m[2 * site + c] * v;
        s3 += m[3 * site + c] * v;
    }
    memcpy(sum[0], &s0, sizeof s0);
    memcpy(sum[1], &s1, sizeof s1);
    memcpy(sum[2], &s2, sizeof s2);
    memcpy(sum[3], &s3, sizeof s3);
}

void single_channel_gather(const struct single_channel *s, const struct view *many, const float *weights,
                           float *one) {
    const size_t row = s->width + 2;
    float w[s->many * LANES];
    memset(w, 0, sizeof w);
    for (size_t c = 0; c < s->many; c++)
        for (size_t k = 0; k < TAPS; k++)
            w[c * LANES + k] = weights[k * s->many + c];
    memset(one, 0, (s->height + 2) * row * sizeof *one);
    for (size_t i = 0; i < s->height; i++)
        for (size_t j = 0, sites; j < s->width; j += sites) {
            sites = j + 4 <= s->width ? 4 : 1;
            float sum[4][LANES];
            gather_sites(s->many, view_row(many, 0, i) + j * many->site, sites == 4 ? many->site : 0, w, sum);
            for (size_t n = 0; n < sites; n++)
                for (size_t k = 0; k < TAPS; k++)
                    one[(i + k / 3) * row + j + n + k % 3] += sum[n][k];
        }
}

static void gradient_site(size_t many, float x, const float *restrict m, float *restrict gradient) {
    for (size_t c = 0; c < many; c++)
        gradient[c] += x * m[c];
}

void single_channel_gradient(const struct single_channel *s, const float *one, const struct view *many,
                             float *gradient) {
    const size_t row = s->width + 2;
    for (size_t i = 0; i < s->height; i++)
        for (size_t j = 0; j < s->width; j++)
            for (size_t k = 0; k < TAPS; k++)
                gradient_site(s->many, one[(i + k / 3) * row + j + k % 3], view_row(many, 0, i) + j * many->site,
                              gradient + k * s->many);
}
