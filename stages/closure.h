/* The artifacts of an experiment, for the tools that check, compare and archive them. */
#ifndef DMSQ_STAGES_CLOSURE_H
#define DMSQ_STAGES_CLOSURE_H

#include "experiment/plan.h"

/* The experiment of that name; STATUS_BAD_INPUT says what there is. `what` names the option, "NAME". */
enum status closure_experiment(const struct plan *plan, const char *what, const char *name, const struct experiment **x,
                               struct error *e);
/* The distinct keys of its nodes, inputs first; belongs to the plan's pool. */
enum status closure_keys(const struct plan *plan, const struct experiment *x, const char *const **keys, size_t *count,
                         struct error *e);

#endif
