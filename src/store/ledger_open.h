/* Access to the database of the ledger. Private to src/store. */
#ifndef DMSQ_STORE_LEDGER_OPEN_H
#define DMSQ_STORE_LEDGER_OPEN_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/lock.h"

enum { LEDGER_VERSION = 2, LEDGER_WAIT_SECONDS = 60 };

/* How an open database waits for the locks of others; has to stay as long as that is open. */
struct ledger_wait {
    struct lock_wait wait;
    const char *path;
    double waited;
    bool unlocked; /* the file system has no locks for SQLite to take */
};

/* Waits as `wait` says (NULL: in silence), but no longer than a minute. */
struct ledger_wait ledger_wait_for(const char *path, const struct lock_wait *wait);

/* Opens the ledger in a transaction; to write, it makes what is missing. The caller commits and closes. */
enum status ledger_open(const char *path, bool write, struct ledger_wait *wait, sqlite3 **db, struct error *e);

/* Enters a run record (JSON text) into an open ledger, in place of an earlier state of the same run. `path` is for the
 * message. */
enum status ledger_insert(sqlite3 *db, const char *path, const char *json, struct error *e);

/* The last error of the database as a message. */
enum status ledger_failed(sqlite3 *db, const char *path, struct error *e);

#endif
