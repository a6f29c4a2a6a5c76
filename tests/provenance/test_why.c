/* Differences of recipes, and the chain of reasons from an artifact to the parameter that changed. */
#include "tests/provenance/records.h"

#include <unistd.h>

#include "provenance/difference.h"
#include "provenance/why.h"

static char training_key[65], model_key[65];

static int open_all(void **state) {
    records_open(state);
    make_run("x/training", "ensemble", "kappa=0.21\nstage=ensemble\nversion=1\n", NULL, "done", "a", training_key);
    char recipe[256];
    snprintf(recipe, sizeof recipe, "epochs=40\ninput.training=%s\nstage=train\nversion=1\n", training_key);
    make_run("x/model", "train", recipe, training_key, "done", "b", model_key);
    return 0;
}

static void test_differences(void **state) {
    (void)state;
    struct differences d;
    assert_int_equal(differences_of("a=1\nb=x=y\nstage=s\nversion=1\n", "a=1\nb=x=y\nstage=s\nversion=1\n", &d), 0);
    assert_int_equal(d.count, 0);
    differences_free(&d);
    assert_int_equal(
        differences_of("a=1\nb=x=y\ninput.rows.002=k\ninput.rows.010=k\nstage=s\nversion=1\n",
                       "b=x=z\nc=\ninput.model=m\ninput.rows.002=l\ninput.rows.010=n\nstage=s\nversion=2\n", &d),
        0);
    static const struct difference expected[] = {
        {DIFFERENCE_VERSION, "version", "1", "2"}, {DIFFERENCE_PARAMETER, "a", "1", NULL},
        {DIFFERENCE_PARAMETER, "b", "x=y", "x=z"}, {DIFFERENCE_PARAMETER, "c", NULL, ""},
        {DIFFERENCE_INPUT, "model", NULL, "m"},    {DIFFERENCE_INPUT, "rows[2]", "k", "l"},
        {DIFFERENCE_INPUT, "rows[10]", "k", "n"}};
    assert_int_equal(d.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < d.count; i++) {
        assert_int_equal(d.list[i].kind, expected[i].kind);
        assert_string_equal(d.list[i].name, expected[i].name);
        assert_string_equal(d.list[i].before ? d.list[i].before : "-", expected[i].before ? expected[i].before : "-");
        assert_string_equal(d.list[i].after ? d.list[i].after : "-", expected[i].after ? expected[i].after : "-");
    }
    differences_free(&d);
}

static const char *origin(const void *context, size_t node, const char *parameter) {
    (void)context;
    assert_true(node < 2);
    return strcmp(parameter, "kappa") == 0 ? "SET: x.kappa=0.25" : "experiments/x.ini:7";
}

/* Explains a node in a plan with these two recipes ("%s": key of the first); first_exists, second_exists: their
 * artifacts exist. */
static void explain(const char *first, const char *second, bool first_exists, bool second_exists, char **text,
                    char **line) {
    struct error e = {0};
    char keys[2][65], recipe[256];
    recipe_key(first, keys[0]);
    snprintf(recipe, sizeof recipe, second, keys[0]);
    recipe_key(recipe, keys[1]);
    const struct why_node nodes[] = {{"x/training", "ensemble", keys[0], first, first_exists},
                                     {"x/model", "train", keys[1], recipe, second_exists}};
    struct lineage *lineage;
    assert_int_equal(lineage_read(root, &lineage, &e), STATUS_OK);
    const struct why why = {lineage, nodes, 2, origin, NULL, NULL};
    size_t size;
    FILE *out = open_memstream(text, &size);
    assert_int_equal(why_print(&why, 1, out, &e), STATUS_OK);
    fclose(out);
    assert_int_equal(why_line(&why, 1, line, &e), STATUS_OK);
    lineage_free(lineage);
}

static const char as_it_was[] = "kappa=0.21\nstage=ensemble\nversion=1\n";
static const char other[] = "kappa=0.25\nstage=ensemble\nversion=1\n";
static const char model[] = "epochs=40\ninput.training=%s\nstage=train\nversion=1\n";

static void test_up_to_date(void **state) {
    (void)state;
    char *text, *line;
    explain(as_it_was, model, true, true, &text, &line);
    assert_non_null(strstr(text, "x/model  is up to date (key "));
    assert_non_null(strstr(text, " since 20"));
    assert_null(strstr(text, "before it"));
    assert_null(line);
    free(text);
    explain(as_it_was, model, false, true, &text, &line);
    assert_non_null(strstr(text, "x/model  is up to date"));
    assert_non_null(strstr(text, "  before it run: x/training\n"));
    free(text);
}

static void test_chain(void **state) {
    (void)state;
    char *text, *line, expected[512], key[65], made[256], made_key[65];
    recipe_key(other, key);
    snprintf(made, sizeof made, model, key);
    recipe_key(made, made_key);
    explain(other, model, false, false, &text, &line);
    snprintf(expected, sizeof expected,
             "x/model  will run (key %.8s, has %.8s)\n"
             "  because input training changes: %.8s -> %.8s  (x/training)\n"
             "    because ensemble.kappa: 0.21 -> 0.25  (SET)\n"
             "  before it run: x/training\n",
             made_key, model_key, training_key, key);
    assert_string_equal(text, expected);
    assert_string_equal(line, "input training changes: ensemble.kappa: 0.21 -> 0.25  (SET)");
    free(text);
    free(line);
    explain(as_it_was, "epochs=3\ninput.training=%s\nstage=train\nversion=2\n", true, false, &text, &line);
    assert_non_null(strstr(text, "  because the version of its stage changes: 1 -> 2\n"
                                 "  because train.epochs: 40 -> 3  (experiments/x.ini:7)\n"));
    assert_string_equal(line, "the version of its stage changes: 1 -> 2, train.epochs: 40 -> 3  (experiments/x.ini:7)");
    free(text);
    free(line);
}

/* Reasons for a node that failed, and for one whose artifact was removed; a node that was never started has none. */
static void test_unfinished(void **state) {
    (void)state;
    char *text, *line, key[65], path[300];
    explain("kappa=0.3\nstage=never\nversion=1\n", "stage=new\ninput.training=%s\n", false, false, &text, &line);
    assert_non_null(strstr(text, "because input training changes:"));
    assert_non_null(strstr(text, "because ensemble.kappa: 0.21 -> 0.3  (SET)"));
    free(text);
    free(line);
    make_run("x/model", "train", "epochs=5\nstage=train\nversion=1\n", NULL, "failed", "", key);
    explain(as_it_was, "epochs=5\nstage=train\nversion=1\n", true, false, &text, &line);
    assert_non_null(strstr(text, "  because its last run, started 20"));
    assert_non_null(strstr(line, " failed: the disk is full"));
    free(text);
    free(line);
    snprintf(path, sizeof path, "%s/artifacts/%s/artifact.npz", root, model_key);
    assert_int_equal(unlink(path), 0);
    explain(as_it_was, model, true, false, &text, &line);
    assert_non_null(strstr(text, "will run"));
    assert_string_equal(line, "its artifact was removed");
    free(text);
    free(line);
}

static void test_lineage(void **state) {
    (void)state;
    struct lineage *lineage;
    struct error e = {0};
    const struct record *r;
    assert_int_equal(lineage_read("build/tmp/nowhere", &lineage, &e), STATUS_OK);
    assert_int_equal(lineage_count(lineage), 0);
    lineage_free(lineage);
    assert_int_equal(lineage_read(root, &lineage, &e), STATUS_OK);
    assert_int_equal(lineage_count(lineage), 2);
    assert_int_equal(lineage_find_prefix(lineage, "abc", &r, &e), STATUS_BAD_INPUT);
    char prefix[6] = "";
    memcpy(prefix, model_key, 5);
    assert_int_equal(lineage_find_prefix(lineage, prefix, &r, &e), STATUS_OK);
    assert_string_equal(record_text(r, "key"), model_key);
    assert_ptr_equal(lineage_last(lineage, "x/model"), r);
    assert_null(lineage_last(lineage, "x/nothing"));
    /* The published link takes precedence over the label. */
    char path[300], target[300];
    snprintf(path, sizeof path, "%s/y", root);
    make_folder(path);
    snprintf(path, sizeof path, "%s/y/model.npz", root);
    snprintf(target, sizeof target, "../artifacts/%s/artifact.npz", model_key);
    assert_int_equal(symlink(target, path), 0);
    assert_ptr_equal(lineage_last(lineage, "y/model"), r);
    lineage_free(lineage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test_setup_teardown(test_up_to_date, open_all, records_close),
        cmocka_unit_test_setup_teardown(test_chain, open_all, records_close),
        cmocka_unit_test_setup_teardown(test_lineage, open_all, records_close),
        cmocka_unit_test_setup_teardown(test_unfinished, open_all, records_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
