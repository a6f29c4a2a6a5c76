/* Kernels before and after the network, site by site: the noisy fields of a training step, its loss, the score, a step
 * of the reverse process, probes and traces, Adam. Each is one pass, which also sums the taps of tconv1 and draws the
 * noise that it uses. A thread has four sites in C order, the numbers of one Philox block. */
#include "cuda/check.h"
#include "cuda/kernels.h"
#include "cuda/numbers.h"
#include "cuda/sums.h"

static dim3 quads_of(struct sites map, int n) {
    const int quads = (map.height * map.width + 3) / 4;
    return dim3((unsigned)((quads + THREADS - 1) / THREADS), (unsigned)n);
}

/* First site of the thread; V or more if it has none. */
__device__ static int own_site(void) {
    return 4 * (int)(blockIdx.x * blockDim.x + threadIdx.x);
}

/* F at site p. */
__device__ static float network_output(const struct surroundings &s, int n, int p) {
    return single_sum(s.map, s.taps, n, p / s.map.width, p % s.map.width) + *s.bias;
}

__device__ static float score_at(const struct surroundings &s, const struct score_frame *f, int n, int p, size_t at,
                                 const float *phi) {
    float out = f->output * network_output(s, n, p);
    if (f->skip != 0.0f) {
        out = f->skip * phi[at] + out;
    }
    return s.linear ? out + s.linear[at] : out;
}

__global__ void input_kernel(struct sites map, struct frames frames, const float *phi, float *x) {
    const int V = map.height * map.width, n = (int)blockIdx.y;
    const float factor = frame_of(frames, n)->input;
    for (int p = own_site(), end = p + 4; p < end && p < V; p++) {
        x[(size_t)n * V + p] = factor * phi[(size_t)n * V + p];
    }
}

enum status process_input(struct sites map, int n, struct frames frames, const float *phi, float *x,
                          cudaStream_t stream, struct error *e) {
    return launch("input", input_kernel, quads_of(map, n), THREADS, stream, e, map, frames, phi, x);
}

__global__ void score_kernel(struct surroundings s, const float *phi, float *out) {
    const int V = s.map.height * s.map.width, n = (int)blockIdx.y;
    const struct score_frame *f = frame_of(s.frames, n);
    for (int p = own_site(), end = p + 4; p < end && p < V; p++) {
        out[(size_t)n * V + p] = score_at(s, f, n, p, (size_t)n * V + p, phi);
    }
}

enum status process_score(struct surroundings s, int n, const float *phi, float *out, cudaStream_t stream,
                          struct error *e) {
    return launch("score", score_kernel, quads_of(s.map, n), THREADS, stream, e, s, phi, out);
}

__global__ void probe_kernel(struct sites map, struct frames frames, const float *probe, float *gradient) {
    const int V = map.height * map.width, n = (int)blockIdx.y;
    const float factor = frame_of(frames, n)->output;
    for (int p = own_site(), end = p + 4; p < end && p < V; p++) {
        gradient[(size_t)n * V + p] = factor * probe[(size_t)n * V + p];
    }
}

enum status process_probe(struct sites map, int n, struct frames frames, const float *probe, float *gradient,
                          cudaStream_t stream, struct error *e) {
    return launch("probe", probe_kernel, quads_of(map, n), THREADS, stream, e, map, frames, probe, gradient);
}

__global__ void product_kernel(struct surroundings s, const float *probe, float *out) {
    const int V = s.map.height * s.map.width, n = (int)blockIdx.y;
    const struct score_frame *f = frame_of(s.frames, n);
    for (int p = own_site(), end = p + 4; p < end && p < V; p++) {
        const size_t at = (size_t)n * V + p;
        float x = f->skip * probe[at] + f->input * single_sum(s.map, s.taps, n, p / s.map.width, p % s.map.width);
        if (s.linear) {
            x += s.linear[at];
        }
        out[at] = x;
    }
}

enum status process_product(struct surroundings s, int n, const float *probe, float *out, cudaStream_t stream,
                            struct error *e) {
    return launch("product", product_kernel, quads_of(s.map, n), THREADS, stream, e, s, probe, out);
}

/* --- training ------------------------------------------------------------------------------------ */

__global__ void perturb_kernel(struct sites map, struct frames frames, const struct backend_example *examples,
                               const float *fields, struct draw draw, float *z, float *phi, float *x) {
    const int V = map.height * map.width, n = (int)blockIdx.y, first = own_site();
    if (first >= V) {
        return;
    }
    const uint32_t at = *frames.counter * gridDim.y + (uint32_t)n; /* number of the example in the call */
    const struct backend_example example = examples[at];
    const float factor = frame_of(frames, n)->input;
    const struct four noise = numbers_normals(draw.key, *draw.first + at, *draw.step, (uint32_t)first / 4);
    for (int k = 0; k < 4 && first + k < V; k++) {
        const size_t p = (size_t)n * V + first + k;
        z[p] = noise.v[k];
        phi[p] = example.sign * fields[(size_t)example.field * V + first + k] + example.noise * noise.v[k];
        x[p] = factor * phi[p];
    }
}

enum status process_perturb(struct sites map, int n, struct frames frames, const struct backend_example *examples,
                            const float *fields, struct draw draw, float *z, float *phi, float *x, cudaStream_t stream,
                            struct error *e) {
    return launch("perturb", perturb_kernel, quads_of(map, n), THREADS, stream, e, map, frames, examples, fields, draw,
                  z, phi, x);
}

/* The sum over the threads of a block, in a tree; only thread 0 gets the result. */
template <class T> __device__ static T block_sum(T *part, T x) {
    const int t = (int)threadIdx.x;
    part[t] = x;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) {
            part[t] += part[t + half];
        }
    }
    return t == 0 ? part[0] : x; /* other threads must not read it, since it was written after the last barrier */
}

/* One block per configuration. */
__global__ void loss_kernel(struct surroundings s, const struct backend_example *examples, const float *phi,
                            const float *z, float *gradient, double *loss, float *bias) {
    __shared__ double part[THREADS];
    __shared__ float plain[THREADS];
    const int V = s.map.height * s.map.width, n = (int)blockIdx.x;
    const struct score_frame *f = frame_of(s.frames, n);
    const uint32_t example = *s.frames.counter * gridDim.x + (uint32_t)n;
    const float weight = examples[example].weight;
    double sum = 0;
    float total = 0;
    for (int p = (int)threadIdx.x; p < V; p += THREADS) {
        const size_t at = (size_t)n * V + p;
        const float r = score_at(s, f, n, p, at, phi) + z[at], g = f->output * (weight * r);
        sum += (double)r * (double)r;
        total += g;
        gradient[at] = g;
    }
    sum = block_sum(part, sum);
    total = block_sum(plain, total);
    if (threadIdx.x == 0) {
        loss[example] = sum;
        bias[n] = total;
    }
}

enum status process_loss(struct surroundings s, int n, const struct backend_example *examples, const float *phi,
                         const float *z, float *gradient, double *loss, float *bias, cudaStream_t stream,
                         struct error *e) {
    return launch("loss", loss_kernel, dim3((unsigned)n), THREADS, stream, e, s, examples, phi, z, gradient, loss,
                  bias);
}

/* Operations and their order are those of network/adam.c. */
__global__ void adam_kernel(size_t count, const struct backend_step *steps, const uint32_t *counter,
                            const float *gradient, float *w, float *m, float *v, float *average) {
    const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) {
        return;
    }
    const struct adam_scalars k = steps[*counter].adam;
    const float g = gradient[i];
    m[i] = k.keep_m * m[i] + k.add_m * g;
    v[i] = k.keep_v * v[i] + k.add_v * (g * g);
    w[i] = w[i] - k.rate * (m[i] / (sqrtf(v[i]) / k.correction + k.epsilon));
    const float weight = steps[*counter].average;
    if (weight != 0.0f) {
        average[i] += weight * (w[i] - average[i]);
    }
}

enum status process_adam(size_t count, const struct backend_step *steps, const uint32_t *counter, const float *gradient,
                         float *weights, float *first, float *second, float *average, cudaStream_t stream,
                         struct error *e) {
    return launch("adam", adam_kernel, dim3((unsigned)((count + THREADS - 1) / THREADS)), THREADS, stream, e, count,
                  steps, counter, gradient, weights, first, second, average);
}

__global__ void round_kernel(size_t count, const float *weights, struct bfloat *rounded) {
    const size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) {
        rounded[i] = bfloat_of(weights[i]);
    }
}

enum status process_round(size_t count, const float *weights, struct bfloat *rounded, cudaStream_t stream,
                          struct error *e) {
    return launch("round", round_kernel, dim3((unsigned)((count + THREADS - 1) / THREADS)), THREADS, stream, e, count,
                  weights, rounded);
}

__global__ void advance_kernel(uint32_t *counter) {
    (*counter)++;
}

enum status process_advance(uint32_t *counter, cudaStream_t stream, struct error *e) {
    return launch("advance", advance_kernel, dim3(1), 1, stream, e, counter);
}

/* --- reverse process ----------------------------------------------------------------------------- */

__global__ void prior_kernel(struct sites map, struct draw draw, float start, float *phi) {
    const int V = map.height * map.width, n = (int)blockIdx.y, first = own_site();
    if (first >= V) {
        return;
    }
    const struct four z = numbers_normals(draw.key, *draw.first + (uint64_t)n, 0, (uint32_t)first / 4);
    for (int k = 0; k < 4 && first + k < V; k++) {
        phi[(size_t)n * V + first + k] = start * z.v[k];
    }
}

enum status process_prior(struct sites map, int n, struct draw draw, float start, float *phi, cudaStream_t stream,
                          struct error *e) {
    return launch("prior", prior_kernel, quads_of(map, n), THREADS, stream, e, map, draw, start, phi);
}

__global__ void noise_kernel(struct sites map, struct draw draw, const uint32_t *counter, float *z) {
    const int V = map.height * map.width, n = (int)blockIdx.y, first = own_site();
    if (first >= V) {
        return;
    }
    const struct four x = numbers_normals(draw.key, *draw.first + (uint64_t)n, *counter, (uint32_t)first / 4);
    for (int k = 0; k < 4 && first + k < V; k++) {
        z[(size_t)n * V + first + k] = x.v[k];
    }
}

enum status process_noise(struct sites map, int n, struct draw draw, const uint32_t *counter, float *z,
                          cudaStream_t stream, struct error *e) {
    return launch("noise", noise_kernel, quads_of(map, n), THREADS, stream, e, map, draw, counter, z);
}

__global__ void move_kernel(struct surroundings s, const struct backend_move *moves, struct draw draw, const float *z,
                            float *phi) {
    const int V = s.map.height * s.map.width, n = (int)blockIdx.y, first = own_site();
    if (first >= V) {
        return;
    }
    const uint32_t step = *s.frames.counter;
    const struct score_frame *f = frame_of(s.frames, n);
    const float drift = moves[step].drift, amplitude = moves[step].amplitude;
    struct four noise = {{0, 0, 0, 0}};
    if (!z && amplitude != 0.0f) {
        noise = numbers_normals(draw.key, *draw.first + (uint64_t)n, step, (uint32_t)first / 4);
    }
    for (int k = 0; k < 4 && first + k < V; k++) {
        const size_t at = (size_t)n * V + first + k;
        const float own = z ? z[at] : noise.v[k];
        phi[at] = (phi[at] + drift * score_at(s, f, n, first + k, at, phi)) + amplitude * own;
    }
}

enum status process_move(struct surroundings s, int n, const struct backend_move *moves, struct draw draw,
                         const float *z, float *phi, cudaStream_t stream, struct error *e) {
    return launch("move", move_kernel, quads_of(s.map, n), THREADS, stream, e, s, moves, draw, z, phi);
}

/* --- traces -------------------------------------------------------------------------------------- */

__global__ void draw_probe_kernel(struct sites map, struct random_key key, const uint64_t *numbers,
                                  const uint32_t *counter, int signs, int exact, float *probe) {
    const int V = map.height * map.width, n = (int)blockIdx.y, first = own_site();
    if (first >= V) {
        return;
    }
    struct four v = {{0, 0, 0, 0}};
    if (exact) {
        for (int k = 0; k < 4; k++) {
            v.v[k] = (uint32_t)(first + k) == *counter ? 1.0f : 0.0f;
        }
    } else if (signs) {
        v = numbers_signs(key, numbers[n], *counter, (uint32_t)first / 4);
    } else {
        v = numbers_normals(key, numbers[n], *counter, (uint32_t)first / 4);
    }
    for (int k = 0; k < 4 && first + k < V; k++) {
        probe[(size_t)n * V + first + k] = v.v[k];
    }
}

enum status process_draw_probe(struct sites map, int n, struct random_key key, const uint64_t *numbers,
                               const uint32_t *counter, int signs, int exact, float *probe, cudaStream_t stream,
                               struct error *e) {
    return launch("draw_probe", draw_probe_kernel, quads_of(map, n), THREADS, stream, e, map, key, numbers, counter,
                  signs, exact, probe);
}

__global__ void trace_kernel(struct sites map, const float *probe, const float *product, const uint32_t *counter,
                             int count, int exact, double *traces) {
    __shared__ double part[THREADS];
    const int V = map.height * map.width, n = (int)blockIdx.x;
    const uint32_t step = *counter;
    if (exact) {
        if (threadIdx.x == 0) {
            traces[n] += (double)product[(size_t)n * V + step];
        }
        return;
    }
    const float *left = probe + (size_t)n * V, *right = product + (size_t)n * V;
    const double sum = tree_sum(part, (size_t)V, [&](size_t p) { return (double)left[p] * (double)right[p]; });
    if (threadIdx.x == 0) {
        traces[(size_t)n * (size_t)count + step] = sum;
    }
}

enum status process_trace(struct sites map, int n, const float *probe, const float *product, const uint32_t *counter,
                          int count, int exact, double *traces, cudaStream_t stream, struct error *e) {
    return launch("trace", trace_kernel, dim3((unsigned)n), THREADS, stream, e, map, probe, product, counter, count,
                  exact, traces);
}
