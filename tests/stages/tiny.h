/* A tiny stage, run in child processes, for the tests of stages/stage.c: it can succeed, fail or hang. Also functions
 * that inspect its folder, its records and the ledger afterwards. */
#ifndef DMSQ_TESTS_STAGES_TINY_H
#define DMSQ_TESTS_STAGES_TINY_H

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/file.h"
#include "cuda/backend.h"
#include "stages/stage.h"
#include "store/ledger.h"
#include "store/recipe.h"
#include "store/record.h"
#include "tests/scratch.h"

/* --- the stage ----------------------------------------------------------------------------------- */

static const struct parameter tiny_parameters[] = {
    {"count", PARAMETER_INTEGER, "3", 1, 1e6, NULL, "numbers", "How many numbers.", false},
    {"kappa", PARAMETER_REAL, NULL, 0, 1, NULL, "", "Hopping parameter.", false},
    {"mode", PARAMETER_CHOICE, "fine", 0, 0, "fine|fail|hang|deaf|forget|slow", "", "What to do.", false},
    {"seed", PARAMETER_INTEGER, "1", 0, 1e15, NULL, "", "Seed.", false},
    {"square", PARAMETER_FLAG, "no", 0, 0, NULL, "", "Squares.", false},
};

static const struct stage_input tiny_inputs[] = {
    {"model", "tiny|other", false, false, "A model."},
    {"rows", "tiny", false, true, "Rows of a table."},
};

static inline enum status tiny_check(const struct parameters *p, const char *where, struct error *e) {
    return parameters_integer(p, "seed") == 13
               ? error_set(e, STATUS_BAD_INPUT, "%s: seed = '13': expected a lucky number", where)
               : STATUS_OK;
}

static inline enum status tiny_run(struct stage_context *c, struct error *e) {
    const struct parameters *p = c->parameters;
    char path[600];
    snprintf(path, sizeof path, "%s/ran", c->folder); /* one byte for every run */
    FILE *ran = fopen(path, "a");
    if (ran == NULL) {
        return error_set(e, STATUS_FAILED, "%s: cannot open", path);
    }
    fputc('x', ran);
    fclose(ran);
    if (parameters_is(p, "mode", "slow")) {
        usleep(400000);
    }
    struct npz_writer *w;
    enum status status = stage_artifact(c, &w, e);
    size_t n = (size_t)parameters_integer(p, "count");
    double *x = calloc(n, sizeof *x);
    for (size_t i = 0; x != NULL && i < n; i++) {
        x[i] = parameters_real(p, "kappa") * (double)(i + 1);
        x[i] = parameters_flag(p, "square") ? x[i] * x[i] : x[i];
    }
    for (size_t i = 0; status == STATUS_OK && i < stage_input_count(c, "rows"); i++) {
        const struct npz_array *other;
        status = npz_require(stage_input(c, "rows", i), "first", NPZ_FLOAT64, 0, &other, e);
        x[0] += status == STATUS_OK ? *(const double *)other->data : 0;
        stage_note(c, "row", "%zu has kappa %s", i, stage_input_recipe(c, "rows", i, "kappa"));
    }
    THEN(status, npz_add_real(w, "first", x[0], e));
    for (size_t i = 0; status == STATUS_OK && i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "x%zu", i);
        status = npz_add_real(w, name, x[i], e);
    }
    free(x);
    stage_note(c, "acceptance", "%.2f", 0.93);
    if (!parameters_is(p, "mode", "forget") && status == STATUS_OK) {
        status = file_write(stage_output(c, "table.tsv"), "a\tb\n", 4, e);
    }
    TRY(status);
    if (parameters_is(p, "mode", "fail")) {
        return error_set(e, STATUS_FAILED, "diverged at step 7");
    }
    while (parameters_is(p, "mode", "deaf") || (parameters_is(p, "mode", "hang") && !*c->interrupted)) {
        usleep(1000);
    }
    return STATUS_OK; /* also if it was interrupted, which stage.c checks itself */
}

static const struct stage_array tiny_arrays[] = {
    {"first", NPZ_FLOAT64, "", "", "The first number."},
    {"x*", NPZ_FLOAT64, "", "", "A number."},
};

static const char *const tiny_outputs[] = {"table.tsv", "artifact.npz", NULL};

static const struct stage stage_tiny = {
    .name = "tiny",
    .summary = "multiples of kappa",
    .version = 1,
    .uses_backend = true,
    .parameters = tiny_parameters,
    .parameter_count = 5,
    .inputs = tiny_inputs,
    .input_count = 2,
    .arrays = tiny_arrays,
    .array_count = 2,
    .outputs = tiny_outputs,
    .run = tiny_run,
    .check = tiny_check,
};

/* --- runs in child processes ----------------------------------------------------------------------- */

static char root[256], ledger[300], log_path[300];

static inline int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("stage"));
    snprintf(ledger, sizeof ledger, "--ledger=%s/ledger.sqlite", root);
    snprintf(log_path, sizeof log_path, "%s/log", root);
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static inline char *in(const char *folder, const char *name) {
    static char paths[4][700];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s%s%s", root, folder, *folder ? "/" : "", name);
    return path;
}

/* Starts "tiny --output=ROOT/folder ARGUMENTS" (separated by blanks); its output goes to ROOT/log. */
static inline pid_t start(const char *folder, const char *arguments) {
    fflush(NULL);
    pid_t child = fork();
    if (child != 0) {
        return child;
    }
    char text[2000], output[400];
    char *argv[40] = {(char[]){"tiny"}, output, ledger};
    int argc = 3;
    snprintf(text, sizeof text, "%s", arguments);
    snprintf(output, sizeof output, "--output=%s/%s", root, folder);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    if (freopen(log_path, "w", stderr) == NULL || freopen(log_path, "a", stdout) == NULL) {
        _exit(99);
    }
    exit(stage_main(&stage_tiny, argc, argv));
}

/* Exit status, or 100 + signal. */
static inline int exit_status(pid_t child) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static const char *log_text(void) {
    static char *text;
    size_t size;
    struct error e;
    free(text);
    text = NULL;
    assert_int_equal(file_read(log_path, &text, &size, &e), STATUS_OK);
    return text;
}

static inline void assert_run(const char *folder, const char *arguments, int status) {
    int found = exit_status(start(folder, arguments));
    if (found != status) {
        fail_msg("tiny %s: ended with %d, expected %d; it said: %s", arguments, found, status, log_text());
    }
}

static inline void assert_says(const char *text) {
    if (strstr(log_text(), text) == NULL) {
        fail_msg("it said '%s', expected '%s'", log_text(), text);
    }
}

static inline size_t times_run(const char *folder) {
    struct stat info;
    return stat(in(folder, "ran"), &info) == 0 ? (size_t)info.st_size : 0;
}

static inline bool there(const char *folder, const char *name) {
    return access(in(folder, name), F_OK) == 0;
}

/* Number of records in folder/runs with this status ("": any). */
static inline size_t records(const char *folder, const char *status) {
    size_t n = 0;
    DIR *list = opendir(in(folder, "runs"));
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        char path[1000];
        struct record *record;
        struct error e;
        snprintf(path, sizeof path, "%s/%s", in(folder, "runs"), entry->d_name);
        if (entry->d_name[0] != '.' && record_read(path, &record, &e) == STATUS_OK) {
            n += *status == '\0' || strcmp(record_text(record, "status"), status) == 0;
            record_free(record);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    return n;
}

/* Whether the folder has no temporary files. */
static inline bool clean(const char *folder) {
    bool found = false;
    DIR *list = opendir(in(folder, ""));
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        found = found || strncmp(entry->d_name, "partial-", 8) == 0 || strstr(entry->d_name, ".tmp-") ||
                strncmp(entry->d_name, "pending-", 8) == 0;
    }
    closedir(list);
    return !found;
}

static inline char *shown(void) {
    struct error e = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    enum status status = ledger_show(out, in("", "ledger.sqlite"), NULL, &e);
    fclose(out);
    if (status != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    return text;
}

static inline size_t occurrences(const char *text, const char *word) {
    size_t n = 0;
    for (; (text = strstr(text, word)) != NULL; text++) {
        n++;
    }
    return n;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
