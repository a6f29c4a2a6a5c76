/* The plan: all experiments with a profile, SET and backend. From it follow the make rules (rules.c), and the links and
 * files for users (publish.c). */
#ifndef DMSQ_EXPERIMENT_PLAN_H
#define DMSQ_EXPERIMENT_PLAN_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/lock.h"
#include "experiment/experiment.h"

struct plan_request {
    const struct stage *const *stages; /* ends with NULL */
    const char *experiments;           /* folder of the .ini files, with a folder profiles/ */
    const char *profile;               /* "paper": none; NAME: profiles/NAME.ini; or a path that ends in .ini */
    const char *set;                   /* "train.epochs=100 training.kappa=0.25", may be empty */
    const char *backend;               /* "cpu", "cuda", "cuda-float32" or "cuda-bf16" */
    const char *no_cuda;               /* why the programs have no CUDA; NULL: they have it */
    const char *results, *figures;     /* folders; a profile NAME has a folder NAME in each */
    const char *programs;              /* folder of the stages' programs, "build/bin" */
    /* Targets of make, separated by blanks. If they are experiments, figures or tables whose results all exist, no
     * other experiment is expanded. NULL: all are. */
    const char *goals;
};

struct plan {
    struct pool *pool;
    struct experiment *experiments; /* in the order of their names */
    size_t count;
    const struct stage *const *stages;
    const char *root;    /* "results" or "results/quick" */
    const char *figures; /* "figures" or "figures/quick" */
    const char *profile; /* name of the folder in both; NULL: the paper's scale */
    const char *programs;
    const char *backend;
    const char *title; /* "PROFILE=quick SET=... BACKEND=cpu" */
    /* Returns why a node would be computed, in one line for its rule, or NULL; the text belongs to the pool. A NULL
     * function: rules give no reasons. */
    const char *(*reason)(const struct plan *plan, const struct experiment *experiment, const struct node *node);
    void *reason_context; /* for that function */
};

/* Reads all experiments. One whose file has an error is left out, with the message in `refusal`; plan_read fails only
 * if all have errors. Call plan_free() also after a failure. */
enum status plan_read(const struct plan_request *request, struct plan *plan, struct error *e);
void plan_free(struct plan *plan);

/* The node "EXPERIMENT/NODE"; NULL: there is none. *experiment: that it belongs to (the pointer may be NULL). */
const struct node *plan_node(const struct plan *plan, const char *label, const struct experiment **experiment);

/* The folder ROOT/artifacts/KEY, and the file in it that is the target of make. They belong to the plan's pool; NULL:
 * out of memory. */
const char *plan_folder(const struct plan *plan, const struct node *node);
const char *plan_artifact(const struct plan *plan, const struct node *node);

/* Writes the command that computes a node, without options of its execution (--ledger, --threads, --part), quoted for
 * the shell or for a make rule. False: out of memory. */
bool plan_command(const struct plan *plan, const struct experiment *experiment, const struct node *node, bool rule,
                  FILE *out);

/* The make rules, which the caller frees: one for each distinct key, a target for each experiment, figure and table,
 * and `paper` for all experiments and the report. Prerequisites are order-only: only the existence of a result matters,
 * not its time. The rules use the make variables PLAN (command of the planner, with its options), PLAN_OPTIONS (these
 * alone, for the tools), STAGE_OPTIONS, and LAUNCH, which starts stages on other hosts. */
enum status plan_rules(const struct plan *plan, char **text, struct error *e);

/* Makes the figures, the links ROOT/EXPERIMENT/NODE.npz, and links to the tables and to the numbers of figures
 * (NAME.tsv; NAME-figure.tsv if there is a table NAME). Each is made atomically and only if it changes, so that
 * complete results may be read-only. On file systems without links these are copies. Removes links of nodes that no
 * longer exist, and prints the tables and the paths of tables and figures to `out`. `only`: just the figure or table of
 * that name (NULL: everything). `wait`: how to wait for another process that publishes (NULL: without messages).
 * STATUS_BAD_INPUT: a file differs from its run record. */
enum status plan_publish(const struct plan *plan, const char *experiment, const char *only,
                         const struct lock_wait *wait, FILE *out, struct error *e);

/* Prints a line for each experiment that is left out because its file has an error. */
void plan_warn(const struct plan *plan, FILE *out);

/* Prints the targets of the experiments with summary and cost, and the stages, for make help. */
void plan_help(const struct plan *plan, FILE *out);

#endif
