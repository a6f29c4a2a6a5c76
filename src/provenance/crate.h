/* The metadata of an archive: an RO-Crate 1.1 (ro-crate-metadata.json) that fulfils the profiles Process Run Crate,
 * Workflow Run Crate and Provenance Run Crate, all 0.5. The experiment is the workflow, a HowToStep a node; a stage is
 * a SoftwareSourceCode with its inputs and parameters as FormalParameters; each attempt is a CreateAction from files
 * and values to files, controlled by its step. */
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
    const char *name, *summary, *source; /* source: its file, below the crate's root */
    int version;
    const struct parameter *parameters;
    size_t parameter_count;
    const struct crate_input *inputs;
    size_t input_count;
};

struct crate_step {
    const char *name, *stage, *key; /* "model", "train" */
};

/* A file of the crate. Outputs of artifacts belong to a key, others have key "". */
struct crate_file {
    const char *path, *name, *key;
    uint64_t bytes;
    char sha256[65];
};

struct crate {
    const char *name, *title, *description, *version, *commit;
    const char *workflow;       /* the experiment's file, below the crate's root */
    const char *license;        /* an SPDX identifier, a URL, or a file of the crate; "" */
    const char *funder, *grant; /* "" */
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

/* When the last run of the crate's artifacts ended, in seconds since 1970: the time of the archive. */
enum status crate_time(const struct crate *crate, long long *seconds, struct error *e);
/* The JSON text, which the caller frees. Equal crates give equal texts. */
enum status crate_json(const struct crate *crate, char **text, struct error *e);

#endif
