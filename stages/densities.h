/* Shared by the stages `likelihood` and `propose`: the settings of the probability flow as parameters, the densities of
 * N configurations and their cost, computed in parts, and their statistics as arrays of an artifact. */
#ifndef DMSQ_STAGES_DENSITIES_H
#define DMSQ_STAGES_DENSITIES_H

#include "diffusion/flow.h"
#include "stages/parts.h"
#include "statistics/weights.h"

/* Entries of a stage's table of parameters; the stage adds `method` itself. densities_settings reads them. */
/* clang-format off */
#define DENSITIES_PARAMETERS \
    {.name = "steps", .type = PARAMETER_INTEGER, .default_value = "50", .minimum = 1, .maximum = 1000000, \
     .help = "Steps of heun (2 evaluations each), rk4 and modes (4)."}, \
    {.name = "tolerance", .type = PARAMETER_REAL, .default_value = "1e-5", .minimum = 1e-9, .maximum = 0.1, \
     .help = "Absolute and relative tolerance of dopri5."}, \
    {.name = "divergence", .type = PARAMETER_CHOICE, .default_value = "probes", .choices = "probes|exact|closed", \
     .help = "probes: the Skilling-Hutchinson estimator as published, which leaves a random error in log q " \
             "(log_q_error). A chain of such proposals is exact only as far as the mean of exp(-error) is the same " \
             "for every field. exact: one vector-Jacobian product per site. closed: exact, for models with a " \
             "divergence in closed form (gaussian and effective-action)."}, \
    {.name = "probes", .type = PARAMETER_INTEGER, .default_value = "10", .minimum = 1, .maximum = 65536, \
     .help = "Probes per configuration."}, \
    {.name = "probe-distribution", .type = PARAMETER_CHOICE, .default_value = "gaussian", \
     .choices = "gaussian|rademacher", .help = "Distribution of the probes' elements; rademacher (signs) has less " \
                                               "variance."}, \
    {.name = "control-variate", .type = PARAMETER_CHOICE, .default_value = "none", .choices = "none|wiener", \
     .help = "wiener: probes estimate only the difference between the divergence and the known divergence of the " \
             "Wiener filter of the model's propagator. The mean is the same, with far less variance. Published: " \
             "none."}, \
    {.name = "prior", .type = PARAMETER_CHOICE, .default_value = "white", .choices = "white|gaussian", .later = true, \
     .help = "Density at t = 1. white: N(0, s^2(1)) as published, too narrow for modes whose propagator G(p) is not " \
             "small compared with s^2(1). gaussian: the Gaussian field of the noisy data, of variance G(p) + s^2(1) " \
             "in mode p, G being the model's propagator. Not used by methods modes and direct."}, \
    {.name = "stretch", .type = PARAMETER_REAL, .default_value = "1", .minimum = 1, .maximum = 100, .later = true, \
     .help = "Method modes: ratio of the lengths in ln s of the last step and the first. The flow is least smooth at " \
             "high noise, so that with 2 to 3 it needs fewer steps for the same accuracy."}, \
    {.name = "roughness", .type = PARAMETER_REAL, .default_value = "0", .minimum = 0, .maximum = 1e6, .later = true, \
     .help = "Method modes: limit for the error of log q. Each step has two slopes at its middle; the differences of " \
             "their contributions to the integral of the divergence are summed over the steps. A configuration whose " \
             "sum exceeds the limit is computed again with four times the steps. A limit exceeded by one in a " \
             "thousand is enough. 0: never."}
/* clang-format on */

struct densities {
    size_t count;
    struct flow_result result; /* arrays of count numbers */
    double *action;            /* (count): S of the whole configuration */
    float *phi;                /* (count, volume) if the stage makes the configurations; else NULL */
    size_t volume;
    bool modes;        /* proposals of method modes, for which step_error and rejected are known */
    double step_error; /* change of log w with twice the steps, root mean square */
    size_t rejected;
    const struct score_model *model; /* the densities depend on its arithmetic */
};

/* Reads `method` and DENSITIES_PARAMETERS, `t-start` and `seed`. */
struct flow_settings densities_settings(const struct parameters *p);

/* Allocates arrays of zeros for count configurations; phi: whether also for the fields. STATUS_FAILED: no memory. */
enum status densities_allocate(struct densities *d, const struct score_model *m, size_t count, bool phi,
                               struct error *e);
void densities_release(struct densities *d);

/* Computes this process's share, in parts of the size that suits the flow. `compute` gets `context` and fills the
 * arrays of d for a range; densities_part returns these arrays. *whole: as for parts_run. */
enum status densities_run(struct stage_context *c, struct densities *d, const struct flow_settings *settings,
                          enum status (*compute)(void *context, const struct parts_range *range, struct error *e),
                          void *context, struct progress *progress, bool *whole, struct error *e);
struct flow_result densities_part(const struct densities *d, const struct parts_range *range);

/* Adds the arrays log_q, log_q_error, action, evaluations and cost (in forward passes, a vector-Jacobian product
 * counting as one; `products` of them are made per evaluation). */
enum status densities_add(const struct densities *d, size_t products, struct npz_writer *writer, struct error *e);
/* Adds the arrays action_centred, action_effective_centred and action_difference: S and S_eff = -log q, each minus its
 * mean, and the first minus the second. */
enum status densities_add_centred(const struct densities *d, struct npz_writer *writer, struct error *e);
/* Notes mean evaluations, cost and error of log q for the run record. */
void densities_note(struct stage_context *c, const struct densities *d, size_t products);

/* Adds the arrays R2, R2_error, ... of statistics/weights.h and var_probes, the mean variance of log q from the probes
 * (NaN without probes), which is part of var_log_w. Adds all of them also as names, values, errors, ... for the stage
 * `table`, and notes them for the run record. */
enum status densities_add_weights(struct stage_context *c, const struct densities *d, enum weights_origin origin,
                                  size_t bins, struct npz_writer *writer, struct error *e);

#endif
