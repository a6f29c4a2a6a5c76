/* Score models s(phi, t) ~ grad log p_t(phi): their interface for samplers, likelihood and training. The kinds are
 * listed in kinds.h and defined as in kind.h; other code does not depend on the kind of a model.
 *
 * Fields are in the model's scaled units: phi_scaled = (phi - offset) * factor. All functions work with s(t) times the
 * score, which is of order one at every noise level s(t) (schedule.h); J is its Jacobian.
 *
 * Only some kinds have
 *   score_model_trained       weights trained by gradient descent (diffusion/training.h); others are fitted
 *   score_model_drawn         draws without a process, with their density
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

/* The micro-batch over which gradients are summed, and the largest number of configurations in one call of a worker of
 * a network. */
enum { SCORE_BATCH = 8 };

struct score_model {
    const struct score_kind *kind;
    double sigma;          /* of the schedule */
    double offset, factor; /* of the scaling of the field */
    double variance;       /* <phi^2> of the scaled field, the mean of G */
    struct theory theory;  /* of the training ensemble */
    int64_t thermalised;   /* mark of the training ensemble: 1, 0 or -1, see lattice/thermalisation.h */
    bool one_phase;        /* fitted to fields that were sign-flipped to a positive mean */
    size_t dimensions, extents[NPZ_MAX_DIMENSIONS], volume;
    double *propagator; /* (volume): G(p) of the scaled training set */
    float *weights;     /* (weight_count): trainable parameters; NULL and 0 for a kind without training */
    size_t weight_count;
    void *own; /* private data of the kind */
    struct backend
        *backend; /* the device that computes the network; NULL: the CPU. The model does not own it, and files
                                do not contain it */
};

/* --- models -------------------------------------------------------------------------------------- */

/* Adds copies of the model's arrays to an artifact, and reads them. STATUS_BAD_INPUT: an array is missing or wrong; the
 * message names the file. */
enum status score_model_add(const struct score_model *m, struct npz_writer *writer, struct error *e);
enum status score_model_read(const struct npz *npz, struct score_model *m, struct error *e);
void score_model_release(struct score_model *m);
/* Name of the model's kind: "unet". */
const char *score_model_kind(const struct score_model *m);

bool score_model_trained(const struct score_model *m);
bool score_model_drawn(const struct score_model *m);
bool score_model_closed(const struct score_model *m);

/* Draws without a process: configurations first .. first+count-1 into phi (count, V), in the units of the field.
 * Configuration i depends only on (model, key, i). log_q[count], or NULL: their log-density in these units. */
struct score_draw {
    struct random_key key;
    size_t first, count;
    int threads;
    float *phi;
    double *log_q;
    const volatile sig_atomic_t *interrupted;
    struct progress *progress; /* counts configurations, with those before `first` as finished; may be NULL */
};

/* STATUS_BAD_INPUT: the model has no such draws, or no density. STATUS_FAILED: out of memory, or *draw->interrupted
 * became nonzero. */
enum status score_model_draw(const struct score_model *m, const struct score_draw *draw, struct error *e);

/* The probability flow in normalised modes xi(p) = y(p)/sqrt(G(p) + s^2), in which the linear part of the score and the
 * prior, the Gaussian field of the noisy data, are exact; `steps` Runge-Kutta steps in ln s. Configurations first ..
 * first+count-1, in the units of the field, are drawn with *key, or given if key is NULL. log_q[count]: their
 * log-density, exact up to the integrator's error; NaN for a rejected draw, which became infinite or left the phase.
 * Configuration i depends only on (model, steps, *key, i), or on its field.
 *
 * noisy: the reverse process in the same modes, with `steps` >= 2 noise levels equidistant in ln s, exact for a
 * Gaussian field at any number of levels. It only draws, without density: log_q is 0, or NaN as above. */
struct score_modes {
    size_t steps;
    double stretch; /* ratio of the lengths in ln s of the last and the first step; 0 means 1, equal steps. Not used by
                         the noisy process */
    double roughness; /* a field with more roughness (effective_flow.h) is computed again with four times the steps; 0:
                         never */
    bool noisy;
    const struct random_key *key;
    size_t first, count;
    int threads;
    float *phi;
    double *log_q;
    const volatile sig_atomic_t *interrupted;
    struct progress *progress; /* counts configurations, with those before `first` as finished; may be NULL */
};

/* STATUS_BAD_INPUT: the model has no such flow. STATUS_FAILED: out of memory, or *work->interrupted became nonzero. */
enum status score_model_modes(const struct score_model *m, const struct score_modes *work, struct error *e);
/* The quantities of a model at one time; for a network, its factors (network.h):
 *   s(t) score = skip phi + output F(input phi, label) [wiener: - s phi(p)/(G(p) + s^2)] */
struct score_frame {
    float label, input, output, skip; /* for networks */
    double noise, t;                  /* s(t), t */
};
struct score_frame score_frame(const struct score_model *m, double t);

/* The Gaussian model with the propagator of m, whose score is the best linear one (the Wiener filter). Its arrays are
 * those of m; do not release it. */
struct score_model score_model_gaussian(const struct score_model *m);

/* --- computing, on the CPU (backend/backend.h: on the CPU or a device) ---------------------------------- */

/* A model prepared for computing, shared by workers, and one worker per thread. */
struct score;
struct score_worker;

/* batch: largest number of configurations in one call of a worker, SCORE_BATCH or less, or score_batch(model). The bits
 * of a configuration do not depend on it. */
enum status score_new(const struct score_model *model, size_t batch, struct score **score, struct error *e);
void score_free(struct score *s);
enum status score_worker_new(struct score *s, struct score_worker **worker, struct error *e);
void score_worker_free(struct score_worker *w);

/* With so many configurations in one call a model is evaluated fastest. */
size_t score_batch(const struct score_model *m);

/* out (n, V) = s(t) score(phi (n, V), t[n]), n <= the batch of score_new. */
enum status score_evaluate(struct score_worker *w, int n, const float *phi, const double *t, float *out,
                           struct error *e);
/* After score_evaluate with the same n, any number of times: out = J^T probe. */
enum status score_vjp(struct score_worker *w, int n, const float *probe, float *out, struct error *e);
/* After score_evaluate with the same n: traces[n] = tr J. For models with score_model_closed. */
enum status score_divergence(struct score_worker *w, int n, double *traces, struct error *e);

/* For models with score_model_trained: sets new weights (no worker may be computing meanwhile); after score_evaluate
 * computes the packed gradient of sum(out * g) with respect to the weights; returns its length; and converts it to the
 * order of the weights. Packed gradients may be added. */
void score_set_weights(struct score *s, const float *weights);
enum status score_weight_gradient(struct score_worker *w, int n, const float *g, float *packed, struct error *e);
size_t score_gradient_size(const struct score *s);
void score_unpack_gradient(struct score *s, const float *packed, float *gradient);

#endif
