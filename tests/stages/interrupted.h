/* Runs of a stage's program in child processes, which tests interrupt by signals. */
#ifndef DMSQ_TESTS_STAGES_INTERRUPTED_H
#define DMSQ_TESTS_STAGES_INTERRUPTED_H

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "store/record.h"
#include "tests/stages/artifacts.h"

static char program[400]; /* build/bin/STAGE */
static const char *program_stage;

/* Sets `program` to build/bin/STAGE, from the path by which this test was called, build/tests/stages/test_STAGE. */
static inline void find_program(const char *called, const char *stage) {
    const char *tail = strstr(called, "tests/stages/");
    program_stage = stage;
    snprintf(program, sizeof program, "%.*sbin/%s", tail ? (int)(tail - called) : 0, called, stage);
}

/* Starts the program; its messages go to the file `log`. NULL ends the arguments. */
static inline pid_t start_program(const char *folder, int threads, const char *const *arguments) {
    const char *log = in_root("", "log"), *all[40];
    char threads_option[32], output[700];
    snprintf(threads_option, sizeof threads_option, "--threads=%d", threads);
    snprintf(output, sizeof output, "--output=%s", in_root(folder, ""));
    size_t n = 0;
    all[n++] = program_stage;
    all[n++] = output;
    all[n++] = threads_option;
    all[n++] = "--ledger=";
    all[n++] = "--quiet";
    while (*arguments) {
        assert_true(n < 39);
        all[n++] = *arguments++;
    }
    all[n] = NULL;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!freopen(log, "w", stderr)) {
            _exit(99);
        }
        execv(program, (char *const *)(void *)all);
        _exit(98);
    }
    return child;
}

/* Exit status, or 100 + signal. */
static inline int exit_status(pid_t child) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static inline int is_json(const struct dirent *entry) {
    return strstr(entry->d_name, ".json") != NULL;
}

/* The record of a resumed run has the wall time of all attempts; that of a killed one counts until its last
 * checkpoint. */
static inline void assert_counts_all_attempts(const char *folder) {
    char runs[700], path[1000];
    struct dirent **names;
    struct record *record;
    struct error e = {0};
    double sum = 0;
    snprintf(runs, sizeof runs, "%s", in_root(folder, "runs"));
    const int count = scandir(runs, &names, is_json, versionsort);
    assert_true(count > 1);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", runs, names[i]->d_name);
        assert_ok(record_read(path, &record, &e));
        const double wall = record_number(record, "wall_seconds");
        assert_true(wall >= 0);
        sum += wall;
        record_free(record);
        free(names[i]);
    }
    free(names);
    assert_ok(record_read(in_root(folder, "run.json"), &record, &e));
    assert_true(fabs(record_seconds(record) - sum) < 1e-4 * sum);
    assert_true(record_seconds(record) > record_number(record, "wall_seconds"));
    record_free(record);
}

/* Number of parts that a run left in its folder. */
static inline int count_parts(const char *folder) {
    int count = 0;
    DIR *list = opendir(in_root(folder, "parts"));
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        count += strstr(entry->d_name, ".npz") != NULL && strstr(entry->d_name, ".tmp-") == NULL;
    }
    if (list) {
        closedir(list);
    }
    return count;
}

/* After SIGTERM, SIGKILL and SIGTERM, each after a new part, in one folder with changing numbers of threads, the
 * artifact is that of an uninterrupted run. */
static inline void assert_goes_on(const char *const *arguments) {
    int interrupted = 0;
    assert_int_equal(exit_status(start_program("whole", 2, arguments)), 0);
    for (int life = 0; life < 3 && !there("interrupted", "artifact.npz"); life++) {
        const int before = count_parts("interrupted");
        const pid_t child = start_program("interrupted", 1 + life % 2, arguments);
        for (int i = 0; i < 30000 && !there("interrupted", "artifact.npz") && count_parts("interrupted") <= before;
             i++) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        kill(child, life == 1 ? SIGKILL : SIGTERM);
        const int status = exit_status(child);
        if (status == 0) {
            break;
        }
        assert_int_equal(status, life == 1 ? 100 + SIGKILL : 1);
        assert_true(count_parts("interrupted") > before && !there("interrupted", "artifact.npz"));
        interrupted++;
        if (life == 1) {
            continue;
        }
        char *text, expected[100];
        size_t size;
        struct error e = {0};
        assert_ok(file_read(in_root("", "log"), &text, &size, &e));
        snprintf(expected, sizeof expected, "%s: interrupted by SIGTERM\n", program_stage);
        assert_string_equal(text, expected);
        free(text);
    }
    assert_true(interrupted > 0);
    assert_int_equal(exit_status(start_program("interrupted", 1, arguments)), 0);
    assert_same_artifact("interrupted", "whole");
    assert_false(there("interrupted", "parts"));
    assert_counts_all_attempts("interrupted");
}

/* Runs a stage into `folder`: with --part=share, or with --finish if share is NULL. NULL ends the arguments. */
static __attribute__((noinline, unused)) int run_share(const struct stage *stage, const char *folder, const char *share,
                                                       int threads, const char *const *arguments, char **messages) {
    char part[48], threads_option[32], output[700];
    const char *all[40] = {output, part, threads_option, "--ledger="};
    snprintf(output, sizeof output, "--output=%s", in_root(folder, ""));
    snprintf(part, sizeof part, share ? "--part=%s" : "--finish", share);
    snprintf(threads_option, sizeof threads_option, "--threads=%d", threads);
    for (size_t n = 4; *arguments; n++) {
        all[n] = *arguments++;
    }
    return run_stage(stage, all, messages);
}

/* The artifact from 1, 2, 3 and 7 parts, computed in any order, is that of one run; in folders split-NAME*. With a part
 * missing, --finish names the missing items. A part that is computed already computes nothing. */
static inline void assert_same_in_parts(const struct stage *stage, const char *name, const char *const *arguments) {
    static const int numbers[] = {1, 2, 3, 7};
    char share[32], folder[80], undivided[80];
    snprintf(undivided, sizeof undivided, "split-%s", name);
    assert_int_equal(run_share(stage, undivided, "0/1", 2, arguments, NULL), 0);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        const int n = numbers[k];
        snprintf(folder, sizeof folder, "split-%s-%d", name, n);
        for (int i = n - 1; i >= 0; i--) {
            if (i == 0 && n > 1) {
                char *messages;
                assert_int_equal(run_share(stage, folder, NULL, 1, arguments, &messages), 1);
                assert_non_null(strstr(messages, "/parts: no part with "));
                assert_non_null(strstr(messages, "expected all of them before --finish"));
                free(messages);
            }
            snprintf(share, sizeof share, "%d/%d", i, n);
            assert_int_equal(run_share(stage, folder, share, 1 + i % 2, arguments, NULL), 0);
            assert_true(n == 1 || (count_parts(folder) > 0 && !there(folder, "artifact.npz")));
        }
        const int before = count_parts(folder);
        /* parts of another number */
        assert_int_equal(run_share(stage, folder, n > 1 ? "1/2" : "0/1", 1, arguments, NULL), 0);
        assert_int_equal(count_parts(folder), before);
        assert_int_equal(run_share(stage, folder, NULL, 2, arguments, NULL), 0);
        assert_same_artifact(folder, undivided);
        assert_false(there(folder, "parts"));
        assert_int_equal(run_share(stage, folder, "0/2", 1, arguments, NULL), 0); /* finished: nothing to do */
        assert_false(there(folder, "parts"));
    }
}

/* A part that is damaged, or of another recipe, instruction set or program, is neither used nor removed; nor is one
 * with items that the stage does not have. The stage must have more than 4 items. */
static inline void assert_refuses_foreign_parts(const struct stage *stage, const char *const *arguments) {
    const char *part = "parts/0-4.npz";
    struct error e = {0};
    struct npz_writer *writer;
    struct npz *npz = NULL;
    char *text, path[900];
    assert_int_equal(run_share(stage, "foreign", "0/2", 1, arguments, NULL), 0);
    DIR *list = opendir(in_root("foreign", "parts"));
    for (const struct dirent *entry; (entry = readdir(list));) {
        if (strstr(entry->d_name, ".npz")) {
            snprintf(path, sizeof path, "%s/%s", in_root("foreign", "parts"), entry->d_name);
            npz_free(npz);
            assert_ok(npz_read(path, &npz, &e));
            unlink(path);
        }
    }
    closedir(list);
    static const char *const heads[] = {"key", "arithmetic", "program"};
    static const char *const expected[] = {"parts/0-4.npz: checkpoint of recipe other, expected ",
                                           "parts/0-4.npz: written with other, expected ",
                                           "parts/0-4.npz: made by a program built from sources other, expected "};
    for (int wrong = -1; wrong < 3; wrong++) {
        assert_ok(file_make_folder(in_root("foreign", "parts"), &e));
        if (wrong < 0) {
            assert_ok(file_write(in_root("foreign", part), "nonsense", 8, &e));
        } else {
            assert_ok(npz_create(in_root("foreign", part), &writer, &e));
            for (int k = 0; k < 3; k++) {
                assert_ok(npz_text(npz, heads[k], &text, &e));
                assert_ok(npz_add_text(writer, heads[k], k == wrong ? "other" : text, &e));
                free(text);
            }
            assert_ok(npz_commit(writer, &e));
        }
        for (int finish = 0; finish < 2; finish++) {
            assert_int_equal(run_share(stage, "foreign", finish ? NULL : "0/1", 1, arguments, &text), 2);
            assert_non_null(strstr(text, "cannot use a part; remove "));
            assert_non_null(strstr(text, wrong < 0 ? part : expected[wrong]));
            free(text);
            assert_true(there("foreign", part) && !there("foreign", "artifact.npz"));
        }
    }
    npz_free(npz);
    unlink(in_root("foreign", part));
    assert_ok(file_write(in_root("foreign", "parts/1000000-4.npz"), "nonsense", 8, &e));
    assert_int_equal(run_share(stage, "foreign", NULL, 1, arguments, &text), 2);
    assert_non_null(strstr(text, "parts/1000000-4.npz: expected parts of "));
    free(text);
    unlink(in_root("foreign", "parts/1000000-4.npz"));
    assert_int_equal(run_share(stage, "foreign", "0/1", 1, arguments, NULL), 0);
}

/* A checkpoint that is damaged or of another recipe is neither overwritten nor resumed from. arguments: those of the
 * stage, without --output and --ledger. */
static inline void assert_refuses_foreign_checkpoint(const struct stage *stage, const char *const *arguments) {
    struct npz_writer *writer;
    struct error e = {0};
    const char *all[40] = {option("--output=", "foreign", ""), "--ledger="};
    for (size_t n = 2; *arguments; n++) {
        all[n] = *arguments++;
    }
    assert_ok(file_make_folder(in_root("foreign", ""), &e));
    assert_ok(file_write(in_root("foreign", "checkpoint.npz"), "nonsense", 8, &e));
    expect_message(stage, all, 2, "cannot resume; remove the checkpoint to start again: ");
    expect_message(stage, all, 2, "foreign/checkpoint.npz");
    assert_ok(npz_create(in_root("foreign", "checkpoint.npz"), &writer, &e));
    assert_ok(npz_add_text(writer, "key", "0123456789abcdef", &e));
    assert_ok(npz_commit(writer, &e));
    expect_message(stage, all, 2, "checkpoint of recipe 0123456789ab, expected ");
    assert_true(there("foreign", "checkpoint.npz"));
    unlink(in_root("foreign", "checkpoint.npz"));
    assert_int_equal(run_stage(stage, all, NULL), 0);
}

#endif
