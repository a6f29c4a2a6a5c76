/* Declarations of arrays that several stages have in common (experiment/stage.h). */
#ifndef DMSQ_STAGES_ARRAYS_H
#define DMSQ_STAGES_ARRAYS_H

#include "experiment/stage.h"

/* clang-format off */
#define ARRAY_THERMALISED \
    {"thermalised", NPZ_INT64, "", "", \
     "Whether the Markov chains of the data are in equilibrium. 1: they passed the tests; 0: they failed; -1: there " \
     "are too few chains to test. Passed on from ensembles to models, samples, tables and figures."}

#define ARRAYS_COUPLINGS \
    {"kappa", NPZ_FLOAT64, "", "", "Hopping parameter of the action (A 4.2)."}, \
    {"lambda", NPZ_FLOAT64, "", "", "Quartic coupling of the action (A 4.2)."}

/* The field of N configurations, with what is known about them. */
#define ARRAYS_FIELD \
    {"phi", NPZ_FLOAT32, "N, x1, ..., xd", "lattice units", "The field of N configurations, chain after chain."}, \
    ARRAYS_COUPLINGS, \
    {"chains", NPZ_INT64, "", "", "Number of Markov chains C, each of N/C configurations in sequence."}, \
    {"independent", NPZ_INT64, "", "", "1: the N configurations are independent of each other; 0: they are not."}, \
    ARRAY_THERMALISED

/* Rows of a table, K of them (report/estimates.h). */
#define ARRAYS_ESTIMATES ARRAYS_ESTIMATES_BY("How errors were estimated: jackknife, gamma, windows.")
#define ARRAYS_ESTIMATES_BY(methods) \
    {"names", NPZ_BYTES, "K", "", "Names of the estimates, as in tables."}, \
    {"values", NPZ_FLOAT64, "K", "", "The estimates, in lattice units."}, \
    {"errors", NPZ_FLOAT64, "K", "", "Their standard errors; NaN if there is none."}, \
    {"tau_int", NPZ_FLOAT64, "K", "stored configurations", "Integrated autocorrelation times; NaN if none was " \
                                                           "measured."}, \
    {"tau_int_error", NPZ_FLOAT64, "K", "stored configurations", "Their standard errors."}, \
    {"error_method", NPZ_BYTES, "", "", methods}, \
    {"configurations", NPZ_INT64, "", "", "Number of configurations used."}

/* The excess of a model (diffusion/excess.h); `set`: the configurations on which it is measured. */
#define ARRAYS_EXCESS(set) \
    {"excess.sigma", NPZ_FLOAT64, "levels", "scaled field", \
     "Noise levels s at which the loss is compared with that of the Wiener filter (diffusion/excess.h)" set "."}, \
    {"excess.loss", NPZ_FLOAT64, "levels", "", "Loss of the model."}, \
    {"excess.wiener", NPZ_FLOAT64, "levels", "", "Loss of the Wiener filter on the same noise."}, \
    {"excess.excess", NPZ_FLOAT64, "levels", "", "Mean difference of the two losses."}, \
    {"excess.error", NPZ_FLOAT64, "levels", "", "Its standard error over configurations."}

/* A score model (score/score_model.c and its kinds). */
#define ARRAYS_MODEL \
    {"model.kind", NPZ_BYTES, "", "", "Kind of score model: the parameter network of train."}, \
    {"model.sigma", NPZ_FLOAT64, "", "", "Base of the noise schedule g(t) = sigma^t."}, \
    {"model.offset", NPZ_FLOAT64, "", "lattice units", "Scaled field = (phi - offset) factor."}, \
    {"model.factor", NPZ_FLOAT64, "", "", "Factor of the scaled field."}, \
    {"model.variance", NPZ_FLOAT64, "", "", "Mean of phi^2 of the scaled field."}, \
    ARRAYS_COUPLINGS, \
    ARRAY_THERMALISED, \
    {"propagator", NPZ_FLOAT64, "x1, ..., xd", "", "G(p) = <|phi(p)|^2>/V of the scaled training set; modes as " \
     "numpy's fftn orders them."}, \
    SCORE_KIND_ARRAYS
/* clang-format on */

#endif
