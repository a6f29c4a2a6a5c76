/* Score models s(phi, t) ~ grad log p_t(phi): what the samplers, the likelihood and the training see of them. What
 * kinds there are stands in kinds.h, what a kind has to bring in kind.h; nobody else asks which one a model is of.
 *
 * Fields are in the model's scaled units: phi_scaled = (phi - offset) * factor. All functions work with s(t) times the
 * score, which is of order one at every noise level s(t) (schedule.h); J is its Jacobian.
 *
 * What some kinds can do and others cannot is asked here:
 *   score_model_trained       weights that a gradient changes (diffusion/training.h); others are fitted at once
 *   score_model_drawn         fields drawn without a process, with their density
 *   score_model_closed        the divergence of the score in closed form */
#ifndef DMSQ_SCORE_SCORE_H
#define DMSQ_SCORE_SCORE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/random.h"
#include "lattice/theory.h"
#include "store/npz.h"

struct backend;
struct score_kind;

/* Configurations that one worker takes at a time: the micro-batch over which gradients are summed. */
enum { SCORE_BATCH = 8 };

struct score_model {
    const struct score_kind *kind;
    double sigma;          /* of the schedule */
    double offset, factor; /* field scaling */
    double variance;       /* mean of G: <phi^2> of the scaled field */
    struct theory theory;  /* of the ensemble it was trained on, carried along */
    int64_t thermalised;   /* likewise: 1, 0 or -1, see lattice/thermalisation.h and stages/ensemble.c */
    bool one_phase;        /* fitted to fields whose sign was changed where their mean was negative */
    size_t dimensions, extents[NPZ_MAX_DIMENSIONS], volume;
    double *propagator; /* G(p) of the scaled training set, volume */
    float *weights;     /* what training changes, weight_count numbers; NULL, 0 for a kind that is not trained */
    size_t weight_count;
    void *own;               /* the rest, which its kind alone knows */
    struct backend *backend; /* what computes the network; NULL: the CPU. Not the model's own, nor part of its files */
};

/* --- models -------------------------------------------------------------------------------------- */

/* Adds copies of the model's arrays to an artifact, and reads them back. */
enum status score_model_add(const struct score_model *m, struct npz_writer *writer, struct error *e);
enum status score_model_read(const struct npz *npz, struct score_model *m, struct error *e);
void score_model_release(struct score_model *m);
/* Name of the model's kind: "unet". */
const char *score_model_kind(const struct score_model *m);

bool score_model_trained(const struct score_model *m);
bool score_model_drawn(const struct score_model *m);
bool score_model_closed(const struct score_model *m);

/* Fields drawn without a process: configurations first .. first+count-1 into phi[count x V], in own units.
 * Configuration i is a function of (model, key, i). log_q[count], NULL without: their log-density in own units. */
struct score_draw {
    struct random_key key;
    size_t first, count;
    int threads;
    float *phi;
    double *log_q;
    const volatile sig_atomic_t *interrupted;
    struct progress *progress; /* counts configurations, those before `first` as done; may be NULL */
};

/* STATUS_BAD_INPUT: a model that is not drawn so, or that has no such density; STATUS_FAILED: out of memory, or
 * *draw->interrupted became nonzero. */
enum status score_model_draw(const struct score_model *m, const struct score_draw *draw, struct error *e);

/* The probability flow in normalised modes xi(p) = y(p)/sqrt(G(p) + s^2), where the linear part of the score is exact
 * and the prior, the Gaussian field of the noisy data, too; `steps` of Runge-Kutta in ln s. Configurations first ..
 * first+count-1 in own units: drawn with *key, or, key NULL, given; log_q[count]: their log-density, exact up to the
 * integrator's error. Configuration i is a function of (model, steps, *key, i), or of its field. NaN: a draw that is
 * rejected, because it left the finite numbers or the phase.
 *
 * noisy: the reverse process in the same modes instead, `steps` >= 2 noise levels equally far apart in ln s, exact for
 * a Gaussian field at any number of them. It draws only, and has no density: log_q is 0, or NaN as above. */
struct score_modes {
    size_t steps;
    double stretch;   /* 0 as 1: steps of equal lengths in ln s; above, they grow on the way down, the speed of the last
                       over that of the first. Not of the noisy process */
    double roughness; /* a field whose way is rougher (effective_flow.h) is followed again with four times the steps; 0:
                         none is */
    bool noisy;
    const struct random_key *key;
    size_t first, count;
    int threads;
    float *phi;
    double *log_q;
    const volatile sig_atomic_t *interrupted;
    struct progress *progress; /* counts configurations, those before `first` as done; may be NULL */
};

/* STATUS_BAD_INPUT: a model that has no such flow; STATUS_FAILED: out of memory, or *work->interrupted became
 * nonzero. */
enum status score_model_modes(const struct score_model *m, const struct score_modes *work, struct error *e);
/* What a model has to know of a time; of a network what surrounds it (network.h):
 *   s(t) score = skip phi + output F(input phi, label) [wiener: - s phi(p)/(G(p) + s^2)] */
struct score_frame {
    float label, input, output, skip; /* networks only */
    double noise, t;                  /* s(t), t */
};
struct score_frame score_frame(const struct score_model *m, double t);

/* The Gaussian field of the model's propagator, whose score is the best linear one (the Wiener filter). Its arrays are
 * those of m: not to be released. */
struct score_model score_model_gaussian(const struct score_model *m);

/* --- computing, on the CPU (backend/backend.h: there or on a device) ----------------------------------- */

/* A model made ready for computing, shared by workers, and one worker a thread. */
struct score;
struct score_worker;

enum status score_new(const struct score_model *model, struct score **score, struct error *e);
void score_free(struct score *s);
enum status score_worker_new(struct score *s, struct score_worker **worker, struct error *e);
void score_worker_free(struct score_worker *w);

/* Configurations that a worker of such a model takes at once. */
size_t score_batch(const struct score_model *m);

/* out[n x V] = s(t) score(phi[n x V], t[n]), n <= score_batch. */
enum status score_evaluate(struct score_worker *w, int n, const float *phi, const double *t, float *out,
                           struct error *e);
/* After score_evaluate with the same n: out = J^T probe. Repeatable. */
enum status score_vjp(struct score_worker *w, int n, const float *probe, float *out, struct error *e);
/* After score_evaluate with the same n: traces[n] = tr J. Models with score_model_closed only. */
enum status score_divergence(struct score_worker *w, int n, double *traces, struct error *e);

/* Models with score_model_trained only: new weights (no worker may be computing); after score_evaluate the gradient of
 * sum(out * g) with respect to the weights, packed; its length, and its
 * conversion to the order of the weights. Packed gradients may be added element by element. */
void score_set_weights(struct score *s, const float *weights);
enum status score_weight_gradient(struct score_worker *w, int n, const float *g, float *packed, struct error *e);
size_t score_gradient_size(const struct score *s);
void score_unpack_gradient(struct score *s, const float *packed, float *gradient);

/* Floating-point operations of one evaluation of score_batch configurations, as far as they are counted (of a
 * network: its matrix products); 0 where they are not. */
double score_flop(const struct score *s);

#endif
