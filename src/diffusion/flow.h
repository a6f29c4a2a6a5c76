/* The probability flow of a score model and the density of what it maps to (A 3.14, 3.15, A B.2):
 *
 *   dphi/dt = -1/2 g(t)^2 score(phi, t),    log q(phi_0) = log p_T(phi_T) - 1/2 int g^2 div score dt,
 *
 * with the factors 1/2 that A 3.14 and A B.2 lack (the authors' code has them), p_T = N(0, s^2(1)) as published, or the
 * Gaussian field of the noisy data (flow_prior.h), and t from t_start to 1. At t_start, by default 1e-5 as in the
 * authors' code, the flow ends: phi(t_start) is taken for phi_0, and q is the density of phi(t_start), that is of the
 * data with the noise s(t_start) = sqrt(t_start) in scaled units. The density is one of the field in its own units: the
 * Jacobian factor^V of the scaling is in it. q is exactly the density of what flow_sample draws, up to the integrator's
 * error and that of the divergence.
 *
 *   dopri5     in t, adaptive, tolerance as absolute and relative tolerance, on scaled field and log-density
 *              (base/runge_kutta.h). Every configuration has its own steps.
 *   heun, rk4  `steps` equal steps in u = log s: dphi/du = -s (s score), smooth over all noise levels.
 *   modes      `steps` steps of rk4 in normalised modes, for the models that know them (score_model_modes), from the
 *              Gaussian field of the noisy data instead of N(0, s^2(1)), with the divergence in closed form; t_start,
 *              tolerance and divergence do not matter. A draw that is rejected is 0 at all sites, its log q infinite.
 *
 * Divergence, of J the Jacobian of s(t) score:
 *   probes     Skilling-Hutchinson: mean over probes of v.J^T v: normal, or signs (Rademacher, of less variance). v is
 *              fixed along one solve, each configuration's own or the same for all; or drawn anew for each evaluation,
 *              so that its noise averages out along the path (and steps judged by their error become shorter).
 *              They share one forward pass. With the Wiener filter as control
 *              variate,
 *                tr J = sum_p -s/(G(p) + s^2) + mean of [v.J^T v + sum_p s/(G(p) + s^2) |v(p)|^2/V],
 *              with the same mean but only the noise of what the model differs by from the score of a Gaussian field.
 *   exact      V unit vectors
 *   closed     of models that know it (score/score.h), without any error
 *
 * Results of configuration i are functions of (settings, i, its field): not of threads, nor of company. */
#ifndef DMSQ_DIFFUSION_FLOW_H
#define DMSQ_DIFFUSION_FLOW_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/progress.h"
#include "base/runge_kutta.h"
#include "score/score.h"

enum flow_divergence { FLOW_PROBES, FLOW_EXACT, FLOW_CLOSED };
enum flow_sharing {
    FLOW_OWN,    /* probes are a configuration's own */
    FLOW_SHARED, /* all configurations have the probes of number 0: what their errors have in common is then one
                    constant in log q, but no density is normalised so */
    FLOW_FRESH,  /* own ones, new at each evaluation; of configurations below FLOW_FRESH_MAX, without control variate */
};

struct flow_settings {
    bool modes; /* in normalised modes; else by `method` */
    enum runge_kutta_method method;
    int64_t steps;    /* modes, heun, rk4 */
    double roughness; /* modes: beyond which a field is followed again with four times the steps; 0: none is */
    double stretch;   /* modes: the last step's length in ln s over the first one's, about; 0: 1 */
    double tolerance; /* dopri5 */
    enum flow_divergence divergence;
    size_t probes; /* >= 1, with FLOW_PROBES */
    bool signs;    /* probes are signs instead of normals */
    enum flow_sharing sharing;
    bool control;        /* with FLOW_PROBES: the Wiener filter as control variate */
    double t_start;      /* in (0, 1) */
    bool gaussian_prior; /* p_T is the Gaussian field of the noisy data; of `modes` it is in any case */
    uint64_t seed;       /* of probes and, drawing, of the prior */
};

#define FLOW_FRESH_MAX ((size_t)1 << 24)

/* What is found out about configurations; arrays of `count` elements, the caller's. */
struct flow_result {
    double *log_q;
    double *log_q_error;  /* standard error over probes; NaN without, and of a single probe */
    int64_t *evaluations; /* of the score */
    unsigned char *done;  /* 1: finished. What is 1 at the start is left alone, so that interrupted work goes on */
    size_t finished;      /* raised with each; shown as progress */
};

/* Vector-Jacobian products of one evaluation. Each costs as much as a forward pass, so that the cost of a
 * configuration is evaluations * (1 + flow_products) forward passes. */
size_t flow_products(const struct score_model *model, const struct flow_settings *settings);

/* log q of configurations first .. first+count-1 (the numbers decide on the probes), phi[count x V] in own units.
 * latent[count x V], NULL without: phi_T in scaled units. STATUS_BAD_INPUT: settings that do not fit the model, or a
 * field that is not finite; STATUS_FAILED: a flow that does not stay finite or cannot be followed with the
 * tolerance, or *interrupted became nonzero (result->done says what is complete). progress counts configurations, may
 * be NULL. */
enum status flow_log_density(const struct score_model *model, const struct flow_settings *settings, size_t first,
                             size_t count, int threads, const double *phi, double *latent, struct flow_result *result,
                             const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e);

/* Draws configurations first .. first+count-1, phi[count x V] in own units, from the flow of p_T down to t_start, with
 * their log q. Otherwise as above; latent gets the draws from the prior. */
enum status flow_sample(const struct score_model *model, const struct flow_settings *settings, size_t first,
                        size_t count, int threads, double *phi, double *latent, struct flow_result *result,
                        const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e);

/* Configurations to hand over at a time where what is done is saved in between: enough to fill a device. */
size_t flow_part(const struct score_model *model, const struct flow_settings *settings);
/* The first configuration of each call should be a multiple of this: with modes, whose packs of fields begin there. */
size_t flow_grain(const struct flow_settings *settings);

#endif
