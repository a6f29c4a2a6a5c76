/* Compares the ledger with run records: the records are entered into a second ledger, in memory, and SQLite computes
 * the differences of the tables. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/ledger.h"
#include "store/ledger_open.h"

static const struct {
    const char *name, *run; /* table, and its column with the id of a run */
} tables[] = {{"runs", "id"},   {"parameters", "run"},  {"inputs", "run"}, {"outputs", "run"},
              {"notes", "run"}, {"environment", "run"}, {"numbers", "run"}};

enum { TABLES = sizeof tables / sizeof *tables };

/* Calls visit for each id that a query returns. */
static enum status visit_all(sqlite3 *db, const char *sql, const char *path, enum ledger_finding finding,
                             void (*visit)(void *context, enum ledger_finding finding, const char *id), void *context,
                             struct error *e) {
    sqlite3_stmt *s;
    int code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(s);
        if (code == SQLITE_ROW) {
            visit(context, finding, (const char *)sqlite3_column_text(s, 0));
        }
    }
    const enum status status = code == SQLITE_DONE ? STATUS_OK : ledger_failed(db, path, e);
    sqlite3_finalize(s);
    return status;
}

/* Visits the runs that are in both, but differ in a row of one of the tables. */
static enum status visit_differing(sqlite3 *db, const char *path,
                                   void (*visit)(void *context, enum ledger_finding finding, const char *id),
                                   void *context, struct error *e) {
    char sql[4096] = "SELECT DISTINCT id FROM (";
    size_t used = strlen(sql);
    for (int i = 0; i < 2 * TABLES; i++) {
        const char *first = i % 2 ? "ledger" : "main", *second = i % 2 ? "main" : "ledger", *name = tables[i / 2].name;
        used += (size_t)snprintf(sql + used, sizeof sql - used,
                                 "%sSELECT %s AS id FROM (SELECT * FROM %s.%s EXCEPT SELECT * FROM %s.%s)",
                                 i ? " UNION ALL " : "", tables[i / 2].run, first, name, second, name);
    }
    snprintf(sql + used, sizeof sql - used,
             ") WHERE id IN (SELECT id FROM main.runs) AND id IN (SELECT id FROM ledger.runs) ORDER BY id");
    return visit_all(db, sql, path, LEDGER_DIFFERS, visit, context, e);
}

/* Attaches the ledger at `path`, as the schema "ledger", to the one in memory. */
static enum status attach(sqlite3 *db, const char *path, struct error *e) {
    sqlite3_stmt *s;
    bool fine = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK && /* ATTACH is not possible in a
                                                                                transaction */
                sqlite3_prepare_v2(db, "ATTACH ? AS ledger", -1, &s, NULL) == SQLITE_OK;
    if (fine) {
        sqlite3_bind_text(s, 1, path, -1, SQLITE_STATIC);
        fine = sqlite3_step(s) == SQLITE_DONE;
        fine = sqlite3_finalize(s) == SQLITE_OK && fine;
    }
    int version = 0;
    if (fine && sqlite3_prepare_v2(db, "PRAGMA ledger.user_version", -1, &s, NULL) == SQLITE_OK) {
        fine = sqlite3_step(s) == SQLITE_ROW;
        version = sqlite3_column_int(s, 0);
        fine = sqlite3_finalize(s) == SQLITE_OK && fine;
    } else {
        fine = false;
    }
    if (fine && version != LEDGER_VERSION) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: ledger of version %d, expected %d: make ledger-rebuild makes it from the run records",
                         path, version, LEDGER_VERSION);
    }
    return fine ? STATUS_OK : ledger_failed(db, path, e);
}

enum status ledger_compare(const char *path, const char *const *records, size_t count,
                           void (*visit)(void *context, enum ledger_finding finding, const char *id), void *context,
                           struct error *e) {
    if (access(path, F_OK) != 0) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: the ledger is missing; make ledger-rebuild makes it from the run records", path);
    }
    struct ledger_wait wait = ledger_wait_for(path, NULL);
    sqlite3 *db;
    TRY(ledger_open(":memory:", true, &wait, &db, e));
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = ledger_insert(db, path, records[i], e);
    }
    THEN(status, attach(db, path, e));
    THEN(status, visit_all(db, "SELECT id FROM main.runs WHERE id NOT IN (SELECT id FROM ledger.runs) ORDER BY id",
                           path, LEDGER_LACKS, visit, context, e));
    THEN(status, visit_differing(db, path, visit, context, e));
    THEN(status, visit_all(db, "SELECT id FROM ledger.runs WHERE id NOT IN (SELECT id FROM main.runs) ORDER BY id",
                           path, LEDGER_ALONE, visit, context, e));
    sqlite3_close(db);
    return status;
}
