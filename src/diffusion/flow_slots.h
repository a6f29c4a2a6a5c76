/* The slots of a batch: integrations of the probability flow that share evaluations of the score. The backend
 * (backend/backend.h) does all arithmetic on fields: the vectors of the integrator, score and divergence. It returns
 * only the sums that determine the next step. */
#ifndef DMSQ_DIFFUSION_FLOW_SLOTS_H
#define DMSQ_DIFFUSION_FLOW_SLOTS_H

#include "backend/backend.h"
#include "diffusion/flow.h"
#include "lattice/fourier.h"

struct flow_slots;

/* One evaluation of a slot, at time t: dphi/dx = factor (s score), with x the variable of integration. */
struct flow_evaluation {
    size_t slot;
    double t, factor;
    struct runge_kutta_order order;
    struct runge_kutta_sums sums; /* the result */
};

/* Number of estimates of the divergence that are integrated in parallel, one per probe. */
size_t flow_quadratures(const struct flow_settings *settings);

/* Makes as many slots as an integrator of `backend` has for this model and its network. probe: key of the probes.
 * fourier: for the control variate, else NULL. If *interrupted becomes nonzero within an evaluation, its sums are not
 * valid. */
enum status flow_slots_new(struct backend *backend, struct backend_network *network, const struct score_model *model,
                           const struct flow_settings *settings, struct random_key probe, const struct fourier *fourier,
                           const volatile sig_atomic_t *interrupted, struct flow_slots **slots, struct error *e);
void flow_slots_free(struct flow_slots *s);

/* Puts configuration `number`, the scaled field phi[V], into the slot; its number determines its probes. */
enum status flow_slots_start(struct flow_slots *s, size_t slot, uint64_t number, const double *phi, struct error *e);

/* Makes one evaluation of n slots, each by its order. */
enum status flow_slots_evaluate(struct flow_slots *s, size_t n, struct flow_evaluation *evaluations, struct error *e);

/* Carries out the last order of an integration and sets y[V + quadratures] to its result. */
enum status flow_slots_finish(struct flow_slots *s, size_t slot, const struct runge_kutta_order *order, double *y,
                              struct error *e);

#endif
