/* The metadata of an archive: an RO-Crate 1.1 (ro-crate-metadata.json) that fulfils the profiles Process Run Crate,
 * Workflow Run Crate and Provenance Run Crate, all 0.5. The experiment is the workflow, and each node is a HowToStep of
 * it. A stage is a SoftwareSourceCode with its inputs and parameters as FormalParameters. Each attempt to run a node is
 * a CreateAction with files and values as objects and files as results, controlled by its step. */
#ifndef DMSQ_PROVENANCE_CRATE_H
#define DMSQ_PROVENANCE_CRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/parameters.h"
#include "provenance/lineage.h"

/* Texts that are not given are "". */
struct crate_person {
    const char *name, *orcid, *affiliation, *ror; /* orcid, ror: "https://orcid.org/...", "https://ror.org/..." */
};

struct crate_input {
    const char *name, *help;
    bool required, many;
};

struct crate_stage {
    const char *name, *summary, *source; /* source: path of its file, relative to the crate's root */
    int version;
    const struct parameter *parameters;
    size_t parameter_count;
    const struct crate_input *inputs;
    size_t input_count;
};

struct crate_step {
    const char *name, *stage, *key; /* "model", "train", 64 hex digits */
};

/* A file of the crate. An output of an artifact has its key, other files have key "". */
struct crate_file {
    const char *path, *name, *key;
    uint64_t bytes;
    char sha256[65];
};

struct crate {
    const char *name, *title, *description, *version, *commit;
    const char *workflow;       /* path of the experiment's file, relative to the crate's root */
    const char *license;        /* an SPDX identifier, a URL, or a file of the crate; "": none */
    const char *funder, *grant; /* "": none */
    const struct crate_person *people;
    size_t people_count;
    const struct crate_stage *stages;
    size_t stage_count;
    const struct crate_step *steps; /* inputs first */
    size_t step_count;
    const struct crate_file *files;
    size_t file_count;
    const struct lineage *lineage; /* the run records of all steps */
};

/* The time of the archive: end of the last run of its artifacts, in seconds since 1970. STATUS_BAD_INPUT: a step has no
 * run record. */
enum status crate_time(const struct crate *crate, long long *seconds, struct error *e);
/* The JSON text, which the caller frees. Equal crates give equal texts. STATUS_BAD_INPUT: a step has no run record. */
enum status crate_json(const struct crate *crate, char **text, struct error *e);

#endif
