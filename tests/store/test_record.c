/* Notes of run records: numbers are read as they were written, also from the texts of format 1. The check of the theory
 * of an input. test_ledger.c tests the rest of records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/record.h"
#include "tests/scratch.h"

static char folder[256], path[300];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("record"));
    snprintf(path, sizeof path, "%s/run.json", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

/* Writes the record and reads it again; frees it. */
static struct record *reread(struct record *r) {
    struct error e = {0};
    struct record *again;
    if (record_write(r, path, &e) != STATUS_OK || record_read(path, &again, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
    record_free(r);
    return again;
}

static void expect(const struct record *r, const char *name, double value, double error, const char *unit,
                   const char *text) {
    char buffer[RECORD_TEXT];
    const struct record_value v = record_value(r, name);
    const bool same = (v.value == value || (isnan(v.value) && isnan(value))) &&
                      (v.error == error || (isnan(v.error) && isnan(error)));
    if (!same || strcmp(v.unit, unit) != 0) {
        fail_msg("%s: %.17g +- %.17g '%s' found, %.17g +- %.17g '%s' expected", name, v.value, v.error, v.unit, value,
                 error, unit);
    }
    assert_string_equal(record_note_text(r, name, buffer), text);
}

struct heard {
    char text[400];
};

static void hear(void *context, const char *name, const char *text) {
    struct heard *h = context;
    snprintf(h->text + strlen(h->text), sizeof h->text - strlen(h->text), "%s=%s;", name, text);
}

static void test_numbers(void **state) {
    (void)state;
    struct record *r = record_new("train", 1, "00", "stage=train\n", folder);
    record_note_value(r, "tau", (struct record_value){63.580912345678901, 7.6, "steps"});
    record_note_value(r, "third", (struct record_value){1.0 / 3, NAN, ""});
    record_note_value(r, "parameters", (struct record_value){1115297, NAN, ""});
    record_note_value(r, "none", (struct record_value){(double)-NAN, NAN, "s"});
    record_note_value(r, "endless", (struct record_value){INFINITY, 1, ""});
    record_note(r, "gnuplot", "5.4 patchlevel 4");
    record_note_value(r, "earlier_seconds", (struct record_value){7.5, NAN, "s"});
    record_end(r, "done", "");
    const double wall = record_number(r, "wall_seconds");
    r = reread(r);
    expect(r, "tau", 63.580912345678901, 7.6, "steps", "63.5809 +- 7.6 steps");
    expect(r, "third", 1.0 / 3, NAN, "", "0.333333");
    expect(r, "parameters", 1115297, NAN, "", "1115297");
    expect(r, "none", NAN, NAN, "s", "nan s");
    expect(r, "endless", NAN, 1, "", "nan +- 1");
    expect(r, "gnuplot", NAN, NAN, "", "5.4 patchlevel 4"); /* not a number */
    expect(r, "missing", NAN, NAN, "", "");
    assert_true(record_seconds(r) == wall + 7.5);
    struct heard h = {""};
    record_visit(r, "notes", hear, &h);
    assert_string_equal(h.text,
                        "earlier_seconds=7.5 s;endless=nan +- 1;gnuplot=5.4 patchlevel 4;none=nan s;parameters=1115297;"
                        "tau=63.5809 +- 7.6 steps;third=0.333333;");
    record_free(r);
}

static void test_prose(void **state) {
    (void)state;
    static const char text[] =
        "{\"format\": 1, \"id\": \"x-1-0\", \"stage\": \"train\", \"key\": \"0\", \"recipe\": \"\", \"start\": \"\", "
        "\"status\": \"done\","
        "\"wall_seconds\": 2, \"notes\": {\"earlier_seconds\": \"33.5\", \"tau\": \"63.5809 +- 7.6\", \"stay\": \"587 "
        "steps\","
        "\"not\": \"nan\", \"of\": \"1771 of 8192\", \"version\": \"5.4 patchlevel 4\", \"verdict\": \"passed: off by "
        "1.4\","
        "\"small\": \"7.76249e-96 +- 1.9e-39\", \"long\": \"0.86210 exact, 0.8725 +- 0.0364 draws\", \"odd\": [1]}}";
    struct error e = {0};
    struct record *r;
    assert_int_equal(file_write(path, text, strlen(text), &e), STATUS_OK);
    assert_int_equal(record_read(path, &r, &e), STATUS_OK);
    assert_true(record_seconds(r) == 35.5);
    expect(r, "tau", 63.5809, 7.6, "", "63.5809 +- 7.6");
    expect(r, "stay", 587, NAN, "steps", "587 steps");
    expect(r, "not", NAN, NAN, "", "nan");
    expect(r, "of", NAN, NAN, "", "1771 of 8192");
    expect(r, "version", NAN, NAN, "", "5.4 patchlevel 4");
    expect(r, "verdict", NAN, NAN, "", "passed: off by 1.4");
    expect(r, "small", 7.76249e-96, 1.9e-39, "", "7.76249e-96 +- 1.9e-39");
    expect(r, "long", NAN, NAN, "", "0.86210 exact, 0.8725 +- 0.0364 draws");
    expect(r, "odd", NAN, NAN, "", "");
    record_free(r);
}

/* All kept records, of any version: |M| of every chain has a mean and an error, and no text is missing. */
static void test_kept(void **state) {
    (void)state;
    struct error e = {0};
    glob_t found;
    size_t chains = 0;
    assert_int_equal(glob("results/reference/*/runs/*.json", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct record *r;
        if (record_read(found.gl_pathv[i], &r, &e) != STATUS_OK) {
            fail_msg("%s", e.message);
        }
        assert_true(record_seconds(r) > 0);
        if (strcmp(record_text(r, "stage"), "autocorrelation") == 0) {
            const struct record_value v = record_value(r, "abs_M");
            char noted[RECORD_TEXT], made[RECORD_TEXT];
            assert_true(v.value > 0 && v.error > 0);
            assert_string_equal(record_note_text(r, "abs_M", noted), record_value_text(v, made));
            chains++;
        }
        record_free(r);
    }
    globfree(&found);
    assert_true(chains > 30);
}

static void test_theory(void **state) {
    (void)state;
    struct error e = {0};
    char artifact[300];
    snprintf(artifact, sizeof artifact, "%s/artifact.npz", folder);
    remove(path);
    assert_int_equal(record_check_theory(artifact, "phi^4", &e), STATUS_OK); /* no record */
    struct record *r = reread(record_new("plot", 1, "00", "stage=plot\n", folder));
    assert_int_equal(record_check_theory(artifact, "phi^4", &e), STATUS_OK); /* no theory */
    record_theory(r, "phi^6", 2, (const char *const[]){"kappa", "lambda"}, (const double[]){0.25, 0.5});
    r = reread(r);
    assert_string_equal(record_member(r, "theory", "name"), "phi^6");
    char *json = record_json(r);
    assert_non_null(strstr(json, "\"couplings\": {\n      \"kappa\": 0.25,\n      \"lambda\": 0.5\n    }"));
    free(json);
    record_free(r);
    assert_int_equal(record_check_theory(artifact, "phi^6", &e), STATUS_OK);
    assert_int_equal(record_check_theory(artifact, "phi^4", &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "artifact.npz: found theory phi^6 in its run record, expected phi^4"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_prose),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_theory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
