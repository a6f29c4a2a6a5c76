/* The table of kinds of score models. Another kind needs a file of its own (see kind.h) and its entries here. */
#ifndef DMSQ_SCORE_KINDS_H
#define DMSQ_SCORE_KINDS_H

#include "score/effective_action.h"
#include "score/kind.h"
#include "score/network.h"

extern const struct score_kind score_unet, score_gaussian, score_toy, score_effective_action;

#define SCORE_KINDS &score_unet, &score_gaussian, &score_toy, &score_effective_action

/* For the parameters of the stage `train`: the values of parameter `network`, their meaning, and the parameters of the
 * kinds. New parameters are declared `later` (base/parameters.h). */
#define SCORE_KIND_CHOICES "unet|gaussian|toy|effective-action"
#define SCORE_KIND_HELP \
    "unet: the network of A App. A. gaussian: the exact score of a Gaussian field with the propagator measured on " \
    "the " \
    "training set (the Wiener filter), without training. toy: a network with three levels for fields of one site (A " \
    "Sec. 3.4). effective-action: a score that is linear in a few physical features, fitted by least squares, with " \
    "its " \
    "divergence in closed form."
#define SCORE_KIND_PARAMETERS SCORE_NETWORK_PARAMETERS, SCORE_EFFECTIVE_PARAMETERS

/* Arrays that the kinds add to a model's artifact: {name, type, shape, unit, help} as in experiment/stage.h. */
#define SCORE_KIND_ARRAYS SCORE_NETWORK_ARRAYS, SCORE_EFFECTIVE_ARRAYS

#endif
