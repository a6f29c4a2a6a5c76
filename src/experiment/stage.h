/* The declaration of a stage: what planner, help, documents and checks know of it, and where its code begins. One step
 * of the pipeline is declared in its own file of stages/ as `const struct stage stage_NAME`; the program build/bin/NAME
 * is made of it (stages/main.c), and the planner links the same declaration, so that parameters, inputs, arrays and
 * versions exist in one place. */
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
    const char *stages; /* stages whose artifacts fit, "ensemble|sample" */
    bool required;
    bool many; /* a list, in order; --rows=PATH may be repeated */
    const char *help;
};

/* An array of a file of a stage. Every one that the stage writes is declared (a run that writes another fails), and
 * from here come --help and docs/artifacts.md. */
struct stage_array {
    const char *name; /* as in the file; '*' stands for any text, where there are many of a kind */
    enum npz_type type;
    const char *shape; /* "N, x1, ..., xd"; "" for a single value */
    const char *unit;  /* "lattice units"; "" for a pure number, a count, a text */
    const char *help;  /* what it is, and when it is there if not always */
};

/* A further output that holds arrays, beside artifact.npz. */
struct stage_file {
    const char *name; /* "series.npz" */
    const struct stage_array *arrays;
    size_t array_count;
};

struct stage_context;

/* A node of a plan, as stages may look at it before anything is computed. */
struct stage_node {
    const struct stage *stage;
    const struct parameters *parameters;
    /* The i-th node that feeds an input; NULL: there is none. */
    const struct stage_node *(*input)(const struct stage_node *node, const char *name, size_t i);
};

struct stage {
    const char *name;    /* "ensemble" */
    const char *summary; /* one line for --help and make help */
    int version;         /* raised when the bits of the output change for the same recipe */
    /* Optional: the last version that changed what comes of these parameters, where later ones changed others only. */
    int (*version_of)(const struct parameters *p);
    bool uses_backend;   /* whether the backend is part of the recipe and --backend an option */
    bool half_precision; /* whether "cuda-bf16" is for it: forward passes only. The planner takes "cuda" for others. */
    const struct parameter *parameters;
    size_t parameter_count;
    const struct stage_input *inputs;
    size_t input_count;
    const struct stage_array *arrays; /* of artifact.npz, in the order in which a reader wants them */
    size_t array_count;
    const struct stage_file *beside; /* optional */
    const char *const *outputs;      /* file names in the output folder, the one make waits for last; NULL ends.
                                   Stages of numbers have {"artifact.npz"}; a file beside it that came later leaves the
                                   bits of that one, and so the version, and results that have only that one stay. */
    enum status (*run)(struct stage_context *context, struct error *e);
    /* Optional: the number of items that the work consists of (stages/parts.h), 0 where it is not known before it is
     * done. A stage that has it can be computed in parts, --part=i/n. */
    size_t (*items)(const struct stage_node *node);
    /* Optional: checks that involve several parameters at once, called by the planner too. */
    enum status (*check)(const struct parameters *p, const char *where, struct error *e);
    /* Optional: checks against what feeds the node, for the planner: what does not fit is to be said before hours of
     * work. */
    enum status (*check_node)(const struct stage_node *node, const char *where, struct error *e);
};

/* Names of backends, of which some have no gradients. */
#define BACKENDS_WITH_GRADIENTS "cpu|cuda|cuda-float32"
#define BACKENDS BACKENDS_WITH_GRADIENTS "|cuda-bf16"

static inline const char *stage_backends(const struct stage *stage) {
    return stage->half_precision ? BACKENDS : BACKENDS_WITH_GRADIENTS;
}

/* The version of a stage in its recipe. */
static inline int stage_version(const struct stage *stage, const struct parameters *p) {
    return stage->version_of ? stage->version_of(p) : stage->version;
}

/* The backend of a stage in its recipe under the user's BACKEND; NULL: the stage uses none. */
static inline const char *stage_backend(const struct stage *stage, const char *backend) {
    if (!stage->uses_backend) {
        return NULL;
    }
    return words_among(stage_backends(stage), backend) ? backend : "cuda";
}

/* Every stage, NULL at the end (stages/all.c). */
extern const struct stage *const all_stages[];

#endif
