/* The probability flow of the effective-action model in normalised modes xi(p) = y(p)/sqrt(G + s^2), where its linear
 * part is exact:
 *
 *   xi = white noise at the highest level s_max,
 *   d xi / d ln s = -s^2 W f / sqrt(G + s^2)  down to the lowest level s_min,
 *   y = sqrt(G) xi  at s_min,
 *   log q(y) = log N(xi at s_max) - 1/2 sum_p ln G + int_{s_min}^{s_max} (divergence of the right-hand side) d ln s.
 *
 * The classical Runge-Kutta method is used, with steps in ln s that are equal or grow on the way down by the factor
 * `stretch` in all: the flow is least smooth at high noise, where blocked lattices (effective_lattices.h) make steps
 * cheap. From a given field, the flow in the opposite direction gives its log q. q is the exact density of the draws,
 * up to the integrator's error.
 *
 * For a model of one phase, the mean is added and every field gets a random sign. The flow describes fields with a
 * positive mean, so draws with another mean are rejected. With either sign, the density is half that of the flow, up to
 * a constant that cancels in the acceptance of a chain: the probability of a positive mean.
 *
 * effective_flow_noisy_new uses the reverse process with noise instead of the flow: from level s to the next one, s',
 *
 *   y' = y (G+s'^2)/(G+s^2) + (s^2-s'^2) W f + sqrt((s^2-s'^2)(G+s'^2)/(G+s^2)) z,       z white noise.
 *
 * For a Gaussian field this is the exact distribution of y' given y; the nonlinear part of the score shifts its mean.
 * In normalised modes, with c = sqrt((G+s'^2)/(G+s^2)),
 *
 *   xi' = c xi + sqrt(1-c^2) z - (1 - s'^2/s^2)/c d xi/d ln s.
 *
 * There are `steps` levels s, equidistant in ln s from the highest to the lowest; the last step goes from there to 0.
 * The draws have no log q.
 *
 * Field i depends only on (model, steps, key, i). Its bits are the same if draws begin at a multiple of
 * TRANSFORM_FIELDS; otherwise another field shares its lane, and rounding differs. log q is NaN for a field that is
 * rejected or became infinite. */
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
/* Makes effective_flow_run integrate a field again, with four times the steps, if its path is rough: if the two slopes
 * in the middle of a step give integrals of the divergence whose differences, summed over the steps, exceed `limit`.
 * About one field in ten thousand can have an integration error of several units in log q, and a chain would get stuck
 * there. STATUS_FAILED: out of memory. */
enum status effective_flow_recheck(struct effective_flow *flow, double limit, int threads, struct error *e);
/* The reverse process with noise, steps >= 2. It can only draw; log_q is 0, or NaN for a rejected field. */
enum status effective_flow_noisy_new(const struct effective_model *model, size_t steps, int threads,
                                     struct effective_flow **flow, struct error *e);
void effective_flow_free(struct effective_flow *flow);

/* Draws configurations first ... first+count-1 with `key`, or, with key NULL, takes phi as given: phi (count, V),
 * log_q[count]. progress counts configurations, those before `first` as done; it may be NULL. STATUS_FAILED:
 * interrupted, or out of memory. */
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

/* From white noise (count, V) in position space to phi (count, V), without a random sign, and log q. */
void effective_flow_follow(const struct effective_flow *flow, size_t count, const float *noise, float *phi,
                           double *log_q, struct transform_site *workspace);
/* From phi to the noise (NULL: not wanted) and log q: the inverse of effective_flow_follow, up to the integrator's
 * error. */
void effective_flow_rise(const struct effective_flow *flow, size_t count, const float *phi, float *noise, double *log_q,
                         struct transform_site *workspace);

/* --- for the refinement (effective_refine.h) ------------------------------------------------------- */

/* Is called on the way of a pack from noise to fields: see(context, k, modes) with xi at the start of step k, and with
 * k = steps at the end. In every other field the zero mode of the noise is uniform within `spread` standard deviations
 * (0: in none). Its log q is still that of the model, but there are magnetizations that are rare in its draws. */
struct effective_observer {
    void (*see)(void *context, size_t k, const struct transform_site *modes);
    void *context;
    double spread;
};

/* Number of sites of workspace of a pack; ln s at the start of step k; and a draw of fields first ... first+count-1,
 * count <= TRANSFORM_FIELDS. */
size_t effective_flow_workspace(const struct effective_flow *flow);
double effective_flow_log_s(const struct effective_flow *flow, size_t k);
void effective_flow_draw(const struct effective_flow *flow, struct random_key key, size_t first,
                         const struct effective_observer *observer, size_t count, float *phi, double *log_q,
                         struct transform_site *workspace);

/* Evaluations of the model for a field. */
size_t effective_flow_evaluations(const struct effective_flow *flow);

#endif
