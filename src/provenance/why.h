/* Why a node would be computed: the differences between its last result and the plan, followed through its inputs to
 * the parameters, stage versions and files that changed. */
#ifndef DMSQ_PROVENANCE_WHY_H
#define DMSQ_PROVENANCE_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "provenance/lineage.h"

/* A node of the plan. */
struct why_node {
    const char *label; /* "table1/generated" */
    const char *stage; /* "sample" */
    const char *key, *recipe;
    bool exists; /* its artifact exists, so it does not run */
};

struct why {
    const struct lineage *lineage;
    const struct why_node *nodes; /* each node after its inputs */
    size_t count;
    /* Where the value of a node's parameter was set ("experiments/table1.ini:12", "SET: ..."), and the value of a
     * parameter that its recipe omits. Both functions may be NULL, or return NULL: unknown. */
    const char *(*origin)(const void *context, size_t node, const char *parameter);
    const char *(*fallback)(const void *context, size_t node, const char *parameter);
    const void *context;
};

/* Explains a node: since when it is up to date, or why it would run, down to the parameters; then lists the nodes that
 * would run before it. */
enum status why_print(const struct why *why, size_t node, FILE *out, struct error *e);

/* The reason in one line without a line end, which the caller frees: "train.epochs: 40 -> 3 (SET)", "input model
 * changes: train.epochs: 40 -> 3 (SET), ...". *line is NULL for a node whose artifact exists or that was never
 * started. */
enum status why_line(const struct why *why, size_t node, char **line, struct error *e);

#endif
