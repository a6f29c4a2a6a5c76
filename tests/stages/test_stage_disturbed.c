/* The run of a stage with disturbances: interruptions and kills (complete outputs or none, and records), several
 * processes in one folder, a full disk, errors of the ledger. */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>

#include "tests/stages/tiny.h"

static void wait_until_running(const char *folder) {
    for (int i = 0; i < 5000 && times_run(folder) == 0; i++) {
        usleep(1000);
    }
    assert_int_equal(times_run(folder), 1);
}

static void interrupted(void **state) {
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        const char *folder = i == 0 ? "int" : "term";
        pid_t child = start(folder, "--kappa=0.2 --mode=hang");
        wait_until_running(folder);
        kill(child, signals[i]);
        assert_int_equal(exit_status(child), 1);
        assert_says(i == 0 ? "tiny: interrupted by SIGINT\n" : "tiny: interrupted by SIGTERM\n");
        assert_true(clean(folder) && !there(folder, "artifact.npz"));
        assert_int_equal(records(folder, "interrupted"), 1);
    }
    char *text = shown();
    assert_int_equal(occurrences(text, "interrupted"), 2);
    free(text);
}

static void killed(void **state) {
    (void)state;
    pid_t child = start("a", "--kappa=0.2 --mode=deaf");
    wait_until_running("a");
    char *text = shown();
    assert_int_equal(occurrences(text, "running"), 1);
    free(text);
    kill(child, SIGKILL);
    assert_int_equal(exit_status(child), 100 + SIGKILL);
    assert_int_equal(records("a", "running"), 1);
    text = shown();
    assert_int_equal(occurrences(text, "interrupted"), 1);
    free(text);
    /* the next process in the folder records the interruption */
    assert_run("a", "--kappa=0.2", 0);
    assert_int_equal(records("a", "interrupted"), 1);
    assert_int_equal(records("a", "done"), 1);
    assert_true(clean("a"));
}

/* A stage that is killed at any moment (the run takes some 20 ms, most of it around the commit) leaves all outputs or
 * none, and the next one ends with the same bits. */
static void killed_anywhere(void **state) {
    (void)state;
    struct error e;
    char right[65], found[65];
    assert_run("right", "--kappa=0.2 --count=300", 0);
    assert_int_equal(file_sha256(in("right", "artifact.npz"), right, &e), STATUS_OK);
    uint64_t bits = 88172645463325252u;
    size_t before = 0, after = 0;
    for (int i = 0; i < 25; i++) {
        char folder[20];
        snprintf(folder, sizeof folder, "k%d", i);
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        assert_run("timing", "--kappa=0.2 --count=300", 0);
        clock_gettime(CLOCK_MONOTONIC, &to);
        scratch_remove(in("timing", ""));
        double micro = 1e6 * (double)(to.tv_sec - from.tv_sec) + 1e-3 * (double)(to.tv_nsec - from.tv_nsec);
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        pid_t child = start(folder, "--kappa=0.2 --count=300");
        usleep((useconds_t)(micro * (double)(bits % 1000) / 1000));
        kill(child, SIGKILL);
        exit_status(child);
        if (there(folder, "artifact.npz")) {
            after++;
            assert_true(there(folder, "table.tsv"));
            assert_int_equal(file_sha256(in(folder, "artifact.npz"), found, &e), STATUS_OK);
            assert_string_equal(found, right);
        } else {
            before++;
        }
        assert_run(folder, "--kappa=0.2 --count=300", 0);
        assert_int_equal(file_sha256(in(folder, "artifact.npz"), found, &e), STATUS_OK);
        assert_string_equal(found, right);
        assert_true(there(folder, "run.json") && clean(folder));
        assert_int_equal(records(folder, "done"), 1);
        assert_int_equal(records(folder, "running"), 0);
    }
    assert_true(before > 0);
    print_message("killed before the commit %zu times, after it %zu times\n", before, after);
}

/* A stage that is killed while it waits for the ledger, with its outputs in place, leaves a record that the next run
 * completes. */
static void killed_after_the_commit(void **state) {
    (void)state;
    pid_t child = start("a", "--kappa=0.2 --mode=slow");
    wait_until_running("a");
    const int lock = open(in("", "ledger.sqlite.lock"), O_RDWR | O_CLOEXEC);
    assert_true(lock >= 0 && flock(lock, LOCK_EX) == 0);
    for (int i = 0; i < 5000 && !there("a", "artifact.npz"); i++) {
        usleep(1000);
    }
    kill(child, SIGKILL);
    assert_int_equal(exit_status(child), 100 + SIGKILL);
    close(lock);
    assert_true(there("a", "artifact.npz") && there("a", "pending-run.json") && !there("a", "run.json"));
    assert_run("a", "--kappa=0.2 --mode=slow", 0);
    assert_true(there("a", "run.json") && clean("a"));
    assert_int_equal(times_run("a"), 1);
    assert_int_equal(records("a", "done"), 1);
    char *text = shown();
    assert_int_equal(occurrences(text, "done"), 1);
    free(text);
}

/* The same after an earlier run that left its record, but no artifact: its record is not taken for that of the new
 * artifact. */
static void killed_over_a_stale_record(void **state) {
    (void)state;
    struct error e;
    assert_run("a", "--kappa=0.2 --mode=slow", 0);
    char *first, *second;
    size_t size;
    assert_int_equal(file_read(in("a", "run.json"), &first, &size, &e), STATUS_OK);
    assert_int_equal(unlink(in("a", "artifact.npz")), 0);
    pid_t child = start("a", "--kappa=0.2 --mode=slow");
    for (int i = 0; i < 5000 && times_run("a") < 2; i++) {
        usleep(1000);
    }
    assert_true(!there("a", "run.json") && !there("a", "table.tsv"));
    const int lock = open(in("", "ledger.sqlite.lock"), O_RDWR | O_CLOEXEC);
    assert_true(lock >= 0 && flock(lock, LOCK_EX) == 0);
    for (int i = 0; i < 5000 && !there("a", "artifact.npz"); i++) {
        usleep(1000);
    }
    kill(child, SIGKILL);
    assert_int_equal(exit_status(child), 100 + SIGKILL);
    close(lock);
    assert_true(there("a", "artifact.npz") && there("a", "pending-run.json") && !there("a", "run.json"));
    /* also if the stale record still exists, as with older versions */
    assert_int_equal(file_write(in("a", "run.json"), first, size, &e), STATUS_OK);
    assert_int_equal(file_write(in("a", "checkpoint.npz"), "x", 1, &e), STATUS_OK);
    assert_run("a", "--kappa=0.2 --mode=slow", 0);
    assert_int_equal(times_run("a"), 2);
    assert_true(there("a", "run.json") && clean("a") && !there("a", "checkpoint.npz"));
    assert_int_equal(file_read(in("a", "run.json"), &second, &size, &e), STATUS_OK);
    assert_string_not_equal(first, second);
    assert_int_equal(records("a", "done"), 2);
    char *text = shown();
    assert_int_equal(occurrences(text, "done"), 2);
    free(text);
    free(first);
    free(second);
}

/* Runs an SQL statement on the ledger, which returns a number or nothing. */
static int ask_ledger(const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *query;
    assert_int_equal(sqlite3_open(in("", "ledger.sqlite"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
    const int found = sqlite3_step(query) == SQLITE_ROW ? sqlite3_column_int(query, 0) : 0;
    sqlite3_finalize(query);
    sqlite3_close(db);
    return found;
}

/* Records of runs that were killed before they updated the ledger say "interrupted" or "failed", while the ledger says
 * "running" or does not have the run: the next run in the folder enters them. */
static void a_ledger_that_lags(void **state) {
    (void)state;
    assert_run("a", "--kappa=0.2 --mode=fail", 1);
    ask_ledger("DELETE FROM runs");
    pid_t child = start("a", "--kappa=0.2 --mode=deaf");
    for (int i = 0; i < 5000 && times_run("a") < 2; i++) {
        usleep(1000);
    }
    kill(child, SIGKILL);
    assert_int_equal(exit_status(child), 100 + SIGKILL);
    ask_ledger("DELETE FROM runs WHERE status = 'failed'");
    char command[700];
    snprintf(command, sizeof command, "sed -i 's/\"running\"/\"interrupted\"/' '%s'/*.json", in("a", "runs"));
    assert_int_equal(system(command), 0);
    assert_int_equal(ask_ledger("SELECT count(*) FROM runs WHERE status = 'running'"), 1);
    assert_int_equal(ask_ledger("SELECT count(*) FROM runs"), 1);
    assert_run("a", "--kappa=0.2", 0);
    assert_int_equal(ask_ledger("SELECT count(*) FROM runs WHERE status = 'failed'"), 1);
    assert_int_equal(ask_ledger("SELECT count(*) FROM runs WHERE status = 'interrupted'"), 1);
    assert_int_equal(ask_ledger("SELECT count(*) FROM runs WHERE status = 'done'"), 1);
    assert_int_equal(ask_ledger("SELECT count(*) FROM runs"), 3);
}

static void two_at_once(void **state) {
    (void)state;
    pid_t children[4];
    for (size_t i = 0; i < 4; i++) {
        children[i] = start("a", "--kappa=0.2 --mode=slow --quiet");
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(exit_status(children[i]), 0);
    }
    assert_int_equal(times_run("a"), 1);
    assert_int_equal(records("a", ""), 1);
    /* a process that waits for a lock can be interrupted */
    pid_t worker = start("b", "--kappa=0.2 --mode=hang"), waiter;
    wait_until_running("b");
    waiter = start("b", "--kappa=0.2 --mode=hang");
    usleep(200000);
    kill(waiter, SIGINT);
    assert_int_equal(exit_status(waiter), 1);
    assert_says("tiny: interrupted by SIGINT\n");
    kill(worker, SIGTERM);
    assert_int_equal(exit_status(worker), 1);
    assert_int_equal(records("b", ""), 1);
}

static void full_disk(void **state) {
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) { /* the record (some KiB) still fits, the artifact does not; the ledger does not either */
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){20000, 20000});
        _exit(exit_status(start("a", "--kappa=0.2 --count=1000")));
    }
    assert_int_equal(exit_status(child), 1);
    assert_says("artifact.npz: cannot write: ");
    assert_says("File too large");
    assert_true(clean("a") && !there("a", "artifact.npz") && !there("a", "table.tsv"));
    assert_int_equal(records("a", "failed"), 1);
}

static void ledger_troubles(void **state) {
    (void)state;
    struct error e;
    char arguments[600];
    snprintf(arguments, sizeof arguments, "--kappa=0.2 --ledger=%s/none/ledger.sqlite", root);
    assert_run("a", arguments, 0);
    assert_says("tiny: warning: ");
    assert_true(there("a", "artifact.npz") && there("a", "run.json"));
    assert_int_equal(file_write(in("", "ledger.sqlite"), "this is no database at all", 26, &e), STATUS_OK);
    assert_run("b", "--kappa=0.2", 0);
    assert_says("make ledger-rebuild makes it from the run records");
    assert_run("c", "--kappa=0.2 --ledger=", 0); /* none at all */
    assert_string_equal(log_text(), "");
}
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(interrupted),
        TEST(killed),
        TEST(killed_anywhere),
        TEST(killed_after_the_commit),
        TEST(killed_over_a_stale_record),
        TEST(a_ledger_that_lags),
        TEST(two_at_once),
        TEST(full_disk),
        TEST(ledger_troubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
