/* Leases: the time of a record is renewed while a stage runs, and a process waits for a record that says "running" on
 * another host as long as it is renewed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owner.h"
#include "stages/heartbeat.h"
#include "stages/history.h"
#include "store/record.h"
#include "tests/scratch.h"

static char folder[256], path[400];

/* Writes a run record in the folder, of this process or of another host. */
static void write_part(const char *host, const char *status, const char *part) {
    struct error e;
    char runs[300];
    snprintf(runs, sizeof runs, "%s/runs", folder);
    assert_int_equal(file_make_folder(runs, &e), STATUS_OK);
    struct record *r = record_new("train", 1, "0123456789abcdef", "stage=train\n", folder);
    if (host) {
        record_environment(r, "host", host);
    }
    if (part) {
        record_note(r, "part", part);
    }
    if (strcmp(status, "running") != 0) {
        record_end(r, status, "");
    }
    snprintf(path, sizeof path, "%s/one.json", runs);
    assert_int_equal(record_write(r, path, &e), STATUS_OK);
    record_free(r);
}

static void write_record(const char *host, const char *status) {
    write_part(host, status, NULL);
}

static void set_age(time_t seconds) {
    const struct timespec then = {.tv_sec = time(NULL) - seconds};
    assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[2]){then, then}, 0), 0);
}

static time_t age(void) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return time(NULL) - info.st_mtime;
}

static void a_heartbeat_renews_the_time(void **state) {
    (void)state;
    write_record(NULL, "running");
    set_age(1000);
    struct heartbeat *h = heartbeat_start(path, 0.02);
    assert_non_null(h);
    for (int i = 0; i < 500 && age() > 10; i++) {
        usleep(10000);
    }
    assert_true(age() < 10);
    heartbeat_stop(h);
    set_age(1000);
    usleep(100000);
    assert_true(age() > 900);
    heartbeat_stop(NULL);
}

static bool stop_at_once(const void *context) {
    (void)context;
    return true;
}

static enum status look_as(const char *share, bool held) {
    struct error e;
    const struct lock lock = {.file = -1, .held = held};
    const struct lock_wait wait = {.stop = stop_at_once};
    return heartbeat_wait(folder, share, &lock, &wait, &e);
}

static enum status look(bool held) {
    return look_as("", held);
}

static void waits_for_running_processes(void **state) {
    (void)state;
    write_record("elsewhere", "running");
    assert_int_equal(look(true), STATUS_FAILED); /* a lock that does not reach the other host does not help */
    assert_int_equal(look(false), STATUS_FAILED);
    set_age(HEARTBEAT_DEAD_SECONDS + 10);
    assert_int_equal(look(true), STATUS_OK);
    write_record("elsewhere", "done");
    assert_int_equal(look(true), STATUS_OK);
    write_record(NULL, "running"); /* of this process, with or without the lock */
    assert_int_equal(look(true), STATUS_OK);
    assert_int_equal(look(false), STATUS_OK);
}

static void shares_wait_for_the_same_share_and_for_whole_runs(void **state) {
    (void)state;
    write_part("elsewhere", "running", "1/3");
    assert_int_equal(look_as("0/3", true), STATUS_OK);
    assert_int_equal(look_as("1/3", true), STATUS_FAILED);
    assert_int_equal(look_as("", true), STATUS_FAILED);
    set_age(HEARTBEAT_DEAD_SECONDS + 10);
    assert_int_equal(look_as("1/3", true), STATUS_OK);
    write_record("elsewhere", "running");
    assert_int_equal(look_as("0/3", true), STATUS_FAILED);
}

/* Writes the lease of a process on another host that is `seconds` old. */
static void write_lease(const char *name, const char *host, const char *part, time_t seconds) {
    struct error e;
    struct record *r = record_new("train", 1, "0123456789abcdef", "stage=train\n", folder);
    char own[400], id[300];
    snprintf(id, sizeof id, "%s-0123456789ab", name);
    record_environment(r, "host", host);
    if (part) {
        record_note(r, "part", part);
    }
    snprintf(own, sizeof own, "%s/runs/%s.json", folder, name);
    char *text = record_json(r), *from = strstr(text, record_name(r)); /* "id": "NAME-KEY" */
    record_free(r);
    assert_non_null(from);
    char *to = strchr(from, '"'), whole[8192];
    snprintf(whole, sizeof whole, "%.*s%s%s", (int)(from - text), text, id, to);
    free(text);
    assert_int_equal(file_write(own, whole, strlen(whole), &e), STATUS_OK);
    const struct timespec then = {.tv_sec = time(NULL) - seconds};
    assert_int_equal(utimensat(AT_FDCWD, own, (const struct timespec[2]){then, then}, 0), 0);
}

/* If two processes started at the same moment, both see each other, and the one with the older lease continues. */
static void one_of_two_withdraws(void **state) {
    (void)state;
    const struct lock lock = {.file = -1};
    char here[OWNER_HOST], mine[200];
    owner_host(here);
    snprintf(mine, sizeof mine, "20260101T000000Z-%s-0-%ld", here, (long)getpid());
    struct {
        time_t mine, other;
        const char *part, *others_part;
        bool first;
    } cases[] = {
        {5, 10, NULL, NULL, false},  {10, 5, NULL, NULL, true},    {5, HEARTBEAT_DEAD_SECONDS + 10, NULL, NULL, true},
        {5, 10, "0/2", "1/2", true}, {5, 10, "0/2", "0/2", false}, {5, 10, "0/2", NULL, false},
        {5, 10, NULL, "1/2", false},
    };
    unlink(path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_lease(mine, here, cases[i].part, cases[i].mine);
        write_lease("20260101T000000Z-elsewhere-0-77", "elsewhere", cases[i].others_part, cases[i].other);
        assert_int_equal(heartbeat_is_first(folder, cases[i].part ? cases[i].part : "", &lock, mine), cases[i].first);
    }
    write_lease(mine, here, NULL, 10); /* at the same moment: by name */
    char renamed[500], old[500];
    for (int before = 0; before < 2; before++) {
        const char *const theirs = before ? "20250101T000000Z-elsewhere-0-77" : "20270101T000000Z-elsewhere-0-77";
        write_lease(theirs, "elsewhere", NULL, 10);
        snprintf(old, sizeof old, "%s/runs/20260101T000000Z-elsewhere-0-77.json", folder);
        unlink(old);
        snprintf(renamed, sizeof renamed, "%s/runs/%s.json", folder, mine);
        struct stat info;
        assert_int_equal(stat(renamed, &info), 0);
        snprintf(old, sizeof old, "%s/runs/%s.json", folder, theirs);
        assert_int_equal(utimensat(AT_FDCWD, old, (const struct timespec[2]){info.st_mtim, info.st_mtim}, 0), 0);
        assert_int_equal(heartbeat_is_first(folder, "", &lock, mine), !before);
    }
    assert_false(heartbeat_is_alone(folder, &lock));
    char what[512];
    assert_true(heartbeat_names(folder, what));
    assert_non_null(strstr(what, "process 77 on elsewhere"));
}

/* Lease and files of a running process on another host stay in the folder, also if its lease becomes visible late. */
static void files_of_running_processes_stay(void **state) {
    (void)state;
    static const char *const names[] = {"table.tsv", "artifact.npz", NULL};
    static const char *const files[] = {"partial-77@elsewhere+0-artifact.npz",
                                        "partial-77@elsewhere+0-table.tsv.tmp-77@elsewhere+0-0",
                                        "checkpoint.npz.tmp-77@elsewhere+0", "pending-run.json.tmp-77@elsewhere+0-1"};
    const struct lock lock = {.file = -1, .held = true};
    struct error e;
    struct record *own = record_new("train", 1, "0123456789abcdef", "stage=train\n", folder);
    char command[700], file[700];
    snprintf(command, sizeof command, "rm -f '%s'/runs/*", folder);
    assert_int_equal(system(command), 0);
    for (int life = 0; life < 3; life++) { /* running; killed, with recent files; killed long ago */
        write_lease("20260101T000000Z-elsewhere-0-77", "elsewhere", NULL, life == 0 ? 10 : HEARTBEAT_DEAD_SECONDS + 10);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            snprintf(file, sizeof file, "%s/%s", folder, files[i]);
            const struct timespec then = {.tv_sec = time(NULL) - (life == 2 ? HEARTBEAT_DEAD_SECONDS : 10)};
            assert_int_equal(file_write(file, "x", 1, &e), STATUS_OK);
            assert_int_equal(utimensat(AT_FDCWD, file, (const struct timespec[2]){then, then}, 0), 0);
        }
        bool done = true;
        history_recover("train", folder, NULL, &lock, own, false, names, &done);
        assert_false(done);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            snprintf(file, sizeof file, "%s/%s", folder, files[i]);
            assert_int_equal(access(file, F_OK) == 0, life < 2);
        }
        struct record *record;
        snprintf(file, sizeof file, "%s/runs/20260101T000000Z-elsewhere-0-77.json", folder);
        assert_int_equal(record_read(file, &record, &e), STATUS_OK);
        assert_string_equal(record_text(record, "status"), life == 0 ? "running" : "interrupted");
        record_free(record);
    }
    record_free(own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heartbeat_renews_the_time),
        cmocka_unit_test(waits_for_running_processes),
        cmocka_unit_test(shares_wait_for_the_same_share_and_for_whole_runs),
        cmocka_unit_test(one_of_two_withdraws),
        cmocka_unit_test(files_of_running_processes_stay),
    };
    snprintf(folder, sizeof folder, "%s", scratch_folder("heartbeat"));
    const int failed = cmocka_run_group_tests_name("heartbeat", tests, NULL, NULL);
    scratch_remove(folder);
    return failed;
}
