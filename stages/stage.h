/* A stage: one step of the pipeline, declared in its own file as `const struct stage stage_NAME`. stages/main.c,
 * compiled once per stage, makes it the program build/bin/NAME. The planner links the same declarations, so parameters,
 * inputs and versions exist in one place.
 *
 * A run (stages/stage.c) parses the command line; reads and verifies the inputs; builds the recipe; takes the lock of
 * the output folder (a second process with the same recipe waits, then finds the work done and ends with status 0);
 * writes the run record as "running"; calls run(); commits the outputs; completes the run record ("done", "failed",
 * "interrupted"); and enters it into the ledger.
 *
 * With --part=i/n it computes a share of the work instead (stages/parts.h). It runs in parallel with other shares in
 * the same folder, removes nothing there, commits no output, ends as "part" in its run record, and leaves the ledger to
 * the process that finishes. */
#ifndef DMSQ_STAGES_STAGE_H
#define DMSQ_STAGES_STAGE_H

#include <signal.h>
#include <stdbool.h>

#include "backend/backend.h"
#include "experiment/stage.h"

/* The share of the items of a stage that this process computes (stages/parts.h): share `index` of `count`. It is 0 of 1
 * if the process makes the artifact alone. */
struct stage_share {
    size_t index, count;
    bool finish; /* computes nothing: makes the artifact from the parts of the other processes */
};

struct stage_context {
    const struct stage *stage;
    const struct parameters *parameters;
    const char *backend;    /* "cpu", "cuda", "cuda-float32" or "cuda-bf16" */
    struct backend *device; /* device that computes the network (backend/backend.h); NULL: the CPU */
    int threads;            /* worker threads; results never depend on it */
    int quiet;              /* no progress */
    const char *folder;     /* output folder, which exists; parts/ (stages/parts.h) and checkpoint.npz in it are removed
                               at the end */
    struct stage_share share;
    const char *recipe;                       /* canonical text, goes into the artifact */
    const char *key;                          /* its SHA-256, 64 hex digits */
    const volatile sig_atomic_t *interrupted; /* set by SIGINT and SIGTERM: run() should save its state and return */
    struct stage_state *state;                /* private to stages/stage.c */
};

/* Number of files given for an input, and the i-th opened and verified (owned by the context).
 * An input that was not given has count 0. */
size_t stage_input_count(const struct stage_context *c, const char *name);
const struct npz *stage_input(const struct stage_context *c, const char *name, size_t i);
/* Value of a line "name=value" in the recipe of an input artifact; belongs to the context. NULL if there is no such
 * line, as for a parameter that was added later and had its default. */
const char *stage_input_recipe(const struct stage_context *c, const char *name, size_t i, const char *line);

/* Opens the artifact for writing, with the array "recipe" already added. The stage adds its arrays; stage.c commits the
 * artifact after run() has succeeded. */
enum status stage_artifact(struct stage_context *c, struct npz_writer **writer, struct error *e);
/* The same for another output that holds arrays. */
enum status stage_arrays(struct stage_context *c, const char *output, struct npz_writer **writer, struct error *e);
/* Path of a temporary file that becomes output `name` after run() has succeeded, for figures and tables. */
const char *stage_output(struct stage_context *c, const char *name);

/* Notes a text for the run record and the ledger ("thermalised", "yes"); numbers are noted by stage_note_value(). */
void stage_note(struct stage_context *c, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Notes a number with its standard error and unit, "" for a pure number or lattice units. No error is noted if it is
 * NaN or 0, as for a quantity that never changed. */
void stage_note_value(struct stage_context *c, const char *name, double value, double error, const char *unit);

/* The main of a stage program; returns its exit status. */
int stage_main(const struct stage *stage, int argc, char **argv);

#endif
