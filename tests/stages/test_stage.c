/* The life of a stage, with a tiny stage of its own run in child processes: command line, recipe and key,
 * outputs whole or absent, records of failed, interrupted and killed runs, two processes at once, full disk. */
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
    {"count", PARAMETER_INTEGER, "3", 1, 1e6, NULL, "numbers", "How many numbers."},
    {"kappa", PARAMETER_REAL, NULL, 0, 1, NULL, "", "Hopping parameter."},
    {"mode", PARAMETER_CHOICE, "fine", 0, 0, "fine|fail|hang|deaf|forget|slow", "", "What to do."},
    {"seed", PARAMETER_INTEGER, "1", 0, 1e15, NULL, "", "Seed."},
    {"square", PARAMETER_FLAG, "no", 0, 0, NULL, "", "Squares."},
};

static const struct stage_input tiny_inputs[] = {
    {"model", "tiny|other", false, false, "A model."},
    {"rows", "tiny", false, true, "Rows of a table."},
};

static enum status tiny_check(const struct parameters *p, const char *where, struct error *e) {
    return parameters_integer(p, "seed") == 13
               ? error_set(e, STATUS_BAD_INPUT, "%s: seed = '13': expected a lucky number", where)
               : STATUS_OK;
}

static enum status tiny_run(struct stage_context *c, struct error *e) {
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
    if (status == STATUS_OK) {
        status = npz_add_real(w, "first", x[0], e);
    }
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
    if (status != STATUS_OK) {
        return status;
    }
    if (parameters_is(p, "mode", "fail")) {
        return error_set(e, STATUS_FAILED, "diverged at step 7");
    }
    while (parameters_is(p, "mode", "deaf") || (parameters_is(p, "mode", "hang") && !*c->interrupted)) {
        usleep(1000);
    }
    return STATUS_OK; /* also when it was interrupted: stage.c knows better */
}

static const char *const tiny_outputs[] = {"table.tsv", "artifact.npz", NULL};

static const struct stage stage_tiny = {
    .name = "tiny", .summary = "multiples of kappa", .version = 1, .uses_backend = true,
    .parameters = tiny_parameters, .parameter_count = 5, .inputs = tiny_inputs, .input_count = 2,
    .outputs = tiny_outputs, .run = tiny_run, .check = tiny_check,
};

/* --- running it in a child ------------------------------------------------------------------------- */

static char root[256], ledger[300], log_path[300];

static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("stage"));
    snprintf(ledger, sizeof ledger, "--ledger=%s/ledger.sqlite", root);
    snprintf(log_path, sizeof log_path, "%s/log", root);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static char *in(const char *folder, const char *name) {
    static char paths[4][700];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s%s%s", root, folder, *folder ? "/" : "", name);
    return path;
}

/* Starts "tiny --output=ROOT/folder ARGUMENTS" (separated by blanks); its output goes to ROOT/log. */
static pid_t start(const char *folder, const char *arguments) {
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
static int ended(pid_t child) {
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

static void assert_run(const char *folder, const char *arguments, int status) {
    int found = ended(start(folder, arguments));
    if (found != status) {
        fail_msg("tiny %s: ended with %d, expected %d; it said: %s", arguments, found, status, log_text());
    }
}

static void assert_says(const char *text) {
    if (strstr(log_text(), text) == NULL) {
        fail_msg("it said '%s', expected '%s'", log_text(), text);
    }
}

static size_t times_run(const char *folder) {
    struct stat info;
    return stat(in(folder, "ran"), &info) == 0 ? (size_t)info.st_size : 0;
}

static bool there(const char *folder, const char *name) {
    return access(in(folder, name), F_OK) == 0;
}

/* Records in folder/runs with this status ("" any). */
static size_t records(const char *folder, const char *status) {
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

/* No temporary files in the folder, however the run ended. */
static bool clean(const char *folder) {
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

static char *shown(void) {
    struct error e = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    enum status status = ledger_show(out, in("", "ledger.sqlite"), &e);
    fclose(out);
    if (status != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    return text;
}

static size_t occurrences(const char *text, const char *word) {
    size_t n = 0;
    for (; (text = strstr(text, word)) != NULL; text++) {
        n++;
    }
    return n;
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void done_once(void **state) {
    (void)state;
    assert_run("a", "--kappa=0.2 --quiet --label=test/one --threads=1", 0);
    assert_string_equal(log_text(), "");
    assert_true(there("a", "artifact.npz") && there("a", "table.tsv") && there("a", "run.json") && clean("a"));
    struct error e;
    struct npz *npz;
    assert_int_equal(npz_read(in("a", "artifact.npz"), &npz, &e), STATUS_OK);
    char *recipe, key[65], digest[65];
    assert_int_equal(npz_text(npz, "recipe", &recipe, &e), STATUS_OK);
    assert_string_equal(recipe, "backend=cpu\ncount=3\nkappa=0.2\nmode=fine\nseed=1\nsquare=no\nstage=tiny\nversion=1\n");
    recipe_key(recipe, key);
    npz_free(npz);
    struct record *record;
    assert_int_equal(record_read(in("a", "run.json"), &record, &e), STATUS_OK);
    assert_string_equal(record_text(record, "key"), key);
    assert_string_equal(record_text(record, "recipe"), recipe);
    assert_string_equal(record_text(record, "status"), "done");
    assert_string_equal(record_text(record, "label"), "test/one");
    char *json = record_json(record);
    assert_int_equal(file_sha256(in("a", "artifact.npz"), digest, &e), STATUS_OK);
    assert_non_null(strstr(json, digest));
    static const char *const wanted[] = {"\"acceptance\": \"0.93\"", "\"oneDNN\": \"2.", "\"instruction set\":",
                                         "\"compiler flags\": \"-std=c11", "\"threads\": 1", "\"seed\": 1"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_non_null(strstr(json, wanted[i]));
    }
    free(json);
    free(recipe);
    record_free(record);
    assert_int_equal(records("a", "done"), 1);
    /* Again: nothing runs. Another recipe does not silently pass for this one, nor overwrite it. */
    assert_run("a", "--kappa=0.20", 0);
    assert_says("artifact.npz is up to date");
    assert_int_equal(times_run("a"), 1);
    assert_int_equal(records("a", ""), 1);
    assert_run("a", "--kappa=0.3", 2);
    assert_says("holds the output of another recipe");
    /* The same recipe elsewhere gives the same bits. */
    assert_run("b", "--kappa=0.2 --threads=2 --label=other", 0);
    char again[65];
    assert_int_equal(file_sha256(in("b", "artifact.npz"), again, &e), STATUS_OK);
    assert_string_equal(digest, again);
    char *text = shown();
    assert_int_equal(occurrences(text, "done"), 2);
    free(text);
}

static void usage(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *message;
    } cases[] = {
        {"", "tiny: command line: parameter 'kappa' is missing: expected a real number in [0, 1]\n"},
        {"--kappa=2", "tiny: command line: kappa = '2': expected a real number in [0, 1]\n"},
        {"--kapa=0.2", "tiny: unknown option '--kapa' (did you mean '--kappa'?); see --help\n"},
        {"--kap=0.2", "tiny: unknown option '--kap'; see --help\n"},
        {"--kappa=0.2 --xyzzy", "tiny: unknown option '--xyzzy'; see --help\n"},
        {"--kappa=0.2 -q", "tiny: '-q': expected --NAME=VALUE"},
        {"--kappa=0.2 stray", "tiny: 'stray': expected only options"},
        {"--kappa", "tiny: '--kappa': expected --NAME=VALUE"},
        {"--kappa=0.2 --quiet=yes", "tiny: '--quiet=yes': expected --NAME=VALUE, or --NAME of an option without value"},
        {"--kappa=0.2 --mode=fien", "mode = 'fien': expected one of fine|fail|hang|deaf|forget|slow (did you mean 'fine'?)"},
        {"--kappa=0.2 --threads=0", "tiny: --threads = '0': expected an integer in [1, 1024]\n"},
        {"--kappa=0.2 --backend=gpu", "tiny: --backend = 'gpu': expected cpu, cuda or cuda-float32\n"},
        {"--kappa=0.2 --seed=13", "tiny: command line: seed = '13': expected a lucky number\n"},
        {"--kappa=0.2 --key=12", "tiny: --key = '12': expected 64 lower-case hexadecimal digits\n"},
        {"--kappa=0.2 --output=", "tiny: --output: expected a folder\n"},
        {"--kappa=0.2 --model=a --model=b", "tiny: --model: given 2 times, expected once\n"},
        {"--kappa=0.2 --model=build/tmp/none.npz", "tiny: --model: build/tmp/none.npz: cannot open: No such file"},
        {"--kappa=0.2 --model=tests/data/unet-w8-stride1-zeros-L8.npz", "has no array 'recipe'"},
        {"--kappa=0.2 --key=0000000000000000000000000000000000000000000000000000000000000000",
         "tiny: --key: expected 0000000000000000000000000000000000000000000000000000000000000000, but the recipe of this "
         "command line has key "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_run("a", cases[i].arguments, 2);
        assert_says(cases[i].message);
        assert_false(there("a", "ran"));
    }
    struct backend *device;
    struct error e;
    if (backend_cuda_open("cuda", &device, &e) == STATUS_OK) {
        device->close(device);
    } else { /* built without CUDA, or there is no device */
        assert_run("a", "--kappa=0.2 --backend=cuda", 1);
        assert_says("tiny: backend 'cuda': ");
        assert_says("CUDA");
        assert_false(there("a", "ran"));
    }
    assert_run("a", "--help", 0);
    static const char *const wanted[] = {"tiny: multiples of kappa", "--kappa=VALUE", "must be given", "--rows=PATH",
                                         "--backend=", "--output=FOLDER", "--mode=fine|fail", "Exit status:"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_says(wanted[i]);
    }
    assert_run("a", "--version", 0);
    assert_says("tiny 1\n");
}

static void inputs(void **state) {
    (void)state;
    struct error e;
    char arguments[1500], *recipe;
    assert_run("a", "--kappa=0.25", 0);
    assert_run("b", "--kappa=0.5 --square", 0); /* a flag alone is yes */
    snprintf(arguments, sizeof arguments, "--kappa=1 --rows=%s --rows %s", in("a", "artifact.npz"), in("b", "artifact.npz"));
    assert_run("c", arguments, 0);
    struct npz *npz;
    const struct npz_array *first;
    assert_int_equal(npz_read(in("c", "artifact.npz"), &npz, &e), STATUS_OK);
    assert_int_equal(npz_require(npz, "first", NPZ_FLOAT64, 0, &first, &e), STATUS_OK);
    assert_true(*(const double *)first->data == 1 + 0.25 + 0.25);
    assert_int_equal(npz_text(npz, "recipe", &recipe, &e), STATUS_OK);
    assert_non_null(strstr(recipe, "input.rows.000="));
    assert_non_null(strstr(recipe, "input.rows.001="));
    free(recipe);
    npz_free(npz);
    struct record *record;
    assert_int_equal(record_read(in("c", "run.json"), &record, &e), STATUS_OK);
    char *json = record_json(record);
    assert_non_null(strstr(json, "\"row\": \"1 has kappa 0.5\""));
    assert_non_null(strstr(json, in("b", "artifact.npz")));
    free(json);
    record_free(record);
    /* An artifact of a stage that does not fit. */
    struct npz_writer *w;
    assert_int_equal(npz_create(in("", "foreign.npz"), &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "stage=train\n", &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    snprintf(arguments, sizeof arguments, "--kappa=1 --model=%s", in("", "foreign.npz"));
    assert_run("d", arguments, 2);
    assert_says("found an artifact of stage 'train', expected tiny|other");
}

static void failed(void **state) {
    (void)state;
    assert_run("a", "--kappa=0.2 --mode=fail", 1);
    assert_says("tiny: diverged at step 7\n");
    assert_false(there("a", "artifact.npz") || there("a", "table.tsv") || there("a", "run.json"));
    assert_true(clean("a"));
    assert_int_equal(records("a", "failed"), 1);
    assert_run("b", "--kappa=0.2 --mode=forget", 1);
    assert_says("tiny: the stage ended without writing its output 'table.tsv'\n");
    assert_true(clean("b") && !there("b", "artifact.npz"));
    char *text = shown();
    assert_int_equal(occurrences(text, "failed"), 2);
    free(text);
}

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
        assert_int_equal(ended(child), 1);
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
    assert_int_equal(ended(child), 100 + SIGKILL);
    assert_int_equal(records("a", "running"), 1);
    text = shown();
    assert_int_equal(occurrences(text, "interrupted"), 1);
    free(text);
    /* The next process that works there writes it down. */
    assert_run("a", "--kappa=0.2", 0);
    assert_int_equal(records("a", "interrupted"), 1);
    assert_int_equal(records("a", "done"), 1);
    assert_true(clean("a"));
}

/* Killed at any moment (the run takes 20 ms or so, most of it around the commit), a stage leaves all or
 * nothing, and the next one ends with the same bits. */
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
        ended(child);
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

static void two_at_once(void **state) {
    (void)state;
    pid_t children[4];
    for (size_t i = 0; i < 4; i++) {
        children[i] = start("a", "--kappa=0.2 --mode=slow --quiet");
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ended(children[i]), 0);
    }
    assert_int_equal(times_run("a"), 1);
    assert_int_equal(records("a", ""), 1);
    /* Who waits for a lock can be interrupted. */
    pid_t worker = start("b", "--kappa=0.2 --mode=hang"), waiter;
    wait_until_running("b");
    waiter = start("b", "--kappa=0.2 --mode=hang");
    usleep(200000);
    kill(waiter, SIGINT);
    assert_int_equal(ended(waiter), 1);
    assert_says("tiny: interrupted by SIGINT\n");
    kill(worker, SIGTERM);
    assert_int_equal(ended(worker), 1);
    assert_int_equal(records("b", ""), 1);
}

static void full_disk(void **state) {
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) { /* the record (some KiB) still fits, the artifact does not; the ledger does not either */
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){20000, 20000});
        _exit(ended(start("a", "--kappa=0.2 --count=1000")));
    }
    assert_int_equal(ended(child), 1);
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
    assert_says("can be rebuilt");
    assert_run("c", "--kappa=0.2 --ledger=", 0); /* none at all */
    assert_string_equal(log_text(), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(done_once), TEST(usage), TEST(inputs), TEST(failed), TEST(interrupted), TEST(killed),
        TEST(killed_anywhere), TEST(two_at_once), TEST(full_disk), TEST(ledger_troubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
