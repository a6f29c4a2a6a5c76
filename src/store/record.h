/* Run records: what one attempt to make an artifact did, as JSON (sorted keys, indented) beside the artifact. The
 * artifact itself holds no time, host or user; they are here. Every attempt has its record
 * FOLDER/runs/<UTC>-<host>-<rank>-<pid>.json, and FOLDER/run.json is the record of the attempt that succeeded.
 *
 * Members (format 2): format, id, stage, version, key, recipe, label, folder, parameters {name: canonical text}, seed
 * (or null), inputs [{name, path, key, sha256}], outputs [{name, bytes, sha256}], status ("running", "done", "failed",
 * "interrupted"; "part": it computed a share of the work), message, notes {name: text, or {value, error, unit}},
 * theory {name, couplings {name: number}} of artifacts that have couplings, start (UTC), wall_seconds,
 * cpu_user_seconds, cpu_system_seconds, peak_memory_bytes, threads, git_commit and git_dirty (or null) of the sources
 * that the program was built from, environment {name: text: compiler, libraries, processor, kernel, host}.
 *
 * Format 1 had no theory, and wrote numbers among the notes as prose, "0.75 +- 0.02". Such records lie under
 * results/reference and in results of users; they are read, and never written again, for as long as artifacts of their
 * time are worth having: record_value() reads both. */
#ifndef DMSQ_STORE_RECORD_H
#define DMSQ_STORE_RECORD_H

#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/owner.h"
#include "base/parameters.h"

struct record;

/* A new record: status "running", start now, environment filled with what can be known here. `folder` is
 * the output folder. Returns NULL when out of memory. */
struct record *record_new(const char *stage, int version, const char *key, const char *recipe, const char *folder);
/* Reads a record; anything that is not one is STATUS_BAD_INPUT. */
enum status record_read(const char *path, struct record **record, struct error *e);
void record_free(struct record *record);

/* "20250131T235959Z-node17-0-1234": start, host, rank and process, the name of the file in runs/. Older ones have no
 * host and rank. */
const char *record_name(const struct record *record);
/* Who made the run. */
struct owner record_owner(const struct record *record);
/* Text of a top-level member; "" when it is missing or no text. */
const char *record_text(const struct record *record, const char *name);
/* A number at the top level ("wall_seconds", "threads"); NaN when it is missing or none. */
double record_number(const struct record *record, const char *name);
/* Wall time of the run and, where it went on from a checkpoint, of those before it (note earlier_seconds); NaN when the
 * record has none. */
double record_seconds(const struct record *record);
/* Text `name` of the top-level object `group` ("notes", "environment", "parameters"); "" when missing. */
const char *record_member(const struct record *record, const char *group, const char *name);
/* The files of a run: `list` is "inputs" or "outputs". What is not recorded is "". */
struct record_file {
    const char *name, *sha256;
    const char *path, *key; /* of inputs */
    uint64_t bytes;         /* of outputs */
};
size_t record_file_count(const struct record *record, const char *list);
struct record_file record_file_at(const struct record *record, const char *list, size_t i);
/* SHA-256 of the output of that name; "" when there is none. */
const char *record_output_sha256(const struct record *record, const char *name);
/* Compares a file with what the record of the run that made it, run.json beside it, says of it: its digest, or,
 * where `sha256` is NULL, its size. STATUS_BAD_INPUT: it is not what was made there, or the record cannot be read. A
 * file without a record is taken as it is. */
enum status record_check_output(const char *path, const char *sha256, struct error *e);
/* A number among the notes. */
struct record_value {
    double value;     /* NaN: none */
    double error;     /* standard error; NaN: none */
    const char *unit; /* "steps"; "": a pure number, or lattice units */
};
struct record_value record_value(const struct record *record, const char *name);
/* As people read it: "0.75 +- 0.02 steps"; returns the buffer. An error of zero, of what never changed, is none. */
enum { RECORD_TEXT = 160 };
const char *record_value_text(struct record_value value, char buffer[RECORD_TEXT]);
/* A note as people read it, whether text or number; "" when missing. It belongs to the record or is the buffer. */
const char *record_note_text(const struct record *record, const char *name, char buffer[RECORD_TEXT]);
/* Refuses a file whose run record beside it names another theory than this; a file without a record, and a record
 * without a theory, are taken as they are. */
enum status record_check_theory(const char *path, const char *name, struct error *e);
/* Calls `visit` for each text of a group, and each number among the notes as people read it, in the order of their
 * names. */
void record_visit(const struct record *record, const char *group,
                  void (*visit)(void *context, const char *name, const char *text), void *context);

/* Facts. Memory that runs out here is reported by record_write. */
void record_label(struct record *record, const char *label);
void record_source(struct record *record, const char *commit, int dirty); /* "": not known; -1: not known */
void record_threads(struct record *record, int threads);
void record_parameters(struct record *record, const struct parameters *p); /* and the seed, if one is "seed" */
void record_input(struct record *record, const char *name, const char *path, const char *key, const char *sha256);
void record_output(struct record *record, const char *name, uint64_t bytes, const char *sha256);
void record_note(struct record *record, const char *name, const char *text);
void record_note_value(struct record *record, const char *name, struct record_value value);
void record_theory(struct record *record, const char *name, size_t couplings, const char *const *names,
                   const double *values);
void record_environment(struct record *record, const char *name, const char *text);

/* The end of the run: status, message, and the times and memory of this process and its children. */
void record_end(struct record *record, const char *status, const char *message);
/* For a record that another process left as "running": changes status and message, and the wall time to that between
 * its start and `until` (0 s where that is before the start); until = 0: unknown. */
void record_amend(struct record *record, const char *status, const char *message, time_t until);

/* The JSON text, which the caller frees; NULL when out of memory. */
char *record_json(const struct record *record);
/* Writes it atomically. */
enum status record_write(const struct record *record, const char *path, struct error *e);

#endif
