/* The probability flow of the effective-action model in normalised modes xi(p) = y(p)/sqrt(G + s^2), where its linear
 * part is exact:
 *
 *   xi = white noise at the highest level;  d xi / d ln s = -s^2 W f / sqrt(G + s^2)  down to the lowest;  y = sqrt(G)
 *   xi,
 *   log q(y) = log N(xi at the highest) - 1/2 sum_p ln G + int (divergence of the right-hand side) d ln s,
 *
 * by the classical Runge-Kutta method with steps in ln s that are equal, or grow on the way down by the factor
 * `stretch`: the flow is least smooth at high noise, where blocked lattices (effective_lattices.h) make steps cheap. Up
 * from a field the same flow gives its log q. q is exactly the density of what is drawn, up to the integrator's error.
 *
 * A model of one phase adds its mean and gives every field a random sign. It is the law of fields with a positive mean
 * (a draw with another one is rejected), so with either sign the density is half of that, up to a constant that no
 * chain needs: the probability of a positive mean.
 *
 * With noise (effective_flow_noisy_new) the reverse process takes the place of the flow: from level s to the next, s',
 *
 *   y' = y (G+s'^2)/(G+s^2) + (s^2-s'^2) W f + sqrt((s^2-s'^2)(G+s'^2)/(G+s^2)) z,       z white noise,
 *
 * the law of y' given y for a Gaussian field, exactly, with the mean that the whole score gives; in normalised modes,
 * with c = sqrt((G+s'^2)/(G+s^2)),
 *
 *   xi' = c xi + sqrt(1-c^2) z - (1 - s'^2/s^2)/c d xi/d ln s,
 *
 * `steps` levels equally far apart in ln s from the highest to the lowest, and from there to s' = 0. It has no density.
 *
 * Field i is a function of (model, steps, key, i), to the last bit where draws begin at a multiple of TRANSFORM_FIELDS:
 * elsewhere another field shares its lane, and rounding differs. The log q of a field that is rejected, or left the
 * finite numbers, is NaN. */
#ifndef DMSQ_SCORE_EFFECTIVE_FLOW_H
#define DMSQ_SCORE_EFFECTIVE_FLOW_H

#include <signal.h>

#include "base/progress.h"
#include "base/random.h"
#include "score/effective_model.h"

struct effective_flow; /* the tables of all steps: immutable, shared by threads */

/* steps and stretch: of its grid (effective_grid.h). The model must outlive the flow. STATUS_FAILED: out of memory. */
enum status effective_flow_new(const struct effective_model *model, size_t steps, double stretch, int threads,
                               struct effective_flow **flow, struct error *e);
/* From now on effective_flow_run follows a field again with four times the steps where its way is rough: where what
 * the two slopes in the middle of a step differ by in the integral of the divergence adds up to more than `limit`
 * over the steps. Among ten thousand fields there can be one that the integrator takes wrong by several in log q,
 * and the chain sticks to it. STATUS_FAILED: out of memory. */
enum status effective_flow_recheck(struct effective_flow *flow, double limit, int threads, struct error *e);
/* The reverse process instead, steps >= 2; its log_q is 0, or NaN of a field that is rejected. It draws only. */
enum status effective_flow_noisy_new(const struct effective_model *model, size_t steps, int threads,
                                     struct effective_flow **flow, struct error *e);
void effective_flow_free(struct effective_flow *flow);

/* Configurations first .. first+count-1: phi[count x V] drawn with key, or, key NULL, given; log_q[count].
 * *interrupted: STATUS_FAILED. progress counts configurations, those before `first` as done; may be NULL. */
struct effective_flow_work {
    const struct random_key *key;
    size_t first, count;
    int threads;
    float *phi;
    double *log_q;
    const volatile sig_atomic_t *interrupted;
    struct progress *progress;
};
enum status effective_flow_run(const struct effective_flow *flow, const struct effective_flow_work *work,
                               struct error *e);

/* --- a pack of at most TRANSFORM_FIELDS fields, for the partial refresh (effective_refresh.h) --------- */

/* Down from white noise[count x V] in position space to phi[count x V], without a random sign, and its log q. */
void effective_flow_follow(const struct effective_flow *flow, size_t count, const float *noise, float *phi,
                           double *log_q, struct transform_site *workspace);
/* Up from phi to the noise, NULL where it is not wanted, and log q: the opposite up to the integrator's error. */
void effective_flow_rise(const struct effective_flow *flow, size_t count, const float *phi, float *noise, double *log_q,
                         struct transform_site *workspace);

/* --- for the refinement (effective_refine.h) ------------------------------------------------------- */

/* Who looks on while a pack goes down: see(context, k, modes) with xi at the start of step k = 0 .. steps. Every other
 * field starts with its zero mode uniform within `spread` standard deviations (0: none does): its log q is still that
 * of the model, but magnetizations are seen that draws of the model hardly ever have. */
struct effective_observer {
    void (*see)(void *context, size_t k, const struct transform_site *modes);
    void *context;
    double spread;
};

/* Sites of scratch of a pack; ln s at the start of step k; draws fields first .. of one pack. */
size_t effective_flow_workspace(const struct effective_flow *flow);
double effective_flow_log_s(const struct effective_flow *flow, size_t k);
void effective_flow_draw(const struct effective_flow *flow, struct random_key key, size_t first,
                         const struct effective_observer *observer, size_t count, float *phi, double *log_q,
                         struct transform_site *workspace);

/* Evaluations of the model that a field takes, for the benchmark. */
size_t effective_flow_evaluations(const struct effective_flow *flow);

#endif
