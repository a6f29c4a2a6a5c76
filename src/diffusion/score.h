/* The score model s(phi, t) ~ grad log p_t(phi): what the samplers, the likelihood and the training see.
 * Three kinds exist behind one interface:
 *
 *   unet      the network F of network/unet.h, made a score in one of three ways:
 *               published:       s = F(phi, t) / s(t)                                      (A App. A)
 *               preconditioned:  s(t) s = -phi s/(v + s^2) + sqrt(v/(v + s^2)) F(phi/sqrt(v + s^2), ln(s)/4),
 *                                v the variance of the (scaled) field (Karras et al. 2022, eq. 7 and
 *                                table 1, the denoiser turned into the score): exact for large noise
 *                                without any learning.
 *               wiener:          the same with the field's propagator in the place of its variance,
 *                                s(t) s = -s phi(p)/(G(p) + s^2) + s sqrt(v)/(v + s^2) F(...): without any
 *                                learning the score of a Gaussian field, at every noise. The network has
 *                                to see to the rest only, which vanishes at both ends of the noise. It
 *                                matters most for the zero mode, which the published network can hardly
 *                                move: tgnorm2 normalises every channel by itself and so takes the mean
 *                                out of all but the last skip connection.
 *   toy       the network of network/mlp.h for fields of one site (A Sec. 3.4), made a score in the same ways.
 *   gaussian  the exact score of a Gaussian field with propagator G: s(p) = -phi(p)/(G(p) + s^2), the
 *             Wiener filter. Nothing is learned but G.
 *
 * Fields are in the model's scaled units: phi_scaled = (phi - offset) * factor. All functions work with
 * s(t) times the score, which is of order one at every noise level.
 */
#ifndef DMSQ_DIFFUSION_SCORE_H
#define DMSQ_DIFFUSION_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "diffusion/backend.h"
#include "network/mlp.h"
#include "network/unet.h"
#include "store/npz.h"

enum score_kind { SCORE_UNET, SCORE_GAUSSIAN, SCORE_TOY, SCORE_KINDS };
enum score_parameterisation { SCORE_PUBLISHED, SCORE_PRECONDITIONED, SCORE_WIENER, SCORE_PARAMETERISATIONS };

/* Their names in parameters and artifacts. */
extern const char *const score_kind_name[SCORE_KINDS];
extern const char *const score_parameterisation_name[SCORE_PARAMETERISATIONS];

/* Configurations that one worker takes at a time: the micro-batch over which gradients are summed. */
enum { SCORE_BATCH = 8 };

struct score_model {
    enum score_kind kind;
    enum score_parameterisation parameterisation;
    double sigma;          /* of the schedule */
    double offset, factor; /* field scaling */
    double variance;       /* mean of G: <phi^2> of the scaled field */
    double kappa, lambda;  /* of the ensemble it was trained on, carried along */
    int64_t thermalised;   /* likewise: 1, 0 or -1, see lattice/thermalisation.h and stages/ensemble.c */
    size_t dimensions, extents[NPZ_MAX_DIMENSIONS], volume;
    double *propagator;    /* G(p) of the scaled training set, volume */
    struct unet_shape shape; /* unet only */
    struct mlp_shape toy;    /* toy only */
    float *weights, *frequencies; /* of a network */
    size_t weight_count;
    struct backend *backend; /* what computes the network; NULL: the CPU. Not the model's own, nor part of its files */
};

/* Adds copies of the model's arrays to an artifact, and reads them back. */
enum status score_model_add(const struct score_model *m, struct npz_writer *writer, struct error *e);
enum status score_model_read(const struct npz *npz, struct score_model *m, struct error *e);
void score_model_release(struct score_model *m);
/* The device that computes the model's network; NULL: the CPU, which also computes what is no U-Net. */
struct backend *score_model_device(const struct score_model *m);

/* A model made ready for computing, shared by workers, and one worker a thread. */
struct score;
struct score_worker;

enum status score_new(const struct score_model *model, struct score **score, struct error *e);
void score_free(struct score *s);
/* New weights; no worker may be computing. */
enum status score_set_weights(struct score *s, const float *weights, struct error *e);
enum status score_worker_new(struct score *s, struct score_worker **worker, struct error *e);
void score_worker_free(struct score_worker *w);

/* Configurations that a worker takes at once (SCORE_BATCH on the CPU), and how many workers to have for this many
 * threads (a device wants one). */
size_t score_capacity(const struct score *s);
int score_workers(const struct score *s, int threads);

/* What surrounds the network at time t. */
struct backend_frame score_frame(const struct score_model *m, double t);

/* out[n x V] = s(t) score(phi[n x V], t[n]), n <= score_capacity. */
enum status score_evaluate(struct score_worker *w, int n, const float *phi, const double *t, float *out,
                           struct error *e);
/* After score_evaluate with the same n: out = J^T probe, J the Jacobian of s(t) score. Repeatable. */
enum status score_vjp(struct score_worker *w, int n, const float *probe, float *out, struct error *e);
/* After score_evaluate: gradient of sum(out * g) with respect to the weights, packed (networks on the CPU only; a device
 * trains by itself). */
enum status score_weight_gradient(struct score_worker *w, int n, const float *g, float *packed, struct error *e);
/* The network where it is on a device (backend.h); NULL on the CPU. */
struct backend_network *score_device(const struct score *s);
size_t score_gradient_size(const struct score *s);
void score_unpack_gradient(struct score *s, const float *packed, float *gradient);

/* Floating-point operations of the convolutions of one evaluation of SCORE_BATCH configurations. */
double score_flop(const struct score *s);

#endif
