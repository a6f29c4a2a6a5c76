/* Run records of made-up artifacts for the tests of src/provenance. */
#ifndef DMSQ_TESTS_PROVENANCE_RECORDS_H
#define DMSQ_TESTS_PROVENANCE_RECORDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/ledger.h"
#include "store/recipe.h"
#include "store/record.h"
#include "tests/scratch.h"

static char root[128];

static inline int records_open(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s", scratch_folder("provenance"));
    return 0;
}

static inline int records_close(void **state) {
    (void)state;
    scratch_remove(root);
    return 0;
}

static inline void make_folder(const char *path) {
    struct error e = {0};
    if (file_make_folder(path, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
}

/* Makes an artifact with `content` and the record of its run, or, for a status other than "done", only the record. Its
 * key, the SHA-256 of the recipe, is returned in `key`. At most one input; NULL: none. */
static inline void make_run(const char *label, const char *stage, const char *recipe, const char *input,
                            const char *status, const char *content, char key[65]) {
    struct error e = {0};
    char folder[1024], path[1200], digest[65];
    recipe_key(recipe, key);
    snprintf(folder, sizeof folder, "%s/artifacts/%s", root, key);
    snprintf(path, sizeof path, "%s/runs", folder);
    make_folder(path);
    struct record *r = record_new(stage, 1, key, recipe, folder);
    assert_non_null(r);
    record_label(r, label);
    record_threads(r, 2);
    if (input != NULL) {
        char from[1024];
        snprintf(from, sizeof from, "%s/artifacts/%s/artifact.npz", root, input);
        assert_int_equal(file_sha256(from, digest, &e), STATUS_OK);
        record_input(r, "training", from, input, digest);
    }
    const bool done = strcmp(status, "done") == 0;
    if (done) {
        snprintf(path, sizeof path, "%s/artifact.npz", folder);
        assert_int_equal(file_write(path, content, strlen(content), &e), STATUS_OK);
        sha256(content, strlen(content), digest);
        record_output(r, "artifact.npz", strlen(content), digest);
    }
    record_end(r, status, done ? "" : "the disk is full");
    snprintf(path, sizeof path, "%s/runs/%s.json", folder, record_name(r));
    assert_int_equal(record_write(r, path, &e), STATUS_OK);
    if (done) {
        snprintf(path, sizeof path, "%s/run.json", folder);
        assert_int_equal(record_write(r, path, &e), STATUS_OK);
    }
    char *json = record_json(r);
    snprintf(path, sizeof path, "%s/ledger.sqlite", root);
    assert_int_equal(ledger_enter(path, json, NULL, &e), STATUS_OK);
    free(json);
    record_free(r);
}

#endif
