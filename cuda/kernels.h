/* The kernels of the backend, as functions that put one on a stream: everything of the network but the 3x3
 * convolutions between wide and narrow fields (cuda/convolution.h), and what training, sampling and scoring do with
 * it. All sums have a fixed order that depends on shapes alone. Names and formulas as in network/unet_cpu_pass.c,
 * network/normalise.h, network/embedding.h and network/single_channel.h.
 *
 * n: configurations. Where T is given, fields between layers are float or bfloat. */
#ifndef DMSQ_CUDA_KERNELS_H
#define DMSQ_CUDA_KERNELS_H

#include "cuda/geometry.h"
extern "C" {
#include "backend/backend.h"
}

enum { THREADS = 256 }; /* of a block, unless said otherwise */

/* --- kernels_norm.cu ------------------------------------------------------------------------------ */

struct norm {
    int height, width, channels, group; /* channels of a group */
};

/* h = swish(norm(y + d)) to out and, where present, second; y is read with its halo folded, out is filled with halo.
 * d: n x d_image (0: the same for all). mean, rstd: n x stat_image; NULL: not kept. */
template <class T>
enum status norm_forward(const struct norm *s, int n, struct field<const T> y, const float *d, size_t d_image,
                         const float *gamma, const float *beta, float *mean, float *rstd, size_t stat_image,
                         struct field<T> out, struct field<T> second, cudaStream_t stream, struct error *e);

/* Gradient with respect to h = g (halo folded) + second, to that with respect to y (halo filled); those of gamma, beta
 * and d of each configuration to partial[n x partial_image] + 0, rows and 2 rows. */
enum status norm_backward(const struct norm *s, int n, struct field<const float> y, const float *d, size_t d_image,
                          const float *gamma, const float *beta, const float *mean, const float *rstd,
                          size_t stat_image, struct field<const float> g, struct field<const float> second,
                          struct field<float> dy, float *partial, size_t partial_image, size_t rows,
                          cudaStream_t stream, struct error *e);

/* --- kernels_single.cu ---------------------------------------------------------------------------- */

/* out[p][c] = sum_k one[p + k] w[k][c] (conv1; tconv1 backward); one: n x V without halo. */
template <class T>
enum status single_spread(struct sites map, int many, int n, const float *one, const float *w, struct field<T> out,
                          cudaStream_t stream, struct error *e);
/* taps[n][k][p] = sum_c in[p][c] w[k][c]; single_sum below adds them up (tconv1; conv1 backward). */
template <class T>
enum status single_taps(struct sites map, int many, int n, struct field<const T> in, const float *w, float *taps,
                        cudaStream_t stream, struct error *e);
/* gradient[k][c] = sum_{n, p} one[p + k] many[p][c]; partial has room for single_partials x 9 x many. */
enum status single_gradient(struct sites map, int many, int n, const float *one, struct field<const float> in,
                            float *partial, float *gradient, cudaStream_t stream, struct error *e);
size_t single_partials(struct sites map, int n);

/* sum_k taps[k][p - k]: what reaches site (i, j) of configuration n. */
BOTH float single_sum(const struct sites &map, const float *taps, int n, int i, int j) {
    const int sites = map.height * map.width;
    const float *own = taps + (size_t)n * 9 * (size_t)sites;
    float sum = 0;
    for (int k = 0; k < 9; k++) {
        const int row = sites_neighbour(map.height, map.periodic, i, 1 - k / 3);
        const int column = sites_neighbour(map.width, map.periodic, j, 1 - k % 3);
        if (row >= 0 && column >= 0) {
            sum += own[(size_t)k * (size_t)sites + (size_t)(row * map.width + column)];
        }
    }
    return sum;
}

/* --- kernels_embedding.cu ------------------------------------------------------------------------- */

/* Where a kernel finds the frame of a configuration: counter x per_step + n x per_configuration. */
struct frames {
    const struct score_frame *at;
    const uint32_t *counter;
    uint32_t per_step, per_configuration;
};

BOTH const struct score_frame *frame_of(const struct frames &f, int n) {
    return f.at + (size_t)*f.counter * f.per_step + (size_t)n * f.per_configuration;
}

struct embedding_arrays {
    int length, rows;
    const float *frequencies, *embed, *embed_bias, *dense, *dense_bias;
    float *features, *before, *after, *d;
};

enum status embedding_forward(const struct embedding_arrays *a, int n, struct frames frames, cudaStream_t stream,
                              struct error *e);
/* d_gradient: n x image; workspace: n x length. Writes all four gradients. */
enum status embedding_backward(const struct embedding_arrays *a, int n, const float *d_gradient, size_t image,
                               float *workspace, float *embed_gradient, float *embed_bias_gradient,
                               float *dense_gradient, cudaStream_t stream, struct error *e);
/* out[m] = sum of the rows of in (rows x m, `image` apart). */
enum status sum_rows(const float *in, size_t image, int rows, int m, float *out, cudaStream_t stream, struct error *e);

/* --- kernels_process.cu --------------------------------------------------------------------------- */

/* What is around the network: enough to make F a score. */
struct surroundings {
    struct sites map;
    struct frames frames;
    const float *taps, *bias; /* of tconv1 */
    const float *linear;      /* wiener: the filtered field, n x V; else NULL */
};

/* x = input phi */
enum status process_input(struct sites map, int n, struct frames frames, const float *phi, float *x,
                          cudaStream_t stream, struct error *e);
/* out = skip phi + output F + linear */
enum status process_score(struct surroundings s, int n, const float *phi, float *out, cudaStream_t stream,
                          struct error *e);
/* gradient = output probe */
enum status process_probe(struct sites map, int n, struct frames frames, const float *probe, float *gradient,
                          cudaStream_t stream, struct error *e);
/* out = skip probe + input (sum of taps) + linear */
enum status process_product(struct surroundings s, int n, const float *probe, float *out, cudaStream_t stream,
                            struct error *e);

/* phi = sign field + s z, x = input phi; z kept. Counter: step of the call; example = counter n + b. */
struct draw {
    struct random_key key;
    const uint64_t *first, *step; /* in device memory: number of the first configuration, step (epoch) */
};
enum status process_perturb(struct sites map, int n, struct frames frames, const struct backend_example *examples,
                            const float *fields, struct draw draw, float *z, float *phi, float *x, cudaStream_t stream,
                            struct error *e);
/* Loss of each example, the gradient with respect to F, and per configuration its sum over sites (for the bias). */
enum status process_loss(struct surroundings s, int n, const struct backend_example *examples, const float *phi,
                         const float *z, float *gradient, double *loss, float *bias, cudaStream_t stream,
                         struct error *e);

/* phi = start times normals of (key, first + b, 0) */
enum status process_prior(struct sites map, int n, struct draw draw, float start, float *phi, cudaStream_t stream,
                          struct error *e);
/* z = normals of (key, first + b, counter) */
enum status process_noise(struct sites map, int n, struct draw draw, const uint32_t *counter, float *z,
                          cudaStream_t stream, struct error *e);
/* phi <- (phi + drift score) + amplitude z, moves[counter]; z: coloured noise, NULL: drawn on the way. */
enum status process_move(struct surroundings s, int n, const struct backend_move *moves, struct draw draw,
                         const float *z, float *phi, cudaStream_t stream, struct error *e);

/* probe v number counter of configurations numbers[b]; exact: unit vector at site counter. */
enum status process_draw_probe(struct sites map, int n, struct random_key key, const uint64_t *numbers,
                               const uint32_t *counter, int signs, int exact, float *probe, cudaStream_t stream,
                               struct error *e);
/* traces[b x count + counter] = probe . product, or, exact, traces[b] += product[counter]. */
enum status process_trace(struct sites map, int n, const float *probe, const float *product, const uint32_t *counter,
                          int count, int exact, double *traces, cudaStream_t stream, struct error *e);
/* counter += 1 */
enum status process_advance(uint32_t *counter, cudaStream_t stream, struct error *e);

/* Every element of the weights: Adam and the average, steps[counter]. */
enum status process_adam(size_t count, const struct backend_step *steps, const uint32_t *counter, const float *gradient,
                         float *weights, float *first, float *second, float *average, cudaStream_t stream,
                         struct error *e);
/* Weights of the convolutions in bfloat16. */
enum status process_round(size_t count, const float *weights, struct bfloat *rounded, cudaStream_t stream,
                          struct error *e);

/* --- kernels_filter.cu ---------------------------------------------------------------------------- */

/* A filter diagonal in momentum space, with gains symmetric under p_mu -> -p_mu, in double precision, by the Hartley
 * transform cos + sin along each direction: out(x) = 1/V sum_k cas(k x) gain(k) sum_y cas(k y) in(y).
 *   score   gain = -s/(G + s^2), s of the configuration's frame; out added to nothing, overwritten
 *   colour  gain = sqrt(D (G + next^2)/(G + s^2)), D = s^2 - next^2, moves[counter] */
struct filter {
    int height, width;
    const double *cas_height, *cas_width; /* cos + sin of 2 pi i j / extent */
    const double *propagator;
    double *workspace; /* n x 2 V */
};
enum status filter_score(const struct filter *f, int n, struct frames frames, const float *in, float *out,
                         cudaStream_t stream, struct error *e);
enum status filter_colour(const struct filter *f, int n, struct frames frames, const struct backend_move *moves,
                          float *z, cudaStream_t stream, struct error *e);

/* --- kernels_flow.cu ------------------------------------------------------------------------------ */

/* The vectors of an integrator's slots, those of a slot one after the other: y, next, k_0 ... k_6, each of volume +
 * quadratures elements; and their orders. A slot that is not busy is left alone. */
enum { INTEGRATION_Y, INTEGRATION_NEXT, INTEGRATION_K, INTEGRATION_VECTORS = INTEGRATION_K + RUNGE_KUTTA_STAGES };
struct integration_order {
    int busy;
    double factor; /* dphi/dx = factor (s score) */
    struct runge_kutta_order order;
};
struct integration {
    size_t volume, quadratures;
    double *vectors;
    const struct integration_order *orders;
};

/* An order up to its derivative; phi[n x V]: next, as the network takes it. */
enum status flow_combine(struct integration s, int n, float *phi, cudaStream_t stream, struct error *e);
/* traces[n x quadratures] += sum_p s/(G(p) + s^2) (power(p) - 1), s of the configuration's frame. */
enum status flow_control(struct integration s, int n, struct frames frames, const double *propagator,
                         const double *power, double *traces, cudaStream_t stream, struct error *e);
/* k_slot = factor (out, traces) */
enum status flow_derive(struct integration s, int n, const float *out, const double *traces, cudaStream_t stream,
                        struct error *e);
/* The sums of the order. */
enum status flow_measure(struct integration s, int n, struct runge_kutta_sums *sums, cudaStream_t stream,
                         struct error *e);

#endif
