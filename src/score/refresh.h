/* Partial refresh of a field by a score model, a step of a Markov chain (diffusion/refresh.h): the functions of a kind
 * of model that supports it (kind.h).
 *
 *   paths  noise of level s is added to the field and removed by the model's reverse process; the weight is the ratio
 *          of the probabilities of both paths (effective_path.h)
 *   flow   the state of the chain is the white noise at the upper end of the flow, a part of which is redrawn; the
 *          weight contains the density of the flow in closed form (effective_refresh.h)
 *
 * Chains are grouped in packs. */
#ifndef DMSQ_SCORE_REFRESH_H
#define DMSQ_SCORE_REFRESH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

enum score_refresh_method { SCORE_REFRESH_FLOW, SCORE_REFRESH_PATHS };

struct score_refresh_settings {
    enum score_refresh_method method;
    double level;  /* s > 0: modes with a propagator far below s^2 are redrawn, those far above hardly change */
    double lowest; /* for paths: the lowest level above 0 */
    size_t steps;  /* for paths: number of levels; for the flow: steps of its integrator */
};

/* A step of the chains of one pack. The state of a chain, [V], is the field for paths, and white noise for the flow. */
struct score_refresh_step {
    struct random_key key;
    size_t first, count;    /* chains */
    uint64_t step;          /* number of the step */
    const float *state;     /* (count, V) */
    const double *log_q;    /* [count], of the state: from `land` or from the last accepted step */
    float *new_state, *phi; /* (count, V): state and field of the proposal */
    double *new_log_q;
    double *log_ratio; /* [count]: accepted with min(1, exp(S(field) - S(phi) + log_ratio)); NaN: rejected */
};

struct score_model;

struct score_refresh {
    size_t pack; /* chains per pack; the first chain of a pack is a multiple of it */
    /* Makes *own; the model must outlive it. STATUS_BAD_INPUT: inconsistent settings; STATUS_FAILED: out of memory. */
    enum status (*make)(const struct score_model *m, const struct score_refresh_settings *settings, int threads,
                        void **own, struct error *e);
    void (*release)(void *own);
    /* Workspace of one thread, released by free(); NULL: out of memory. */
    void *(*room)(const void *own);
    /* begin sets the state for given fields; land sets field and log_q of a state, NaN for a state that is not
     * allowed. */
    void (*begin)(const void *own, size_t count, const float *phi, float *state, void *room);
    void (*land)(const void *own, size_t count, const float *state, float *phi, double *log_q, void *room);
    void (*propose)(const void *own, const struct score_refresh_step *step, void *room);
    /* Evaluations of the score per step. */
    size_t (*evaluations)(const void *own);
};

/* The functions of a model's kind; NULL: it does not support partial refresh. */
const struct score_refresh *score_model_refresh(const struct score_model *m);

#endif
