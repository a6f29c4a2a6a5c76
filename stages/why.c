/* Tool `why`: explains why a node would be recomputed, or since when it is up to date; see src/provenance/why.h. */
#include <string.h>

#include "experiment/names.h"
#include "stages/planner.h"
#include "stages/reasons.h"

static const char *wanted;

/* Whether the request means the node `label` ("fig13/model@kappa=0.1"): it is the node's name, with or without the
 * experiment and the values of swept parameters, or the name of the experiment. */
static bool is_meant(const char *label) {
    const char *name = strchr(label, '/') + 1;
    const size_t length = strlen(wanted);
    const bool whole = strncmp(label, wanted, length) == 0 && strchr("/@", label[length]) != NULL;
    return whole || (strncmp(name, wanted, length) == 0 && strchr("@", name[length]) != NULL);
}

static enum status nothing_meant(const struct plan *plan, const struct reasons *r, struct error *e) {
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->experiments[i].refusal && strncmp(wanted, plan->experiments[i].name, strcspn(wanted, "/")) == 0) {
            return error_set(e, STATUS_BAD_INPUT, "%s", plan->experiments[i].refusal);
        }
    }
    const char **labels = pool_take(plan->pool, (r->why.count + 1) * sizeof *labels);
    for (size_t i = 0; labels && i < r->why.count; i++) {
        labels[i] = strchr(wanted, '/') ? r->why.nodes[i].label : strchr(r->why.nodes[i].label, '/') + 1;
    }
    return labels ? error_set(e, STATUS_BAD_INPUT, "NODE=%s: expected EXPERIMENT/NODE, a node or an experiment%s",
                              wanted, suggestion(plan->pool, wanted, labels, r->why.count))
                  : pool_exhausted(e);
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    struct reasons r;
    (void)request;
    if (*wanted == '\0') {
        return error_set(e, STATUS_BAD_INPUT,
                         "NODE is missing: expected EXPERIMENT/NODE, such as NODE=table1/generated");
    }
    enum status status = reasons_read(plan, &r, e);
    size_t count = 0;
    for (size_t i = 0; status == STATUS_OK && i < r.why.count; i++) {
        if (is_meant(r.why.nodes[i].label)) {
            status = why_print(&r.why, i, stdout, e);
            count++;
        }
    }
    if (status == STATUS_OK && count == 0) {
        status = nothing_meant(plan, &r, e);
    }
    reasons_free(&r);
    return status;
}

int main(int argc, char **argv) {
    wanted = "";
    const struct planner_option own[] = {
        {"node", "EXPERIMENT/NODE", "node to explain; NODE alone: in all experiments; EXPERIMENT alone: all its nodes",
         &wanted},
        {0}};
    return planner_main_with(argc, argv, all_stages,
                             "Explains why a node would be computed, or since when it is up to date.", own, run);
}
