/* Experiments (experiments/NAME.ini): which stages run, with which parameters and which inputs.
 *
 *   [experiment]
 *   title = Table 1 of paper A                 what it reproduces
 *   summary = observables of ...               one line for make help
 *   cost = 1 h; 80 s with PROFILE=quick        what it takes, for make help
 *   differs = ... | ...                        what differs from the published protocol and why, for the
 *                                              report: one statement or several
 *   tool = costs                               a program of build/bin that is run after the experiment, with the
 *                                              planner's options and --name=NAME, and writes
 *                                              results/NAME/TOOL.{tsv,md}: for results that contain times, and so
 *                                              cannot be artifacts
 *   table = comparison                         results/NAME/NAME.{tsv,md,tex} come from this node
 *   table.OTHER = node                         and results/NAME/OTHER.* from that
 *   figure.fig6 = magnetization                figures/fig6.{pdf,svg,png}; `make fig6` draws just this
 *   summary.fig6 = magnetization histograms    for make help
 *
 *   [train]                                    a stage: parameters of all its nodes in this experiment
 *   epochs = 250
 *
 *   [model]                                    a node: one step of the computation
 *   stage = train
 *   training = training                        an input of the stage = the node that feeds it; several
 *                                              nodes, separated by commas, where the stage takes many
 *   padding = periodic                         a parameter
 *   title = at kappa = {training.kappa}        a text with the value of a parameter of a node
 *   sweep.width = 16, 32                       a node for each value: model@width=16, model@width=32
 *
 *   [model@width=32]                           parameters of one node of a sweep
 *   epochs = 500
 *
 * A node that takes a swept node as a single input is swept with it. An input of many nodes collects all of them or, if
 * both nodes sweep the same parameter, those of its own value. Two sweeps of the same parameter that meet in a node
 * must list the same values, and run in step; two of different parameters give every combination.
 *
 * Precedence of the values of a parameter, from lowest to highest: the stage's default, [STAGE], [node], [node@...],
 * the profile's [STAGE], the profile's [experiment.node], SET of the stage, SET of the node. A swept value yields only
 * to `sweep.` in the profile's [experiment.node]. */
#ifndef DMSQ_EXPERIMENT_EXPERIMENT_H
#define DMSQ_EXPERIMENT_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/parameters.h"
#include "experiment/pool.h"
#include "experiment/settings.h"
#include "experiment/stage.h"

/* A parameter that takes several values. */
struct sweep {
    const char *parameter;
    const char *const *values; /* canonical text */
    size_t count;
    const char *where;
};

struct node;

struct node_inputs {
    struct node **nodes;
    size_t count;
};

/* One step of the computation: a stage with all its parameters and inputs, hence with a recipe. */
struct node {
    struct stage_node as_stage; /* first member: see node_input() in expand.c */
    const char *name;           /* "generated", or "generated@steps=100" if it is swept */
    const struct family *family;
    const struct stage *stage;
    struct parameters *parameters;
    struct node_inputs *inputs;     /* in the order of stage->inputs */
    const char *const *coordinates; /* value on each axis of the family */
    char *recipe;
    char key[65];
    size_t index; /* among the nodes of the experiment */
    bool changed; /* SET changes its recipe or that of an input */
    bool altered; /* profile or SET change its recipe or that of an input from what the experiment's file says */
};

/* A node as written in the file: one section. A sweep makes several nodes of it. */
struct family {
    const char *name;
    const struct section *section;
    const struct stage *stage;
    struct family_inputs {
        struct family **families;
        size_t count;
    } *inputs;            /* in the order of stage->inputs */
    struct sweep *sweeps; /* of this section */
    size_t sweep_count;
    struct sweep *axes; /* its sweeps and those of its single inputs */
    size_t axis_count;
    struct node **nodes;
    size_t node_count;
    int mark; /* for sorting by dependence */
};

/* A figure or table for users: figures/NAME.{pdf,svg,png}, results/EXPERIMENT/NAME.{tsv,md,tex}. */
struct exported {
    bool is_figure; /* false: a table */
    const char *name;
    const struct family *family;
    const char *summary; /* "": none */
    const char *where;
};

struct experiment {
    const char *name; /* "table1" */
    struct settings settings;
    const char *title, *summary, *cost, *differs, *tool; /* "": not given */
    struct family **families;                            /* inputs first */
    size_t family_count;
    struct node **nodes; /* inputs first */
    size_t node_count;
    struct exported *exports;
    size_t export_count;
    const char *refusal; /* why it has no nodes: an error in its file, or SET does not apply to it; else NULL */
    bool broken;         /* its file has an error: the experiment is left out, with a warning */
    bool expanded;       /* it has its nodes */
};

/* Reads experiments/NAME.ini into families, and checks names, stages, references, cycles and sweeps. Values of
 * parameters are checked by experiment_expand(). Everything belongs to the pool. STATUS_BAD_INPUT: the message names
 * file and line. */
enum status experiment_read(struct pool *pool, const char *path, const struct stage *const *stages,
                            struct experiment *experiment, struct error *e);

struct overrides;

/* Makes the nodes, with their parameters, recipes and keys. `overrides` are profile and SET. Call experiment_release()
 * afterwards, also on failure. */
enum status experiment_expand(struct pool *pool, struct experiment *experiment, const struct overrides *overrides,
                              const char *backend, struct error *e);
void experiment_release(struct experiment *experiment);

/* Sets the values of the family's sweep of a parameter from "a, b, c"; they are converted to canonical form and must be
 * distinct. */
enum status family_sweep(struct pool *pool, struct family *family, const char *parameter, const char *text,
                         const char *where, struct error *e);

#endif
