/* The ledger: an SQLite database of all run records, for queries. It contains nothing that the records do not: it can
 * be rebuilt from them at any time, with the same content.
 *
 * Tables (schema version in PRAGMA user_version): runs, one row per attempt; parameters, notes and environment (run,
 * name, value); numbers (run, name, value, error, unit), the notes that are numbers; inputs (run, position, name, path,
 * key, sha256) and outputs (run, position, name, bytes, sha256). Columns of runs are the members of a record
 * (store/record.h). Rows are in the order of their primary keys, so equal content gives equal dumps.
 *
 * The journal is not a write-ahead log, which network file systems do not support. Several processes may enter runs at
 * once: each waits up to a minute for the others, as `wait` says (base/lock.h; NULL: without messages). On a file
 * system without locks they could corrupt the database. There runs are not entered one by one; a single process makes
 * the ledger by ledger_rebuild(). */
#ifndef DMSQ_STORE_LEDGER_H
#define DMSQ_STORE_LEDGER_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/lock.h"

/* True if the file system of the ledger has locks, which entering runs one by one requires. */
bool ledger_has_locks(const char *path);

/* Enters a run record (JSON text), replacing an earlier state of the same run. Creates the ledger if it is missing.
 * Does nothing on a file system without locks. */
enum status ledger_enter(const char *path, const char *json, const struct lock_wait *wait, struct error *e);

/* Enters all readable records of a folder RUNS, which may be missing, each replacing an earlier state of its run:
 * killed processes could not enter theirs. Does nothing on a file system without locks. */
enum status ledger_take_in(const char *path, const char *runs, const struct lock_wait *wait, struct error *e);

/* Makes a new ledger from ROOT/artifacts/<key>/runs/<name>.json, which replaces the old one, missing or corrupt as it
 * may be. A record that cannot be read is skipped with a warning by wait->say. Runs in other folders are not in the new
 * ledger. STATUS_BAD_INPUT: ROOT is not a folder. */
enum status ledger_rebuild(const char *path, const char *root, const struct lock_wait *wait, struct error *e);

/* Differences that ledger_compare() reports. */
enum ledger_finding {
    LEDGER_LACKS,   /* the ledger lacks a run that has a record */
    LEDGER_DIFFERS, /* ledger and record of a run differ */
    LEDGER_ALONE,   /* the ledger has a run without a record, which was removed or is in another folder */
};

/* Compares the ledger, every column of every table, with run records (JSON texts), and calls visit() with the id of
 * each run that differs. STATUS_BAD_INPUT: there is no ledger, or it cannot be read. */
enum status ledger_compare(const char *path, const char *const *records, size_t count,
                           void (*visit)(void *context, enum ledger_finding finding, const char *id), void *context,
                           struct error *e);

/* Prints all runs, newest last. A run recorded as "running" whose process has ended (its lock is free) is shown as
 * "interrupted". */
enum status ledger_show(FILE *out, const char *path, const struct lock_wait *wait, struct error *e);

/* Prints everything about the runs of the artifact whose key begins with key_prefix (at least 4 digits).
 * STATUS_BAD_INPUT: there is none. */
enum status ledger_show_runs(FILE *out, const char *path, const char *key_prefix, const struct lock_wait *wait,
                             struct error *e);

/* State of a run for display: `status`, or "interrupted" if that is "running" but its lock is free. The lock is that of
 * the artifact `key` beside the ledger, or else in `folder`. */
const char *ledger_state(const char *path, const char *status, const char *key, const char *folder);

#endif
