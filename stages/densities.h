/* What the stages `likelihood` and `propose` share: the settings of the probability flow as parameters, the densities
 * of N configurations with what they cost, in parts, and their statistics as members of an artifact. */
#ifndef DMSQ_STAGES_DENSITIES_H
#define DMSQ_STAGES_DENSITIES_H

#include "diffusion/flow.h"
#include "stages/parts.h"
#include "statistics/weights.h"

/* Entries of a stage's table of parameters, which brings `method` itself; densities_settings reads them. */
/* clang-format off */
#define DENSITIES_PARAMETERS \
    {.name = "steps", .type = PARAMETER_INTEGER, .default_value = "50", .minimum = 1, .maximum = 1000000, \
     .help = "Steps of heun (2 evaluations each), rk4 and modes (4)."}, \
    {.name = "tolerance", .type = PARAMETER_REAL, .default_value = "1e-5", .minimum = 1e-9, .maximum = 0.1, \
     .help = "Absolute and relative tolerance of dopri5."}, \
    {.name = "divergence", .type = PARAMETER_CHOICE, .default_value = "probes", .choices = "probes|exact|closed", \
     .help = "probes: Skilling-Hutchinson as published, which leaves a random error in log q (log_q_error): a " \
             "chain of such proposals is exact only as far as the mean of exp(-error) is the same for every field; " \
             "exact: one vector-Jacobian product per site; closed: exact, for the models with a divergence in " \
             "closed form, gaussian and effective-action."}, \
    {.name = "probes", .type = PARAMETER_INTEGER, .default_value = "10", .minimum = 1, .maximum = 65536, \
     .help = "Probes a configuration."}, \
    {.name = "probe-distribution", .type = PARAMETER_CHOICE, .default_value = "gaussian", \
     .choices = "gaussian|rademacher", .help = "Distribution of the probes' elements; rademacher (signs) has less " \
                                               "variance."}, \
    {.name = "control-variate", .type = PARAMETER_CHOICE, .default_value = "none", .choices = "none|wiener", \
     .help = "wiener: probes estimate only the difference between the divergence and that of the Wiener filter of " \
             "the model's propagator, which is known; the same mean with far less variance. Published: none."}, \
    {.name = "prior", .type = PARAMETER_CHOICE, .default_value = "white", .choices = "white|gaussian", .later = true, \
     .help = "Density at t = 1. white: N(0, s^2(1)) as published, too narrow for long waves if the propagator is " \
             "not small compared with s^2(1); gaussian: the Gaussian field of the noisy data, of variance G(p) + " \
             "s^2(1) in mode p, G being the model's propagator. Not used by methods modes and direct."}, \
    {.name = "stretch", .type = PARAMETER_REAL, .default_value = "1", .minimum = 1, .maximum = 100, .later = true, \
     .help = "Method modes: length in ln s of the last step over that of the first. The flow is least smooth at high " \
             "noise: with 2 to 3 it needs fewer steps for the same accuracy."}, \
    {.name = "roughness", .type = PARAMETER_REAL, .default_value = "0", .minimum = 0, .maximum = 1e6, .later = true, \
     .help = "Method modes: a configuration is computed again with four times the steps if the two slopes in the " \
             "middle of each step differ by more than this in the integral of the divergence, summed over steps; a " \
             "limit that concerns one in a thousand is enough. 0: never."}
/* clang-format on */

struct densities {
    size_t count;
    struct flow_result result; /* count each, like the following */
    double *action;            /* S of the whole configuration */
    float *phi;                /* count x volume where a stage makes the configurations; else NULL */
    size_t volume;
    bool modes;        /* proposals of method modes: the next two are known */
    double step_error; /* how far twice the steps move log w */
    size_t rejected;
    const struct score_model *model; /* whose arithmetic they depend on */
};

/* Reads `method` and DENSITIES_PARAMETERS, `t-start` and `seed`. */
struct flow_settings densities_settings(const struct parameters *p);

/* All zero, nothing done. phi: whether there is to be room for configurations. */
enum status densities_allocate(struct densities *d, const struct score_model *m, size_t count, bool phi,
                               struct error *e);
void densities_release(struct densities *d);

/* Computes what this process has to, in parts of the size that the flow wants: `compute` fills the arrays of d for a
 * range, for which densities_part gives them; `context` is its. *whole: as of parts_run. */
enum status densities_run(struct stage_context *c, struct densities *d, const struct flow_settings *settings,
                          enum status (*compute)(void *context, const struct parts_range *range, struct error *e),
                          void *context, struct progress *progress, bool *whole, struct error *e);
struct flow_result densities_part(const struct densities *d, const struct parts_range *range);

/* Members log_q, log_q_error, action; evaluations and cost (forward passes, a vector-Jacobian product counting as
 * one). */
enum status densities_add(const struct densities *d, size_t products, struct npz_writer *writer, struct error *e);
/* Members action_centred, action_effective_centred and action_difference: S and S_eff = -log q without the means of
 * each, and the first less the second. */
enum status densities_add_centred(const struct densities *d, struct npz_writer *writer, struct error *e);
/* Notes the mean of these for the record. */
void densities_note(struct stage_context *c, const struct densities *d, size_t products);

/* Members R2, R2_error, ... of statistics/weights.h; var_probes, the mean variance that the probes give log q (NaN
 * without), which is part of var_log_w; and all of them once more as the stage `table` reads them: names, values,
 * errors, ... Their notes go to the record. */
enum status densities_add_weights(struct stage_context *c, const struct densities *d, enum weights_origin origin,
                                  size_t bins, struct npz_writer *writer, struct error *e);

#endif
