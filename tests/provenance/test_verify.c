/* Verification finds changed, removed and exchanged files and runs that are missing in the ledger, and nothing else. */
#include "tests/provenance/records.h"

#include <unistd.h>

#include "provenance/verify.h"

static char training_key[65], model_key[65];

static int open_all(void **state) {
    records_open(state);
    char recipe[256], failed[65];
    make_run("x/training", "ensemble", "kappa=0.21\nstage=ensemble\n", NULL, "done", "fields", training_key);
    snprintf(recipe, sizeof recipe, "input.training=%s\nstage=train\n", training_key);
    make_run("x/model", "train", recipe, training_key, "done", "weights", model_key);
    make_run("x/other", "train", "epochs=3\nstage=train\n", NULL, "failed", "", failed);
    return 0;
}

static size_t verified(const char *const *keys, size_t count, char **text) {
    struct error e = {0};
    struct lineage *l;
    size_t wrong = 99, size;
    assert_int_equal(lineage_read(root, &l, &e), STATUS_OK);
    FILE *out = open_memstream(text, &size);
    const enum status status = verify_results(l, keys, count, out, &wrong, &e);
    fclose(out);
    lineage_free(l);
    if (status != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    return wrong;
}

static void path_in(char path[512], const char *key, const char *name) {
    snprintf(path, 512, "%s/artifacts/%s/%s", root, key, name);
}

static void test_as_recorded(void **state) {
    (void)state;
    char *text;
    assert_int_equal(verified(NULL, 0, &text), 0);
    assert_string_equal(text, "2 artifacts: 2 as recorded\n3 run records: the ledger has all of them\n");
    free(text);
    const char *const one[] = {training_key};
    assert_int_equal(verified(one, 1, &text), 0); /* other runs are not checked */
    assert_string_equal(text, "1 artifacts: 1 as recorded\n1 run records: the ledger has all of them\n");
    free(text);
}

static void test_altered_and_removed(void **state) {
    (void)state;
    struct error e = {0};
    char path[512], expected[256], *text;
    path_in(path, model_key, "artifact.npz");
    assert_int_equal(file_write(path, "weightz", 7, &e), STATUS_OK);
    assert_int_equal(verified(NULL, 0, &text), 1);
    snprintf(expected, sizeof expected, "x/model (%.8s)  artifact.npz: found SHA-256 ", model_key);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "2 artifacts: 1 as recorded, 1 altered\n"));
    free(text);
    assert_int_equal(file_write(path, "longer weights", 14, &e), STATUS_OK);
    assert_int_equal(verified(NULL, 0, &text), 1);
    assert_non_null(strstr(text, "artifact.npz: found 14 bytes, expected 7 by its run record\n"));
    free(text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(verified(NULL, 0, &text), 1);
    assert_non_null(strstr(text, "artifact.npz: is missing\n"));
    assert_non_null(strstr(text, "1 incomplete\n"));
    free(text);
}

/* If an input is made again with other bits, the records of artifacts made from it no longer agree with it. */
static void test_other_input(void **state) {
    (void)state;
    char path[512], *text, key[65];
    make_run("x/training", "ensemble", "kappa=0.21\nstage=ensemble\n", NULL, "done", "other fields", key);
    assert_string_equal(key, training_key);
    assert_int_equal(verified(NULL, 0, &text), 1);
    assert_non_null(strstr(text, "run.json: found SHA-256 "));
    free(text);
    /* A record whose recipe does not have its key. */
    struct record *r;
    struct error e = {0};
    path_in(path, model_key, "run.json");
    assert_int_equal(record_read(path, &r, &e), STATUS_OK);
    char *json = record_json(r), *at = strstr(json, "stage=train");
    at[10] = 'm';
    assert_int_equal(file_write(path, json, strlen(json), &e), STATUS_OK);
    assert_int_equal(verified(NULL, 0, &text), 1);
    assert_non_null(strstr(text, "run.json: found the key "));
    free(text);
    free(json);
    record_free(r);
}

static void test_ledger(void **state) {
    (void)state;
    char path[512], *text;
    struct error e = {0};
    struct record *r;
    /* The record of the attempt is changed. */
    struct record **attempts;
    size_t count;
    assert_int_equal(lineage_attempts(root, model_key, &attempts, &count, &e), STATUS_OK);
    assert_int_equal(count, 1);
    r = attempts[0];
    char name[64];
    snprintf(name, sizeof name, "runs/%s.json", record_name(r));
    path_in(path, model_key, name);
    record_note(r, "loss", "0.5");
    assert_int_equal(record_write(r, path, &e), STATUS_OK);
    assert_int_equal(verified(NULL, 0, &text), 1);
    assert_non_null(strstr(text, ": differs between ledger and run record\n"));
    assert_non_null(strstr(text, "3 run records: the ledger has 2 of them, and 0 runs without a record"));
    free(text);
    /* Without its record the run is only in the ledger; a rebuilt ledger is consistent. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(verified(NULL, 0, &text), 1);
    assert_non_null(strstr(text, ": is in the ledger but has no run record\n"));
    free(text);
    char ledger[256];
    snprintf(ledger, sizeof ledger, "%s/ledger.sqlite", root);
    assert_int_equal(ledger_rebuild(ledger, root, NULL, &e), STATUS_OK);
    assert_int_equal(verified(NULL, 0, &text), 0);
    free(text);
    assert_int_equal(record_write(r, path, &e), STATUS_OK);
    assert_int_equal(verified(NULL, 0, &text), 1);
    assert_non_null(strstr(text, ": is not in the ledger\n"));
    free(text);
    record_free(r);
    free(attempts);
    assert_int_equal(unlink(ledger), 0);
    struct lineage *l;
    size_t wrong;
    assert_int_equal(lineage_read(root, &l, &e), STATUS_OK);
    assert_int_equal(verify_results(l, NULL, 0, stdout, &wrong, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "the ledger is missing"));
    lineage_free(l);
}

/* Changes the instruction set in the record of the model. */
static void computed_with(const char *instructions) {
    char path[512];
    struct record *r;
    struct error e = {0};
    path_in(path, model_key, "run.json");
    assert_int_equal(record_read(path, &r, &e), STATUS_OK);
    record_environment(r, "instruction set", instructions);
    assert_int_equal(record_write(r, path, &e), STATUS_OK);
    record_free(r);
}

static void test_again(void **state) {
    (void)state;
    struct error e = {0};
    char first[128], path[512], *text;
    size_t wrong, size;
    struct lineage *there, *here;
    computed_with("AVX-512");
    strcpy(first, root);
    assert_int_equal(lineage_read(first, &there, &e), STATUS_OK);
    open_all(state); /* a second folder with the same artifacts */
    assert_int_equal(lineage_read(root, &here, &e), STATUS_OK);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(verify_again(there, here, NULL, 0, out, &wrong, &e), STATUS_OK);
    fclose(out);
    assert_string_equal(text, "2 artifacts: 2 identical\n");
    assert_int_equal(wrong, 0);
    free(text);
    lineage_free(here);
    path_in(path, model_key, "artifact.npz");
    assert_int_equal(file_write(path, "weightz", 7, &e), STATUS_OK);
    computed_with("AVX2");
    path_in(path, training_key, "run.json");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(lineage_read(root, &here, &e), STATUS_OK);
    out = open_memstream(&text, &size);
    assert_int_equal(verify_again(there, here, NULL, 0, out, &wrong, &e), STATUS_OK);
    fclose(out);
    assert_int_equal(wrong, 2);
    assert_non_null(strstr(
        text, "2 artifacts: 0 identical, 1 differ (computed with AVX-512, recomputed with AVX2), 1 not recomputed\n"));
    free(text);
    lineage_free(here);
    lineage_free(there);
    scratch_remove(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_as_recorded, open_all, records_close),
        cmocka_unit_test_setup_teardown(test_altered_and_removed, open_all, records_close),
        cmocka_unit_test_setup_teardown(test_other_input, open_all, records_close),
        cmocka_unit_test_setup_teardown(test_ledger, open_all, records_close),
        cmocka_unit_test_setup_teardown(test_again, open_all, records_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
