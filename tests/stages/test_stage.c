/* The run of a stage without disturbance: command line, recipe and key, inputs, no second computation, failures. */
#include "tests/stages/tiny.h"
#include "tests/stages/run_stage.h"

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
    assert_string_equal(recipe,
                        "backend=cpu\ncount=3\nkappa=0.2\nmode=fine\nseed=1\nsquare=no\nstage=tiny\nversion=1\n");
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
    static const char *const wanted[] = {"\"acceptance\": \"0.93\"",       "\"oneDNN\": \"2.", "\"instruction set\":",
                                         "\"compiler flags\": \"-std=c11", "\"threads\": 1",   "\"seed\": 1"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_non_null(strstr(json, wanted[i]));
    }
    free(json);
    free(recipe);
    record_free(record);
    assert_int_equal(records("a", "done"), 1);
    /* The same again: nothing runs. Another recipe is neither taken for this one, nor does it overwrite the
     * artifact. */
    assert_run("a", "--kappa=0.20", 0);
    assert_says("artifact.npz is up to date");
    assert_int_equal(times_run("a"), 1);
    assert_int_equal(records("a", ""), 1);
    assert_run("a", "--kappa=0.3", 2);
    assert_says("has the output of another recipe");
    /* The same recipe in another folder gives the same bits. */
    assert_run("b", "--kappa=0.2 --threads=2 --label=other", 0);
    char again[65];
    assert_int_equal(file_sha256(in("b", "artifact.npz"), again, &e), STATUS_OK);
    assert_string_equal(digest, again);
    char *text = shown();
    assert_int_equal(occurrences(text, "done"), 2);
    free(text);
}

/* A stage that writes an array that it does not declare, or declares with another type, fails. */
static void undeclared_arrays(void **state) {
    (void)state;
    struct stage other = stage_tiny;
    const struct stage_array wrong[] = {{"first", NPZ_FLOAT32, "", "", ""}, {"x*", NPZ_FLOAT64, "", "", ""}};
    char output[300], *text;
    snprintf(output, sizeof output, "--output=%s", in("undeclared", ""));
    const char *const arguments[] = {output, "--kappa=0.2", "--ledger=", NULL};
    other.array_count = 1;
    assert_int_equal(run_stage(&other, arguments, &text), 1);
    assert_non_null(strstr(text, "the stage wrote the array 'x0' (float64), which it does not declare"));
    free(text);
    assert_false(there("undeclared", "artifact.npz"));
    other.arrays = wrong;
    other.array_count = 2;
    assert_int_equal(run_stage(&other, arguments, &text), 1);
    assert_non_null(strstr(text, "the array 'first' (float64)"));
    free(text);
    other.arrays = stage_tiny.arrays;
    assert_int_equal(run_stage(&other, arguments, NULL), 0);
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
        {"--kappa=0.2 -q", "tiny: unknown option '-q': expected --NAME=VALUE"},
        {"--kappa=0.2 -xy", "tiny: unknown option '-x': expected --NAME=VALUE"},
        {"--kappa=0.2 stray", "tiny: 'stray': expected only options"},
        {"--kappa", "tiny: '--kappa': expected --NAME=VALUE"},
        {"--kappa=0.2 --quiet=yes", "tiny: '--quiet=yes': expected --NAME=VALUE, or --NAME of an option without value"},
        {"--kappa=0.2 --mode=fien",
         "mode = 'fien': expected one of fine|fail|hang|deaf|forget|slow (did you mean 'fine'?)"},
        {"--kappa=0.2 --threads=0", "tiny: --threads = '0': expected an integer in [1, 1024]\n"},
        {"--kappa=0.2 --backend=gpu", "tiny: --backend = 'gpu': expected cpu|cuda|cuda-float32\n"},
        {"--kappa=0.2 --seed=13", "tiny: command line: seed = '13': expected a lucky number\n"},
        {"--kappa=0.2 --key=12", "tiny: --key = '12': expected 64 lower-case hexadecimal digits\n"},
        {"--kappa=0.2 --output=", "tiny: --output: expected a folder\n"},
        {"--kappa=0.2 --model=a --model=b", "tiny: --model: given 2 times, expected once\n"},
        {"--kappa=0.2 --model=build/tmp/none.npz", "tiny: --model: build/tmp/none.npz: cannot open: No such file"},
        {"--kappa=0.2 --model=tests/data/unet-w8-stride1-zeros-L8.npz", "has no array 'recipe'"},
        {"--kappa=0.2 --key=0000000000000000000000000000000000000000000000000000000000000000",
         "tiny: --key: expected 0000000000000000000000000000000000000000000000000000000000000000, but the recipe of "
         "this command line has key "},
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
    static const char *const wanted[] = {
        "tiny: multiples of kappa", "--kappa=VALUE",    "required",    "--rows=PATH", "--backend=",
        "--output=FOLDER",          "--mode=fine|fail", "Exit status:"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_says(wanted[i]);
    }
    assert_run("a", "--version", 0);
    assert_says("tiny 1 (dmsq ");
}

static void inputs(void **state) {
    (void)state;
    struct error e;
    char arguments[1500], *recipe;
    assert_run("a", "--kappa=0.25", 0);
    assert_run("b", "--kappa=0.5 --square", 0); /* a flag alone is yes */
    snprintf(arguments, sizeof arguments, "--kappa=1 --rows=%s --rows %s", in("a", "artifact.npz"),
             in("b", "artifact.npz"));
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
    /* an input that differs from its run record */
    struct npz_writer *w;
    assert_int_equal(npz_create(in("b", "artifact.npz"), &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "stage=tiny\nkappa=0.5\n", &e), STATUS_OK);
    assert_int_equal(npz_add_real(w, "first", 3, &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    snprintf(arguments, sizeof arguments, "--kappa=1 --rows=%s --rows %s", in("a", "artifact.npz"),
             in("b", "artifact.npz"));
    assert_run("altered", arguments, 2);
    assert_says("b/artifact.npz: found SHA-256 ");
    assert_says("by its run record: it is damaged or was changed");
    assert_false(there("altered", "artifact.npz"));
    /* an artifact of a wrong stage */
    assert_int_equal(npz_create(in("", "foreign.npz"), &w, &e), STATUS_OK);
    assert_int_equal(npz_add_text(w, "recipe", "stage=train\n", &e), STATUS_OK);
    assert_int_equal(npz_commit(w, &e), STATUS_OK);
    snprintf(arguments, sizeof arguments, "--kappa=1 --model=%s", in("", "foreign.npz"));
    assert_run("d", arguments, 2);
    assert_says("found an artifact of stage 'train', expected tiny|other");
}

/* Files in the output folder that do not belong to the stage are neither removed nor overwritten. */
static void not_its_own(void **state) {
    (void)state;
    static const char *const names[] = {"partial-results.txt", "notes.tmp-1", "mine.npz.tmp-12-0", "table.tsv.tmp-old"};
    static const char *const left_over[] = {"partial-table.tsv",          "partial-artifact.npz.tmp-77.aB3dEf",
                                            "partial-table.tsv.tmp-77-0", "checkpoint.npz.tmp-77",
                                            "pending-run.json.tmp-77-3",  "pending-run.json"};
    struct error e;
    assert_int_equal(file_make_folder(in("a", ""), &e), STATUS_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(file_write(in("a", names[i]), "mine", 4, &e), STATUS_OK);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(file_write(in("a", left_over[i]), "", 0, &e), STATUS_OK);
    }
    assert_run("a", "--kappa=0.2", 0);
    for (size_t i = 0; i < 4; i++) {
        assert_true(there("a", names[i]));
    }
    for (size_t i = 0; i < 6; i++) {
        assert_false(there("a", left_over[i]));
    }
    /* outputs without a record are neither overwritten nor taken for those of this recipe */
    assert_int_equal(file_make_folder(in("b", ""), &e), STATUS_OK);
    assert_int_equal(file_write(in("b", "artifact.npz"), "mine", 4, &e), STATUS_OK);
    assert_int_equal(file_write(in("b", "table.tsv"), "mine", 4, &e), STATUS_OK);
    assert_run("b", "--kappa=0.2", 2);
    assert_says("/b: the folder has outputs without a readable record (");
    assert_says("run.json");
    assert_false(there("b", "ran"));
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
int main(void) {
    const struct CMUnitTest tests[] = {TEST(done_once), TEST(undeclared_arrays), TEST(usage),
                                       TEST(inputs),    TEST(not_its_own),       TEST(failed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
