/* Group norm with the embedding's term before it and swish after it, forward and backward (network/normalise.h). A
 * block has one configuration and a slab, some whole groups of channels. It reads its part of y twice, the second time
 * mostly from cache, and writes each result once, with copies in the halo and in the concatenation.
 *
 * A thread has four channels (a quad) and every R-th site. Sums are over its sites in order, then over threads in a
 * tree. */
#include "cuda/check.h"
#include "cuda/kernels.h"
#include "cuda/numbers.h"

enum { SLAB_MAX = 256 };

static int slab_of(const struct norm *s) {
    int slab = s->group;
    while ((slab % 4 != 0 || slab < 8) && slab < s->channels) {
        slab *= 2;
    }
    while (slab * s->height * s->width < 4096 && 2 * slab <= SLAB_MAX && slab < s->channels) {
        slab *= 2;
    }
    return slab;
}

/* Sums v[k] of the threads (quad q, row r < R) over r, into part[k][q]. */
template <int N>
__device__ static void sum_over_rows(float (*part)[THREADS], int Q, int R, int q, int r, const float *v) {
    if (r < R) {
        for (int k = 0; k < N; k++) {
            part[k][r * Q + q] = v[k];
        }
    }
    for (int n = R; n > 1;) {
        const int half = (n + 1) / 2;
        __syncthreads();
        if (r < n - half) {
            for (int k = 0; k < N; k++) {
                part[k][r * Q + q] += part[k][(r + half) * Q + q];
            }
        }
        n = half;
    }
    __syncthreads();
}

template <class T>
__global__ void norm_forward_kernel(struct norm s, int slab, struct field<const T> y, const float *d, size_t d_image,
                                    const float *gamma, const float *beta, float *mean, float *rstd, size_t stat_image,
                                    struct field<T> out, struct field<T> second) {
    __shared__ float part[8][THREADS];
    __shared__ float origin[SLAB_MAX], scale[SLAB_MAX], shift[SLAB_MAX];
    const int n = (int)blockIdx.y, first = (int)blockIdx.x * slab, t = (int)threadIdx.x;
    const int Q = slab / 4, R = THREADS / Q, q = t % Q, r = t / Q, sites = s.height * s.width;
    const float *own_d = d + (size_t)n * d_image + first;
    const int c = first + 4 * q;

    const struct four start = field_folded(y, n, 0, 0, c);
    float sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int p = r; p < sites && r < R; p += R) {
        const struct four v = field_folded(y, n, p / s.width, p % s.width, c);
        for (int k = 0; k < 4; k++) {
            const float x = v.v[k] - start.v[k];
            sum[k] += x;
            sum[4 + k] += x * x;
        }
    }
    sum_over_rows<8>(part, Q, R, q, r, sum);
    if (r == 0) {
        for (int k = 0; k < 4; k++) {
            origin[4 * q + k] = start.v[k];
        }
    }
    __syncthreads();

    if (t < slab / s.group) { /* statistics of group t of the slab */
        double total = 0, spread = 0;
        for (int k = t * s.group; k < (t + 1) * s.group; k++) {
            total += (double)part[k % 4][k / 4] / sites + (double)origin[k] + (double)own_d[k];
        }
        const double mu = total / s.group;
        for (int k = t * s.group; k < (t + 1) * s.group; k++) {
            const double own = (double)part[k % 4][k / 4] / sites;
            const double off = own + (double)origin[k] + (double)own_d[k] - mu;
            spread += (double)part[4 + k % 4][k / 4] / sites - own * own + off * off;
        }
        const double variance = spread > 0 ? spread / s.group : 0;
        const float m = (float)mu, inverse = (float)(1.0 / sqrt(variance + 1e-5));
        for (int k = t * s.group; k < (t + 1) * s.group; k++) {
            scale[k] = gamma[first + k] * inverse;
            shift[k] = (own_d[k] - m) * scale[k] + beta[first + k];
            if (mean) {
                mean[(size_t)n * stat_image + first + k] = m;
                rstd[(size_t)n * stat_image + first + k] = inverse;
            }
        }
    }
    __syncthreads();

    for (int p = r; p < sites && r < R; p += R) {
        const int i = p / s.width, j = p % s.width;
        struct four h = field_folded(y, n, i, j, c);
        for (int k = 0; k < 4; k++) {
            const float a = h.v[k] * scale[4 * q + k] + shift[4 * q + k];
            h.v[k] = a * numbers_sigmoid(a);
        }
        field_filled(out, n, i, j, c, h);
        if (second.at) {
            field_filled(second, n, i, j, c, h);
        }
    }
}

template <class T>
enum status norm_forward(const struct norm *s, int n, struct field<const T> y, const float *d, size_t d_image,
                         const float *gamma, const float *beta, float *mean, float *rstd, size_t stat_image,
                         struct field<T> out, struct field<T> second, cudaStream_t stream, struct error *e) {
    const int slab = slab_of(s);
    return launch("norm_forward", norm_forward_kernel<T>, dim3((unsigned)(s->channels / slab), (unsigned)n), THREADS,
                  stream, e, *s, slab, y, d, d_image, gamma, beta, mean, rstd, stat_image, out, second);
}

template enum status norm_forward<float>(const struct norm *, int, struct field<const float>, const float *, size_t,
                                         const float *, const float *, float *, float *, size_t, struct field<float>,
                                         struct field<float>, cudaStream_t, struct error *);
template enum status norm_forward<struct bfloat>(const struct norm *, int, struct field<const struct bfloat>,
                                                 const float *, size_t, const float *, const float *, float *, float *,
                                                 size_t, struct field<struct bfloat>, struct field<struct bfloat>,
                                                 cudaStream_t, struct error *);

/* Computes dL/da and xhat at a site, for both passes of the gradient. */
struct activation {
    float rstd[4], offset[4], gamma[4], beta[4]; /* for the thread's quad */
};

__device__ static void activation_gradient(const struct activation &c, const struct four &y, const struct four &dh,
                                           float da[4], float xhat[4]) {
    for (int k = 0; k < 4; k++) {
        xhat[k] = y.v[k] * c.rstd[k] + c.offset[k];
        const float a = xhat[k] * c.gamma[k] + c.beta[k], sigmoid = numbers_sigmoid(a);
        da[k] = dh.v[k] * (sigmoid + a * sigmoid * (1.0f - sigmoid));
    }
}

__device__ static struct four both_gradients(const struct field<const float> &g,
                                             const struct field<const float> &second, int n, int i, int j, int c) {
    struct four dh = field_folded(g, n, i, j, c);
    if (second.at) {
        const struct four more = field_folded(second, n, i, j, c);
        for (int k = 0; k < 4; k++) {
            dh.v[k] += more.v[k];
        }
    }
    return dh;
}

__global__ void norm_backward_kernel(struct norm s, int slab, struct field<const float> y, const float *d,
                                     size_t d_image, const float *gamma, const float *beta, const float *mean,
                                     const float *rstd, size_t stat_image, struct field<const float> g,
                                     struct field<const float> second, struct field<float> dy, float *partial,
                                     size_t partial_image, size_t rows) {
    __shared__ float part[12][THREADS];
    __shared__ float common[SLAB_MAX], along[SLAB_MAX];
    const int n = (int)blockIdx.y, first = (int)blockIdx.x * slab, t = (int)threadIdx.x;
    const int Q = slab / 4, R = THREADS / Q, q = t % Q, r = t / Q, sites = s.height * s.width;
    const int c = first + 4 * q;
    const float *own_mean = mean + (size_t)n * stat_image, *own_rstd = rstd + (size_t)n * stat_image;
    struct activation a;
    for (int k = 0; k < 4; k++) {
        a.rstd[k] = own_rstd[c + k];
        a.offset[k] = (d[(size_t)n * d_image + c + k] - own_mean[c + k]) * a.rstd[k];
        a.gamma[k] = gamma[c + k];
        a.beta[k] = beta[c + k];
    }

    float sum[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}; /* sums of da, da xhat, xhat */
    for (int p = r; p < sites && r < R; p += R) {
        const int i = p / s.width, j = p % s.width;
        float da[4], xhat[4];
        activation_gradient(a, field_folded(y, n, i, j, c), both_gradients(g, second, n, i, j, c), da, xhat);
        for (int k = 0; k < 4; k++) {
            sum[k] += da[k];
            sum[4 + k] += da[k] * xhat[k];
            sum[8 + k] += xhat[k];
        }
    }
    sum_over_rows<12>(part, Q, R, q, r, sum);

    if (t < slab / s.group) {
        float s1 = 0, s2 = 0;
        for (int k = t * s.group; k < (t + 1) * s.group; k++) {
            s1 += gamma[first + k] * part[k % 4][k / 4];
            s2 += gamma[first + k] * part[4 + k % 4][k / 4];
        }
        const float count = (float)(s.group * sites);
        for (int k = t * s.group; k < (t + 1) * s.group; k++) {
            common[k] = own_rstd[first + k] * s1 / count;
            along[k] = own_rstd[first + k] * s2 / count;
        }
    }
    __syncthreads();

    if (r == 0) { /* the sum of dy over sites follows from the sums of its three terms */
        float *row = partial + (size_t)n * partial_image + c;
        for (int k = 0; k < 4; k++) {
            row[k] = part[4 + k][q];
            row[rows + k] = part[k][q];
            row[2 * rows + k] = a.rstd[k] * a.gamma[k] * part[k][q] - (float)sites * common[4 * q + k] -
                                along[4 * q + k] * part[8 + k][q];
        }
    }
    for (int p = r; p < sites && r < R; p += R) {
        const int i = p / s.width, j = p % s.width;
        float da[4], xhat[4];
        struct four out;
        activation_gradient(a, field_folded(y, n, i, j, c), both_gradients(g, second, n, i, j, c), da, xhat);
        for (int k = 0; k < 4; k++) {
            out.v[k] = da[k] * (a.rstd[k] * a.gamma[k]) - common[4 * q + k] - xhat[k] * along[4 * q + k];
        }
        field_filled(dy, n, i, j, c, out);
    }
}

enum status norm_backward(const struct norm *s, int n, struct field<const float> y, const float *d, size_t d_image,
                          const float *gamma, const float *beta, const float *mean, const float *rstd,
                          size_t stat_image, struct field<const float> g, struct field<const float> second,
                          struct field<float> dy, float *partial, size_t partial_image, size_t rows,
                          cudaStream_t stream, struct error *e) {
    const int slab = slab_of(s);
    return launch("norm_backward", norm_backward_kernel, dim3((unsigned)(s->channels / slab), (unsigned)n), THREADS,
                  stream, e, *s, slab, y, d, d_image, gamma, beta, mean, rstd, stat_image, g, second, dy, partial,
                  partial_image, rows);
}
