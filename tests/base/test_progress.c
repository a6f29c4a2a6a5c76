/* Progress on a stderr that is not a terminal: throttled lines, rate and time left, last line, quiet mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/progress.h"

/* Replaces the C library's clock, so that the test does not wait. */
static double clock_seconds;

int clock_gettime(clockid_t which, struct timespec *t) {
    (void)which;
    t->tv_sec = (time_t)clock_seconds;
    t->tv_nsec = (long)((clock_seconds - (double)t->tv_sec) * 1e9);
    return 0;
}

static int old_stderr, ends[2];

static void capture(void) {
    fflush(stderr);
    clock_seconds = 1000;
    old_stderr = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
}

/* The output since capture(); the pipe is large enough for it. */
static const char *captured(void) {
    static char text[4096];
    fflush(stderr);
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    close(ends[1]);
    size_t length = 0;
    ssize_t n;
    while ((n = read(ends[0], text + length, sizeof text - 1 - length)) > 0) {
        length += (size_t)n;
    }
    close(ends[0]);
    text[length] = '\0';
    return text;
}

static void one_line_in_ten_seconds(void **state) {
    (void)state;
    capture();
    struct progress *p = progress_new("train model", "epochs", 200, 0);
    for (uint64_t i = 1; i <= 50; i++) {
        clock_seconds += 0.5;
        progress_update(p, i, i == 20 ? "loss 3" : NULL);
    }
    clock_seconds += 0.5;
    progress_end(p);
    assert_string_equal(captured(), "train model: 20/200 epochs, 2/s, 1 min 30 s left, loss 3\n"
                                    "train model: 40/200 epochs, 2/s, 1 min 20 s left\n"
                                    "train model: 50/200 epochs in 26 s, 1.96/s\n");
}

static void earlier_work_is_not_in_the_rate(void **state) {
    (void)state;
    capture();
    struct progress *p = progress_new("train", "epochs", 100, 0);
    clock_seconds += 5; /* reading the checkpoint */
    progress_resume(p, 80);
    clock_seconds += 10;
    progress_update(p, 81, NULL);
    progress_update(p, 70, "late"); /* by a slower thread: progress does not decrease, no second line */
    clock_seconds += 10;
    progress_update(p, 82, NULL);
    progress_end(p);
    assert_string_equal(captured(), "train: 81/100 epochs, 0.1/s, 3 min 10 s left\n"
                                    "train: 82/100 epochs, 0.1/s, 3 min 00 s left\n"
                                    "train: 82/100 epochs in 20 s, 0.1/s\n");
}

static void nothing_done_yet(void **state) {
    (void)state;
    capture();
    struct progress *p = progress_new("ensemble", "trajectories", 164, 0);
    clock_seconds += 11;
    progress_update(p, 0, "thermalisation");
    clock_seconds += 7200;
    progress_update(p, 164, NULL);
    clock_seconds += 30;
    progress_end(p);
    assert_string_equal(captured(), "ensemble: 0/164 trajectories, 0/s, ? left, thermalisation\n"
                                    "ensemble: 164/164 trajectories, 0.0227/s, 0.0 s left\n"
                                    "ensemble: 164/164 trajectories in 2 h 00 min, 0.0226/s\n");
}

static void quiet(void **state) {
    (void)state;
    capture();
    struct progress *p = progress_new("train", "epochs", 10, 1);
    assert_null(p); /* so the calls below also test NULL */
    clock_seconds += 100;
    progress_resume(p, 3);
    progress_update(p, 5, "loss 3");
    progress_end(p);
    assert_string_equal(captured(), "");
}

/* Texts may be of any length; lines are truncated. */
static void long_texts(void **state) {
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    capture();
    struct progress *p = progress_new(text, text, UINT64_MAX, 0);
    clock_seconds += 10;
    progress_update(p, 1, text);
    progress_end(p);
    const char *lines = captured(), *second = strchr(lines, '\n');
    assert_non_null(second);
    assert_ptr_equal(strchr(second + 1, '\n'), lines + strlen(lines) - 1);
    assert_true(strlen(lines) < 640);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_in_ten_seconds),
        cmocka_unit_test(earlier_work_is_not_in_the_rate),
        cmocka_unit_test(nothing_done_yet),
        cmocka_unit_test(quiet),
        cmocka_unit_test(long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
