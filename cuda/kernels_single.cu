/* 3x3 convolutions with stride 1 between a field of one channel and one of many (network/single_channel.h): conv1,
 * tconv1 and their gradients. They are limited by memory bandwidth, so each reads its wide field once. */
#include "cuda/check.h"
#include "cuda/kernels.h"

/* One thread per site and quad of channels. */
template <class T>
__global__ void spread_kernel(struct sites map, int many, const float *one, const float *w, struct field<T> out) {
    const int quads = many / 4, sites = map.height * map.width, n = (int)blockIdx.y;
    const int index = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (index >= sites * quads) {
        return;
    }
    const int p = index / quads, c = 4 * (index % quads), i = p / map.width, j = p % map.width;
    const float *field = one + (size_t)n * (size_t)sites;
    struct four sum = {{0, 0, 0, 0}};
    for (int k = 0; k < 9; k++) {
        const int row = sites_neighbour(map.height, map.periodic, i, k / 3 - 1);
        const int column = sites_neighbour(map.width, map.periodic, j, k % 3 - 1);
        if (row < 0 || column < 0) {
            continue;
        }
        const float x = field[row * map.width + column];
        const struct four v = four_load(w + k * many + c);
        for (int m = 0; m < 4; m++) {
            sum.v[m] = fmaf(x, v.v[m], sum.v[m]);
        }
    }
    field_filled(out, n, i, j, c, sum);
}

template <class T>
enum status single_spread(struct sites map, int many, int n, const float *one, const float *w, struct field<T> out,
                          cudaStream_t stream, struct error *e) {
    const int work = map.height * map.width * many / 4;
    return launch("single_spread", spread_kernel<T>, dim3((unsigned)((work + THREADS - 1) / THREADS), (unsigned)n),
                  THREADS, stream, e, map, many, one, w, out);
}

template enum status single_spread<float>(struct sites, int, int, const float *, const float *, struct field<float>,
                                          cudaStream_t, struct error *);
template enum status single_spread<struct bfloat>(struct sites, int, int, const float *, const float *,
                                                  struct field<struct bfloat>, cudaStream_t, struct error *);

/* `lanes` threads of a warp share a site. Each sums over some quads of channels; their sums are added in a tree. */
template <class T>
__global__ void taps_kernel(struct sites map, int many, int lanes, struct field<const T> in, const float *w,
                            float *taps) {
    const int sites = map.height * map.width, n = (int)blockIdx.y, t = (int)threadIdx.x;
    const int lane = t % lanes, p = (int)blockIdx.x * (THREADS / lanes) + t / lanes;
    float sum[9] = {0, 0, 0, 0, 0, 0, 0, 0, 0};
    if (p < sites) {
        const T *own = in.at + (size_t)n * in.image + (size_t)p * (size_t)in.stride;
        for (int c = 4 * lane; c < many; c += 4 * lanes) {
            const struct four x = four_load(own + c);
            for (int k = 0; k < 9; k++) {
                const struct four v = four_load(w + k * many + c);
                for (int m = 0; m < 4; m++) {
                    sum[k] = fmaf(x.v[m], v.v[m], sum[k]);
                }
            }
        }
    }
    for (int step = lanes / 2; step > 0; step /= 2) {
        for (int k = 0; k < 9; k++) {
            sum[k] += __shfl_xor_sync(0xffffffffu, sum[k], step);
        }
    }
    if (p < sites && lane == 0) {
        for (int k = 0; k < 9; k++) {
            taps[((size_t)n * 9 + (size_t)k) * (size_t)sites + (size_t)p] = sum[k];
        }
    }
}

template <class T>
enum status single_taps(struct sites map, int many, int n, struct field<const T> in, const float *w, float *taps,
                        cudaStream_t stream, struct error *e) {
    int lanes = 1;
    while (lanes < 32 && 2 * lanes <= many / 4) {
        lanes *= 2;
    }
    const int each = THREADS / lanes, sites = map.height * map.width;
    return launch("single_taps", taps_kernel<T>, dim3((unsigned)((sites + each - 1) / each), (unsigned)n), THREADS,
                  stream, e, map, many, lanes, in, w, taps);
}

template enum status single_taps<float>(struct sites, int, int, struct field<const float>, const float *, float *,
                                        cudaStream_t, struct error *);
template enum status single_taps<struct bfloat>(struct sites, int, int, struct field<const struct bfloat>,
                                                const float *, float *, cudaStream_t, struct error *);

/* --- weight gradient: partial sums over pieces of sites, then their sum --------------------------- */

enum { PIECE = 256 }; /* sites */

static int pieces(struct sites map) {
    return (map.height * map.width + PIECE - 1) / PIECE;
}

size_t single_partials(struct sites map, int n) {
    return (size_t)n * (size_t)pieces(map);
}

/* Block (piece, n, some channels); its threads are channels times R rows of sites. */
__global__ void single_gradient_kernel(struct sites map, int many, int width, const float *one,
                                       struct field<const float> in, float *partial) {
    __shared__ float part[9][THREADS];
    const int sites = map.height * map.width, n = (int)blockIdx.y, t = (int)threadIdx.x;
    const int R = THREADS / width, c = t % width, r = t / width, channel = (int)blockIdx.z * width + c;
    const int first = (int)blockIdx.x * PIECE, last = first + PIECE < sites ? first + PIECE : sites;
    float sum[9] = {0, 0, 0, 0, 0, 0, 0, 0, 0};
    for (int p = first + r; p < last && r < R; p += R) {
        const int i = p / map.width, j = p % map.width;
        const float x = in.at[(size_t)n * in.image + (size_t)p * (size_t)in.stride + (size_t)channel];
        for (int k = 0; k < 9; k++) {
            const int row = sites_neighbour(map.height, map.periodic, i, k / 3 - 1);
            const int column = sites_neighbour(map.width, map.periodic, j, k % 3 - 1);
            if (row >= 0 && column >= 0) {
                sum[k] = fmaf(one[(size_t)n * (size_t)sites + (size_t)(row * map.width + column)], x, sum[k]);
            }
        }
    }
    if (r < R) {
        for (int k = 0; k < 9; k++) {
            part[k][t] = sum[k];
        }
    }
    for (int count = R; count > 1;) {
        const int half = (count + 1) / 2;
        __syncthreads();
        if (r < count - half) {
            for (int k = 0; k < 9; k++) {
                part[k][t] += part[k][t + half * width];
            }
        }
        count = half;
    }
    __syncthreads();
    float *out = partial + ((size_t)n * gridDim.x + blockIdx.x) * 9 * (size_t)many;
    if (r == 0) {
        for (int k = 0; k < 9; k++) {
            out[k * many + channel] = part[k][t];
        }
    }
}

enum status single_gradient(struct sites map, int many, int n, const float *one, struct field<const float> in,
                            float *partial, float *gradient, cudaStream_t stream, struct error *e) {
    int width = many; /* channels per block, a divisor of many */
    while (width > THREADS || many % width != 0) {
        width -= 4;
    }
    TRY(launch("single_gradient", single_gradient_kernel,
               dim3((unsigned)pieces(map), (unsigned)n, (unsigned)(many / width)), THREADS, stream, e, map, many, width,
               one, in, partial));
    return sum_rows(partial, 9 * (size_t)many, (int)single_partials(map, n), 9 * many, gradient, stream, e);
}
