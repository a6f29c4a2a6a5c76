/* Recipes: the text is canonical, and its key is the SHA-256 by sha256sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/recipe.h"

static const struct parameter table[] = {
    {"lattice", PARAMETER_INTEGERS, "32,32", 1, 4096, NULL, "", "", false},
    {"kappa", PARAMETER_REAL, NULL, 0, 1, NULL, "", "", false},
    {"seed", PARAMETER_INTEGER, "1", 0, 1e15, NULL, "", "", false},
};

static const struct recipe_input inputs[] = {{"rows", 1, "bb"}, {"rows", 0, "aa"}, {"model", -1, "cc"}};

static void text_and_key(void **state) {
    (void)state;
    struct error e;
    struct parameters *p = parameters_new(table, 3);
    assert_int_equal(parameters_set(p, "kappa", "0.2100", "test", &e), STATUS_OK);
    char *text = recipe_text("sample", 3, "cpu", p, inputs, 3), key[65];
    assert_string_equal(text, "backend=cpu\ninput.model=cc\ninput.rows.000=aa\ninput.rows.001=bb\nkappa=0.21\n"
                              "lattice=32,32\nseed=1\nstage=sample\nversion=3\n");
    recipe_key(text, key);
    assert_string_equal(key, "9ea8815eeec1faddf74223646e2301ec41c4add21aabe28d22bf87ce51687e0b");
    char *value = recipe_value(text, "input.rows.001");
    assert_string_equal(value, "bb");
    free(value);
    value = recipe_value(text, "lattice");
    assert_string_equal(value, "32,32");
    free(value);
    assert_null(recipe_value(text, "latt"));
    assert_null(recipe_value(text, "rows"));
    assert_null(recipe_value(text, "sample"));
    free(text);
    text = recipe_text("plot", 1, NULL, NULL, NULL, 0);
    assert_string_equal(text, "stage=plot\nversion=1\n");
    free(text);
    parameters_free(p);
}

/* The key changes if and only if something changes that can change the bits of an artifact. */
static void what_changes_the_key(void **state) {
    (void)state;
    struct error e;
    char keys[9][65];
    for (size_t i = 0; i < 9; i++) {
        struct recipe_input mine[3];
        memcpy(mine, inputs, sizeof mine);
        if (i == 5) {
            mine[0].position = 0, mine[1].position = 1; /* order of a list */
        } else if (i == 6) {
            mine[2].key = "cd";
        } else if (i == 8) {
            mine[0] = inputs[2], mine[2] = inputs[0]; /* only the order of the arguments */
        }
        struct parameters *p = parameters_new(table, 3);
        assert_int_equal(parameters_set(p, "kappa",
                                        i == 1   ? "0.22"
                                        : i == 8 ? "21e-2"
                                                 : "0.21",
                                        "test", &e),
                         STATUS_OK);
        char *text =
            recipe_text(i == 2 ? "other" : "sample", i == 3 ? 4 : 3, i == 4 ? "cuda" : "cpu", p, mine, i == 7 ? 2 : 3);
        recipe_key(text, keys[i]);
        free(text);
        parameters_free(p);
        for (size_t k = 0; i < 8 && k < i; k++) {
            assert_string_not_equal(keys[k], keys[i]);
        }
    }
    assert_string_equal(keys[0], keys[8]);
}

/* A parameter added later does not change the key as long as it has its default, in any notation. */
static void growth(void **state) {
    (void)state;
    struct error e;
    struct parameter grown[5];
    memcpy(grown, table, sizeof table);
    grown[3] = (struct parameter){.name = "epsilon", .type = PARAMETER_REAL, .default_value = "0.50", .later = true};
    grown[4] = (struct parameter){
        .name = "form", .type = PARAMETER_CHOICE, .default_value = "old", .choices = "old|new", .later = true};
    static const char *const cases[][3] = {{NULL, NULL, ""},
                                           {"epsilon", "5e-1", ""},
                                           {"form", "old", ""},
                                           {"epsilon", "0.25", "epsilon=0.25\n"},
                                           {"form", "new", "form=new\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parameters *p = parameters_new(grown, 5);
        assert_int_equal(parameters_set(p, "kappa", "0.21", "test", &e), STATUS_OK);
        if (cases[i][0] != NULL) {
            assert_int_equal(parameters_set(p, cases[i][0], cases[i][1], "test", &e), STATUS_OK);
        }
        char *text = recipe_text("sample", 3, NULL, p, NULL, 0), expected[200];
        snprintf(expected, sizeof expected, "%skappa=0.21\nlattice=32,32\nseed=1\nstage=sample\nversion=3\n",
                 cases[i][2]);
        assert_string_equal(text, expected);
        free(text);
        parameters_free(p);
    }
}

static void values(void **state) {
    (void)state;
    const char *const text = "epochs=25\nkeep-epochs=2,5\nseed=\n";
    const struct {
        const char *name, *value, *with; /* with another value, 7 */
    } cases[] = {{"epochs", "25", "epochs=7\nkeep-epochs=2,5\nseed=\n"},
                 {"keep-epochs", "2,5", "epochs=25\nkeep-epochs=7\nseed=\n"},
                 {"seed", "", "epochs=25\nkeep-epochs=2,5\nseed=7\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *value = recipe_value(text, cases[i].name), *with = recipe_with(text, cases[i].name, "7");
        assert_string_equal(value, cases[i].value);
        assert_string_equal(with, cases[i].with);
        free(value);
        free(with);
    }
    assert_null(recipe_value(text, "epoch"));
    assert_null(recipe_with(text, "epoch", "7"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(text_and_key), cmocka_unit_test(what_changes_the_key),
                                       cmocka_unit_test(growth), cmocka_unit_test(values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
