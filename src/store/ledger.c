/* The ledger of runs: entering and rebuilding. ledger_show.c prints it. */
#include "store/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owner.h"
#include "store/ledger_open.h"
#include "store/record_note.h"

/* Version 1 of the schema lacks this table; it is added when a ledger of version 1 is opened for writing. */
#define NUMBERS \
    "CREATE TABLE numbers (run TEXT, name TEXT, value REAL, error REAL, unit TEXT, PRIMARY KEY (run, name)) WITHOUT " \
    "ROWID;" \
    "PRAGMA user_version = 2;"

static const char schema[] =
    "CREATE TABLE runs (id TEXT PRIMARY KEY, stage TEXT, version INTEGER, label TEXT, key TEXT, recipe TEXT,"
    " folder TEXT, seed INTEGER, status TEXT, message TEXT, start TEXT, wall_seconds REAL, cpu_user_seconds REAL,"
    " cpu_system_seconds REAL, peak_memory_bytes INTEGER, threads INTEGER, git_commit TEXT, git_dirty INTEGER)"
    " WITHOUT ROWID;"
    "CREATE TABLE parameters (run TEXT, name TEXT, value TEXT, PRIMARY KEY (run, name)) WITHOUT ROWID;"
    "CREATE TABLE inputs (run TEXT, position INTEGER, name TEXT, path TEXT, key TEXT, sha256 TEXT,"
    " PRIMARY KEY (run, position)) WITHOUT ROWID;"
    "CREATE TABLE outputs (run TEXT, position INTEGER, name TEXT, bytes INTEGER, sha256 TEXT,"
    " PRIMARY KEY (run, position)) WITHOUT ROWID;"
    "CREATE TABLE notes (run TEXT, name TEXT, value TEXT, PRIMARY KEY (run, name)) WITHOUT ROWID;"
    "CREATE TABLE environment (run TEXT, name TEXT, value TEXT, PRIMARY KEY (run, name)) WITHOUT ROWID;" NUMBERS;

enum status ledger_failed(sqlite3 *db, const char *path, struct error *e) {
    int code = db != NULL ? sqlite3_errcode(db) : SQLITE_NOMEM;
    bool broken = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
    return error_set(e, broken ? STATUS_BAD_INPUT : STATUS_FAILED, "%s: ledger: %s%s", path,
                     db != NULL ? sqlite3_errmsg(db) : "out of memory",
                     broken ? "; make ledger-rebuild makes it from the run records" : "");
}

static enum status execute(sqlite3 *db, const char *sql, const char *path, struct error *e) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? STATUS_OK : ledger_failed(db, path, e);
}

/* SQLite's busy handler: false ends the wait for the locks of other processes. */
static int wait_for_locks(void *context, int tries) {
    struct ledger_wait *w = context;
    w->waited = tries == 0 ? 0 : w->waited;
    char what[1024];
    snprintf(what, sizeof what, "the ledger %s, which another program has open", w->path);
    return lock_pause(&w->wait, what, &w->waited);
}

struct ledger_wait ledger_wait_for(const char *path, const struct lock_wait *wait) {
    struct ledger_wait w = {.wait = wait != NULL ? *wait : (struct lock_wait){0}, .path = path};
    w.wait.what = NULL;
    w.wait.seconds = w.wait.seconds > 0 ? w.wait.seconds : LEDGER_WAIT_SECONDS;
    return w;
}

enum status ledger_open(const char *path, bool write, struct ledger_wait *wait, sqlite3 **result, struct error *e) {
    sqlite3 *db = NULL;
    /* Readers open it for writing too, if they can: they must roll back a transaction that a killed process left. */
    int flags = SQLITE_OPEN_READWRITE | (write ? SQLITE_OPEN_CREATE : 0);
    enum status status = STATUS_OK;
    if (sqlite3_open_v2(path, &db, flags, wait->unlocked ? "unix-none" : NULL) != SQLITE_OK) {
        status = ledger_failed(db, path, e);
    }
    int version = 0;
    if (status == STATUS_OK) {
        sqlite3_busy_handler(db, wait_for_locks, wait);
        /* The version is read in the transaction, so that only one of several processes creates the tables. */
        status = execute(db, write ? "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE" : "BEGIN", path, e);
    }
    sqlite3_stmt *query = NULL;
    if (status == STATUS_OK) {
        if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &query, NULL) == SQLITE_OK &&
            sqlite3_step(query) == SQLITE_ROW) {
            version = sqlite3_column_int(query, 0);
        } else {
            status = ledger_failed(db, path, e);
        }
        sqlite3_finalize(query);
    }
    if (status == STATUS_OK && version == 0 && write) {
        status = execute(db, schema, path, e);
    } else if (status == STATUS_OK && version == 1) {
        status = write ? execute(db, NUMBERS, path, e) : STATUS_OK;
    } else if (status == STATUS_OK && version != LEDGER_VERSION) {
        status = error_set(e, STATUS_BAD_INPUT,
                           "%s: ledger of version %d, expected %d: make ledger-rebuild makes it from the run records",
                           path, version, LEDGER_VERSION);
    }
    if (status != STATUS_OK) {
        sqlite3_close(db);
        return status;
    }
    *result = db;
    return STATUS_OK;
}

/* --- entering ------------------------------------------------------------------------------------ */

static void bind_json(sqlite3_stmt *s, int at, const json_t *value) {
    if (json_is_string(value)) {
        sqlite3_bind_text(s, at, json_string_value(value), -1, SQLITE_TRANSIENT);
    } else if (json_is_integer(value)) {
        sqlite3_bind_int64(s, at, json_integer_value(value));
    } else if (json_is_real(value)) {
        sqlite3_bind_double(s, at, json_real_value(value));
    } else if (json_is_boolean(value)) {
        sqlite3_bind_int(s, at, json_is_true(value));
    } else {
        sqlite3_bind_null(s, at);
    }
}

/* Executes a prepared statement and resets it for the next values. After a failure it is not reset, so that SQLite
 * keeps the error message. */
static bool step(sqlite3_stmt *s) {
    bool fine = sqlite3_step(s) == SQLITE_DONE;
    if (fine) {
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
    }
    return fine;
}

static bool insert_run(sqlite3 *db, const json_t *record) {
    static const char *const columns[] = {"id",
                                          "stage",
                                          "version",
                                          "label",
                                          "key",
                                          "recipe",
                                          "folder",
                                          "seed",
                                          "status",
                                          "message",
                                          "start",
                                          "wall_seconds",
                                          "cpu_user_seconds",
                                          "cpu_system_seconds",
                                          "peak_memory_bytes",
                                          "threads",
                                          "git_commit",
                                          "git_dirty"};
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, "INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", -1, &s, NULL) !=
        SQLITE_OK) {
        return false;
    }
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        bind_json(s, (int)i + 1, json_object_get(record, columns[i]));
    }
    bool fine = step(s);
    sqlite3_finalize(s);
    return fine;
}

/* Fills a table (run, name, value) from a JSON object. */
static bool insert_pairs(sqlite3 *db, const char *sql, const char *id, json_t *pairs) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        return false;
    }
    bool fine = true;
    const char *name;
    json_t *value;
    json_object_foreach(pairs, name, value) {
        sqlite3_bind_text(s, 1, id, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(s, 2, name, -1, SQLITE_TRANSIENT);
        bind_json(s, 3, value);
        fine = step(s);
        if (!fine) {
            break;
        }
    }
    sqlite3_finalize(s);
    return fine;
}

/* Enters notes as text, and those that are numbers also into the table numbers. */
static bool insert_notes(sqlite3 *db, const char *id, json_t *notes) {
    sqlite3_stmt *text = NULL, *number = NULL;
    bool fine = sqlite3_prepare_v2(db, "INSERT INTO notes VALUES (?,?,?)", -1, &text, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db, "INSERT INTO numbers VALUES (?,?,?,?,?)", -1, &number, NULL) == SQLITE_OK;
    const char *name;
    json_t *note;
    json_object_foreach(notes, name, note) {
        char buffer[RECORD_TEXT];
        if (!fine) {
            break;
        }
        sqlite3_bind_text(text, 1, id, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(text, 2, name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(text, 3, record_note_text_of(note, buffer), -1, SQLITE_TRANSIENT);
        fine = step(text);
        if (!fine || !json_is_object(note)) {
            continue;
        }
        sqlite3_bind_text(number, 1, id, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(number, 2, name, -1, SQLITE_TRANSIENT);
        bind_json(number, 3, json_object_get(note, "value"));
        bind_json(number, 4, json_object_get(note, "error"));
        bind_json(number, 5, json_object_get(note, "unit"));
        fine = step(number);
    }
    sqlite3_finalize(text);
    sqlite3_finalize(number);
    return fine;
}

/* Fills a table (run, position, columns...) from a list of JSON objects; `columns` ends with NULL. */
static bool insert_files(sqlite3 *db, const char *sql, const char *id, json_t *list, const char *const *columns) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        return false;
    }
    bool fine = true;
    size_t position;
    json_t *entry;
    json_array_foreach(list, position, entry) {
        sqlite3_bind_text(s, 1, id, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(s, 2, (sqlite3_int64)position);
        for (int i = 0; columns[i] != NULL; i++) {
            bind_json(s, i + 3, json_object_get(entry, columns[i]));
        }
        fine = step(s);
        if (!fine) {
            break;
        }
    }
    sqlite3_finalize(s);
    return fine;
}

static bool delete_run(sqlite3 *db, const char *id) {
    static const char *const deletions[] = {
        "DELETE FROM runs WHERE id = ?",     "DELETE FROM parameters WHERE run = ?",
        "DELETE FROM inputs WHERE run = ?",  "DELETE FROM outputs WHERE run = ?",
        "DELETE FROM notes WHERE run = ?",   "DELETE FROM environment WHERE run = ?",
        "DELETE FROM numbers WHERE run = ?",
    };
    bool fine = true;
    for (size_t i = 0; fine && i < sizeof deletions / sizeof *deletions; i++) {
        sqlite3_stmt *s;
        fine = sqlite3_prepare_v2(db, deletions[i], -1, &s, NULL) == SQLITE_OK;
        if (fine) {
            sqlite3_bind_text(s, 1, id, -1, SQLITE_TRANSIENT);
            fine = step(s);
            sqlite3_finalize(s);
        }
    }
    return fine;
}

enum status ledger_insert(sqlite3 *db, const char *path, const char *json, struct error *e) {
    json_error_t reason;
    json_t *record = json_loads(json, 0, &reason);
    const char *id = json_string_value(json_object_get(record, "id"));
    if (id == NULL) {
        json_decref(record);
        return error_set(e, STATUS_BAD_INPUT, "%s: ledger: expected a run record with an id", path);
    }
    bool fine =
        delete_run(db, id) && insert_run(db, record) &&
        insert_pairs(db, "INSERT INTO parameters VALUES (?,?,?)", id, json_object_get(record, "parameters")) &&
        insert_notes(db, id, json_object_get(record, "notes")) &&
        insert_pairs(db, "INSERT INTO environment VALUES (?,?,?)", id, json_object_get(record, "environment")) &&
        insert_files(db, "INSERT INTO inputs VALUES (?,?,?,?,?,?)", id, json_object_get(record, "inputs"),
                     (const char *const[]){"name", "path", "key", "sha256", NULL}) &&
        insert_files(db, "INSERT INTO outputs VALUES (?,?,?,?,?)", id, json_object_get(record, "outputs"),
                     (const char *const[]){"name", "bytes", "sha256", NULL});
    json_decref(record);
    return fine ? STATUS_OK : ledger_failed(db, path, e);
}

/* Takes the lock FILE.lock: shared to enter runs (SQLite's own locks separate those), exclusive to replace the whole
 * database, which SQLite's locks do not cover. */
static enum status take_lock(const char *path, enum lock_kind kind, struct ledger_wait *wait, struct lock *lock,
                             struct error *e) {
    char *name = NULL;
    if (asprintf(&name, "%s.lock", path) < 0) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    enum status status = lock_take(name, kind, &wait->wait, lock, e);
    wait->unlocked = status == STATUS_OK && lock_of_ranges_missing(name);
    free(name);
    return status == STATUS_OK ? status : error_prefix(e, "ledger");
}

bool ledger_has_locks(const char *path) {
    struct ledger_wait wait = ledger_wait_for(path, NULL);
    struct lock lock;
    struct error e;
    const bool known = take_lock(path, LOCK_SHARED, &wait, &lock, &e) == STATUS_OK, locks = lock.held && !wait.unlocked;
    lock_release(&lock);
    return locks || !known;
}

enum status ledger_enter(const char *path, const char *json, const struct lock_wait *how, struct error *e) {
    struct ledger_wait wait = ledger_wait_for(path, how);
    struct lock lock;
    enum status status = take_lock(path, LOCK_SHARED, &wait, &lock, e);
    if (status != STATUS_OK || !lock.held || wait.unlocked) {
        lock_release(&lock);
        return status;
    }
    sqlite3 *db;
    status = ledger_open(path, true, &wait, &db, e);
    if (status == STATUS_OK) {
        status = ledger_insert(db, path, json, e);
        THEN(status, execute(db, "COMMIT", path, e));
        sqlite3_close(db); /* rolls back an uncommitted transaction */
    }
    lock_release(&lock);
    return status;
}

/* --- rebuilding ---------------------------------------------------------------------------------- */

/* A ledger to which records are entered from files. */
struct rebuilding {
    sqlite3 *db;
    const char *path;
    const struct lock_wait *wait;
};

/* Enters one record; one that cannot be read is skipped with a warning. */
static enum status enter_record(const struct rebuilding *r, const char *file, struct error *e) {
    struct record *record;
    enum status status = record_read(file, &record, e);
    if (status != STATUS_OK) {
        char text[sizeof e->message + 32];
        snprintf(text, sizeof text, "warning: skipped: %s", e->message);
        if (r->wait != NULL && r->wait->say != NULL) {
            r->wait->say(r->wait->context, text);
        }
        return STATUS_OK;
    }
    char *json = record_json(record);
    status = json != NULL ? ledger_insert(r->db, r->path, json, e)
                          : error_set(e, STATUS_FAILED, "%s: out of memory", r->path);
    free(json);
    record_free(record);
    return status;
}

/* Enters the records in `folder`, or, unless `below` is NULL, those in the subfolder `below` of each of its subfolders.
 * A folder that does not exist has no records. */
static enum status enter_folder(const struct rebuilding *r, const char *folder, const char *below, struct error *e) {
    DIR *list = opendir(folder);
    if (list == NULL) {
        return errno == ENOENT || errno == ENOTDIR
                   ? STATUS_OK
                   : error_set(e, STATUS_FAILED, "%s: cannot list the run records: %s", folder, strerror(errno));
    }
    enum status status = STATUS_OK;
    const struct dirent *entry;
    while (status == STATUS_OK && (entry = readdir(list)) != NULL) {
        const size_t length = strlen(entry->d_name);
        const bool record = length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
        char *name = NULL;
        if (entry->d_name[0] == '.' || (below == NULL && !record)) {
            continue;
        }
        if (asprintf(&name, "%s/%s%s%s", folder, entry->d_name, below ? "/" : "", below ? below : "") < 0) {
            status = error_set(e, STATUS_FAILED, "%s: out of memory", r->path);
            break;
        }
        status = below ? enter_folder(r, name, NULL, e) : enter_record(r, name, e);
        free(name);
    }
    closedir(list);
    return status;
}

static enum status enter_all(const struct rebuilding *r, const char *root, struct error *e) {
    char *folder = NULL;
    if (asprintf(&folder, "%s/artifacts", root) < 0) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", r->path);
    }
    enum status status = enter_folder(r, folder, "runs", e);
    free(folder);
    return status;
}

enum status ledger_take_in(const char *path, const char *runs, const struct lock_wait *how, struct error *e) {
    struct ledger_wait wait = ledger_wait_for(path, how);
    struct lock lock;
    enum status status = take_lock(path, LOCK_SHARED, &wait, &lock, e);
    if (status != STATUS_OK || !lock.held || wait.unlocked) {
        lock_release(&lock);
        return status;
    }
    struct rebuilding r = {.path = path, .wait = how};
    status = ledger_open(path, true, &wait, &r.db, e);
    if (status == STATUS_OK) {
        status = enter_folder(&r, runs, NULL, e);
        THEN(status, execute(r.db, "COMMIT", path, e));
        sqlite3_close(r.db);
    }
    lock_release(&lock);
    return status;
}

/* Replaces the ledger by the new database. First removes the journal or write-ahead log of a process that was killed in
 * a transaction: SQLite would apply it to the new database. */
static enum status replace_ledger(const char *temporary, const char *path, struct error *e) {
    static const char *const leftovers[] = {"-journal", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++) {
        char *name = NULL;
        if (asprintf(&name, "%s%s", path, leftovers[i]) < 0) {
            return error_set(e, STATUS_FAILED, "%s: out of memory", path);
        }
        const bool gone = unlink(name) == 0 || errno == ENOENT;
        free(name);
        if (!gone) {
            return error_set(e, STATUS_FAILED, "%s%s: cannot remove: %s", path, leftovers[i], strerror(errno));
        }
    }
    return file_replace(temporary, path, e);
}

enum status ledger_rebuild(const char *path, const char *root, const struct lock_wait *how, struct error *e) {
    struct stat info;
    if (stat(root, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: is not a folder; expected a folder of results", root);
    }
    char *temporary = NULL;
    char owner[OWNER_NAME];
    if (asprintf(&temporary, "%s.tmp-%s", path, owner_name(owner)) < 0) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    unlink(temporary);
    /* Processes that enter a run now wait, and then find the new ledger. Runs entered earlier are not lost: their
     * records were written before. */
    struct ledger_wait wait = ledger_wait_for(path, how);
    struct rebuilding r = {.path = path, .wait = how};
    struct lock lock = {.file = -1};
    enum status status = take_lock(path, LOCK_EXCLUSIVE, &wait, &lock, e);
    THEN(status, ledger_open(temporary, true, &wait, &r.db, e));
    if (status == STATUS_OK) {
        status = enter_all(&r, root, e);
        THEN(status, execute(r.db, "COMMIT", path, e));
        sqlite3_close(r.db);
    }
    THEN(status, replace_ledger(temporary, path, e));
    if (status != STATUS_OK) {
        unlink(temporary);
    }
    lock_release(&lock);
    free(temporary);
    return status;
}
