/* Run records and the ledger: runs are entered and found, a rebuilt ledger has the same content, many processes enter
 * runs at once, and corrupt files are distinguished from missing ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/file.h"
#include "store/ledger.h"
#include "store/record.h"
#include "tests/scratch.h"

static char root[256], ledger[300];

static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("ledger"));
    snprintf(ledger, sizeof ledger, "%s/ledger.sqlite", root);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static const struct parameter table[] = {
    {"kappa", PARAMETER_REAL, "0.21", 0, 1, NULL, "", "", false},
    {"seed", PARAMETER_INTEGER, "17", 0, 1e15, NULL, "", "", false},
};

/* Makes a run of the artifact with a key of this digit: the record file, and its text. */
static struct record *make_run(int digit, const char *status) {
    struct error e;
    char key[65], folder[400], path[500];
    snprintf(key, sizeof key, "%064x", digit);
    memmove(key, key + 56, 8); /* different in the digits that are printed */
    snprintf(folder, sizeof folder, "%s/artifacts/%s", root, key);
    snprintf(path, sizeof path, "%s/runs", folder);
    assert_int_equal(file_make_folder(path, &e), STATUS_OK);
    struct record *r = record_new("train", 2, key, "kappa=0.21\nstage=train\n", folder);
    assert_non_null(r);
    struct parameters *p = parameters_new(table, 2);
    record_parameters(r, p);
    parameters_free(p);
    record_label(r, "table1/model");
    record_threads(r, 2);
    record_input(r, "training", "a.npz", "00ff", "11aa");
    record_input(r, "training", "b.npz", "00fe", "11ab");
    record_note(r, "loss", "0.25");
    record_note_value(r, "tau", (struct record_value){63.5, 7.5, "steps"});
    record_note(r, "odd", "a 'quoted' \"text\"\nof two lines, \xc3\xa9, and \xff");
    if (strcmp(status, "running") != 0) {
        record_output(r, "artifact.npz", 5000000000u, "22bb");
        record_end(r, status, strcmp(status, "failed") == 0 ? "diverged" : "");
    }
    snprintf(path, sizeof path, "%s/runs/%s.json", folder, record_name(r));
    assert_int_equal(record_write(r, path, &e), STATUS_OK);
    return r;
}

static void enter(struct record *r) {
    struct error e = {0};
    char *json = record_json(r);
    if (ledger_enter(ledger, json, NULL, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    free(json);
    record_free(r);
}

/* For lock_wait: collects messages, at most 2047 bytes. */
static void hear(const void *said, const char *text) {
    char *all;
    memcpy(&all, &said, sizeof all); /* it is ours */
    snprintf(all + strlen(all), 2048 - strlen(all), "%s\n", text);
}

/* All tables as SQL-quoted text, with rows in their stored order. */
static char *dump(const char *path) {
    static const char *const tables[] = {"runs", "parameters", "inputs", "outputs", "notes", "environment", "numbers"};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        char sql[100];
        sqlite3_stmt *s;
        snprintf(sql, sizeof sql, "SELECT * FROM %s", tables[t]);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        while (sqlite3_step(s) == SQLITE_ROW) {
            fprintf(out, "%s", tables[t]);
            for (int i = 0; i < sqlite3_column_count(s); i++) {
                const unsigned char *value = sqlite3_column_text(s, i);
                fprintf(out, "|%d:%s", sqlite3_column_type(s, i), value ? (const char *)value : "");
            }
            fprintf(out, "\n");
        }
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
    fclose(out);
    return text;
}

static char *shown(const char *prefix) {
    struct error e = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    enum status status = prefix ? ledger_show_runs(out, ledger, prefix, NULL, &e) : ledger_show(out, ledger, NULL, &e);
    fclose(out);
    if (status != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    return text;
}

static void records(void **state) {
    (void)state;
    struct error e;
    struct record *r = make_run(1, "done"), *again;
    char path[700];
    snprintf(path, sizeof path, "%s/runs/%s.json", record_text(r, "folder"), record_name(r));
    assert_int_equal(record_read(path, &again, &e), STATUS_OK);
    char *a = record_json(r), *b = record_json(again);
    assert_string_equal(a, b);
    assert_string_equal(record_name(r), record_name(again));
    assert_string_equal(record_text(again, "status"), "done");
    assert_string_equal(record_text(again, "no such member"), "");
    /* Facts that must be recorded. */
    static const char *const wanted[] = {
        "\"seed\": 17",           "\"kappa\": \"0.21\"", "\"threads\": 2", "\"wall_seconds\":", "\"cpu_user_seconds\":",
        "\"peak_memory_bytes\":", "\"git_commit\":",     "\"processor\":", "\"kernel\":",       "\"host\":",
        "\"compiler\":",          "\"SQLite\":",         "\"OpenSSL\":",   "\"libzip\":",       "\"zlib\":",
        "\"bytes\": 5000000000"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_non_null(strstr(a, wanted[i]));
    }
    free(a);
    free(b);
    record_free(r);
    record_free(again);
    assert_int_equal(file_write(path, "{\"format\": 1, ", 14, &e), STATUS_OK);
    assert_int_equal(record_read(path, &again, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, ".json:1: is not a run record: "));
    assert_int_equal(file_write(path, "{\"format\": 1, \"id\": 5}", 22, &e), STATUS_OK);
    assert_int_equal(record_read(path, &again, &e), STATUS_BAD_INPUT);
    assert_int_equal(file_write(path, "[]", 2, &e), STATUS_OK);
    assert_int_equal(record_read(path, &again, &e), STATUS_BAD_INPUT);
}

static void enter_and_show(void **state) {
    (void)state;
    struct error e = {0};
    enter(make_run(0xabc1, "done"));
    enter(make_run(0xabc2, "failed"));
    enter(make_run(0xabc3, "running"));
    char *text = shown(NULL);
    assert_non_null(strstr(text, "done         train  table1/model  0000abc10000"));
    assert_non_null(strstr(text, "failed       train  table1/model  0000abc20000"));
    assert_non_null(strstr(text, "interrupted  train  table1/model  0000abc30000")); /* its lock is free */
    free(text);
    text = shown("0000abc2");
    static const char *const wanted[] = {"diverged",
                                         "kappa                   0.21",
                                         "b.npz",
                                         "5000000000 bytes",
                                         "22bb",
                                         "loss                    0.25",
                                         "tau                     63.5 +- 7.5 steps",
                                         "processor"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (strstr(text, wanted[i]) == NULL) {
            fail_msg("'%s' is missing in:\n%s", wanted[i], text);
        }
    }
    assert_null(strstr(text, "0000abc1"));
    free(text);
    /* Entering a run again replaces its earlier state. */
    struct record *r = make_run(0xabc4, "running");
    char *json = record_json(r);
    assert_int_equal(ledger_enter(ledger, json, NULL, &e), STATUS_OK);
    free(json);
    record_end(r, "done", "");
    enter(r);
    text = shown(NULL);
    assert_null(strstr(text, "interrupted  train  table1/model  0000abc4"));
    assert_non_null(strstr(text, "done         train  table1/model  0000abc4"));
    free(text);
    assert_int_equal(ledger_show_runs(stderr, ledger, "ffff", NULL, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "no run found of an artifact whose key begins with 'ffff'"));
    assert_int_equal(ledger_show_runs(stderr, ledger, "xyz", NULL, &e), STATUS_BAD_INPUT);
}

static void running_while_locked(void **state) {
    (void)state;
    struct record *r = make_run(0xabc5, "running");
    char lock[700];
    snprintf(lock, sizeof lock, "%s/lock", record_text(r, "folder"));
    enter(r);
    int file = open(lock, O_RDWR | O_CREAT, 0666);
    assert_true(file >= 0);
    assert_int_equal(flock(file, LOCK_EX), 0);
    char *text = shown(NULL);
    assert_non_null(strstr(text, "running      train"));
    free(text);
    close(file);
    text = shown(NULL);
    assert_non_null(strstr(text, "interrupted  train"));
    free(text);
}

static void rebuild(void **state) {
    (void)state;
    struct error e = {0};
    static const int digits[] = {7, 3, 0xff, 5, 1}; /* entered in another order than that of the keys */
    for (size_t i = 0; i < 5; i++) {
        enter(make_run(digits[i], i == 1 ? "failed" : i == 2 ? "running" : i == 3 ? "interrupted" : "done"));
    }
    char *before = dump(ledger);
    for (int broken = 0; broken < 4; broken++) {
        if (broken == 1) {
            assert_int_equal(file_write(ledger, "this is no database, whatever its name says", 43, &e), STATUS_OK);
            assert_int_equal(ledger_enter(ledger, "{\"id\": \"x\"}", NULL, &e), STATUS_BAD_INPUT);
            assert_non_null(strstr(e.message, "ledger.sqlite: ledger: file is not a database"));
            assert_non_null(strstr(e.message, "make ledger-rebuild makes it from the run records"));
        } else if (broken == 2) {
            unlink(ledger);
        } else if (broken == 3) {
            assert_int_equal(truncate(ledger, 5000), 0);
        }
        if (ledger_rebuild(ledger, root, NULL, &e) != STATUS_OK) {
            fail_msg("%s", e.message);
        }
        char *after = dump(ledger);
        assert_string_equal(before, after);
        free(after);
    }
    /* A record that cannot be read is reported with its name, and the others are entered. */
    char path[600];
    snprintf(path, sizeof path, "%s/artifacts/x/runs", root);
    assert_int_equal(file_make_folder(path, &e), STATUS_OK);
    strcat(path, "/bad.json");
    assert_int_equal(file_write(path, "{", 1, &e), STATUS_OK);
    char said[2048] = "";
    const struct lock_wait wait = {.say = hear, .context = said};
    assert_int_equal(ledger_rebuild(ledger, root, &wait, &e), STATUS_OK);
    assert_non_null(strstr(said, "warning: skipped: "));
    assert_non_null(strstr(said, "artifacts/x/runs/bad.json:1: is not a run record"));
    char *after = dump(ledger);
    assert_string_equal(before, after);
    free(after);
    free(before);
    assert_int_equal(ledger_rebuild(ledger, "build/tmp/none", NULL, &e), STATUS_BAD_INPUT);
}

static void execute(sqlite3 *db, const char *sql) {
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* A viewer switches the database to WAL and is killed: its log beside the old ledger does not affect the new one. */
static void rebuild_beside_the_log_of_a_killed_viewer(void **state) {
    (void)state;
    struct error e = {0};
    char name[600], kept[600];
    static const char *const beside[] = {"-wal", "-shm"};
    enter(make_run(17, "done"));
    char *before = dump(ledger);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(ledger, &db), SQLITE_OK);
    execute(db, "PRAGMA journal_mode = WAL");
    execute(db, "CREATE TABLE viewer (x); UPDATE runs SET label = 'of the viewer'");
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s", ledger, beside[i]);
        snprintf(kept, sizeof kept, "%s.kept%s", ledger, beside[i]);
        assert_int_equal(file_copy(name, kept, &e), STATUS_OK);
    }
    sqlite3_close(db);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s", ledger, beside[i]);
        snprintf(kept, sizeof kept, "%s.kept%s", ledger, beside[i]);
        assert_int_equal(rename(kept, name), 0);
    }
    assert_int_equal(ledger_rebuild(ledger, root, NULL, &e), STATUS_OK);
    char *after = dump(ledger);
    assert_string_equal(before, after);
    free(after);
    free(before);
}

/* While a viewer has a transaction open, a message appears after two seconds; the run is entered when it ends. */
static void waiting_for_a_viewer_says_so(void **state) {
    (void)state;
    struct error e = {0};
    char said[2048] = "";
    fflush(NULL);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        sqlite3 *db;
        int fine = sqlite3_open(ledger, &db) == SQLITE_OK &&
                   sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK;
        fine = write(ends[1], "x", 1) == 1 && fine;
        sleep(3);
        _exit(!fine);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    struct record *record = make_run(18, "done");
    char *json = record_json(record);
    const struct lock_wait wait = {.say = hear, .context = said};
    assert_int_equal(ledger_enter(ledger, json, &wait, &e), STATUS_OK);
    assert_non_null(strstr(said, "waits for the ledger "));
    assert_null(strstr(strstr(said, "waits") + 1, "waits")); /* once */
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    close(ends[0]);
    close(ends[1]);
    free(json);
    record_free(record);
}

/* The name of the root may be a pattern of the shell, which must not be expanded. */
static void root_with_brackets(void **state) {
    (void)state;
    struct error e = {0};
    enter(make_run(7, "done"));
    char *before = dump(ledger), other[300], inside[400];
    snprintf(other, sizeof other, "%s[1]", root);
    snprintf(inside, sizeof inside, "%s/ledger.sqlite", other);
    assert_int_equal(rename(root, other), 0);
    assert_int_equal(ledger_rebuild(inside, other, NULL, &e), STATUS_OK);
    char *after = dump(inside);
    assert_string_equal(before, after);
    free(after);
    free(before);
    assert_int_equal(rename(other, root), 0);
}

/* A writer that is killed in a transaction leaves a journal; the next reader rolls it back. */
static void killed_writer(void **state) {
    (void)state;
    char journal[320];
    for (int i = 0; i < 40; i++) {
        enter(make_run(0x2000 + i, "done"));
    }
    char *before = dump(ledger);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        sqlite3 *db;
        sqlite3_open(ledger, &db);
        sqlite3_exec(db,
                     "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE; UPDATE runs SET message = "
                     "hex(zeroblob(3000));UPDATE notes SET value = hex(zeroblob(3000))",
                     NULL, NULL, NULL);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    snprintf(journal, sizeof journal, "%s-journal", ledger);
    struct stat found;
    assert_int_equal(stat(journal, &found), 0);
    assert_true(found.st_size > 0);
    char *text = shown(NULL);
    assert_non_null(strstr(text, "done         train"));
    free(text);
    char *after = dump(ledger);
    assert_string_equal(before, after);
    free(after);
    free(before);
}

static void not_a_record(void **state) {
    (void)state;
    struct error e = {0};
    assert_int_equal(ledger_enter(ledger, "{}", NULL, &e), STATUS_BAD_INPUT);
    assert_int_equal(ledger_enter(ledger, "{", NULL, &e), STATUS_BAD_INPUT);
    char path[300];
    snprintf(path, sizeof path, "%s/none/ledger.sqlite", root);
    assert_int_equal(ledger_enter(path, "{\"id\": \"x\"}", NULL, &e), STATUS_FAILED);
    assert_non_null(strstr(e.message, "none/ledger.sqlite.lock: cannot open: "));
    assert_int_equal(ledger_show(stderr, path, NULL, &e), STATUS_FAILED);
}

/* A ledger of version 1 has no table of numbers: it can be shown, and gets the table when a run is entered. */
static void older_ledger(void **state) {
    (void)state;
    sqlite3 *db;
    enter(make_run(0x3001, "done"));
    assert_int_equal(sqlite3_open(ledger, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE numbers; PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    char *text = shown("00003001");
    assert_non_null(strstr(text, "63.5 +- 7.5 steps"));
    free(text);
    enter(make_run(0x3002, "done"));
    text = dump(ledger);
    assert_non_null(strstr(text, "|3:tau|2:63.5|2:7.5|3:steps\n"));
    free(text);
}

static int rows(const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open_v2(ledger, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int n = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}

/* Eight processes create the ledger and enter runs, while a ninth rebuilds it repeatedly. */
static void many_at_once(void **state) {
    (void)state;
    enum { PROCESSES = 8, RUNS = 6 };
    pid_t children[PROCESSES + 1];
    fflush(NULL);
    for (int c = 0; c <= PROCESSES; c++) {
        children[c] = fork();
        if (children[c] != 0) {
            continue;
        }
        struct error e = {0};
        enum status status = STATUS_OK;
        for (int k = 0; status == STATUS_OK && k < RUNS; k++) {
            if (c == PROCESSES) {
                usleep(20000);
                status = ledger_rebuild(ledger, root, NULL, &e);
                continue;
            }
            struct record *r = make_run(0x1000 * (c + 1) + k, "done");
            char *json = record_json(r);
            status = ledger_enter(ledger, json, NULL, &e);
            free(json);
            record_free(r);
        }
        if (status != STATUS_OK) {
            fprintf(stderr, "process %d: %s\n", c, e.message);
        }
        _exit((int)status);
    }
    for (int c = 0; c <= PROCESSES; c++) {
        int status;
        assert_int_equal(waitpid(children[c], &status, 0), children[c]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(rows("SELECT count(*) FROM runs"), PROCESSES * RUNS);
    assert_int_equal(rows("SELECT count(*) FROM parameters"), PROCESSES * RUNS * 2);
    char *before = dump(ledger);
    struct error e;
    assert_int_equal(ledger_rebuild(ledger, root, NULL, &e), STATUS_OK);
    char *after = dump(ledger);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(records),
        TEST(enter_and_show),
        TEST(running_while_locked),
        TEST(rebuild),
        TEST(rebuild_beside_the_log_of_a_killed_viewer),
        TEST(waiting_for_a_viewer_says_so),
        TEST(root_with_brackets),
        TEST(killed_writer),
        TEST(not_a_record),
        TEST(older_ledger),
        TEST(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
