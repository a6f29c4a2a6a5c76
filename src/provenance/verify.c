/* Artifacts against their records, records against the ledger, and artifacts against those computed again. */
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
        path[0] = '\0'; /* nothing opens it */
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

/* An output against its record: 0 the same, 1 altered, 2 not there. */
static int check_output(const struct lineage *l, const struct record *r, size_t i, FILE *out) {
    const struct record_file file = record_file_at(r, "outputs", i);
    char path[PATH_MAX], digest[65];
    struct error e;
    struct stat info;
    output_path(l, record_text(r, "key"), file.name, path);
    if (stat(path, &info) != 0) {
        begin_line(r, file.name, out);
        fputs("is not there\n", out);
        return 2;
    }
    if ((uint64_t)info.st_size != file.bytes) {
        begin_line(r, file.name, out);
        fprintf(out, "%llu bytes found, %llu expected by its run record\n", (unsigned long long)info.st_size,
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
        fprintf(out, "SHA-256 %.12s found, %.12s expected by its run record\n", digest, file.sha256);
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
        fprintf(out, "its recipe has the key %.12s, %.12s expected\n", key, record_text(r, "key"));
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
            fprintf(out, "its input %s had the SHA-256 %.12s, that of %s is %.12s\n", input.name, input.sha256,
                    label_of(source), made);
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
    size_t wrong, alone;
    bool whole; /* all records are compared, so a run without one is wrong */
};

static void report_finding(void *context, enum ledger_finding finding, const char *id) {
    struct findings *f = context;
    if (finding == LEDGER_ALONE && !f->whole) {
        return;
    }
    static const char *const texts[] = {"is not in the ledger", "is in the ledger with other content",
                                        "is in the ledger and has no record"};
    fprintf(f->out, "run %s: %s\n", id, texts[finding]);
    *(finding == LEDGER_ALONE ? &f->alone : &f->wrong) += 1;
}

/* All attempts of the artifact as JSON, added to the list. */
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
    if (status == STATUS_OK && f.wrong + f.alone == 0) {
        fprintf(out, "%zu run records: the ledger has all of them\n", count);
    } else if (status == STATUS_OK) {
        fprintf(
            out,
            "%zu run records: the ledger has %zu of them, and %zu without a record; make ledger-rebuild makes it anew "
            "from the records\n",
            count, count - f.wrong, f.alone);
    }
    *wrong += f.wrong + f.alone;
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
    /* Of the whole also those that failed, and so have no artifact. */
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

/* --- computed again ------------------------------------------------------------------------------ */

/* How two runs differ in what may change bits: "AVX2 here, AVX512 there". */
struct machines {
    char here[32], there[32]; /* instruction sets; "" while none is known */
    bool several;             /* not the same in all that differ */
};

static void note_machines(struct machines *m, const struct record *here, const struct record *there) {
    const char *h = record_member(here, "environment", "instruction set"),
               *t = record_member(there, "environment", "instruction set");
    m->several = m->several || (*m->here && (strcmp(m->here, h) != 0 || strcmp(m->there, t) != 0));
    snprintf(m->here, sizeof m->here, "%s", h);
    snprintf(m->there, sizeof m->there, "%s", t);
}

static int by_start(const void *a, const void *b) {
    const struct record *const *x = a, *const *y = b;
    const int order = strcmp(record_text(*x, "start"), record_text(*y, "start"));
    return order ? order : strcmp(record_text(*x, "id"), record_text(*y, "id"));
}

enum status verify_again(const struct lineage *there, const struct lineage *here, const char *const *keys, size_t count,
                         FILE *out, size_t *wrong, struct error *e) {
    size_t artifacts = 0, differ = 0, missing = 0;
    struct machines m = {0};
    /* In the order in which they were made: what differs first is the cause of the rest. */
    const struct record **records = malloc((lineage_count(there) + 1) * sizeof *records);
    if (records == NULL) {
        return no_memory(e);
    }
    for (size_t i = 0; i < lineage_count(there); i++) {
        records[i] = lineage_at(there, i);
    }
    if (lineage_count(there) > 0) {
        qsort(records, lineage_count(there), sizeof *records, by_start);
    }
    for (size_t i = 0; i < lineage_count(there); i++) {
        const struct record *r = records[i];
        const char *key = record_text(r, "key");
        if (!is_wanted(key, keys, count)) {
            continue;
        }
        artifacts++;
        const struct record *again = lineage_find(here, key);
        if (again == NULL) {
            begin_line(r, "run.json", out);
            fputs("was not computed again\n", out);
            missing++;
            continue;
        }
        bool same = true;
        for (size_t j = 0; j < record_file_count(r, "outputs"); j++) {
            const struct record_file file = record_file_at(r, "outputs", j);
            char path[PATH_MAX], path_again[PATH_MAX];
            output_path(there, key, file.name, path);
            output_path(here, key, file.name, path_again);
            if (!file_same(path, path_again)) {
                begin_line(r, file.name, out);
                fprintf(out, "differs from %s\n", path_again);
                same = false;
            }
        }
        if (!same) {
            differ++;
            note_machines(&m, again, r);
        }
    }
    free(records);
    fprintf(out, "%zu artifacts: %zu identical", artifacts, artifacts - differ - missing);
    if (differ) {
        fprintf(out, ", %zu differ", differ);
    }
    if (differ && !m.several && *m.here && *m.there) {
        fprintf(out, strcmp(m.here, m.there) ? " (%s here, %s there)" : " (%s here and there)", m.here, m.there);
    }
    if (missing) {
        fprintf(out, ", %zu not computed again", missing);
    }
    fputc('\n', out);
    *wrong = differ + missing;
    return STATUS_OK;
}
