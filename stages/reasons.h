/* Why nodes of a plan would be computed: passes the plan and the run records to src/provenance/why.h. */
#ifndef DMSQ_STAGES_REASONS_H
#define DMSQ_STAGES_REASONS_H

#include "experiment/plan.h"
#include "provenance/why.h"

struct reasons {
    const struct plan *plan;
    const struct node **nodes; /* of all experiments, in the order of why.nodes */
    struct lineage *lineage;
    struct why why;
};

/* Reads the run records under the plan's root. Call reasons_free() also after a failure. */
enum status reasons_read(const struct plan *plan, struct reasons *reasons, struct error *e);
void reasons_free(struct reasons *reasons);

/* Makes plan_rules() write reasons. *reasons must outlive the plan; call reasons_free() at the end. Records are read
 * when a node needs them; if they cannot be read, the rules have no reasons. */
void reasons_for_rules(struct plan *plan, struct reasons *reasons);

#endif
