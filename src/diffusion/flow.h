/* The probability flow of a score model and the density of its configurations (A 3.14, 3.15, A B.2):
 *
 *   dphi/dt = -1/2 g(t)^2 score(phi, t),    log q(phi_0) = log p_T(phi_T) - 1/2 int g^2 div score dt,
 *
 * with the factors 1/2 that are missing in A 3.14 and A B.2 (the authors' code has them). p_T is N(0, s^2(1)) as
 * published, or the Gaussian field of the noisy data (flow_prior.h), and t goes from t_start to 1. The flow ends at
 * t_start, by default 1e-5 as in the authors' code: phi(t_start) is used as phi_0, so q is the density of the data with
 * noise s(t_start) = sqrt(t_start) in scaled units. q is the density of the field in its own units: it includes the
 * Jacobian factor^V of the scaling. Up to the errors of the integrator and of the divergence, q is exactly the density
 * from which flow_sample draws.
 *
 *   dopri5     in t, adaptive; the tolerance is absolute and relative, for the scaled field and the log-density
 *              (base/runge_kutta.h). Every configuration has its own steps.
 *   heun, rk4  `steps` equal steps in u = log s: dphi/du = -s (s score), which is smooth over all noise levels.
 *   modes      `steps` steps of rk4 in normalised modes, for models that have them (score_model_modes), from the
 *              Gaussian field of the noisy data instead of N(0, s^2(1)), with the divergence in closed form; t_start,
 *              tolerance and divergence are not used. A rejected draw is 0 at all sites, and its log q is infinite.
 *
 * Divergence, the trace of J, the Jacobian of s(t) score:
 *   probes     Skilling-Hutchinson estimator: mean over probes v of v.J^T v. The elements of v are normal numbers, or
 *              signs (Rademacher), which have less variance. v is fixed along one path, different for each
 *              configuration or the same for all; or it is new at each evaluation, so that its noise averages out along
 *              the path (an adaptive integrator then makes shorter steps). All probes share one forward pass. With the
 *              Wiener filter as control variate,
 *                tr J = sum_p -s/(G(p) + s^2) + mean of [v.J^T v + sum_p s/(G(p) + s^2) |v(p)|^2/V],
 *              with the same mean, and only the noise of the difference between the model and a Gaussian field's score.
 *   exact      V unit vectors instead of probes
 *   closed     for models with a divergence in closed form (score/score.h), without error
 *
 * Results for configuration i depend only on (settings, i, its field), not on threads or other configurations. */
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
    FLOW_OWN,    /* each configuration has its own probes */
    FLOW_SHARED, /* all configurations have the probes of configuration 0: the common part of their errors is a constant
                    in log q, but q is not normalised then */
    FLOW_FRESH,  /* each configuration has its own probes, new at each evaluation; for configurations below
                    FLOW_FRESH_MAX, without control variate */
};

struct flow_settings {
    bool modes; /* in normalised modes; else by `method` */
    enum runge_kutta_method method;
    int64_t steps;    /* modes, heun, rk4 */
    double roughness; /* modes: a field with more roughness is computed again with four times the steps; 0: never */
    double stretch;   /* modes: ratio of the lengths in ln s of the last and the first step, about; 0 means 1 */
    double tolerance; /* dopri5 */
    enum flow_divergence divergence;
    size_t probes; /* >= 1, with FLOW_PROBES */
    bool signs;    /* probes are signs instead of normals */
    enum flow_sharing sharing;
    bool control;        /* with FLOW_PROBES: the Wiener filter as control variate */
    double t_start;      /* in (0, 1) */
    bool gaussian_prior; /* p_T is the Gaussian field of the noisy data; with `modes` it always is */
    uint64_t seed;       /* of the probes and of the draws from the prior */
};

#define FLOW_FRESH_MAX ((size_t)1 << 24)

/* Results for configurations, in arrays of `count` elements that belong to the caller. */
struct flow_result {
    double *log_q;
    double *log_q_error;  /* standard error over probes; NaN without probes or with a single one */
    int64_t *evaluations; /* evaluations of the score */
    unsigned char *done;  /* 1: finished. Configurations with 1 at the start are skipped, to resume interrupted work */
    size_t finished;      /* raised by one for each finished configuration; shown as progress */
};

/* Vector-Jacobian products of one evaluation. Each costs as much as a forward pass, so that the cost of a
 * configuration is evaluations * (1 + flow_products) forward passes. */
size_t flow_products(const struct score_model *model, const struct flow_settings *settings);

/* Computes log q of configurations first .. first+count-1, phi (count, V) in the units of the field. Their numbers
 * determine the probes. latent, (count, V) or NULL, is set to phi_T in scaled units. progress counts configurations and
 * may be NULL. STATUS_BAD_INPUT: settings that do not suit the model, or a field that is not finite. STATUS_FAILED: the
 * flow is not finite or does not reach the tolerance, or *interrupted became nonzero; result->done has the finished
 * configurations. */
enum status flow_log_density(const struct score_model *model, const struct flow_settings *settings, size_t first,
                             size_t count, int threads, const double *phi, double *latent, struct flow_result *result,
                             const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e);

/* Draws configurations first .. first+count-1, phi (count, V) in the units of the field, by the flow from p_T down to
 * t_start, with their log q. Otherwise as above; latent is set to the draws from the prior. */
enum status flow_sample(const struct score_model *model, const struct flow_settings *settings, size_t first,
                        size_t count, int threads, double *phi, double *latent, struct flow_result *result,
                        const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e);

/* Number of configurations of one call if results are saved between calls: enough to fill a device. */
size_t flow_part(const struct score_model *model, const struct flow_settings *settings);
/* The first configuration of each call should be a multiple of this, the size of a pack of fields with modes. */
size_t flow_grain(const struct flow_settings *settings);

#endif
