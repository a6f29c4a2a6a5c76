/* Why a node would be computed: from what it is now to what the plan wants, along the chain of its inputs to the
 * parameters, stage versions and files that changed. */
#ifndef DMSQ_PROVENANCE_WHY_H
#define DMSQ_PROVENANCE_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "provenance/lineage.h"

/* A node as the plan wants it. */
struct why_node {
    const char *label; /* "table1/generated" */
    const char *stage; /* "sample" */
    const char *key, *recipe;
    bool is_there; /* whether its artifact is: then it does not run */
};

struct why {
    const struct lineage *lineage;
    const struct why_node *nodes; /* inputs before what is made from them */
    size_t count;
    /* Where the node got the value of a parameter from ("experiments/table1.ini:12", "SET: ..."), and what a recipe
     * means that has no line for it; both NULL when not known. */
    const char *(*origin)(const void *context, size_t node, const char *parameter);
    const char *(*fallback)(const void *context, size_t node, const char *parameter);
    const void *context;
};

/* Explains a node: that it is up to date and since when, or why it would run, down to the parameters, then all nodes
 * that would run for it. */
enum status why_print(const struct why *why, size_t node, FILE *out, struct error *e);

/* The reason in one line without a line end, which the caller frees: "train.epochs: 40 -> 3 (SET)", "input model
 * changes: train.epochs: 40 -> 3 (SET), ...". *line is NULL for a node that is there or was never begun. */
enum status why_line(const struct why *why, size_t node, char **line, struct error *e);

#endif
