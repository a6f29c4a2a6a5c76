/* The metadata of an archive: its structure, as required by the profiles, with a failed run.
 * tests/pipeline/slow_archive.sh runs validators on a complete archive. */
#include "tests/provenance/records.h"

#include <jansson.h>

#include "provenance/crate.h"

static char training_key[65], model_key[65];

static int open_all(void **state) {
    records_open(state);
    char recipe[256];
    make_run("x/training", "ensemble", "kappa=0.21\nstage=ensemble\n", NULL, "done", "fields", training_key);
    snprintf(recipe, sizeof recipe, "epochs=3\ninput.training=%s\nstage=train\n", training_key);
    make_run("x/model", "train", recipe, training_key, "done", "weights", model_key);
    /* An earlier attempt, which failed, with a parameter. */
    static const struct parameter table[] = {{.name = "epochs", .type = PARAMETER_INTEGER, .default_value = "3"}};
    struct parameters *p = parameters_new(table, 1);
    struct error e = {0};
    char folder[256], path[512];
    snprintf(folder, sizeof folder, "%s/artifacts/%s", root, model_key);
    struct record *r = record_new("train", 1, model_key, recipe, folder);
    record_parameters(r, p);
    parameters_free(p);
    record_end(r, "failed", "no space");
    snprintf(path, sizeof path, "%s/runs/20000101T000000Z-1.json", folder);
    char *json = record_json(r), *id = strstr(json, "\"id\": \"") + 7;
    memcpy(id, "20000101T000000Z", 16);
    assert_int_equal(file_write(path, json, strlen(json), &e), STATUS_OK);
    free(json);
    record_free(r);
    return 0;
}

static const struct parameter train_parameters[] = {
    {.name = "epochs",
     .type = PARAMETER_INTEGER,
     .default_value = "250",
     .minimum = 1,
     .maximum = 1e6,
     .unit = "epochs",
     .help = "Passes over the training set."},
    {.name = "network", .type = PARAMETER_CHOICE, .choices = "unet|gaussian", .help = "What is trained."}};
static const struct crate_input train_inputs[] = {{"training", "configurations", true, false}};

/* The crate of the two artifacts. */
static json_t *describe(const char *license, char **text) {
    static char paths[2][128];
    for (int i = 0; i < 2; i++) {
        snprintf(paths[i], sizeof paths[i], "results/artifacts/%s/artifact.npz", i ? model_key : training_key);
    }
    const struct crate_file files[] = {{"LICENSE", "LICENSE", "", 3, "00"},
                                       {"experiments/x.ini", "x.ini", "", 5, "11"},
                                       {paths[0], "x/training: artifact.npz", training_key, 6, "22"},
                                       {paths[1], "x/model: artifact.npz", model_key, 7, "33"},
                                       {"source/stages/train.c", "train.c", "", 9, "44"}};
    const struct crate_stage stages[] = {
        {"ensemble", "Makes fields.", "source/stages/ensemble.c", 1, NULL, 0, NULL, 0},
        {"train", "Trains.", "source/stages/train.c", 2, train_parameters, 2, train_inputs, 1}};
    const struct crate_step steps[] = {{"training", "ensemble", training_key}, {"model@a=b c", "train", model_key}};
    const struct crate_person people[] = {
        {"Lovelace, Ada", "https://orcid.org/0000-0000-0000-0001", "University of Somewhere", ""},
        {"Noether, Emmy", "", "University of Somewhere", ""}};
    struct error e = {0};
    struct lineage *lineage;
    assert_int_equal(lineage_read(root, &lineage, &e), STATUS_OK);
    const struct crate crate = {.name = "x",
                                .title = "X",
                                .description = "x",
                                .version = "1.0.0",
                                .commit = "abc",
                                .workflow = "experiments/x.ini",
                                .license = license,
                                .funder = "Fund",
                                .grant = "1",
                                .people = people,
                                .people_count = 2,
                                .stages = stages,
                                .stage_count = 2,
                                .steps = steps,
                                .step_count = 2,
                                .files = files,
                                .file_count = 5,
                                .lineage = lineage};
    char *again;
    assert_int_equal(crate_json(&crate, text, &e), STATUS_OK);
    assert_int_equal(crate_json(&crate, &again, &e), STATUS_OK);
    assert_string_equal(*text, again);
    free(again);
    lineage_free(lineage);
    json_t *json = json_loads(*text, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *find(json_t *crate, const char *id) {
    json_t *found = NULL, *entity;
    size_t i;
    json_array_foreach(json_object_get(crate, "@graph"), i, entity) {
        if (strcmp(json_string_value(json_object_get(entity, "@id")), id) == 0) {
            assert_null(found); /* identifiers are unique */
            found = entity;
        }
    }
    if (!found) {
        fail_msg("there is no %s", id);
    }
    return found;
}

static const char *text_of(json_t *crate, const char *id, const char *name) {
    json_t *value = json_object_get(find(crate, id), name);
    value = json_is_object(value) ? json_object_get(value, "@id") : value;
    assert_true(json_is_string(value));
    return json_string_value(value);
}

/* Every reference points to an entity of the crate, or to an external address of the specification. */
static void check_references(json_t *crate, json_t *value) {
    size_t i;
    const char *name;
    json_t *member;
    if (json_is_array(value)) {
        assert_int_not_equal(json_array_size(value), 1); /* a single value is not in an array */
        json_array_foreach(value, i, member) {
            check_references(crate, member);
        }
    } else if (json_object_size(value) == 1 && json_object_get(value, "@id")) {
        const char *id = json_string_value(json_object_get(value, "@id"));
        if (strncmp(id, "http://schema.org/", 18) && strcmp(id, "https://w3id.org/ro/crate/1.1") &&
            strncmp(id, "https://bioschemas.org/", 23)) {
            find(crate, id);
        }
    } else if (json_is_object(value)) {
        json_object_foreach(value, name, member) {
            check_references(crate, member);
        }
    }
}

static void test_structure(void **state) {
    (void)state;
    char *text, name[128], id[256];
    json_t *crate = describe("CC-BY-4.0", &text), *entity;
    size_t i;
    json_array_foreach(json_object_get(crate, "@graph"), i, entity) {
        check_references(crate, entity);
    }
    assert_string_equal(text_of(crate, "./", "mainEntity"), "experiments/x.ini");
    assert_string_equal(text_of(crate, "./", "license"), "https://spdx.org/licenses/CC-BY-4.0");
    assert_string_equal(text_of(crate, "./", "funding"), "#grant");
    assert_string_equal(text_of(crate, "#grant", "funder"), "#funder");
    assert_string_equal(text_of(crate, "https://orcid.org/0000-0000-0000-0001", "name"), "Lovelace, Ada");
    assert_string_equal(text_of(crate, "#author-2", "affiliation"), "#University-of-Somewhere");
    assert_string_equal(text_of(crate, "experiments/x.ini#model@a=b-c", "workExample"), "source/stages/train.c");
    assert_string_equal(text_of(crate, "#train.epochs", "defaultValue"), "250");
    assert_string_equal(text_of(crate, "#train.epochs", "unitText"), "epochs");
    assert_true(json_number_value(json_object_get(find(crate, "#train.epochs"), "maxValue")) == 1e6);
    assert_true(json_is_true(json_object_get(find(crate, "#train.network"), "valueRequired")));
    assert_string_equal(text_of(crate, "#train.network", "description"), "What is trained. One of unet|gaussian");
    snprintf(name, sizeof name, "results/artifacts/%s/artifact.npz", model_key);
    assert_string_equal(text_of(crate, name, "sha256"), "33");
    assert_string_equal(text_of(crate, name, "contentSize"), "7");
    assert_string_equal(text_of(crate, name, "exampleOfWork"), "#train.output.artifact.npz");
    snprintf(id, sizeof id, "#%.12s.epochs", model_key);
    assert_string_equal(text_of(crate, id, "value"), "3");
    assert_string_equal(text_of(crate, id, "exampleOfWork"), "#train.epochs");
    json_decref(crate);
    free(text);
    crate = describe("LICENSE", &text);
    assert_string_equal(text_of(crate, "./", "license"), "LICENSE");
    json_decref(crate);
    free(text);
    crate = describe("", &text);
    assert_string_equal(text_of(crate, "./", "license"), "#no-licence");
    json_decref(crate);
    free(text);
}

static void test_runs(void **state) {
    (void)state;
    char *text, name[128];
    json_t *crate = describe("CC-BY-4.0", &text), *entity;
    size_t i, done = 0, failed = 0;
    json_array_foreach(json_object_get(crate, "@graph"), i, entity) {
        const char *type = json_string_value(json_object_get(entity, "@type"));
        const char *instrument = json_string_value(json_object_get(json_object_get(entity, "instrument"), "@id"));
        if (!type || strcmp(type, "CreateAction") || !instrument || strcmp(instrument, "source/stages/train.c")) {
            continue;
        }
        const char *state_of = json_string_value(json_object_get(json_object_get(entity, "actionStatus"), "@id"));
        const char *start = json_string_value(json_object_get(entity, "startTime"));
        assert_int_equal(strlen(start), strlen("2026-11-28T15:39:26+00:00"));
        assert_string_equal(start + 19, "+00:00");
        if (strcmp(state_of, "http://schema.org/FailedActionStatus") == 0) {
            failed++;
            assert_string_equal(json_string_value(json_object_get(entity, "error")), "failed: no space");
            assert_null(json_object_get(entity, "result"));
        } else {
            done++;
            assert_string_equal(state_of, "http://schema.org/CompletedActionStatus");
            snprintf(name, sizeof name, "results/artifacts/%s/artifact.npz", model_key);
            assert_string_equal(json_string_value(json_object_get(json_object_get(entity, "result"), "@id")), name);
            snprintf(name, sizeof name, "results/artifacts/%s/artifact.npz", training_key);
            assert_string_equal(json_string_value(json_object_get(json_object_get(entity, "object"), "@id")), name);
        }
    }
    assert_int_equal(done, 1);
    assert_int_equal(failed, 1);
    /* Both are attempts of one step. */
    assert_int_equal(json_array_size(json_object_get(find(crate, "#control-model@a=b-c"), "object")), 2);
    assert_int_equal(json_array_size(json_object_get(find(crate, "#organize"), "object")), 2);
    assert_int_equal(json_array_size(json_object_get(find(crate, "./"), "mentions")), 4);
    json_decref(crate);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_structure, open_all, records_close),
        cmocka_unit_test_setup_teardown(test_runs, open_all, records_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
