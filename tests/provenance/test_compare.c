/* Comparison of two runs: recipes down to the first difference, machines and times. */
#include "tests/provenance/records.h"

#include "provenance/compare.h"

static char keys[2][3][65]; /* of A and B: fields, model, sample */

/* Chains of three artifacts that differ only in kappa of the first. */
static int open_all(void **state) {
    records_open(state);
    for (int i = 0; i < 2; i++) {
        char recipe[512];
        make_run("x/training", "ensemble", i ? "kappa=0.25\nstage=ensemble\n" : "kappa=0.21\nstage=ensemble\n", NULL,
                 "done", "f", keys[i][0]);
        snprintf(recipe, sizeof recipe, "input.training=%s\nstage=train\n", keys[i][0]);
        make_run("x/model", "train", recipe, keys[i][0], "done", "m", keys[i][1]);
        snprintf(recipe, sizeof recipe, "input.model=%s\ninput.start=%s\nstage=sample\nsteps=%d\n", keys[i][1],
                 keys[i][0], 10 * i + 5);
        make_run("x/sample", "sample", recipe, keys[i][1], "done", "s", keys[i][2]);
    }
    return 0;
}

static char *compared(const char *a, const char *b) {
    struct error e = {0};
    struct lineage *l;
    char *text;
    size_t size;
    assert_int_equal(lineage_read(root, &l, &e), STATUS_OK);
    const struct compared one = {lineage_find(l, a), l}, other = {lineage_find(l, b), l};
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(compare_recipes(&one, &other, out, &e), STATUS_OK);
    compare_runs(&one, &other, out);
    fclose(out);
    lineage_free(l);
    return text;
}

static void test_recipes(void **state) {
    (void)state;
    char *text = compared(keys[0][2], keys[1][2]);
    const char *steps = strstr(text, "\n  steps      "), *model = strstr(text, "\n  input model "),
               *training = strstr(text, "\n    input training "), *kappa = strstr(text, "\n      kappa ");
    assert_true(steps && model && training && kappa && steps < model && model < training && training < kappa);
    assert_non_null(strstr(kappa, "0.21                            0.25\n"));
    assert_null(strstr(kappa + 10, "kappa")); /* the second path to the same difference is not printed */
    assert_non_null(strstr(text, "\n    as above\n"));
    free(text);
    text = compared(keys[0][1], keys[0][1]);
    assert_non_null(strstr(text, "recipe\n  the same\n"));
    assert_non_null(strstr(text, "program and machine\n  the same\n"));
    assert_non_null(strstr(text, "\n  peak memory "));
    free(text);
}

static void test_machines(void **state) {
    (void)state;
    struct error e = {0};
    char path[512], *text;
    struct record *r;
    snprintf(path, sizeof path, "%s/artifacts/%s/run.json", root, keys[1][0]);
    assert_int_equal(record_read(path, &r, &e), STATUS_OK);
    record_environment(r, "oneDNN", "3.1");
    record_environment(r, "processor", "a name that is longer than a column of the table");
    record_environment(r, "only here", "x");
    assert_int_equal(record_write(r, path, &e), STATUS_OK);
    record_free(r);
    text = compared(keys[0][0], keys[1][0]);
    assert_non_null(strstr(text, "\n  oneDNN                            -                               3.1\n"));
    assert_non_null(strstr(text, "a name that is longer than a column of the table\n"));
    assert_non_null(strstr(text, "\n  only here                         -                               x\n"));
    assert_null(strstr(text, "compiler"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_recipes, open_all, records_close),
        cmocka_unit_test_setup_teardown(test_machines, open_all, records_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
