/* The effective-action model as a kind of score model: its parameters in the stage `train`, and its arrays. The model
 * is defined in effective_level.h and effective_features.h, its fit in effective_fit.h and effective_refine.h. */
#ifndef DMSQ_SCORE_EFFECTIVE_ACTION_H
#define DMSQ_SCORE_EFFECTIVE_ACTION_H

#include "score/effective_model.h"
#include "score/kind.h"

/* Entries of the table of parameters of the stage `train`. */
/* clang-format off */
#define SCORE_EFFECTIVE_PARAMETERS \
    {.name = "phase", .type = PARAMETER_CHOICE, .default_value = "symmetric", .choices = "symmetric|broken", \
     .later = true, \
     .help = "Effective-action model. broken: fitted in one phase, to configurations sign-flipped to a positive " \
             "mean, which is subtracted, with even features as well; samples have a random sign."}, \
    {.name = "local", .type = PARAMETER_INTEGER, .default_value = "9", .minimum = 1, .maximum = 14, .later = true, \
     .help = "Effective-action model: highest power of the local potential's force."}, \
    {.name = "pairs", .type = PARAMETER_INTEGER, .default_value = "7", .minimum = 0, .maximum = 13, .later = true, \
     .help = "Effective-action model: highest p + q of bilocal features t^p (C^n * t^q); 0: none."}, \
    {.name = "kernels", .type = PARAMETER_INTEGER, .default_value = "2", .minimum = 0, .maximum = 8, .later = true, \
     .help = "Effective-action model: kernels C^n, n = 1 to this, of the bilocal features."}, \
    {.name = "linear-pairs", .type = PARAMETER_INTEGER, .default_value = "3", .minimum = 0, .maximum = 8, \
     .later = true, \
     .help = "Effective-action model: kernels of the linear bilocal features t^0 (C^n * t^1)."}, \
    {.name = "zero-mode", .type = PARAMETER_INTEGER, .default_value = "7", .minimum = 0, .maximum = 13, .later = true, \
     .help = "Effective-action model, symmetric phase: highest power of the zero mode; it also moves the " \
             "potential, up to two powers less; 0: no such features."}, \
    {.name = "saturation", .type = PARAMETER_REAL, .default_value = "2.5", .minimum = 0.1, .maximum = 100, \
     .later = true, \
     .help = "Effective-action model: a of t = a tanh(u/a), u the filtered field in units of its standard " \
             "deviation."}, \
    {.name = "zero-saturation", .type = PARAMETER_REAL, .default_value = "1.3", .minimum = 0.1, .maximum = 100, \
     .later = true, \
     .help = "Effective-action model: the same for the zero mode."}, \
    {.name = "levels", .type = PARAMETER_INTEGER, .default_value = "20", .minimum = 3, .maximum = 1000, .later = true, \
     .help = "Effective-action model: noise levels of the fit, equidistant in ln s."}, \
    {.name = "lowest-level", .type = PARAMETER_REAL, .default_value = "0.1", .minimum = 1e-4, .maximum = 1, \
     .later = true, \
     .help = "Effective-action model: lowest noise level s, below which the score is taken as that of a Gaussian " \
             "field."}, \
    {.name = "highest-level", .type = PARAMETER_REAL, .default_value = "0", .minimum = 0, .maximum = 10000, \
     .later = true, \
     .help = "Effective-action model: highest noise level s; 0: 2.5 times the root of the propagator's largest " \
             "mode, and at least 10."}, \
    {.name = "target", .type = PARAMETER_CHOICE, .default_value = "mixed", .choices = "mixed|noise", .later = true, \
     .help = "Effective-action model: target of the fit. noise: -z/s; mixed: the same combined mode by mode with " \
             "the action's force (De Bortoli et al. 2402.08667), with the same mean and less noise at small noise " \
             "levels."}, \
    {.name = "ridge", .type = PARAMETER_REAL, .default_value = "1e-5", .minimum = 1e-12, .maximum = 1, .later = true, \
     .help = "Effective-action model: smallest ridge of the fit, in units of the diagonal of the normal equations; " \
             "it is raised according to the noise of the fit."}, \
    {.name = "fit-configurations", .type = PARAMETER_INTEGER, .default_value = "0", .minimum = 0, .maximum = 1e9, \
     .later = true, \
     .help = "Effective-action model: number of configurations, from the first on, to which the coefficients are " \
             "fitted; 0: all. The propagator is always measured on all of them."}, \
    {.name = "refine", .type = PARAMETER_INTEGER, .default_value = "2048", .minimum = 0, .maximum = 1e7, \
     .later = true, \
     .help = "Effective-action model: proposals of the model in each round of the refinement, which refines the " \
             "coefficients on their log weights; 0: no refinement."}, \
    {.name = "refine-rounds", .type = PARAMETER_INTEGER, .default_value = "2", .minimum = 1, .maximum = 100, \
     .later = true, \
     .help = "Effective-action model: maximum number of rounds of the refinement; it stops after the first without " \
             "a gain."}, \
    {.name = "refine-penalty", .type = PARAMETER_REAL, .default_value = "0.3", .minimum = 1e-6, .maximum = 1e6, \
     .later = true, \
     .help = "Effective-action model: weight of the change of the flow against the variance of log weights in the " \
             "refinement."}, \
    {.name = "blocking", .type = PARAMETER_REAL, .default_value = "0", .minimum = 0, .maximum = 0.5, .later = true, \
     .help = "Effective-action model: at high noise the nonlinear part of the score is computed on a blocked " \
             "lattice, if the modes that this omits hold at most this share of the variance of u; 0: always on the " \
             "whole lattice."}, \
    {.name = "pairs-outer", .type = PARAMETER_INTEGER, .default_value = "0", .minimum = 0, .maximum = 13, \
     .later = true, \
     .help = "Effective-action model: highest p of bilocal features t^p (C^n * t^q); 0: as far as `pairs` allows. " \
             "An evaluation takes one Fourier transform for each p and each q."}, \
    {.name = "pairs-inner", .type = PARAMETER_INTEGER, .default_value = "0", .minimum = 0, .maximum = 13, \
     .later = true, .help = "Effective-action model: the same for q."}, \
    {.name = "pairs-above", .type = PARAMETER_REAL, .default_value = "0", .minimum = 0, .maximum = 1000, \
     .later = true, \
     .help = "Effective-action model: noise level s below which the model has no bilocal features but the linear " \
             "ones; the others matter little there, and an evaluation without them takes 3 Fourier transforms."}, \
    {.name = "transfer-below", .type = PARAMETER_REAL, .default_value = "0", .minimum = 0, .maximum = 10000, \
     .later = true, \
     .help = "Effective-action model, input `transfer`: levels of noise s above this are fitted, not taken over: at " \
             "high noise the smaller lattice is little more than its zero mode. 0: all are taken over."}
/* clang-format on */

/* Arrays of its artifact. */
/* clang-format off */
#define SCORE_EFFECTIVE_ARRAYS \
    {"effective.features", NPZ_BYTES, "F", "", "Names of the features; this and the following: for an " \
                                               "effective-action model."}, \
    {"effective.saturation", NPZ_FLOAT64, "", "", "Saturation a of t = a tanh(u/(a sigma_u))."}, \
    {"effective.zero_saturation", NPZ_FLOAT64, "", "", "Saturation of the zero mode."}, \
    {"effective.one_phase", NPZ_INT64, "", "", "1: fitted to fields of one phase; the density covers both."}, \
    {"effective.log_s", NPZ_FLOAT64, "levels", "", "ln s of the noise levels."}, \
    {"effective.coefficients", NPZ_FLOAT64, "levels, F", "", "Coefficients of the features."}, \
    {"effective.gain", NPZ_FLOAT64, "levels", "nats", "Gain over the Wiener filter, level by level."}, \
    {"effective.refine_before", NPZ_FLOAT64, "", "", "Standard deviation of log w before the refinement; 0: there " \
     "was none."}, \
    {"effective.refine_after", NPZ_FLOAT64, "", "", "The same after it."}, \
    {"effective.refine_rounds", NPZ_INT64, "", "", "Rounds of the refinement that had a gain."}, \
    {"effective.refine_far", NPZ_INT64, "", "", "Proposals of the last round whose log weights were outliers with " \
                                                "little weight."}, \
    {"effective.blocking", NPZ_FLOAT64, "", "", "Share of the variance of u that blocked lattices may omit; " \
     "absent: no blocking."}, \
    {"effective.pairs_above", NPZ_FLOAT64, "", "", "Noise level s below which there are no nonlinear bilocal " \
     "features; absent: none."}
/* clang-format on */

#endif
