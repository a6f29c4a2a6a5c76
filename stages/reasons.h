/* Why nodes of a plan would be computed: the plan and the run records brought together for src/provenance/why.h. */
#ifndef DMSQ_STAGES_REASONS_H
#define DMSQ_STAGES_REASONS_H

#include "experiment/plan.h"
#include "provenance/why.h"

struct reasons {
    const struct plan *plan;
    const struct node **nodes; /* of all experiments, one for each of why.nodes */
    struct lineage *lineage;
    struct why why;
};

/* Reads the run records under the plan's root. reasons_free() also after a failure. */
enum status reasons_read(const struct plan *plan, struct reasons *reasons, struct error *e);
void reasons_free(struct reasons *reasons);

/* Makes plan_rules() write reasons; *reasons holds them and outlives the call. Records are read when a node needs them;
 * what is wrong with them is then no error, but leaves the reasons out. reasons_free() at the end. */
void reasons_for_rules(struct plan *plan, struct reasons *reasons);

#endif
