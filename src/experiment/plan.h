/* The plan: all experiments under one profile, SET and backend, and what follows from them: make rules
 * (rules.c), and the links and files that users look at (publish.c). */
#ifndef DMSQ_EXPERIMENT_PLAN_H
#define DMSQ_EXPERIMENT_PLAN_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/lock.h"
#include "experiment/experiment.h"

struct plan_request {
    const struct stage *const *stages; /* NULL at the end */
    const char *experiments;           /* folder of the .ini files; profiles lie in its folder profiles/ */
    const char *profile;               /* "paper": none; NAME: profiles/NAME.ini; or a path that ends in .ini */
    const char *set;                   /* "train.epochs=100 training.kappa=0.25", may be empty */
    const char *backend;               /* "cpu", "cuda", "cuda-float32" or "cuda-bf16" */
    const char *no_cuda;               /* why the programs have no CUDA; NULL: they have */
    const char *results, *figures;     /* folders; a profile NAME gets a folder NAME below each */
    const char *programs;              /* folder of the stages' programs, "build/bin" */
};

struct plan {
    struct pool *pool;
    struct experiment *experiments; /* in order of their names */
    size_t count;
    const struct stage *const *stages;
    const char *root;    /* "results" or "results/quick" */
    const char *figures; /* "figures" or "figures/quick" */
    const char *profile; /* name of the folder below both; NULL: the paper's scale */
    const char *programs;
    const char *backend;
    const char *title; /* "PROFILE=quick SET=... BACKEND=cpu" */
    /* Why a node would be computed, in one line for its rule, or NULL; belongs to the pool. NULL: rules give no
     * reasons. */
    const char *(*reason)(const struct plan *plan, const struct experiment *experiment, const struct node *node);
    void *reason_context; /* for that function */
};

/* Reads everything; plan_free() also after a failure. An experiment whose file is wrong is left out, with a refusal,
 * unless none is right. */
enum status plan_read(const struct plan_request *request, struct plan *plan, struct error *e);
void plan_free(struct plan *plan);

/* The folder ROOT/artifacts/KEY, and the file in it that make waits for. Belong to the plan's pool; NULL
 * when out of memory. */
const char *plan_folder(const struct plan *plan, const struct node *node);
const char *plan_artifact(const struct plan *plan, const struct node *node);

/* The command that computes a node, without what is up to who runs it (--ledger, --threads, --part), as words of the
 * shell, or of a make rule. false: out of memory. */
bool plan_command(const struct plan *plan, const struct experiment *experiment, const struct node *node, bool rule,
                  FILE *out);

/* The make rules: one for each distinct key, whose prerequisites are order-only (whether a result is there
 * decides, never its time), one target for each experiment and each exported figure and table, and
 * `paper` for all experiments and the report. The caller frees. Uses the make variables PLAN (command of the
 * planner, with its options), PLAN_OPTIONS (these alone, for the tools), STAGE_OPTIONS, and LAUNCH, which starts stages
 * on other hosts. */
enum status plan_rules(const struct plan *plan, char **text, struct error *e);

/* Makes the links ROOT/EXPERIMENT/NODE.npz, beside them those to tables and to the numbers of figures (.tsv;
 * NAME-figure.tsv where a table is called NAME), and the figures, each atomically and only where something
 * differs: where nothing does, nothing is written, and results may be read only. Copies where the file system has no
 * links. Removes links of nodes that are no more; prints the tables to `out`, and where things lie. What differs from
 * its run record is STATUS_BAD_INPUT. `only`: just the export of that name (NULL: everything). `wait`: for another that
 * publishes (NULL: in silence). */
enum status plan_publish(const struct plan *plan, const char *experiment, const char *only,
                         const struct lock_wait *wait, FILE *out, struct error *e);

/* A line for each experiment that is left out because its file is wrong. */
void plan_warn(const struct plan *plan, FILE *out);

/* The targets of the experiments with summary and cost, and the stages, for make help. */
void plan_help(const struct plan *plan, FILE *out);

#endif
