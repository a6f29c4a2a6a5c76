/* Values that a user puts over those of the experiments: a profile (experiments/profiles/NAME.ini, with
 * sections [STAGE] and [experiment.node]) and SET ("train.epochs=100 training.kappa=0.25", a stage or a
 * node, or experiment.node, before the last dot). */
#ifndef DMSQ_EXPERIMENT_OVERRIDES_H
#define DMSQ_EXPERIMENT_OVERRIDES_H

#include <stdbool.h>
#include <stddef.h>

#include "experiment/experiment.h"

/* From weak to strong. */
enum override_level {
    OVERRIDE_NONE = -1,
    OVERRIDE_PROFILE_STAGE,
    OVERRIDE_PROFILE_NODE,
    OVERRIDE_SET_STAGE,
    OVERRIDE_SET_NODE
};

struct override {
    enum override_level level;
    const char *experiment;   /* NULL: any */
    const char *target;       /* stage or node */
    const char *name, *value; /* of the parameter, or "sweep.NAME" */
    const char *where;        /* file and line, or "SET" */
};

struct overrides {
    struct override *list;
    size_t count;
};

/* Adds the settings of a profile's file. A section [a.b] means a node, any other must be a stage. */
enum status overrides_profile(struct pool *pool, struct overrides *overrides, const char *path,
                              const struct stage *const *stages, struct error *e);
/* Adds the assignments of SET, separated by blanks. */
enum status overrides_set(struct pool *pool, struct overrides *overrides, const char *text,
                          const struct stage *const *stages, struct error *e);
/* Checks that what each override names is there (a node in at least one experiment) and has a parameter
 * of that name, and that the values for stages are valid even where no node uses them. */
enum status overrides_check(struct pool *pool, const struct overrides *overrides, const struct experiment *experiments,
                            size_t count, const struct stage *const *stages, struct error *e);
/* Whether the override speaks of this node: of nodes of one name in several experiments, of those that have the
 * parameter. */
bool override_applies(const struct override *o, const struct experiment *experiment, const struct family *family);

#endif
