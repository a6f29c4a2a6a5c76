/* The declaration of a stage: its parameters, inputs, outputs and version, and the function that runs it. Each stage is
 * declared in a file of stages/ as `const struct stage stage_NAME`. Its program build/bin/NAME (stages/main.c), the
 * planner, the documentation and the checks all use this one declaration. */
#ifndef DMSQ_EXPERIMENT_STAGE_H
#define DMSQ_EXPERIMENT_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/parameters.h"
#include "base/words.h"
#include "store/npz.h"

struct stage_input {
    const char *name;   /* "training"; on the command line --training=PATH */
    const char *stages; /* stages whose artifacts are accepted, "ensemble|sample" */
    bool required;
    bool many; /* a list, in order; --rows=PATH may be repeated */
    const char *help;
};

/* An array in an output file of a stage. Every array that the stage writes must be declared, otherwise the run fails.
 * --help and docs/artifacts.md are made from these declarations. */
struct stage_array {
    const char *name; /* as in the file; '*' stands for any text, for several arrays of one kind */
    enum npz_type type;
    const char *shape; /* "N, x1, ..., xd"; "" for a single value */
    const char *unit;  /* "lattice units"; "" for a pure number, a count, a text */
    const char *help;  /* its meaning, and when it exists if not always */
};

/* A further output with arrays, beside artifact.npz. */
struct stage_file {
    const char *name; /* "series.npz" */
    const struct stage_array *arrays;
    size_t array_count;
};

struct stage_context;

/* A node of a plan, for checks of the stage before anything is computed. */
struct stage_node {
    const struct stage *stage;
    const struct parameters *parameters;
    /* The i-th node of an input; NULL if there is none. */
    const struct stage_node *(*input)(const struct stage_node *node, const char *name, size_t i);
};

struct stage {
    const char *name;    /* "ensemble" */
    const char *summary; /* one line for --help and make help */
    int version;         /* raised when the bits of the output change for the same recipe */
    /* Optional: the last version that changed results with these parameters, if later versions changed only results
     * with others. */
    int (*version_of)(const struct parameters *p);
    bool uses_backend;   /* the backend is part of the recipe, and --backend an option */
    bool half_precision; /* it accepts "cuda-bf16", i.e. has forward passes only; for other stages the planner then uses
                            "cuda" */
    const struct parameter *parameters;
    size_t parameter_count;
    const struct stage_input *inputs;
    size_t input_count;
    const struct stage_array *arrays; /* of artifact.npz, in the order of the documentation */
    size_t array_count;
    const struct stage_file *beside; /* optional */
    const char *const *outputs;      /* file names in the output folder, NULL at the end; the last one is the target of
                                        make. Stages of numbers have {"artifact.npz"}. A further file added later does
                                        not change the bits of artifact.npz, nor the version: earlier results without it
                                        remain valid. */
    enum status (*run)(struct stage_context *context, struct error *e);
    /* Optional: the number of items of the work (stages/parts.h), 0 if it is not known in advance. A stage with this
     * function can be computed in parts, --part=i/n. */
    size_t (*items)(const struct stage_node *node);
    /* Optional: checks of several parameters together, made by the planner too. */
    enum status (*check)(const struct parameters *p, const char *where, struct error *e);
    /* Optional: checks of a node against its inputs, made by the planner, so that errors are found before hours of
     * work. */
    enum status (*check_node)(const struct stage_node *node, const char *where, struct error *e);
};

/* Names of backends; "cuda-bf16" has no gradients. */
#define BACKENDS_WITH_GRADIENTS "cpu|cuda|cuda-float32"
#define BACKENDS BACKENDS_WITH_GRADIENTS "|cuda-bf16"

static inline const char *stage_backends(const struct stage *stage) {
    return stage->half_precision ? BACKENDS : BACKENDS_WITH_GRADIENTS;
}

/* The version of a stage in recipes with these parameters. */
static inline int stage_version(const struct stage *stage, const struct parameters *p) {
    return stage->version_of ? stage->version_of(p) : stage->version;
}

/* The backend of a stage in its recipe, given the user's BACKEND; NULL: the stage uses none. */
static inline const char *stage_backend(const struct stage *stage, const char *backend) {
    if (!stage->uses_backend) {
        return NULL;
    }
    return words_among(stage_backends(stage), backend) ? backend : "cuda";
}

/* All stages, NULL at the end (stages/all.c). */
extern const struct stage *const all_stages[];

#endif
