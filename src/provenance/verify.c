/* Compares artifacts with their run records, run records with the ledger, and artifacts with recomputed ones. */
#include "provenance/verify.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/ledger.h"
#include "store/recipe.h"

static enum status no_memory(struct error *e) {
    return error_set(e, STATUS_FAILED, "out of memory");
}

static bool is_wanted(const char *key, const char *const *keys, size_t count) {
    for (size_t i = 0; keys && i < count; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return !keys;
}

static void output_path(const struct lineage *l, const char *key, const char *name, char path[PATH_MAX]) {
    if (snprintf(path, PATH_MAX, "%s/artifacts/%s/%s", lineage_root(l), key, name) >= PATH_MAX) {
        path[0] = '\0'; /* opening it fails */
    }
}

static const char *label_of(const struct record *r) {
    const char *label = record_text(r, "label");
    return *label ? label : record_text(r, "stage");
}

/* "chain/model  artifact.npz: " */
static void begin_line(const struct record *r, const char *name, FILE *out) {
    fprintf(out, "%s (%.8s)  %s: ", label_of(r), record_text(r, "key"), name);
}

/* --- artifacts and records ----------------------------------------------------------------------- */

struct tally {
    size_t artifacts, altered, missing;
};

/* Compares an output with its record: 0 equal, 1 changed, 2 missing. */
static int check_output(const struct lineage *l, const struct record *r, size_t i, FILE *out) {
    const struct record_file file = record_file_at(r, "outputs", i);
    char path[PATH_MAX], digest[65];
    struct error e;
    struct stat info;
    output_path(l, record_text(r, "key"), file.name, path);
    if (stat(path, &info) != 0) {
        begin_line(r, file.name, out);
        fputs("is missing\n", out);
        return 2;
    }
    if ((uint64_t)info.st_size != file.bytes) {
        begin_line(r, file.name, out);
        fprintf(out, "found %llu bytes, expected %llu by its run record\n", (unsigned long long)info.st_size,
                (unsigned long long)file.bytes);
        return 1;
    }
    if (file_sha256(path, digest, &e) != STATUS_OK) {
        begin_line(r, file.name, out);
        fprintf(out, "%s\n", e.message);
        return 1;
    }
    if (strcmp(digest, file.sha256) != 0) {
        begin_line(r, file.name, out);
        fprintf(out, "found SHA-256 %.12s, expected %.12s by its run record\n", digest, file.sha256);
        return 1;
    }
    return 0;
}

static void check_artifact(const struct lineage *l, const struct record *r, FILE *out, struct tally *t) {
    char key[65];
    int worst = 0;
    recipe_key(record_text(r, "recipe"), key);
    if (strcmp(key, record_text(r, "key")) != 0) {
        begin_line(r, "run.json", out);
        fprintf(out, "found the key %.12s of its recipe, expected %.12s\n", key, record_text(r, "key"));
        worst = 1;
    }
    const size_t outputs = record_file_count(r, "outputs");
    for (size_t i = 0; i < outputs; i++) {
        const int found = check_output(l, r, i, out);
        worst = found > worst ? found : worst;
    }
    for (size_t i = 0; i < record_file_count(r, "inputs"); i++) {
        const struct record_file input = record_file_at(r, "inputs", i);
        const struct record *source = lineage_find(l, input.key);
        const char *slash = strrchr(input.path, '/');
        const char *made = source ? record_output_sha256(source, slash ? slash + 1 : input.path) : "";
        if (*made && strcmp(made, input.sha256) != 0) {
            begin_line(r, "run.json", out);
            fprintf(out, "found SHA-256 %.12s of its input %s, expected %.12s by the run record of %s\n", input.sha256,
                    input.name, made, label_of(source));
            worst = worst ? worst : 1;
        }
    }
    t->artifacts++;
    t->missing += worst == 2;
    t->altered += worst == 1;
}

struct findings {
    FILE *out;
    char *const *records;
    size_t wrong, without_record;
    bool whole; /* all records are compared, so a run without a record is an error */
};

static void report_finding(void *context, enum ledger_finding finding, const char *id) {
    struct findings *f = context;
    if (finding == LEDGER_ALONE && !f->whole) {
        return;
    }
    static const char *const texts[] = {"is not in the ledger", "differs between ledger and run record",
                                        "is in the ledger but has no run record"};
    fprintf(f->out, "run %s: %s\n", id, texts[finding]);
    *(finding == LEDGER_ALONE ? &f->without_record : &f->wrong) += 1;
}

/* Adds the records of all attempts at the artifact, as JSON, to the list. */
static enum status add_attempts(const struct lineage *l, const char *key, char ***texts, size_t *count,
                                struct error *e) {
    struct record **attempts;
    size_t found;
    enum status status = lineage_attempts(lineage_root(l), key, &attempts, &found, e);
    char **larger = status == STATUS_OK ? realloc(*texts, (*count + found + 1) * sizeof *larger) : NULL;
    if (status == STATUS_OK && larger == NULL) {
        status = no_memory(e);
    }
    *texts = larger ? larger : *texts;
    for (size_t i = 0; i < found; i++) {
        char *text = status == STATUS_OK ? record_json(attempts[i]) : NULL;
        if (text != NULL) {
            (*texts)[(*count)++] = text;
        } else if (status == STATUS_OK) {
            status = no_memory(e);
        }
        record_free(attempts[i]);
    }
    free(attempts);
    return status;
}

static enum status check_ledger(const struct lineage *l, char *const *texts, size_t count, bool whole, FILE *out,
                                size_t *wrong, struct error *e) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/ledger.sqlite", lineage_root(l));
    struct findings f = {.out = out, .records = texts, .whole = whole};
    const char **records = calloc(count + 1, sizeof *records);
    for (size_t i = 0; records && i < count; i++) {
        records[i] = texts[i];
    }
    const enum status status = records ? ledger_compare(path, records, count, report_finding, &f, e) : no_memory(e);
    free(records);
    if (status == STATUS_OK && f.wrong + f.without_record == 0) {
        fprintf(out, "%zu run records: the ledger has all of them\n", count);
    } else if (status == STATUS_OK) {
        fprintf(out,
                "%zu run records: the ledger has %zu of them, and %zu runs without a record; make ledger-rebuild "
                "repairs it\n",
                count, count - f.wrong, f.without_record);
    }
    *wrong += f.wrong + f.without_record;
    return status;
}

enum status verify_results(const struct lineage *l, const char *const *keys, size_t count, FILE *out, size_t *wrong,
                           struct error *e) {
    struct tally t = {0};
    char **texts = NULL;
    size_t text_count = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < lineage_count(l) && status == STATUS_OK; i++) {
        const struct record *r = lineage_at(l, i);
        if (is_wanted(record_text(r, "key"), keys, count)) {
            check_artifact(l, r, out, &t);
            status = keys ? add_attempts(l, record_text(r, "key"), &texts, &text_count, e) : STATUS_OK;
        }
    }
    /* Without `keys` also the runs that failed, and so have no artifact. */
    char **folders = NULL;
    size_t folder_count = 0;
    if (status == STATUS_OK && !keys) {
        status = lineage_keys(lineage_root(l), &folders, &folder_count, e);
    }
    for (size_t i = 0; i < folder_count; i++) {
        THEN(status, add_attempts(l, folders[i], &texts, &text_count, e));
        free(folders[i]);
    }
    free(folders);
    if (status == STATUS_OK) {
        fprintf(out, "%zu artifacts: %zu as recorded", t.artifacts, t.artifacts - t.altered - t.missing);
        if (t.altered) {
            fprintf(out, ", %zu altered", t.altered);
        }
        if (t.missing) {
            fprintf(out, ", %zu incomplete", t.missing);
        }
        fputc('\n', out);
        *wrong = t.altered + t.missing;
        status = check_ledger(l, texts, text_count, !keys, out, wrong, e);
    }
    for (size_t i = 0; i < text_count; i++) {
        free(texts[i]);
    }
    free(texts);
    return status;
}

/* --- recomputed artifacts ------------------------------------------------------------------------ */

/* Instruction sets, on which bits may depend, of original and recomputed artifacts that differ; "": unknown. */
struct machines {
    char original[32], again[32];
    bool several; /* they are not the same for all of these artifacts */
};

static void note_machines(struct machines *m, const struct record *original, const struct record *again) {
    const char *first = record_member(original, "environment", "instruction set"),
               *second = record_member(again, "environment", "instruction set");
    m->several = m->several || (*m->original && (strcmp(m->original, first) != 0 || strcmp(m->again, second) != 0));
    snprintf(m->original, sizeof m->original, "%s", first);
    snprintf(m->again, sizeof m->again, "%s", second);
}

static int by_start(const void *a, const void *b) {
    const struct record *const *x = a, *const *y = b;
    const int order = strcmp(record_text(*x, "start"), record_text(*y, "start"));
    return order ? order : strcmp(record_text(*x, "id"), record_text(*y, "id"));
}

enum status verify_again(const struct lineage *original, const struct lineage *repeated, const char *const *keys,
                         size_t count, FILE *out, size_t *wrong, struct error *e) {
    size_t artifacts = 0, differ = 0, missing = 0;
    struct machines m = {0};
    /* in the order of their starts: the first that differs is the cause of the others */
    const struct record **records = malloc((lineage_count(original) + 1) * sizeof *records);
    if (records == NULL) {
        return no_memory(e);
    }
    for (size_t i = 0; i < lineage_count(original); i++) {
        records[i] = lineage_at(original, i);
    }
    if (lineage_count(original) > 0) {
        qsort(records, lineage_count(original), sizeof *records, by_start);
    }
    for (size_t i = 0; i < lineage_count(original); i++) {
        const struct record *r = records[i];
        const char *key = record_text(r, "key");
        if (!is_wanted(key, keys, count)) {
            continue;
        }
        artifacts++;
        const struct record *again = lineage_find(repeated, key);
        if (again == NULL) {
            begin_line(r, "run.json", out);
            fputs("was not recomputed\n", out);
            missing++;
            continue;
        }
        bool same = true;
        for (size_t j = 0; j < record_file_count(r, "outputs"); j++) {
            const struct record_file file = record_file_at(r, "outputs", j);
            char path[PATH_MAX], path_again[PATH_MAX];
            output_path(original, key, file.name, path);
            output_path(repeated, key, file.name, path_again);
            if (!file_same(path, path_again)) {
                begin_line(r, file.name, out);
                fprintf(out, "differs from %s\n", path_again);
                same = false;
            }
        }
        if (!same) {
            differ++;
            note_machines(&m, r, again);
        }
    }
    free(records);
    fprintf(out, "%zu artifacts: %zu identical", artifacts, artifacts - differ - missing);
    if (differ) {
        fprintf(out, ", %zu differ", differ);
    }
    if (differ && !m.several && *m.original && *m.again) {
        fprintf(out,
                strcmp(m.original, m.again) ? " (computed with %s, recomputed with %s)" : " (both computed with %s)",
                m.original, m.again);
    }
    if (missing) {
        fprintf(out, ", %zu not recomputed", missing);
    }
    fputc('\n', out);
    *wrong = differ + missing;
    return STATUS_OK;
}
