/* Shared by the files of crate.h, and private to them: crate.c writes the whole crate, with its head and the workflow,
 * crate_people.c the people and the funding, crate_files.c the files and the licence, crate_stages.c the stages, and
 * crate_runs.c the steps and their runs. They write JSON-LD with crate_writer.c. */
#ifndef DMSQ_PROVENANCE_CRATE_INTERNAL_H
#define DMSQ_PROVENANCE_CRATE_INTERNAL_H

#include <jansson.h>

#include "provenance/crate.h"

enum { CRATE_ID = 512 };

struct crate_writer {
    const struct crate *crate;
    json_t *graph;
    json_t *actions; /* references to all attempts */
    bool failed;     /* out of memory */
};

/* --- crate_writer.c: JSON-LD --------------------------------------------------------------------- */

void crate_put(struct crate_writer *w, json_t *object, const char *name, json_t *value);
/* Puts nothing if the text is "". */
void crate_put_text(struct crate_writer *w, json_t *object, const char *name, const char *text);
void crate_append(struct crate_writer *w, json_t *list, json_t *value);
/* Puts a list in the form of JSON-LD: nothing if it is empty, a single value without an array, or an array. */
void crate_put_list(struct crate_writer *w, json_t *object, const char *name, json_t *list);
/* {"@id": ...}, from a format. */
json_t *crate_reference(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Adds an entity to the graph and returns it; `types` is like "File|SoftwareSourceCode", the format gives its "@id". */
json_t *crate_entity(struct crate_writer *w, const char *types, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Replaces characters that an identifier must not contain by '-'. */
const char *crate_identifier(const char *text, char id[CRATE_ID]);
/* A time in seconds since 1970, as text. */
json_t *crate_time_text(long long seconds);

/* --- crate_people.c ------------------------------------------------------------------------------ */

/* A list of references to all people. */
json_t *crate_people(struct crate_writer *w);
/* Writes the people, their affiliations, and the funding. */
void crate_write_people(struct crate_writer *w);

/* --- crate_files.c ------------------------------------------------------------------------------- */

/* Writes the licence and returns a reference to it, for root and workflow. */
json_t *crate_write_license(struct crate_writer *w);
/* Puts name, size, digest and format of a file. */
void crate_describe_file(struct crate_writer *w, json_t *object, const struct crate_file *f);
/* The stage that made the artifact `key`; NULL if no step has this key. */
const char *crate_stage_of(const struct crate *c, const char *key);
/* The path's last part. */
const char *crate_file_name(const char *path);
/* Whether the file is an output of an artifact, not a run record. */
bool crate_is_output(const struct crate_file *f);
/* Writes the files, except for workflow and stages, and the folder of the source; appends references to `parts`. */
void crate_write_files(struct crate_writer *w, json_t *parts);

/* --- crate_stages.c ------------------------------------------------------------------------------ */

/* Writes a stage with its inputs, parameters and outputs, and appends references to it to `parts` and `tools`. */
void crate_write_stage(struct crate_writer *w, const struct crate_stage *s, json_t *parts, json_t *tools);

/* --- crate_runs.c -------------------------------------------------------------------------------- */

/* First start and last end of the runs that made the artifacts. */
enum status crate_span(const struct crate *c, long long *first, long long *last, struct error *e);
/* Writes step i and its attempts, and appends a reference to its control to `controls`. */
enum status crate_write_step(struct crate_writer *w, size_t i, json_t *controls, struct error *e);
/* Writes the run of the whole workflow, and that of make, which organised it. */
void crate_write_whole(struct crate_writer *w, long long first, long long last, json_t *controls);

#endif
