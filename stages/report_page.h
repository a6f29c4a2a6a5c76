/* The page of the report: a list of the experiments, and a section for each. */
#ifndef DMSQ_STAGES_REPORT_PAGE_H
#define DMSQ_STAGES_REPORT_PAGE_H

#include <stdio.h>

#include "experiment/plan.h"
#include "report/published.h"
#include "store/record.h"

/* Writes the page. Published values are read from EXPERIMENTS/published.tsv, if it exists. */
enum status report_page(const struct plan *plan, const struct plan_request *request, FILE *out, struct error *e);

/* --- parts of the page, in report_runs.c and report_results.c ---------------------------------------- */

/* The computed nodes of one experiment; arrays have one element per node. */
struct report_state {
    const struct plan *plan;
    const struct experiment *experiment;
    struct record **record;              /* NULL: not computed, or the record is lost */
    bool *computed;                      /* its artifact exists */
    bool *failed;                        /* it is an ensemble out of equilibrium, or was made from one */
    size_t computed_count, failed_count; /* failed_count: only ensembles that failed themselves */
    double seconds;                      /* wall time of all runs */
};

enum status report_state_read(const struct plan *plan, const struct experiment *x, struct report_state *state,
                              struct error *e);
void report_state_free(struct report_state *state);
/* The result of the thermalisation tests in an ensemble's run record; "" if there is none. */
const char *report_thermalisation(const struct report_state *state, size_t node);
/* Whether this result begins with FAILED. */
bool report_failed(const char *thermalisation);

/* The distinct environments (machine and libraries) of all runs; the table of runs refers to them by number. */
struct report_environments {
    const char **text; /* lines "name\tvalue\n" */
    size_t *runs;      /* number of runs in each environment */
    size_t count;
};
/* Number of the record's environment, from 1; 0 if out of memory. */
size_t report_environment(struct pool *pool, struct report_environments *all, const struct record *record);

void report_ensembles(const struct report_state *state, FILE *out);
enum status report_runs(const struct report_state *state, struct report_environments *all, FILE *out, struct error *e);
void report_environments(const struct report_environments *all, FILE *out);

/* Writes tables and figures of the experiment, and the table of its tool. */
enum status report_results(const struct report_state *state, FILE *out, struct error *e);
/* Writes the published numbers of the experiment beside ours from its tables; nothing if there are none. */
enum status report_published(const struct report_state *state, const struct published *published, FILE *out,
                             struct error *e);
/* Writes "1.3 h", "2.1 min" or "0.35 s". */
void report_seconds(double seconds, FILE *out);

#endif
