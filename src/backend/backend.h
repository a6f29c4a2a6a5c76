/* What computes the network: the one interface between the program and the CPU (cpu.h) or a folder like cuda/. A model
 * carries the backend that it is to run on (score.h: score_model.backend, NULL: the CPU), so that whoever trains,
 * samples or scores says nothing about it: training.c, reverse.c, flow.c and excess.c hand the work over, and keep to
 * themselves everything that is not arithmetic on fields: shuffles, times, grids, steps of the integrator, snapshots,
 * checkpoints, and all numbers that depend on the schedule (in double precision).
 *
 * Random numbers are those of base/random.h for the same key, stream and step, to the bit. Fields are in scaled
 * units, float32, n x V, C order. A call returns when its results are there. Every function fails with
 * STATUS_FAILED and a message that carries the call and the shapes. */
#ifndef DMSQ_BACKEND_BACKEND_H
#define DMSQ_BACKEND_BACKEND_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/runge_kutta.h"
#include "network/adam.h"
#include "score/score.h"

/* One configuration of a training step: field `field` times sign, plus noise z; its part of the gradient of the loss
 * is weight (s score + z), weight = 2 / (configurations of the batch); 0: the place in the batch is empty. */
struct backend_example {
    uint32_t field;
    float sign, noise, weight;
};

struct backend_step {
    struct adam_scalars adam;
    float average; /* weight of the new weights in the running average */
};

/* phi <- (phi + drift (s score)) + amplitude z, z white, or with covariance D (G + next^2)/(G + s^2), D = s^2 -
 * next^2; amplitude 0: no noise is drawn. */
struct backend_move {
    float drift, amplitude;
    bool coloured;
    double next;
};

/* How the divergence of the flow is found: by probes, numbers of (key, stream of the evaluation, step probe), normal or
 * signs; 0: exactly, in closed form for models that have one and `closed`. control: with the Wiener filter as control
 * variate (flow.h). Where *interrupted becomes nonzero an evaluation may end early, without sums. */
struct backend_divergence {
    struct random_key key;
    size_t probes;
    bool signs, control, closed;
    const volatile sig_atomic_t *interrupted;
};

/* One evaluation of a slot of an integrator: dphi/dx = factor (s score). */
struct backend_evaluation {
    size_t slot;
    uint64_t stream; /* of its probes: the number of the configuration where they stay the same */
    struct score_frame frame;
    double factor;
    struct runge_kutta_order order;
};

struct backend_network;    /* evaluations and vector-Jacobian products of a model */
struct backend_sampler;    /* a reverse process, one batch after the other; arrays it is made with may go */
struct backend_integrator; /* the probability flow of a batch of slots, whose vectors stay there in double precision */
struct backend_training;   /* weights, moments, average and training set */

struct backend {
    const char *name;       /* as in recipes: "cpu", "cuda", "cuda-float32", "cuda-bf16" */
    const char *arithmetic; /* what its bits depend on: name, card, libraries; NULL: the name alone */
    bool forward_only;      /* no gradients: neither training nor flow */
    /* Devices only. */
    void (*close)(struct backend *b);
    /* Devices only: what it is, and the algorithms it chose so far, for the run record. */
    const char *(*describe)(struct backend *b);

    /* Whether it computes such a model; others are left to the CPU. */
    bool (*supports)(const struct score_model *model);

    /* Configurations of one call at most. */
    size_t (*capacity)(const struct backend *b, const struct score_model *model);
    /* Whether results of a configuration depend on its place in a call. Those who split work then have every call begin
     * at a multiple of the capacity, which is a function of the model's shape alone. */
    bool placed;
    size_t sampler_stretch;  /* steps of a sampler between two looks at whether the run is interrupted */
    size_t training_stretch; /* optimisation steps of one call at most, likewise */
    int integrators;         /* of one network, that work side by side, each with a thread of the caller's */
    size_t (*slots)(const struct backend *b, const struct score_model *model); /* of an integrator */

    enum status (*network_new)(struct backend *b, const struct score_model *model, struct backend_network **network,
                               struct error *e);
    void (*network_free)(struct backend_network *network);
    enum status (*set_weights)(struct backend_network *network, const float *weights, struct error *e);
    /* out = s(t) score, n <= capacity. */
    enum status (*evaluate)(struct backend_network *network, size_t n, const float *phi,
                            const struct score_frame *frames, float *out, struct error *e);
    /* The next two are for those who compare a device with others; the CPU leaves them out (score.h has its own).
     * After evaluate: out = J^T probe. */
    enum status (*vjp)(struct backend_network *network, size_t n, const float *probe, float *out, struct error *e);
    /* After evaluate: traces[n x probes], v.J^T v for probe p of configuration number c: v = numbers of (key, stream
     * c, step p), normal or signs. probes = 0: traces[n], the exact trace of J. (An integrator does that by itself.) */
    enum status (*traces)(struct backend_network *network, size_t n, struct random_key key,
                          const uint64_t *configuration, size_t probes, bool signs, double *traces, struct error *e);

    /* The slots of flow_slots.h, with vectors (runge_kutta.h) of V components and a quadrature a
     * probe, or one. On a device they need the network to themselves. */
    enum status (*integrator_new)(struct backend_network *network, const struct backend_divergence *divergence,
                                  struct backend_integrator **integrator, struct error *e);
    void (*integrator_free)(struct backend_integrator *integrator);
    /* A configuration takes a slot: y = phi[V]. power[probes x V]: |v(p)|^2/V of its probes, with a control variate;
     * else NULL. */
    enum status (*integrator_start)(struct backend_integrator *integrator, size_t slot, const double *phi,
                                    const double *power, struct error *e);
    /* n evaluations at once, of different slots. Only sums[n] comes back. */
    enum status (*integrator_advance)(struct backend_integrator *integrator, size_t n,
                                      const struct backend_evaluation *evaluations, struct runge_kutta_sums *sums,
                                      struct error *e);
    /* An order without a derivative, and what it leaves in next, y[V + quadratures]. */
    enum status (*integrator_finish)(struct backend_integrator *integrator, size_t slot,
                                     const struct runge_kutta_order *order, double *y, struct error *e);

    /* The prior of configuration i is the numbers of (prior, i, 0) times start, its noise in step k those of
     * (noise, i, k). */
    enum status (*sampler_new)(struct backend *b, const struct score_model *model, const struct score_frame *frames,
                               const struct backend_move *moves, size_t steps, struct random_key prior,
                               struct random_key noise, float start, struct backend_sampler **sampler, struct error *e);
    void (*sampler_free)(struct backend_sampler *sampler);
    /* Configurations first .. first + n - 1 from the prior, n <= capacity. */
    enum status (*sampler_start)(struct backend_sampler *sampler, uint64_t first, size_t n, struct error *e);
    enum status (*sampler_steps)(struct backend_sampler *sampler, size_t count, struct error *e);
    enum status (*sampler_fetch)(struct backend_sampler *sampler, size_t n, float *phi, struct error *e);

    /* Starts with the model's weights as weights and average and with zero moments. */
    enum status (*training_new)(struct backend *b, const struct score_model *model, const float *fields, size_t count,
                                size_t batch, size_t steps_an_epoch, struct backend_training **training,
                                struct error *e);
    void (*training_free)(struct backend_training *training);
    /* `count` optimisation steps on examples[count x batch] with their frames. Noise of example i: (noise, first + i,
     * epoch). loss[count x batch]: |s score + z|^2; of an empty place anything. */
    enum status (*training_steps)(struct backend_training *training, size_t count,
                                  const struct backend_example *examples, const struct score_frame *frames,
                                  const struct backend_step *steps, struct random_key noise, uint64_t first,
                                  uint64_t epoch, double *loss, struct error *e);
    /* Vectors as in unet.h; NULL: not wanted, left alone. */
    enum status (*training_read)(struct backend_training *training, float *weights, float *first_moment,
                                 float *second_moment, float *average, struct error *e);
    enum status (*training_write)(struct backend_training *training, const float *weights, const float *first_moment,
                                  const float *second_moment, const float *average, struct error *e);
};

/* The device that is to compute the model and supports it; NULL: the CPU computes it. */
struct backend *score_model_device(const struct score_model *m);

/* Lets a device compute the model, as far as it supports it; NULL: the CPU. STATUS_BAD_INPUT: a kind that refuses
 * devices, so that no run is recorded as one of them that was none. */
enum status backend_attach(struct backend *device, struct score_model *m, struct error *e);

#endif
