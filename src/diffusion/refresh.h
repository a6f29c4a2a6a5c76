/* Markov chains of partial refreshes (score/refresh.h): each step proposes a change of the field by the model, and
 * accepts it with min(1, exp(S - S' + log_ratio)). The chains sample exp(-S)/Z of the model's couplings however wrong
 * the model is. A model of one phase keeps its chain in that phase; fields that are kept get a random sign.
 *
 * The chains are a function of (model, settings, seed, starts): the same bits for any threads, and for a run that was
 * ended and resumed. */
#ifndef DMSQ_DIFFUSION_REFRESH_H
#define DMSQ_DIFFUSION_REFRESH_H

#include <signal.h>

#include "base/progress.h"
#include "score/refresh.h"
#include "score/score.h"

/* Where the chains are, C of them: what a checkpoint has to hold. */
struct refresh_chains {
    size_t count;
    float *state, *phi; /* C x V (score/refresh.h); the field without its sign */
    double *log_q;      /* C, of the state. Not computed anew: another field in its lane would round it otherwise. */
    int64_t steps;      /* done */
    int64_t *accepted, *rejected; /* C; proposals rejected because they left the finite numbers or the phase */
    int64_t *stay, *longest_stay; /* C; steps since the last accepted, and the most that there were */
};

struct refresh;

/* STATUS_BAD_INPUT: a model that has no partial refresh, or settings that do not go together; STATUS_FAILED: out of
 * memory. The model must outlive the chains. */
enum status refresh_new(const struct score_model *m, const struct score_refresh_settings *settings, uint64_t seed,
                        size_t chains, int threads, struct refresh **refresh, struct error *e);
void refresh_free(struct refresh *r);
struct refresh_chains *refresh_where(struct refresh *r);
/* Then the chains begin at fields phi[chains x V], or resume from what the caller has put into *refresh_where.
 * STATUS_BAD_INPUT: a field where no chain can be. */
enum status refresh_begin(struct refresh *r, const float *phi, struct error *e);
void refresh_resume(struct refresh *r);

/* One step of all chains. */
void refresh_step(struct refresh *r);

/* The field of chain i at the end of the last step, with its sign; and its action. */
void refresh_field(const struct refresh *r, size_t i, float *phi);
double refresh_action(const struct refresh *r, size_t i);

/* Evaluations of the score a step. */
size_t refresh_evaluations(const struct refresh *r);

/* By the flow: how far twice the integrator's steps move log w of the fields where the chains are, root mean square
 * less the mean; 0 by paths, which have no such error. */
enum status refresh_step_error(const struct refresh *r, double *error, struct error *e);

#endif
