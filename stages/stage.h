/* A stage: one step of the pipeline, declared in its own file as `const struct stage stage_NAME` and
 * turned into the program build/bin/NAME by stages/main.c (compiled once a stage). The planner links the
 * same declarations, so parameters, inputs and versions exist in one place.
 *
 * What a run does, in order (stages/stage.c): parse the command line; read and verify inputs; build the
 * recipe; take the lock of the output folder (a second process with the same recipe waits, then finds
 * the work done and ends with status 0); write the run record as "running"; call run(); commit the
 * outputs; complete the run record ("done", "failed", "interrupted"); enter it into the ledger.
 *
 * With --part=i/n it computes a share of the work instead (stages/parts.h): it works beside other shares in the same
 * folder, removes nothing there, commits no output, ends as "part" in its run record, and leaves the ledger to the
 * process that finishes.
 */
#ifndef DMSQ_STAGES_STAGE_H
#define DMSQ_STAGES_STAGE_H

#include <signal.h>
#include <stdbool.h>

#include "backend/backend.h"
#include "experiment/stage.h"

/* Which share of the items of a stage this process computes (stages/parts.h), index of count; of an artifact that it
 * makes itself, 0 of 1. */
struct stage_share {
    size_t index, count;
    bool finish; /* computes none: makes the artifact from the parts of the others */
};

struct stage_context {
    const struct stage *stage;
    const struct parameters *parameters;
    const char *backend;    /* "cpu", "cuda", "cuda-float32" or "cuda-bf16" */
    struct backend *device; /* what computes the network (backend/backend.h); NULL: the CPU */
    int threads;            /* worker threads; results never depend on it */
    int quiet;              /* no progress */
    const char *folder;     /* output folder; exists; parts/ (stages/parts.h) and checkpoint.npz, of a
                                                training, may lie here, and are removed at the end */
    struct stage_share share;
    const char *recipe;                       /* canonical text, goes into the artifact */
    const char *key;                          /* its SHA-256, 64 hex digits */
    const volatile sig_atomic_t *interrupted; /* set by SIGINT and SIGTERM: save what is worth it, return */
    struct stage_state *state;                /* private to stages/stage.c */
};

/* Number of files given for an input, and the i-th opened and verified (owned by the context).
 * An input that was not given has count 0. */
size_t stage_input_count(const struct stage_context *c, const char *name);
const struct npz *stage_input(const struct stage_context *c, const char *name, size_t i);
/* Value of a line "name=value" in the recipe of an input artifact, or NULL (no such line, which is also so for a
 * parameter that was added later and had its default); belongs to the context. */
const char *stage_input_recipe(const struct stage_context *c, const char *name, size_t i, const char *line);

/* Opens the artifact for writing, with the member "recipe" already added. The stage adds arrays and
 * returns; stage.c commits it when run() succeeded. */
enum status stage_artifact(struct stage_context *c, struct npz_writer **writer, struct error *e);
/* The same for another of the outputs that hold arrays. */
enum status stage_arrays(struct stage_context *c, const char *output, struct npz_writer **writer, struct error *e);
/* Path of a temporary file that becomes outputs `name` when run() succeeded (for figures and tables). */
const char *stage_output(struct stage_context *c, const char *name);

/* A fact about the run for its record and the ledger, in words ("thermalised", "yes"); numbers are for
 * stage_note_value(). */
void stage_note(struct stage_context *c, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A number, its standard error and its unit, "" of a pure number or in lattice units. An error of zero, of what never
 * changed, is none, as is NaN. */
void stage_note_value(struct stage_context *c, const char *name, double value, double error, const char *unit);

/* The whole life of a stage program; returns its exit status. */
int stage_main(const struct stage *stage, int argc, char **argv);

#endif
