/* The artifacts of an experiment, for the tools that check, compare and archive them. */
#ifndef DMSQ_STAGES_CLOSURE_H
#define DMSQ_STAGES_CLOSURE_H

#include "experiment/plan.h"

/* Sets *x to the experiment of that name. STATUS_BAD_INPUT: there is none, or it cannot be planned; the message
 * suggests a similar name. `what` names the option in the message, "NAME". */
enum status closure_experiment(const struct plan *plan, const char *what, const char *name, const struct experiment **x,
                               struct error *e);
/* Sets *keys to the distinct keys of the experiment's nodes, inputs first; they belong to the plan's pool. */
enum status closure_keys(const struct plan *plan, const struct experiment *x, const char *const **keys, size_t *count,
                         struct error *e);

#endif
