/* The page of the report: which experiments there are, and a section for each. */
#ifndef DMSQ_STAGES_REPORT_PAGE_H
#define DMSQ_STAGES_REPORT_PAGE_H

#include <stdio.h>

#include "experiment/plan.h"
#include "report/published.h"
#include "store/record.h"

/* Writes the page. Published values are read from EXPERIMENTS/published.tsv, if it is there. */
enum status report_page(const struct plan *plan, const struct plan_request *request, FILE *out, struct error *e);

/* --- parts of it, in report_runs.c and report_results.c ---------------------------------------------- */

/* What there is of one experiment. */
struct report_state {
    const struct plan *plan;
    const struct experiment *experiment;
    struct record **record;              /* of each node; NULL: not computed, or its record is lost */
    bool *computed;                      /* of each node: its artifact is there */
    bool *failed;                        /* of each node: it, or a node behind it, is an ensemble out of equilibrium */
    size_t computed_count, failed_count; /* failed_count: ensembles that failed themselves */
    double seconds;                      /* wall time of all its runs */
};

enum status report_state_read(const struct plan *plan, const struct experiment *x, struct report_state *state,
                              struct error *e);
void report_state_free(struct report_state *state);
/* What an ensemble's run record says of its thermalisation tests, "" for none. */
const char *report_thermalisation(const struct report_state *state, size_t node);
/* Whether that begins with FAILED. */
bool report_failed(const char *thermalisation);

/* The machines and libraries of all runs; runs name them by number. */
struct report_environments {
    const char **text; /* lines "name\tvalue\n" */
    size_t *runs, count;
};
/* Number of the record's environment, from 1; 0 when out of memory. */
size_t report_environment(struct pool *pool, struct report_environments *all, const struct record *record);

void report_ensembles(const struct report_state *state, FILE *out);
enum status report_runs(const struct report_state *state, struct report_environments *all, FILE *out, struct error *e);
void report_environments(const struct report_environments *all, FILE *out);

/* Tables and figures of the experiment, and the table that its tool wrote. */
enum status report_results(const struct report_state *state, FILE *out, struct error *e);
/* The published numbers of the experiment beside ours from its tables; nothing where there are none. */
enum status report_published(const struct report_state *state, const struct published *published, FILE *out,
                             struct error *e);
/* "1.3 h", "2.1 min", "0.35 s" */
void report_seconds(double seconds, FILE *out);

#endif
