/* The noise levels that the flow of the effective-action model goes through, from the highest to the lowest: three a
 * Runge-Kutta step, its start, middle and end; or one a step of the reverse process with noise. */
#ifndef DMSQ_SCORE_EFFECTIVE_GRID_H
#define DMSQ_SCORE_EFFECTIVE_GRID_H

#include "score/effective_model.h"

struct effective_grid {
    size_t steps, points;
    double *log_s; /* [points]: ln s of every level, descending */
    size_t *first; /* [steps]: the level at the start of step k; middle and end are the next two */
    double step;   /* d ln s of every step, negative; 0 where steps differ */
};

/* Step k begins at the part (stretch^(k/steps) - 1)/(stretch - 1) of the way in ln s, stretch >= 1; k/steps if it is 1.
 * If there are blocked lattices or levels without bilocal features (and more steps than changes of either), steps are
 * moved a little so that no step contains a change: the model is not smooth there. A change has two levels of one
 * noise, the end of a step and the start of the next. stretch 0: equal steps even then. STATUS_FAILED: out of memory.
 */
enum status effective_grid_make(const struct effective_model *m, const struct effective_lattices *lattices,
                                size_t steps, double stretch, struct effective_grid *grid, struct error *e);
/* steps >= 2 levels equally far apart. */
enum status effective_grid_noisy(const struct effective_model *m, size_t steps, struct effective_grid *grid,
                                 struct error *e);
void effective_grid_release(struct effective_grid *grid);

/* d ln s of step k of the flow, negative; ln s at its start, or, k = steps, at the end. */
double effective_grid_length(const struct effective_grid *grid, size_t k);
double effective_grid_log_s(const struct effective_grid *grid, size_t k);

#endif
