/* The slots of a batch: the integrations of the probability flow that share evaluations of the score. Everything in
 * them that is arithmetic on fields is the backend's (backend/backend.h): vectors of the integrator, score, divergence;
 * only the sums by which steps are judged come back. */
#ifndef DMSQ_DIFFUSION_FLOW_SLOTS_H
#define DMSQ_DIFFUSION_FLOW_SLOTS_H

#include "backend/backend.h"
#include "diffusion/flow.h"
#include "lattice/fourier.h"

struct flow_slots;

/* What a slot does at an evaluation; dphi/dx = factor (s score), of the times t. */
struct flow_evaluation {
    size_t slot;
    double t, factor;
    struct runge_kutta_order order;
    struct runge_kutta_sums sums; /* the outcome */
};

/* Estimates of the divergence that are integrated side by side. */
size_t flow_quadratures(const struct flow_settings *settings);

/* As many slots as an integrator of `backend` has for this model, whose network this is. probe: key of the probes;
 * fourier: for the control variate, NULL without. Where *interrupted becomes nonzero within an evaluation, that has no
 * sums. */
enum status flow_slots_new(struct backend *backend, struct backend_network *network, const struct score_model *model,
                           const struct flow_settings *settings, struct random_key probe, const struct fourier *fourier,
                           const volatile sig_atomic_t *interrupted, struct flow_slots **slots, struct error *e);
void flow_slots_free(struct flow_slots *s);

/* Configuration `number` (which decides on its probes) takes the slot with the scaled field phi[V]. */
enum status flow_slots_start(struct flow_slots *s, size_t slot, uint64_t number, const double *phi, struct error *e);

/* One evaluation of n slots, each by its order. */
enum status flow_slots_evaluate(struct flow_slots *s, size_t n, struct flow_evaluation *evaluations, struct error *e);

/* The last order of an integration, and its result y[V + quadratures]. */
enum status flow_slots_finish(struct flow_slots *s, size_t slot, const struct runge_kutta_order *order, double *y,
                              struct error *e);

#endif
