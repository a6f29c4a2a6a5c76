/* The noise levels of the flow of the effective-action model, from the highest to the lowest: three for each
 * Runge-Kutta step (start, middle and end), or one for each step of the reverse process with noise. */
#ifndef DMSQ_SCORE_EFFECTIVE_GRID_H
#define DMSQ_SCORE_EFFECTIVE_GRID_H

#include "score/effective_model.h"

struct effective_grid {
    size_t steps, points;
    double *log_s; /* [points]: ln s of every level, descending */
    size_t *first; /* [steps]: the level at the start of step k; middle and end are the next two */
    double step;   /* d ln s of every step, negative; 0 where steps differ */
};

/* Step k begins after the fraction (stretch^(k/steps) - 1)/(stretch - 1) of the distance in ln s, stretch >= 1; k/steps
 * for stretch 1. If there are blocked lattices or levels without bilocal features (and more steps than changes of
 * either), steps are moved a little so that no step contains a change, where the model is not smooth. A change has two
 * levels of the same noise, the end of a step and the start of the next. stretch 0: equal steps even then.
 * STATUS_FAILED: out of memory. */
enum status effective_grid_make(const struct effective_model *m, const struct effective_lattices *lattices,
                                size_t steps, double stretch, struct effective_grid *grid, struct error *e);
/* steps >= 2 levels, equidistant in ln s. */
enum status effective_grid_noisy(const struct effective_model *m, size_t steps, struct effective_grid *grid,
                                 struct error *e);
void effective_grid_release(struct effective_grid *grid);

/* d ln s of step k of the flow, negative; and ln s at its start (k = steps: at the end of the last step). */
double effective_grid_length(const struct effective_grid *grid, size_t k);
double effective_grid_log_s(const struct effective_grid *grid, size_t k);

#endif
