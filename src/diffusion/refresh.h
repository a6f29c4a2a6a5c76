/* Markov chains of partial refreshes (score/refresh.h): each step proposes a change of the field by the model, and
 * accepts it with probability min(1, exp(S - S' + log_ratio)). The chains sample exp(-S)/Z with the model's couplings,
 * however wrong the model is. A model of one phase keeps its chains in that phase; fields that are stored get a random
 * sign.
 *
 * The chains depend only on (model, settings, seed, starts): they have the same bits for any number of threads, and
 * after an interruption. */
#ifndef DMSQ_DIFFUSION_REFRESH_H
#define DMSQ_DIFFUSION_REFRESH_H

#include <signal.h>

#include "base/progress.h"
#include "score/refresh.h"
#include "score/score.h"

/* The state of C chains, which a checkpoint has to store. */
struct refresh_chains {
    size_t count;
    float *state, *phi; /* (C, V), see score/refresh.h; phi without its random sign */
    double *log_q; /* (C), of the state; it is stored because recomputing it in another pack could change its bits */
    int64_t steps; /* finished steps */
    int64_t *accepted, *rejected; /* (C); rejected: proposals that became infinite or left the phase */
    int64_t *stay, *longest_stay; /* (C); steps since the last accepted one, and the largest such number so far */
};

struct refresh;

/* Makes the chains; the model must outlive them. STATUS_BAD_INPUT: a model without partial refresh, or inconsistent
 * settings. STATUS_FAILED: out of memory. */
enum status refresh_new(const struct score_model *m, const struct score_refresh_settings *settings, uint64_t seed,
                        size_t chains, int threads, struct refresh **refresh, struct error *e);
void refresh_free(struct refresh *r);
struct refresh_chains *refresh_where(struct refresh *r);
/* After refresh_new, either refresh_begin starts the chains at fields phi (chains, V), or refresh_resume continues them
 * from the state that the caller has put into *refresh_where. STATUS_BAD_INPUT: a field from which no chain can
 * start. */
enum status refresh_begin(struct refresh *r, const float *phi, struct error *e);
void refresh_resume(struct refresh *r);

/* Makes one step of all chains. */
void refresh_step(struct refresh *r);

/* refresh_field sets phi[V] to the field of chain i after the last step, with its random sign; refresh_action returns
 * its action S. */
void refresh_field(const struct refresh *r, size_t i, float *phi);
double refresh_action(const struct refresh *r, size_t i);

/* Evaluations of the score per step. */
size_t refresh_evaluations(const struct refresh *r);

/* For the flow: change of log w of the chains' present fields with twice the integrator's steps, root mean square after
 * subtraction of the mean. For paths: 0, since they have no such error. */
enum status refresh_step_error(const struct refresh *r, double *error, struct error *e);

#endif
