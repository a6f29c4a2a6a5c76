/* Values that override those of the experiments: a profile (experiments/profiles/NAME.ini, with sections [STAGE] and
 * [experiment.node]) and SET ("train.epochs=100 training.kappa=0.25", with a stage, node or experiment.node before the
 * last dot). */
#ifndef DMSQ_EXPERIMENT_OVERRIDES_H
#define DMSQ_EXPERIMENT_OVERRIDES_H

#include <stdbool.h>
#include <stddef.h>

#include "experiment/experiment.h"

/* In the order of precedence, lowest first. */
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
    const char *where;        /* file and line, or "SET: ASSIGNMENT" */
};

struct overrides {
    struct override *list;
    size_t count;
};

/* Adds the settings of a profile. A section [a.b] is a node, any other must be a stage. */
enum status overrides_profile(struct pool *pool, struct overrides *overrides, const char *path,
                              const struct stage *const *stages, struct error *e);
/* Adds the assignments of SET, separated by blanks. */
enum status overrides_set(struct pool *pool, struct overrides *overrides, const char *text,
                          const struct stage *const *stages, struct error *e);
/* STATUS_BAD_INPUT: an override names an unknown stage, node or experiment, or a parameter that the stage or node does
 * not have, or its value is invalid, even if no node uses it. */
enum status overrides_check(struct pool *pool, const struct overrides *overrides, const struct experiment *experiments,
                            size_t count, const struct stage *const *stages, struct error *e);
/* True if the override applies to this node. Without an experiment it applies to all nodes of that name that have the
 * parameter. */
bool override_applies(const struct override *o, const struct experiment *experiment, const struct family *family);

#endif
