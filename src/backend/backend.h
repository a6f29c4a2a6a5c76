/* A backend computes the network: the interface between the program and the CPU (cpu.h) or a device such as that of
 * cuda/. A model has the backend that computes it (score.h: score_model.backend, NULL: the CPU), so the code that
 * trains, samples or scores does not depend on it. The backend does the arithmetic on fields. training.c, reverse.c,
 * flow.c and excess.c do the rest: shuffles, times, grids, steps of the integrator, snapshots, checkpoints, and all
 * numbers that depend on the schedule (in double precision).
 *
 * Random numbers have the bits of base/random.h for the same key, stream and step. Fields are in scaled units, float32,
 * (n, V) in C order. A call returns when its results are complete. STATUS_FAILED: the message names the call and the
 * shapes. */
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

/* One configuration of a training step: field number `field` times `sign`, plus `noise` times white noise z. Its part
 * of the gradient of the loss is weight (s score + z), weight = 2 / (configurations of the batch); 0: an empty place in
 * the batch. */
struct backend_example {
    uint32_t field;
    float sign, noise, weight;
};

struct backend_step {
    struct adam_scalars adam;
    float average; /* weight of the new weights in the running average */
};

/* One step of a sampler: phi <- (phi + drift (s score)) + amplitude z. z is white noise or, if coloured, noise with
 * covariance D (G + next^2)/(G + s^2), D = s^2 - next^2. amplitude 0: no noise is drawn. */
struct backend_move {
    float drift, amplitude;
    bool coloured;
    double next;
};

/* The estimate of the divergence of the flow: by probes, whose elements are random numbers of (key, stream of the
 * evaluation, step = probe), normal or signs. probes = 0: exactly, with `closed` in closed form for models that have
 * one. control: with the Wiener filter as control variate (flow.h). If *interrupted becomes nonzero, an evaluation may
 * end early, without valid sums. */
struct backend_divergence {
    struct random_key key;
    size_t probes;
    bool signs, control, closed;
    const volatile sig_atomic_t *interrupted;
};

/* One evaluation of a slot of an integrator: dphi/dx = factor (s score). */
struct backend_evaluation {
    size_t slot;
    uint64_t stream; /* stream of its probes: the number of the configuration, unless probes are new each time */
    struct score_frame frame;
    double factor;
    struct runge_kutta_order order;
};

struct backend_network;    /* evaluations and vector-Jacobian products of a model */
struct backend_sampler;    /* a reverse process, for one batch after the other; it copies the arrays of sampler_new */
struct backend_integrator; /* the probability flow of a batch of slots; it keeps their vectors, in double precision */
struct backend_training;   /* weights, moments, average and training set */

struct backend {
    const char *name;       /* as in recipes: "cpu", "cuda", "cuda-float32", "cuda-bf16" */
    const char *arithmetic; /* name, card and libraries, on which its bits depend; NULL: the name alone */
    bool forward_only;      /* no gradients: neither training nor flow */
    /* Devices only. */
    void (*close)(struct backend *b);
    /* Devices only: a description with the algorithms chosen so far, for the run record. */
    const char *(*describe)(struct backend *b);

    /* Whether it can compute the model; other models are computed by the CPU. */
    bool (*supports)(const struct score_model *model);

    /* Largest number of configurations of one call. */
    size_t (*capacity)(const struct backend *b, const struct score_model *model);
    /* Whether the results of a configuration depend on its position in a call. If so, every call must begin at a
     * multiple of the capacity, which depends only on the model's shape. */
    bool placed;
    size_t sampler_stretch;  /* steps of a sampler between two checks for an interruption */
    size_t training_stretch; /* largest number of optimisation steps between two such checks */
    int integrators;         /* number of integrators of a network that run in parallel, each in a thread */
    size_t (*slots)(const struct backend *b, const struct score_model *model); /* number of slots of an integrator */

    enum status (*network_new)(struct backend *b, const struct score_model *model, struct backend_network **network,
                               struct error *e);
    void (*network_free)(struct backend_network *network);
    enum status (*set_weights)(struct backend_network *network, const float *weights, struct error *e);
    /* out (n, V) = s(t) score, n <= capacity. */
    enum status (*evaluate)(struct backend_network *network, size_t n, const float *phi,
                            const struct score_frame *frames, float *out, struct error *e);
    /* The next two are for comparisons of devices; the CPU does not have them (score.h has its own). After evaluate:
     * out = J^T probe. */
    enum status (*vjp)(struct backend_network *network, size_t n, const float *probe, float *out, struct error *e);
    /* After evaluate: traces (n, probes) = v.J^T v, for probe p of configuration number c, whose elements are random
     * numbers of (key, stream c, step p), normal or signs. probes = 0: traces[n], the exact trace of J. */
    enum status (*traces)(struct backend_network *network, size_t n, struct random_key key,
                          const uint64_t *configuration, size_t probes, bool signs, double *traces, struct error *e);

    /* The slots of flow_slots.h, with vectors (runge_kutta.h) of V components and one quadrature per probe, at least
     * one. On a device nothing else may use the network meanwhile. */
    enum status (*integrator_new)(struct backend_network *network, const struct backend_divergence *divergence,
                                  struct backend_integrator **integrator, struct error *e);
    void (*integrator_free)(struct backend_integrator *integrator);
    /* Puts a configuration into a slot: y = phi[V]. power (probes, V): |v(p)|^2/V of its probes, for the control
     * variate; else NULL. */
    enum status (*integrator_start)(struct backend_integrator *integrator, size_t slot, const double *phi,
                                    const double *power, struct error *e);
    /* Makes n evaluations, of different slots, and sets sums[n]. */
    enum status (*integrator_advance)(struct backend_integrator *integrator, size_t n,
                                      const struct backend_evaluation *evaluations, struct runge_kutta_sums *sums,
                                      struct error *e);
    /* Carries out an order without an evaluation and sets y[V + quadratures] to the resulting vector `next`. */
    enum status (*integrator_finish)(struct backend_integrator *integrator, size_t slot,
                                     const struct runge_kutta_order *order, double *y, struct error *e);

    /* Configuration i starts from normal numbers of (prior, i, 0) times `start`; its noise in step k is numbers of
     * (noise, i, k). */
    enum status (*sampler_new)(struct backend *b, const struct score_model *model, const struct score_frame *frames,
                               const struct backend_move *moves, size_t steps, struct random_key prior,
                               struct random_key noise, float start, struct backend_sampler **sampler, struct error *e);
    void (*sampler_free)(struct backend_sampler *sampler);
    /* Draws configurations first .. first + n - 1 from the prior, n <= capacity. */
    enum status (*sampler_start)(struct backend_sampler *sampler, uint64_t first, size_t n, struct error *e);
    enum status (*sampler_steps)(struct backend_sampler *sampler, size_t count, struct error *e);
    enum status (*sampler_fetch)(struct backend_sampler *sampler, size_t n, float *phi, struct error *e);

    /* Starts with the model's weights as weights and average and with zero moments. */
    enum status (*training_new)(struct backend *b, const struct score_model *model, const float *fields, size_t count,
                                size_t batch, size_t steps_an_epoch, struct backend_training **training,
                                struct error *e);
    void (*training_free)(struct backend_training *training);
    /* Makes `count` optimisation steps on examples (count, batch) with their frames. The noise of example i is numbers
     * of (noise, first + i, epoch). loss (count, batch): |s score + z|^2, undefined for an empty place. */
    enum status (*training_steps)(struct backend_training *training, size_t count,
                                  const struct backend_example *examples, const struct score_frame *frames,
                                  const struct backend_step *steps, struct random_key noise, uint64_t first,
                                  uint64_t epoch, double *loss, struct error *e);
    /* Reads or writes vectors in the layout of unet.h; those that are NULL are skipped. */
    enum status (*training_read)(struct backend_training *training, float *weights, float *first_moment,
                                 float *second_moment, float *average, struct error *e);
    enum status (*training_write)(struct backend_training *training, const float *weights, const float *first_moment,
                                  const float *second_moment, const float *average, struct error *e);
};

/* The model's device, if it supports the model; NULL: the CPU computes it. */
struct backend *score_model_device(const struct score_model *m);

/* Sets the device of a model, NULL for the CPU. A model that the device does not support is computed by the CPU.
 * STATUS_BAD_INPUT: a kind of model that no device computes, so that its runs cannot be recorded as runs on a
 * device. */
enum status backend_attach(struct backend *device, struct score_model *m, struct error *e);

#endif
