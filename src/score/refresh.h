/* Partial refresh of a field by a score model, a step of a Markov chain (diffusion/refresh.h): what a kind of model
 * that can do it has to bring, in kind.h.
 *
 *   paths  the field is noised to a level s and comes back down by the model's reverse process; the weight is the ratio
 *          of the probabilities of both paths: effective_path.h
 *   flow   the state of the chain is the white noise at the upper end of the flow, of which a part is drawn anew; the
 *          weight is the density that the flow has in closed form: effective_refresh.h
 *
 * Chains come in packs, which are independent of each other. */
#ifndef DMSQ_SCORE_REFRESH_H
#define DMSQ_SCORE_REFRESH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

enum score_refresh_method { SCORE_REFRESH_FLOW, SCORE_REFRESH_PATHS };

struct score_refresh_settings {
    enum score_refresh_method method;
    double level;  /* s > 0: modes of a propagator far below s^2 are drawn anew, those far above are hardly touched */
    double lowest; /* of paths: level of the last step down */
    size_t steps;  /* of paths: levels; of the flow: steps of its integrator */
};

/* A step of the chains of one pack. What a chain is, is its state[V]: of paths the field, of the flow white noise. */
struct score_refresh_step {
    struct random_key key;
    size_t first, count;    /* chains */
    uint64_t step;          /* its number */
    const float *state;     /* [count x V] */
    const double *log_q;    /* [count] of the state: what `land` or the step that was accepted gave */
    float *new_state, *phi; /* [count x V] the proposal's state and field */
    double *new_log_q;
    double *log_ratio; /* [count]: accepted with min(1, exp(S(field) - S(phi) + log_ratio)); NaN: to be rejected */
};

struct score_model;

struct score_refresh {
    size_t pack; /* chains; the first of a pack is a multiple of it */
    /* STATUS_BAD_INPUT: settings that do not go together; STATUS_FAILED: out of memory. The model must outlive it. */
    enum status (*make)(const struct score_model *m, const struct score_refresh_settings *settings, int threads,
                        void **own, struct error *e);
    void (*release)(void *own);
    /* Scratch of one thread, for free(); NULL: out of memory. */
    void *(*room)(const void *own);
    /* The state of given fields; and the field of a state with its log_q, NaN where the chain cannot be there. */
    void (*begin)(const void *own, size_t count, const float *phi, float *state, void *room);
    void (*land)(const void *own, size_t count, const float *state, float *phi, double *log_q, void *room);
    void (*propose)(const void *own, const struct score_refresh_step *step, void *room);
    /* Evaluations of the score a step. */
    size_t (*evaluations)(const void *own);
};

/* NULL: the model has none. */
const struct score_refresh *score_model_refresh(const struct score_model *m);

#endif
