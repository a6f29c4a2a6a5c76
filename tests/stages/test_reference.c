/* The keys of all run records kept under results/reference, recomputed from the stages' declarations and the values in
 * the records: a declaration that gives other keys would recompute everything. The version is that of the record, since
 * a new version changes keys on purpose. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/stage.h"
#include "store/recipe.h"
#include "store/record.h"

static const struct stage *find_stage(const char *name) {
    for (const struct stage *const *s = all_stages; *s != NULL; s++) {
        if (strcmp((*s)->name, name) == 0) {
            return *s;
        }
    }
    fail_msg("no stage '%s' found", name);
    return NULL;
}

/* The parameter values of a record. The value of a file is "sha256:...", which is set as a text. A parameter that is
 * not in the record keeps its default. */
static struct parameters *values(const struct stage *stage, const struct record *record, struct parameter *table) {
    struct error e;
    for (size_t i = 0; i < stage->parameter_count; i++) {
        table[i] = stage->parameters[i];
        table[i].type = table[i].type == PARAMETER_FILE ? PARAMETER_TEXT : table[i].type;
    }
    struct parameters *p = parameters_new(table, stage->parameter_count);
    assert_non_null(p);
    char *recipe = strdup(record_text(record, "recipe"));
    for (size_t i = 0; i < stage->parameter_count; i++) {
        char *value = recipe_value(recipe, table[i].name);
        if (value != NULL) {
            assert_int_equal(parameters_set(p, table[i].name, value, "record", &e), STATUS_OK);
            assert_string_equal(value, record_member(record, "parameters", table[i].name));
        }
        free(value);
    }
    free(recipe);
    return p;
}

/* The inputs of a recipe, in the declared order; their keys belong to `keys`. */
static size_t find_inputs(const struct stage *stage, const char *recipe, struct recipe_input inputs[1000],
                          char *keys[1000]) {
    size_t count = 0;
    for (size_t i = 0; i < stage->input_count; i++) {
        for (int position = stage->inputs[i].many ? 0 : -1; position < 999; position++) {
            char line[128];
            snprintf(line, sizeof line, position < 0 ? "input.%s" : "input.%s.%03d", stage->inputs[i].name, position);
            if ((keys[count] = recipe_value(recipe, line)) == NULL) {
                break;
            }
            inputs[count] = (struct recipe_input){stage->inputs[i].name, position, keys[count]};
            count++;
            if (position < 0) {
                break;
            }
        }
    }
    return count;
}

static void check(const char *path, size_t *backends) {
    static struct recipe_input inputs[1000];
    static char *keys[1000];
    struct error e;
    struct record *record;
    assert_int_equal(record_read(path, &record, &e), STATUS_OK);
    const struct stage *stage = find_stage(record_text(record, "stage"));
    const char *recipe = record_text(record, "recipe");
    char *backend = recipe_value(recipe, "backend"), key[65];
    struct parameter table[64];
    assert_true(stage->parameter_count <= 64);
    struct parameters *p = values(stage, record, table);
    const size_t input_count = find_inputs(stage, recipe, inputs, keys);
    const int version = (int)record_number(record, "version");
    assert_true(version >= 1 && version <= stage->version);
    char *text = recipe_text(stage->name, version, backend != NULL ? stage_backend(stage, backend) : NULL, p, inputs,
                             input_count);
    if (strcmp(text, recipe) != 0) {
        fail_msg("%s: found the recipe\n%s\nexpected\n%s", path, text, recipe);
    }
    recipe_key(text, key);
    assert_string_equal(key, record_text(record, "key"));
    assert_int_equal(backend != NULL, stage->uses_backend);
    *backends += backend != NULL;
    for (size_t i = 0; i < input_count; i++) {
        free(keys[i]);
    }
    free(text);
    free(backend);
    parameters_free(p);
    record_free(record);
}

static void kept_keys(void **state) {
    (void)state;
    glob_t found;
    size_t backends = 0;
    assert_int_equal(glob("results/reference/*/runs/*.json", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 300);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        check(found.gl_pathv[i], &backends);
    }
    assert_true(backends >= 100);
    globfree(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
