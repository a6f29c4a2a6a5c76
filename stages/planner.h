/* Options that the tools share with the planner (PLAN_OPTIONS of the Makefile), see plan_request in
 * src/experiment/plan.h: --profile, --set, --backend, --experiments, --results, --figures, --programs. */
#ifndef DMSQ_STAGES_PLANNER_H
#define DMSQ_STAGES_PLANNER_H

#include "experiment/plan.h"

/* The main of a tool: reads the options and the plan, calls `run` and prints its error. stages: all_stages. what: one
 * sentence for --help. Returns the exit status. */
int planner_main(int argc, char **argv, const struct stage *const *stages, const char *what,
                 enum status (*run)(const struct plan *plan, const struct plan_request *request, struct error *e));

/* An option of one tool: "--NAME=VALUE" sets *text to VALUE. The list ends with a NULL name. */
struct planner_option {
    const char *name, *value, *help;
    const char **text;
};
int planner_main_with(int argc, char **argv, const struct stage *const *stages, const char *what,
                      const struct planner_option *own,
                      enum status (*run)(const struct plan *plan, const struct plan_request *request, struct error *e));

/* The variables that `make NAME` needs to compute the same, such as " PROFILE=quick SET='...'"; "" for the defaults.
 * Belongs to the plan's pool. */
const char *planner_variables(const struct plan *plan, const struct plan_request *request);

#endif
