/* See reasons.h. */
#include "stages/reasons.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Index of the node's parameter of that name; the number of parameters if there is none. */
static size_t entry_of(const struct reasons *r, size_t node, const char *name) {
    const struct parameters *p = r->nodes[node]->parameters;
    size_t i = 0;
    while (i < parameters_count(p) && strcmp(parameters_entry(p, i)->name, name) != 0) {
        i++;
    }
    return i;
}

static const char *origin(const void *context, size_t node, const char *parameter) {
    const struct reasons *r = context;
    const size_t i = entry_of(r, node, parameter);
    return i < parameters_count(r->nodes[node]->parameters) ? parameters_origin(r->nodes[node]->parameters, i) : NULL;
}

/* The value of a parameter that a recipe leaves out because it was added later: its default. */
static const char *fallback(const void *context, size_t node, const char *parameter) {
    const struct reasons *r = context;
    const size_t i = entry_of(r, node, parameter);
    return i < parameters_count(r->nodes[node]->parameters)
               ? parameters_entry(r->nodes[node]->parameters, i)->default_value
               : NULL;
}

enum status reasons_read(const struct plan *plan, struct reasons *r, struct error *e) {
    *r = (struct reasons){.plan = plan};
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        count += plan->experiments[i].node_count;
    }
    struct why_node *nodes = pool_take(plan->pool, (count + 1) * sizeof *nodes);
    r->nodes = pool_take(plan->pool, (count + 1) * sizeof *r->nodes);
    if (!nodes || !r->nodes) {
        return pool_exhausted(e);
    }
    count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment *x = &plan->experiments[i];
        for (size_t j = 0; j < x->node_count; j++, count++) {
            const struct node *node = x->nodes[j];
            const char *label = pool_print(plan->pool, "%s/%s", x->name, node->name), *path = plan_artifact(plan, node);
            if (!label || !path) {
                return pool_exhausted(e);
            }
            nodes[count] =
                (struct why_node){label, node->stage->name, node->key, node->recipe, access(path, F_OK) == 0};
            r->nodes[count] = node;
        }
    }
    const enum status status = lineage_read(plan->root, &r->lineage, e);
    r->why = (struct why){r->lineage, nodes, count, origin, fallback, r};
    return status;
}

void reasons_free(struct reasons *r) {
    lineage_free(r->lineage);
    r->lineage = NULL;
}

static const char *reason(const struct plan *plan, const struct experiment *x, const struct node *node) {
    struct reasons *r = plan->reason_context;
    struct error ignored;
    (void)x;
    if (!r->plan && reasons_read(plan, r, &ignored) != STATUS_OK) {
        r->why.count = 0;
    }
    for (size_t i = 0; i < r->why.count; i++) {
        if (r->nodes[i] == node) {
            char *line = NULL;
            const char *kept =
                why_line(&r->why, i, &line, &ignored) == STATUS_OK && line ? pool_print(plan->pool, "%s", line) : NULL;
            free(line);
            return kept;
        }
    }
    return NULL;
}

void reasons_for_rules(struct plan *plan, struct reasons *r) {
    *r = (struct reasons){0};
    plan->reason = reason;
    plan->reason_context = r;
}
