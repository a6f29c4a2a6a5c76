/* Access to the database of the ledger. Private to src/store. */
#ifndef DMSQ_STORE_LEDGER_OPEN_H
#define DMSQ_STORE_LEDGER_OPEN_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/error.h"

enum { LEDGER_VERSION = 1, LEDGER_WAIT_MILLISECONDS = 60000 };

/* Opens the ledger in a transaction; to write, it makes what is missing. The caller commits and closes. */
enum status ledger_open(const char *path, bool write, sqlite3 **db, struct error *e);

/* The last error of the database as a message. */
enum status ledger_failed(sqlite3 *db, const char *path, struct error *e);

#endif
