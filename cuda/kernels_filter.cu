/* Filters that are diagonal in momentum space (kernels.h), as four small matrix products per configuration. The gains
 * are symmetric under p_mu -> -p_mu, so the Hartley transform can replace Fourier's; it is real and, up to a factor,
 * its own inverse. */
#include "cuda/check.h"
#include "cuda/kernels.h"

enum { GAIN_SCORE, GAIN_COLOUR };

__device__ static double gain_of(int kind, double g, double s, double next) {
    if (kind == GAIN_SCORE) {
        return -s / (g + s * s);
    }
    return sqrt((s * s - next * next) * (g + next * next) / (g + s * s));
}

/* One block per configuration, since every product needs the complete result of the one before. */
__global__ void filter_kernel(struct filter f, int kind, struct frames frames, const struct backend_move *moves,
                              const float *in, float *out) {
    const int H = f.height, W = f.width, V = H * W, n = (int)blockIdx.x, t = (int)threadIdx.x;
    const double s = frame_of(frames, n)->noise, next = moves ? moves[*frames.counter].next : 0.0;
    double *a = f.workspace + (size_t)n * 2 * (size_t)V, *b = a + V;
    const float *x = in + (size_t)n * (size_t)V;
    for (int p = t; p < V; p += THREADS) { /* a[i][k] = sum_j x[i][j] cas[j][k] */
        double sum = 0;
        for (int j = 0; j < W; j++) {
            sum += (double)x[p / W * W + j] * f.cas_width[j * W + p % W];
        }
        a[p] = sum;
    }
    __syncthreads();
    for (int p = t; p < V; p += THREADS) { /* b[l][k] = gain sum_i cas[l][i] a[i][k] */
        double sum = 0;
        for (int i = 0; i < H; i++) {
            sum += f.cas_height[p / W * H + i] * a[i * W + p % W];
        }
        b[p] = sum * gain_of(kind, f.propagator[p], s, next);
    }
    __syncthreads();
    for (int p = t; p < V; p += THREADS) {
        double sum = 0;
        for (int j = 0; j < W; j++) {
            sum += b[p / W * W + j] * f.cas_width[j * W + p % W];
        }
        a[p] = sum;
    }
    __syncthreads();
    for (int p = t; p < V; p += THREADS) {
        double sum = 0;
        for (int i = 0; i < H; i++) {
            sum += f.cas_height[p / W * H + i] * a[i * W + p % W];
        }
        out[(size_t)n * (size_t)V + (size_t)p] = (float)(sum / (double)V);
    }
}

enum status filter_score(const struct filter *f, int n, struct frames frames, const float *in, float *out,
                         cudaStream_t stream, struct error *e) {
    return launch("filter_score", filter_kernel, dim3((unsigned)n), THREADS, stream, e, *f, GAIN_SCORE, frames,
                  (const struct backend_move *)NULL, in, out);
}

enum status filter_colour(const struct filter *f, int n, struct frames frames, const struct backend_move *moves,
                          float *z, cudaStream_t stream, struct error *e) {
    return launch("filter_colour", filter_kernel, dim3((unsigned)n), THREADS, stream, e, *f, GAIN_COLOUR, frames, moves,
                  z, z);
}
