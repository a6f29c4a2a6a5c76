/* The ledger as text: a table of all runs, and everything about the runs of one artifact. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "store/ledger.h"
#include "store/ledger_open.h"

const char *ledger_state(const char *path, const char *status, const char *key, const char *folder) {
    if (strcmp(status, "running") != 0) {
        return status;
    }
    char lock[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(lock, sizeof lock, "%.*sartifacts/%s/lock", slash != NULL ? (int)(slash - path) + 1 : 0, path, key);
    enum lock_state found = lock_state(lock);
    if (found == LOCK_NO_FILE) {
        snprintf(lock, sizeof lock, "%s/lock", folder);
        found = lock_state(lock);
    }
    return found == LOCK_HELD || found == LOCK_UNKNOWN ? "running" : "interrupted";
}

static const char *text(sqlite3_stmt *s, int column) {
    const unsigned char *value = sqlite3_column_text(s, column);
    return value != NULL ? (const char *)value : "";
}

/* A number of seconds, or "-" if it is not recorded (yet). */
static const char *time_text(sqlite3_stmt *s, int column, char buffer[32]) {
    if (sqlite3_column_type(s, column) == SQLITE_NULL) {
        return "-";
    }
    snprintf(buffer, 32, "%.1f", sqlite3_column_double(s, column));
    return buffer;
}

enum status ledger_show(FILE *out, const char *path, const struct lock_wait *how, struct error *e) {
    sqlite3 *db;
    struct ledger_wait wait = ledger_wait_for(path, how);
    wait.unlocked = lock_of_ranges_missing(path);
    TRY(ledger_open(path, false, &wait, &db, e));
    enum status status = STATUS_OK;
    sqlite3_stmt *s;
    const char *sql = "SELECT start, status, stage, label, key, wall_seconds, cpu_user_seconds + cpu_system_seconds,"
                      " peak_memory_bytes, seed, git_commit, git_dirty, folder FROM runs ORDER BY start, id";
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        status = ledger_failed(db, path, e);
        sqlite3_close(db);
        return status;
    }
    /* a first pass finds the widths of the columns */
    int stage_width = 5, label_width = 5, code;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        int stage = sqlite3_column_bytes(s, 2), label = sqlite3_column_bytes(s, 3);
        stage_width = stage > stage_width ? stage : stage_width;
        label_width = label > label_width ? label : label_width;
    }
    sqlite3_reset(s);
    fprintf(out, "%-20s  %-11s  %-*s  %-*s  %-12s  %9s  %9s  %8s  %8s  %s\n", "start (UTC)", "status", stage_width,
            "stage", label_width, "label", "key", "wall/s", "CPU/s", "peak/MiB", "seed", "git");
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        char wall[32], cpu[32], peak[32];
        snprintf(peak, sizeof peak, "%.0f", sqlite3_column_double(s, 7) / (1024.0 * 1024.0));
        fprintf(out, "%-20s  %-11s  %-*s  %-*s  %-12.12s  %9s  %9s  %8s  %8s  %.8s%s\n", text(s, 0),
                ledger_state(path, text(s, 1), text(s, 4), text(s, 11)), stage_width, text(s, 2), label_width,
                text(s, 3), text(s, 4), time_text(s, 5, wall), time_text(s, 6, cpu),
                sqlite3_column_type(s, 7) == SQLITE_NULL ? "-" : peak, text(s, 8), text(s, 9),
                sqlite3_column_int(s, 10) ? "*" : "");
    }
    if (code != SQLITE_DONE) {
        status = ledger_failed(db, path, e);
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    return status;
}

/* Prints the rows of one table that belong to a run: a heading, then the columns after the first one. */
static enum status show_rows(FILE *out, sqlite3 *db, const char *path, const char *heading, const char *sql,
                             const char *id, struct error *e) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        return ledger_failed(db, path, e);
    }
    sqlite3_bind_text(s, 1, id, -1, SQLITE_TRANSIENT);
    int code, rows = 0;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        if (rows++ == 0) {
            fprintf(out, "  %s\n", heading);
        }
        fprintf(out, "    %-22s", text(s, 0));
        for (int i = 1; i < sqlite3_column_count(s); i++) {
            fprintf(out, "  %s", text(s, i));
        }
        fprintf(out, "\n");
    }
    enum status status = code == SQLITE_DONE ? STATUS_OK : ledger_failed(db, path, e);
    sqlite3_finalize(s);
    return status;
}

static enum status show_run(FILE *out, sqlite3 *db, sqlite3_stmt *run, const char *path, struct error *e) {
    const char *id = text(run, 0);
    fprintf(out, "run %s\n", id);
    const char *key = "", *folder = "", *state = "";
    for (int i = 0; i < sqlite3_column_count(run); i++) {
        const char *name = sqlite3_column_name(run, i);
        key = strcmp(name, "key") == 0 ? text(run, i) : key;
        folder = strcmp(name, "folder") == 0 ? text(run, i) : folder;
        state = strcmp(name, "status") == 0 ? text(run, i) : state;
    }
    for (int i = 1; i < sqlite3_column_count(run); i++) {
        const char *name = sqlite3_column_name(run, i), *value = text(run, i);
        if (strcmp(name, "recipe") != 0 && *value != '\0') { /* the recipe repeats parameters and inputs */
            fprintf(out, "  %-24s  %s\n", name,
                    strcmp(name, "status") == 0 ? ledger_state(path, state, key, folder) : value);
        }
    }
    static const char *const parts[][2] = {
        {"parameters", "SELECT name, value FROM parameters WHERE run = ? ORDER BY name"},
        {"inputs", "SELECT name, 'key ' || key, 'sha256 ' || sha256, path FROM inputs WHERE run = ? ORDER BY position"},
        {"outputs", "SELECT name, 'sha256 ' || sha256, bytes || ' bytes' FROM outputs WHERE run = ? ORDER BY position"},
        {"notes", "SELECT name, value FROM notes WHERE run = ? ORDER BY name"},
        {"environment", "SELECT name, value FROM environment WHERE run = ? ORDER BY name"},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof parts / sizeof *parts; i++) {
        status = show_rows(out, db, path, parts[i][0], parts[i][1], id, e);
    }
    return status;
}

enum status ledger_show_runs(FILE *out, const char *path, const char *key_prefix, const struct lock_wait *how,
                             struct error *e) {
    size_t length = strlen(key_prefix);
    if (length < 4 || length > 64 || strspn(key_prefix, "0123456789abcdef") != length) {
        return error_set(e, STATUS_BAD_INPUT, "key '%.80s': expected 4 to 64 hexadecimal digits (0-9, a-f)",
                         key_prefix);
    }
    sqlite3 *db;
    struct ledger_wait wait = ledger_wait_for(path, how);
    wait.unlocked = lock_of_ranges_missing(path);
    TRY(ledger_open(path, false, &wait, &db, e));
    enum status status = STATUS_OK;
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, "SELECT * FROM runs WHERE substr(key, 1, length(?1)) = ?1 ORDER BY start, id", -1, &s,
                           NULL) != SQLITE_OK) {
        status = ledger_failed(db, path, e);
        sqlite3_close(db);
        return status;
    }
    sqlite3_bind_text(s, 1, key_prefix, -1, SQLITE_TRANSIENT);
    int code, runs = 0;
    while (status == STATUS_OK && (code = sqlite3_step(s)) != SQLITE_DONE) {
        if (code != SQLITE_ROW) {
            status = ledger_failed(db, path, e);
            break;
        }
        if (runs++ > 0) {
            fprintf(out, "\n");
        }
        status = show_run(out, db, s, path, e);
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    if (status == STATUS_OK && runs == 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: no run found of an artifact whose key begins with '%s'", path,
                         key_prefix);
    }
    return status;
}
