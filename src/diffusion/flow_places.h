/* The places of a batch: the integrations of the probability flow that share evaluations of the score, and everything
 * in them that is arithmetic on fields: vectors of the integrator, score, divergence. Where a model has a device they
 * are there, and only the sums by which steps are judged come back; flow.c sees no difference. */
#ifndef DMSQ_DIFFUSION_FLOW_PLACES_H
#define DMSQ_DIFFUSION_FLOW_PLACES_H

#include "diffusion/flow.h"
#include "lattice/fourier.h"

struct flow_places;

/* What a place does at an evaluation; dphi/dx = factor (s score), of the times t. */
struct flow_evaluation {
    size_t place;
    double t, factor;
    struct runge_kutta_order order;
    struct runge_kutta_sums sums; /* the outcome */
};

/* Estimates of the divergence that are integrated side by side. */
size_t flow_quadratures(const struct flow_settings *settings);

/* score_capacity(score) places. probe: key of the probes; fourier: for the control variate, NULL without. */
enum status flow_places_new(struct score *score, const struct score_model *model, const struct flow_settings *settings,
                            struct random_key probe, const struct fourier *fourier, struct flow_places **places,
                            struct error *e);
void flow_places_free(struct flow_places *p);

/* Configuration `number` (which decides on its probes) moves in with the scaled field phi[V]. */
enum status flow_places_start(struct flow_places *p, size_t place, uint64_t number, const double *phi, struct error *e);

/* One evaluation of n places, each by its order. Without sums where *interrupted became nonzero. */
enum status flow_places_evaluate(struct flow_places *p, size_t n, struct flow_evaluation *evaluations,
                                 const volatile sig_atomic_t *interrupted, struct error *e);

/* The last order of an integration, and its result y[V + quadratures]. */
enum status flow_places_finish(struct flow_places *p, size_t place, const struct runge_kutta_order *order, double *y,
                               struct error *e);

#endif
