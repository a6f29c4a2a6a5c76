/* The kernels of the backend, as functions that enqueue one on a stream: everything in the network except the 3x3
 * convolutions between wide and narrow fields (cuda/convolution.h), and the field arithmetic of training, sampling and
 * scoring. All sums have a fixed order that depends only on shapes. Names and formulas are those of
 * network/unet_cpu_pass.c, network/normalise.h, network/embedding.h and network/single_channel.h.
 *
 * n: configurations. Where T is given, fields between layers are float or bfloat. */
#ifndef DMSQ_CUDA_KERNELS_H
#define DMSQ_CUDA_KERNELS_H

#include "cuda/geometry.h"
extern "C" {
#include "backend/backend.h"
}

enum { THREADS = 256 }; /* threads per block, unless stated otherwise */

/* --- kernels_norm.cu ------------------------------------------------------------------------------ */

struct norm {
    int height, width, channels, group; /* group: channels per group */
};

/* Sets out and, if present, second to h = swish(norm(y + d)). The halo of y is folded when it is read; the halo of out
 * is filled. d: (n, d_image), with d_image = 0 the same for all. mean, rstd: (n, stat_image) or NULL. */
template <class T>
enum status norm_forward(const struct norm *s, int n, struct field<const T> y, const float *d, size_t d_image,
                         const float *gamma, const float *beta, float *mean, float *rstd, size_t stat_image,
                         struct field<T> out, struct field<T> second, cudaStream_t stream, struct error *e);

/* Sets dy (with filled halo) to the gradient with respect to y, given that with respect to h, which is g (with folded
 * halo) + second. Sets partial (n, partial_image), at 0, rows and 2 rows, to the gradients with respect to gamma, beta
 * and d of each configuration. */
enum status norm_backward(const struct norm *s, int n, struct field<const float> y, const float *d, size_t d_image,
                          const float *gamma, const float *beta, const float *mean, const float *rstd,
                          size_t stat_image, struct field<const float> g, struct field<const float> second,
                          struct field<float> dy, float *partial, size_t partial_image, size_t rows,
                          cudaStream_t stream, struct error *e);

/* --- kernels_single.cu ---------------------------------------------------------------------------- */

/* out[p][c] = sum_k one[p + k] w[k][c] (conv1; tconv1 backward); one: (n, V) without halo. */
template <class T>
enum status single_spread(struct sites map, int many, int n, const float *one, const float *w, struct field<T> out,
                          cudaStream_t stream, struct error *e);
/* taps[n][k][p] = sum_c in[p][c] w[k][c], which single_sum below adds (tconv1; conv1 backward). */
template <class T>
enum status single_taps(struct sites map, int many, int n, struct field<const T> in, const float *w, float *taps,
                        cudaStream_t stream, struct error *e);
/* gradient[k][c] = sum_{n, p} one[p + k] in[p][c]; partial is a workspace (single_partials, 9, many). */
enum status single_gradient(struct sites map, int many, int n, const float *one, struct field<const float> in,
                            float *partial, float *gradient, cudaStream_t stream, struct error *e);
size_t single_partials(struct sites map, int n);

/* sum_k taps[k][p - k], at site p = (i, j) of configuration n. */
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

/* The frames of configurations: that of configuration n is at[counter x per_step + n x per_configuration]. */
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
/* d_gradient: (n, image); workspace: (n, length). Sets all gradients. */
enum status embedding_backward(const struct embedding_arrays *a, int n, const float *d_gradient, size_t image,
                               float *workspace, float *embed_gradient, float *embed_bias_gradient,
                               float *dense_gradient, cudaStream_t stream, struct error *e);
/* out[m] = sum over the rows of in (rows, m), which are `image` elements apart. */
enum status sum_rows(const float *in, size_t image, int rows, int m, float *out, cudaStream_t stream, struct error *e);

/* --- kernels_process.cu --------------------------------------------------------------------------- */

/* The quantities that turn the network's output F into a score. */
struct surroundings {
    struct sites map;
    struct frames frames;
    const float *taps, *bias; /* of tconv1 */
    const float *linear;      /* wiener: the filtered field, (n, V); else NULL */
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

/* phi = sign field + s z, x = input phi; stores z. The counter is the step of the call; configuration b is example
 * counter n + b. */
struct draw {
    struct random_key key;
    const uint64_t *first, *step; /* in device memory: number of the first configuration, step (epoch) */
};
enum status process_perturb(struct sites map, int n, struct frames frames, const struct backend_example *examples,
                            const float *fields, struct draw draw, float *z, float *phi, float *x, cudaStream_t stream,
                            struct error *e);
/* Sets the loss of each example, the gradient with respect to F, and its sum over sites for each configuration
 * (bias). */
enum status process_loss(struct surroundings s, int n, const struct backend_example *examples, const float *phi,
                         const float *z, float *gradient, double *loss, float *bias, cudaStream_t stream,
                         struct error *e);

/* phi = start times normals of (key, first + b, 0) */
enum status process_prior(struct sites map, int n, struct draw draw, float start, float *phi, cudaStream_t stream,
                          struct error *e);
/* z = normals of (key, first + b, counter) */
enum status process_noise(struct sites map, int n, struct draw draw, const uint32_t *counter, float *z,
                          cudaStream_t stream, struct error *e);
/* phi <- (phi + drift score) + amplitude z with moves[counter]; z: coloured noise, or NULL: white noise drawn here. */
enum status process_move(struct surroundings s, int n, const struct backend_move *moves, struct draw draw,
                         const float *z, float *phi, cudaStream_t stream, struct error *e);

/* Sets probe number `counter` of the configurations numbers[b]; exact: the unit vector at site `counter`. */
enum status process_draw_probe(struct sites map, int n, struct random_key key, const uint64_t *numbers,
                               const uint32_t *counter, int signs, int exact, float *probe, cudaStream_t stream,
                               struct error *e);
/* traces[b x count + counter] = probe . product; exact: traces[b] += product[counter]. */
enum status process_trace(struct sites map, int n, const float *probe, const float *product, const uint32_t *counter,
                          int count, int exact, double *traces, cudaStream_t stream, struct error *e);
/* counter += 1 */
enum status process_advance(uint32_t *counter, cudaStream_t stream, struct error *e);

/* Updates the weights by Adam, and their average, with steps[counter]. */
enum status process_adam(size_t count, const struct backend_step *steps, const uint32_t *counter, const float *gradient,
                         float *weights, float *first, float *second, float *average, cudaStream_t stream,
                         struct error *e);
/* Rounds the weights of the convolutions to bfloat16. */
enum status process_round(size_t count, const float *weights, struct bfloat *rounded, cudaStream_t stream,
                          struct error *e);

/* --- kernels_filter.cu ---------------------------------------------------------------------------- */

/* A filter that is diagonal in momentum space, with gains symmetric under p_mu -> -p_mu, in double precision. It uses
 * the Hartley transform, cas = cos + sin, along each direction: out(x) = 1/V sum_k cas(k x) gain(k) sum_y cas(k y)
 * in(y).
 *   score   gain = -s/(G + s^2), with s of the configuration's frame; out is overwritten
 *   colour  gain = sqrt(D (G + next^2)/(G + s^2)), D = s^2 - next^2, with next of moves[counter] */
struct filter {
    int height, width;
    const double *cas_height, *cas_width; /* cos + sin of 2 pi i j / extent */
    const double *propagator;
    double *workspace; /* (n, 2 V) */
};
enum status filter_score(const struct filter *f, int n, struct frames frames, const float *in, float *out,
                         cudaStream_t stream, struct error *e);
enum status filter_colour(const struct filter *f, int n, struct frames frames, const struct backend_move *moves,
                          float *z, cudaStream_t stream, struct error *e);

/* --- kernels_flow.cu ------------------------------------------------------------------------------ */

/* The vectors of an integrator's slots, and their orders. The vectors of a slot are adjacent: y, next, k_0 ... k_6,
 * with volume + quadratures elements each. Slots that are not busy are skipped. */
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

/* Carries out an order up to its derivative; sets phi (n, V) to `next`, as input of the network. */
enum status flow_combine(struct integration s, int n, float *phi, cudaStream_t stream, struct error *e);
/* traces (n, quadratures) += sum_p s/(G(p) + s^2) (power(p) - 1), with s of the configuration's frame. */
enum status flow_control(struct integration s, int n, struct frames frames, const double *propagator,
                         const double *power, double *traces, cudaStream_t stream, struct error *e);
/* k_slot = factor (out, traces) */
enum status flow_derive(struct integration s, int n, const float *out, const double *traces, cudaStream_t stream,
                        struct error *e);
/* Computes the sums of the order. */
enum status flow_measure(struct integration s, int n, struct runge_kutta_sums *sums, cudaStream_t stream,
                         struct error *e);

#endif
