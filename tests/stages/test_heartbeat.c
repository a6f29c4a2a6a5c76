/* Signs of life: a record's time is renewed while a stage works, and one that says "running" on another host is waited for as
 * long as that goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "stages/heartbeat.h"
#include "store/record.h"
#include "tests/scratch.h"

static char folder[256], path[400];

/* A run record in the folder, of this process or as of another host. */
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

static void the_living_are_waited_for(void **state) {
    (void)state;
    write_record("elsewhere", "running");
    assert_int_equal(look(true), STATUS_FAILED); /* a lock that does not reach there says nothing */
    assert_int_equal(look(false), STATUS_FAILED);
    set_age(HEARTBEAT_DEAD_SECONDS + 10);
    assert_int_equal(look(true), STATUS_OK);
    write_record("elsewhere", "done");
    assert_int_equal(look(true), STATUS_OK);
    write_record(NULL, "running"); /* of this process, which has the lock or nobody has */
    assert_int_equal(look(true), STATUS_OK);
    assert_int_equal(look(false), STATUS_OK);
}

static void shares_wait_for_themselves_and_for_a_whole_run(void **state) {
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heartbeat_renews_the_time),
        cmocka_unit_test(the_living_are_waited_for),
        cmocka_unit_test(shares_wait_for_themselves_and_for_a_whole_run),
    };
    snprintf(folder, sizeof folder, "%s", scratch_folder("heartbeat"));
    const int failed = cmocka_run_group_tests_name("heartbeat", tests, NULL, NULL);
    scratch_remove(folder);
    return failed;
}
