/* The time embedding and the dense layers after it (network/embedding.h), and sums over the rows of a matrix. */
#include "cuda/check.h"
#include "cuda/kernels.h"
#include "cuda/numbers.h"

enum { WARP = 32, WARPS = THREADS / WARP };

__global__ void features_kernel(int half, const float *frequencies, struct frames frames, float *features) {
    const int n = (int)blockIdx.y, j = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (j >= half) {
        return;
    }
    double sine, cosine;
    function_sincos_turns((double)frequencies[j] * (double)frame_of(frames, n)->label, &sine, &cosine);
    features[(size_t)n * 2 * (size_t)half + (size_t)j] = (float)sine;
    features[(size_t)n * 2 * (size_t)half + (size_t)(half + j)] = (float)cosine;
}

/* out[n][row] = bias[row] + matrix[row] . in[n], with one warp per row; `after`, if present, is its swish. */
__global__ void affine_kernel(int rows, int columns, const float *matrix, const float *bias, const float *in,
                              float *out, float *after) {
    const int n = (int)blockIdx.y, lane = (int)threadIdx.x % WARP;
    const int row = (int)blockIdx.x * WARPS + (int)threadIdx.x / WARP;
    const float *x = in + (size_t)n * (size_t)columns;
    float sum = 0;
    for (int j = lane; j < columns && row < rows; j += WARP) {
        sum = fmaf(matrix[(size_t)row * (size_t)columns + (size_t)j], x[j], sum);
    }
    for (int step = WARP / 2; step > 0; step /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, step);
    }
    if (lane != 0 || row >= rows) {
        return;
    }
    sum += bias[row];
    out[(size_t)n * (size_t)rows + (size_t)row] = sum;
    if (after) {
        after[(size_t)n * (size_t)rows + (size_t)row] = sum * numbers_sigmoid(sum);
    }
}

enum status embedding_forward(const struct embedding_arrays *a, int n, struct frames frames, cudaStream_t stream,
                              struct error *e) {
    const int half = a->length / 2;
    TRY(launch("features", features_kernel, dim3((unsigned)((half + 63) / 64), (unsigned)n), 64, stream, e, half,
               a->frequencies, frames, a->features));
    TRY(launch("embed", affine_kernel, dim3((unsigned)((a->length + WARPS - 1) / WARPS), (unsigned)n), THREADS, stream,
               e, a->length, a->length, a->embed, a->embed_bias, a->features, a->before, a->after));
    return launch("dense", affine_kernel, dim3((unsigned)((a->rows + WARPS - 1) / WARPS), (unsigned)n), THREADS, stream,
                  e, a->rows, a->length, a->dense, a->dense_bias, a->after, a->d, (float *)NULL);
}

/* out[n][j] = swish'(before[n][j]) sum_row g[n][row] matrix[row][j]. A block has 32 columns, with 8 partial sums over
 * rows for each. */
__global__ void back_kernel(int rows, int columns, const float *matrix, const float *g, size_t image,
                            const float *before, float *out) {
    __shared__ float part[WARPS][WARP];
    const int n = (int)blockIdx.y, lane = (int)threadIdx.x % WARP, strand = (int)threadIdx.x / WARP;
    const int j = (int)blockIdx.x * WARP + lane;
    float sum = 0;
    for (int row = strand; row < rows && j < columns; row += WARPS) {
        sum = fmaf(g[(size_t)n * image + (size_t)row], matrix[(size_t)row * (size_t)columns + (size_t)j], sum);
    }
    part[strand][lane] = sum;
    __syncthreads();
    if (strand != 0 || j >= columns) {
        return;
    }
    sum = ((part[0][lane] + part[1][lane]) + (part[2][lane] + part[3][lane])) +
          ((part[4][lane] + part[5][lane]) + (part[6][lane] + part[7][lane]));
    const float a = before[(size_t)n * (size_t)columns + (size_t)j], sigmoid = numbers_sigmoid(a);
    out[(size_t)n * (size_t)columns + (size_t)j] = sum * (sigmoid + a * sigmoid * (1.0f - sigmoid));
}

/* gradient[row][j] = sum_n left[n][row] right[n][j], configurations in order; bias[row] = sum_n left[n][row]. */
__global__ void outer_kernel(int n, int columns, const float *left, size_t image, const float *right, float *gradient,
                             float *bias) {
    const int j = (int)(blockIdx.x * blockDim.x + threadIdx.x), row = (int)blockIdx.y;
    if (j >= columns) {
        return;
    }
    float sum = 0, plain = 0;
    for (int b = 0; b < n; b++) {
        const float x = left[(size_t)b * image + (size_t)row];
        sum = fmaf(x, right[(size_t)b * (size_t)columns + (size_t)j], sum);
        plain += x;
    }
    gradient[(size_t)row * (size_t)columns + (size_t)j] = sum;
    if (bias && j == 0) {
        bias[row] = plain;
    }
}

enum status embedding_backward(const struct embedding_arrays *a, int n, const float *d_gradient, size_t image,
                               float *workspace, float *embed_gradient, float *embed_bias_gradient,
                               float *dense_gradient, cudaStream_t stream, struct error *e) {
    const unsigned blocks = (unsigned)((a->length + 127) / 128);
    TRY(launch("dense_gradient", outer_kernel, dim3(blocks, (unsigned)a->rows), 128, stream, e, n, a->length,
               d_gradient, image, a->after, dense_gradient, (float *)NULL));
    TRY(launch("dense_back", back_kernel, dim3((unsigned)((a->length + WARP - 1) / WARP), (unsigned)n), THREADS, stream,
               e, a->rows, a->length, a->dense, d_gradient, image, a->before, workspace));
    return launch("embed_gradient", outer_kernel, dim3(blocks, (unsigned)a->length), 128, stream, e, n, a->length,
                  workspace, (size_t)a->length, a->features, embed_gradient, embed_bias_gradient);
}

/* A block has 32 columns, with 32 partial sums over rows for each, in order, which are then added in a tree. */
__global__ void sum_rows_kernel(const float *in, size_t image, int rows, int m, float *out) {
    __shared__ float part[WARP][WARP];
    const int lane = (int)threadIdx.x % WARP, strand = (int)threadIdx.x / WARP, j = (int)blockIdx.x * WARP + lane;
    float sum = 0;
    for (int row = strand; row < rows && j < m; row += WARP) {
        sum += in[(size_t)row * image + (size_t)j];
    }
    part[strand][lane] = sum;
    for (int half = WARP / 2; half > 0; half /= 2) {
        __syncthreads();
        if (strand < half) {
            part[strand][lane] += part[strand + half][lane];
        }
    }
    if (strand == 0 && j < m) {
        out[j] = part[0][lane];
    }
}

enum status sum_rows(const float *in, size_t image, int rows, int m, float *out, cudaStream_t stream, struct error *e) {
    return launch("sum_rows", sum_rows_kernel, dim3((unsigned)((m + WARP - 1) / WARP)), WARP * WARP, stream, e, in,
                  image, rows, m, out);
}
