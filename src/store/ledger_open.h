/* Access to the database of the ledger. Private to src/store. */
#ifndef DMSQ_STORE_LEDGER_OPEN_H
#define DMSQ_STORE_LEDGER_OPEN_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/lock.h"

enum { LEDGER_VERSION = 2, LEDGER_WAIT_SECONDS = 60 };

/* How an open database waits for the locks of other processes. Must remain valid while it is open. */
struct ledger_wait {
    struct lock_wait wait;
    const char *path;
    double waited;
    bool unlocked; /* the file system has no locks on byte ranges, which SQLite uses */
};

/* Waits as `wait` says (NULL: without messages), by default at most a minute. */
struct ledger_wait ledger_wait_for(const char *path, const struct lock_wait *wait);

/* Opens the ledger and begins a transaction; for writing, creates a missing file and missing tables. The caller commits
 * and closes. */
enum status ledger_open(const char *path, bool write, struct ledger_wait *wait, sqlite3 **db, struct error *e);

/* Enters a run record (JSON text) into an open ledger, replacing an earlier state of the same run. Messages name
 * `path`. */
enum status ledger_insert(sqlite3 *db, const char *path, const char *json, struct error *e);

/* Reports the last error of the database: STATUS_BAD_INPUT if it is corrupt, else STATUS_FAILED. */
enum status ledger_failed(sqlite3 *db, const char *path, struct error *e);

#endif
