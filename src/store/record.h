/* Run records: each describes one attempt to make an artifact, as JSON (sorted keys, indented) beside the artifact.
 * Time, host and processor are recorded here, not in the artifact. Every attempt has a record
 * FOLDER/runs/<UTC>-<host>-<rank>-<process>.json; FOLDER/run.json is the record of the successful one.
 *
 * Members (format 2): format, id, stage, version, key, recipe, label, folder, parameters {name: canonical text}, seed
 * (or null), inputs [{name, path, key, sha256}], outputs [{name, bytes, sha256}], status ("running", "done", "failed",
 * "interrupted"; "part": it computed a share of the work), message, notes {name: text, or {value, error, unit}}, theory
 * {name, couplings {name: number}} for artifacts with couplings, start (UTC), wall_seconds, cpu_user_seconds,
 * cpu_system_seconds, peak_memory_bytes, threads, git_commit and git_dirty (or null) of the sources from which the
 * program was built, environment {name: text} (compiler, libraries, processor, kernel, host).
 *
 * Format 1 had no theory, and its notes contain numbers as text, "0.75 +- 0.02". Such records are in results/reference
 * and in users' results; they are still read (record_value() reads both formats), but no longer written. */
#ifndef DMSQ_STORE_RECORD_H
#define DMSQ_STORE_RECORD_H

#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/owner.h"
#include "base/parameters.h"

struct record;

/* A new record with status "running", the present time as its start, and the environment. `folder` is the output
 * folder. NULL: out of memory. */
struct record *record_new(const char *stage, int version, const char *key, const char *recipe, const char *folder);
/* Reads a record. STATUS_BAD_INPUT: the file is missing or not a run record. */
enum status record_read(const char *path, struct record **record, struct error *e);
void record_free(struct record *record);

/* The name of the file in runs/: "20250131T235959Z-node17-0-1234" (start, host, rank and process). Older names have no
 * host and rank. */
const char *record_name(const struct record *record);
/* The process that made the run. */
struct owner record_owner(const struct record *record);
/* Text of a top-level member; "" if it is missing or not a text. */
const char *record_text(const struct record *record, const char *name);
/* A top-level number ("wall_seconds", "threads"); NaN if it is missing or not a number. */
double record_number(const struct record *record, const char *name);
/* Wall time of the run in seconds, including that of the runs that it resumed (note earlier_seconds); NaN if the record
 * has none. */
double record_seconds(const struct record *record);
/* Text `name` of the top-level object `group` ("notes", "environment", "parameters"); "" if it is missing. */
const char *record_member(const struct record *record, const char *group, const char *name);
/* The files of a run: `list` is "inputs" or "outputs". Texts that are not recorded are "". */
struct record_file {
    const char *name, *sha256;
    const char *path, *key; /* of inputs */
    uint64_t bytes;         /* of outputs */
};
size_t record_file_count(const struct record *record, const char *list);
struct record_file record_file_at(const struct record *record, const char *list, size_t i);
/* SHA-256 of the output of that name; "" if there is none. */
const char *record_output_sha256(const struct record *record, const char *name);
/* Compares a file with the run record beside it, run.json: by its digest `sha256`, or by its size if that is NULL.
 * STATUS_BAD_INPUT: they differ, or the record cannot be read. A file without a record is accepted. */
enum status record_check_output(const char *path, const char *sha256, struct error *e);
/* A number among the notes. */
struct record_value {
    double value;     /* NaN: none */
    double error;     /* standard error; NaN: none */
    const char *unit; /* "steps"; "": a pure number, or lattice units */
};
struct record_value record_value(const struct record *record, const char *name);
/* The number as text: "0.75 +- 0.02 steps"; returns the buffer. An error of zero is omitted. */
enum { RECORD_TEXT = 160 };
const char *record_value_text(struct record_value value, char buffer[RECORD_TEXT]);
/* A note, text or number, as text; "" if it is missing. The result belongs to the record or is the buffer. */
const char *record_note_text(const struct record *record, const char *name, char buffer[RECORD_TEXT]);
/* STATUS_BAD_INPUT: the run record beside the file names another theory. A file without a record and a record without a
 * theory are accepted. */
enum status record_check_theory(const char *path, const char *name, struct error *e);
/* Calls `visit` for each text of a group, including the numbers among the notes as text, in the order of their
 * names. */
void record_visit(const struct record *record, const char *group,
                  void (*visit)(void *context, const char *name, const char *text), void *context);

/* Entries of a record. If they run out of memory, record_write reports it. */
void record_label(struct record *record, const char *label);
void record_source(struct record *record, const char *commit, int dirty); /* "" and -1: unknown */
void record_threads(struct record *record, int threads);
void record_parameters(struct record *record, const struct parameters *p); /* and the member seed, from the parameter
                                                                              "seed" */
void record_input(struct record *record, const char *name, const char *path, const char *key, const char *sha256);
void record_output(struct record *record, const char *name, uint64_t bytes, const char *sha256);
void record_note(struct record *record, const char *name, const char *text);
void record_note_value(struct record *record, const char *name, struct record_value value);
void record_theory(struct record *record, const char *name, size_t couplings, const char *const *names,
                   const double *values);
void record_environment(struct record *record, const char *name, const char *text);

/* Ends the run: records status and message, and times and memory of this process and its children. */
void record_end(struct record *record, const char *status, const char *message);
/* Ends a record that another process left as "running": sets status and message, and the wall time from its start to
 * `until` (0 s if that is before the start; until = 0: unknown, no wall time). */
void record_amend(struct record *record, const char *status, const char *message, time_t until);

/* The JSON text, which the caller frees; NULL: out of memory. */
char *record_json(const struct record *record);
/* Writes it atomically. */
enum status record_write(const struct record *record, const char *path, struct error *e);

#endif
