/* The ledger: run records in one SQLite database, to be asked questions. The records are the truth: the ledger can be
 * rebuilt from them at any time, with the same content.
 *
 * Tables (schema version in PRAGMA user_version): runs, one row an attempt; parameters, notes and environment (run,
 * name, value); numbers (run, name, value, error, unit), the notes that are numbers; inputs (run, position, name,
 * path, key, sha256) and outputs (run, position, name, bytes, sha256). Columns of runs are the members of a record
 * (store/record.h). Rows are in the order of their primary keys, so equal content gives equal dumps.
 *
 * No WAL (network file systems); many processes may enter runs at once: each waits up to a minute for the others, as
 * `wait` says (base/lock.h; NULL: in silence). Where the file system has no locks, processes would spoil the database
 * for each other: there nothing is entered one by one, and ledger_rebuild(), by one process, takes in what the records
 * say. */
#ifndef DMSQ_STORE_LEDGER_H
#define DMSQ_STORE_LEDGER_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/lock.h"

/* Whether the file system of the ledger has the locks that entering runs one by one needs. */
bool ledger_has_locks(const char *path);

/* Enters a run record (JSON text), replacing an earlier state of the same run. Makes the ledger. Without locks: does
 * nothing. */
enum status ledger_enter(const char *path, const char *json, const struct lock_wait *wait, struct error *e);

/* Enters all records of a folder RUNS (the readable ones; none is fine), each replacing an earlier state of its run:
 * what processes that were killed could not enter themselves. Without locks: does nothing. */
enum status ledger_take_in(const char *path, const char *runs, const struct lock_wait *wait, struct error *e);

/* Builds the ledger anew from ROOT/artifacts/<key>/runs/<name>.json and puts it in place of the old one, which
 * may be missing or broken. A record that cannot be read is skipped, which wait->say is told. Runs entered from
 * folders elsewhere are not found again. */
enum status ledger_rebuild(const char *path, const char *root, const struct lock_wait *wait, struct error *e);

/* What ledger_compare() finds of a run. */
enum ledger_finding {
    LEDGER_LACKS,   /* there is a record, and the ledger has not got it */
    LEDGER_DIFFERS, /* both are there and say different things */
    LEDGER_ALONE,   /* the ledger has a run without a record: it was removed, or is in a folder elsewhere */
};

/* Compares the ledger, every column of every table, with run records (JSON texts) and calls visit() with the id of each
 * run that is not the same in both. STATUS_BAD_INPUT: there is no ledger, or it cannot be read. */
enum status ledger_compare(const char *path, const char *const *records, size_t count,
                           void (*visit)(void *context, enum ledger_finding finding, const char *id), void *context,
                           struct error *e);

/* Prints all runs, newest last. A "running" one whose process is gone (its lock is free) is shown as
 * "interrupted": nobody was left to record it. */
enum status ledger_show(FILE *out, const char *path, const struct lock_wait *wait, struct error *e);

/* Prints everything about the runs of the artifact whose key begins with key_prefix (at least 4 digits);
 * STATUS_BAD_INPUT when there is none. */
enum status ledger_show_runs(FILE *out, const char *path, const char *key_prefix, const struct lock_wait *wait,
                             struct error *e);

/* The word for the state of a run: `status`, or "interrupted" for a "running" one whose lock is free. The
 * lock is that of the artifact beside the ledger, or else in `folder`. */
const char *ledger_state(const char *path, const char *status, const char *key, const char *folder);

#endif
