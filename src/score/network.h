/* A score made from a network F(phi, label), in one of three ways (v is the variance of the scaled field, s = s(t)):
 *
 *   published:       score = F(phi, t) / s                                     (A App. A)
 *   preconditioned:  s score = -phi s/(v + s^2) + sqrt(v/(v + s^2)) F(phi/sqrt(v + s^2), ln(s)/4)
 *                    (Karras et al. 2022, eq. 7 and table 1, their denoiser written as a score). It is exact for large
 *                    noise without training.
 *   wiener:          the same with the propagator G of the field instead of its variance,
 *                    s score = -s phi(p)/(G(p) + s^2) + s sqrt(v)/(v + s^2) F(...). Without training this is the score
 *                    of a Gaussian field at every noise level. The network learns only the difference, which vanishes
 *                    for small and for large noise. It matters most for the zero mode, which the published network can
 *                    hardly correct: tgnorm2 normalises every channel by itself, which removes the mean from all but
 *                    the last skip connection.
 *
 * Kinds that are networks (unet.c, toy.c) define a `struct score_network_type` and use the functions below. */
#ifndef DMSQ_SCORE_NETWORK_H
#define DMSQ_SCORE_NETWORK_H

#include "score/kind.h"

enum score_parameterisation { SCORE_PUBLISHED, SCORE_PRECONDITIONED, SCORE_WIENER, SCORE_PARAMETERISATIONS };
/* Their names in parameters and artifacts. */
extern const char *const score_parameterisation_name[SCORE_PARAMETERISATIONS];

/* The data of a network, the first member of m->own. */
struct score_network {
    const struct score_network_type *type;
    enum score_parameterisation parameterisation;
    int embedding;      /* length of the time embedding */
    float *frequencies; /* (embedding/2): fixed frequencies of the time embedding */
};

/* One array of the weights. */
struct score_tensor {
    const char *name;
    size_t dimensions, shape[4];
    size_t offset, count; /* its position and length in the weights */
};
enum { SCORE_TENSORS = 64 }; /* at most */

struct score_network_type {
    size_t (*tensors)(const struct score_network *own, struct score_tensor list[SCORE_TENSORS]);
    int (*width)(const struct score_network *own);
    /* For batches of `batch`; see network/unet_cpu.h. */
    enum status (*network_new)(const struct score_network *own, size_t batch, void **network, struct error *e);
    void (*network_free)(void *network);
    void (*set_weights)(void *network, const float *weights);
    enum status (*workspace_new)(void *network, void **workspace, struct error *e);
    void (*workspace_free)(void *workspace);
    enum status (*forward)(void *workspace, int n, const float *x, const float *label, float *out, struct error *e);
    enum status (*backward)(void *workspace, int n, const float *g, float *input, float *packed, struct error *e);
    size_t (*gradient_size)(const void *network);
    void (*unpack_gradient)(void *network, const float *packed, float *gradient);
};

/* m->own of a model that is a network. */
struct score_network *score_network(const struct score_model *m);

/* --- for the kinds ------------------------------------------------------------------------------- */

/* Parameters of the stage `train`. */
/* clang-format off */
#define SCORE_NETWORK_PARAMETERS \
    {.name = "parameterisation", .type = PARAMETER_CHOICE, .default_value = "published", \
     .choices = "published|preconditioned|wiener", \
     .help = "published: score = F(phi, t)/s(t); preconditioned: Karras et al. 2022, exact for large noise; " \
             "wiener: the same with the propagator instead of the variance, exact for Gaussian fields."}, \
    {.name = "stride", .type = PARAMETER_INTEGER, .default_value = "2", .minimum = 1, .maximum = 2, \
     .help = "Stride of the convolutions conv2-conv4: 2 gives the contracting path of A App. A; 1 is that of the " \
             "authors' released code."}, \
    {.name = "padding", .type = PARAMETER_CHOICE, .default_value = "periodic", .choices = "zeros|periodic", \
     .help = "Values beyond the edge of the lattice for a convolution."}, \
    {.name = "convolutions", .type = PARAMETER_CHOICE, .default_value = "direct", .later = true, \
     .choices = "direct|winograd|bfloat16", \
     .help = "How the CPU computes convolutions: as they are defined, or by Winograd's algorithm, with 16/36 (stride " \
             "1) or 25/36 (stride 2) of the multiplications, at levels of even extents with channels in multiples of " \
             "16; results agree up to rounding. bfloat16: in training, factors are rounded to 8 significant bits; " \
             "1.4 to 1.8 times as fast with AMX, or with avx512_bf16 on AMD's processors. All that uses the model " \
             "computes directly."}, \
    {.name = "width", .type = PARAMETER_INTEGER, .default_value = "32", .minimum = 4, .maximum = 256, \
     .unit = "channels", \
     .help = "Channels of the first level; the levels have 1, 2, 4, 8 times as many. For a toy network: units per " \
             "level."}, \
    {.name = "embedding", .type = PARAMETER_INTEGER, .default_value = "256", .minimum = 4, .maximum = 4096, \
     .help = "Length of the time embedding, even."}, \
    {.name = "fourier-scale", .type = PARAMETER_REAL, .default_value = "30", .minimum = 1e-6, .maximum = 1e6, \
     .help = "Standard deviation of the frequencies of the time embedding, whose input is t (published) or ln(s)/4 " \
             "(preconditioned and wiener)."}
/* clang-format on */

/* Arrays of the artifacts of all networks. */
/* clang-format off */
#define SCORE_NETWORK_ARRAYS \
    {"model.parameterisation", NPZ_BYTES, "", "", "How the score is computed from the network; this and the " \
                                                  "following: for a network."}, \
    {"model.stride", NPZ_INT64, "", "", "Stride of the convolutions between levels; for a unet."}, \
    {"model.padding", NPZ_BYTES, "", "", "Values beyond the edge of the lattice; for a unet."}, \
    {"model.convolutions", NPZ_BYTES, "", "", "Algorithm of the convolutions; for a unet, unless direct."}, \
    {"embed.fourier", NPZ_FLOAT32, "embedding/2", "", "Fixed frequencies of the time embedding."}, \
    {"*.weight", NPZ_FLOAT32, "out, in, ...", "", \
     "Weights of a layer: embed, dense*, conv*, tconv*, gnorm*, tgnorm*, layer*, output (network/unet.h, " \
     "network/mlp.h); those of transposed convolutions are (in, out, 3, 3)."}, \
    {"*.bias", NPZ_FLOAT32, "out", "", "Bias of a layer."}
/* clang-format on */

/* Sets m->own to a copy of `own` (`size` bytes, the network first), and allocates weights and frequencies of value 0.
 * STATUS_FAILED: out of memory. */
enum status score_network_make(struct score_model *m, const struct score_network *own, size_t size, struct error *e);
/* score_network_parameterisation returns the parameterisation from the parameters; score_network_initialise sets the
 * frequencies of a network. */
enum score_parameterisation score_network_parameterisation(const struct parameters *p);
enum status score_network_initialise(struct score_model *m, const struct parameters *p, struct error *e);

/* Reads parameterisation and length of the embedding into *own, before score_network_make. */
enum status score_network_read_head(const struct npz *npz, struct score_network *own, struct error *e);
/* After score_network_make: reads the arrays. */
enum status score_network_read(const struct npz *npz, struct score_model *m, struct error *e);
enum status score_network_add_head(const struct score_model *m, struct npz_writer *writer, struct error *e);
enum status score_network_add(const struct score_model *m, struct npz_writer *writer, struct error *e);
void score_network_release(struct score_model *m);

enum status score_network_check(const struct parameters *p, const char *where, struct error *e);

void score_network_frame(const struct score_model *m, struct score_frame *frame);
enum status score_network_shared_new(const struct score_model *m, size_t batch, void **shared, struct error *e);
void score_network_shared_free(void *shared);
enum status score_network_worker_new(void *shared, void **worker, struct error *e);
void score_network_worker_free(void *worker);
enum status score_network_evaluate(void *worker, int n, const float *phi, const double *t, float *out, struct error *e);
enum status score_network_vjp(void *worker, int n, const float *probe, float *out, struct error *e);
void score_network_set_weights(void *shared, const float *weights);
enum status score_network_weight_gradient(void *worker, int n, const float *g, float *packed, struct error *e);
size_t score_network_gradient_size(const void *shared);
void score_network_unpack_gradient(void *shared, const float *packed, float *gradient);

/* The functions above as members of a `struct score_kind`. */
#define SCORE_NETWORK_MEMBERS \
    .excess = true, .check = score_network_check, .release = score_network_release, .frame = score_network_frame, \
    .shared_new = score_network_shared_new, .shared_free = score_network_shared_free, \
    .worker_new = score_network_worker_new, .worker_free = score_network_worker_free, \
    .evaluate = score_network_evaluate, .vjp = score_network_vjp, .set_weights = score_network_set_weights, \
    .weight_gradient = score_network_weight_gradient, .gradient_size = score_network_gradient_size, \
    .unpack_gradient = score_network_unpack_gradient

#endif
