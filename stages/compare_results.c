/* See compare_results.h. */
#include "stages/compare_results.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "provenance/compare.h"
#include "report/table.h"
#include "report/text.h"
#include "store/npz.h"

/* Prints name, A, B and pull; a and b are (value, error), the error NaN if unknown. */
static void number_row(const char *name, const double a[2], const double b[2], FILE *out) {
    char first[REPORT_NUMBER], second[REPORT_NUMBER], pull[REPORT_NUMBER], both[3 * REPORT_NUMBER];
    report_value(a[0], a[1], -1, first);
    report_value(b[0], b[1], -1, second);
    report_pull_text(report_pull(b[0], b[1], a[0], a[1]), pull);
    snprintf(both, sizeof both, "%-20s  %s", second, a[0] == b[0] ? "equal" : pull);
    compare_row(1, name, first, both, out);
}

/* --- tables -------------------------------------------------------------------------------------- */

static enum status compare_tables(const char *path_a, const char *path_b, FILE *out, struct error *e) {
    char *a = NULL, *b = NULL;
    size_t size;
    enum status status = file_read(path_a, &a, &size, e);
    THEN(status, file_read(path_b, &b, &size, e));
    struct table_line line, other;
    for (const char *at = status == STATUS_OK ? a : ""; table_next_line(&at, &line);) {
        char name[260];
        if (table_find_line(b, line.dataset, line.observable, &other)) {
            snprintf(name, sizeof name, "%s %s", line.dataset, line.observable);
            number_row(name, (double[]){line.value, line.error}, (double[]){other.value, other.error}, out);
        }
    }
    free(a);
    free(b);
    return status;
}

/* --- artifacts ----------------------------------------------------------------------------------- */

static void shape_text(const struct npz_array *x, char text[128]) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < x->dimensions && used < 100; i++) {
        used += (size_t)snprintf(text + used, 128 - used, "%s%zu", i ? "x" : "", x->shape[i]);
    }
}

static void compare_arrays(const struct npz_array *a, const struct npz_array *b, FILE *out) {
    char first[128], second[128];
    shape_text(a, first);
    shape_text(b, second);
    if (a->type != b->type || strcmp(first, second) != 0) {
        compare_row(1, a->name, *first ? first : "scalar", *second ? second : "scalar", out);
        return;
    }
    if (a->item_size == b->item_size && memcmp(a->data, b->data, a->count * a->item_size) == 0) {
        return;
    }
    size_t differ = 0;
    double largest = 0, x = 0, y = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (!npz_number_at(a, i, &x) || !npz_number_at(b, i, &y)) {
            compare_row(1, a->name, "text", "another text", out);
            return;
        }
        differ += memcmp(&x, &y, sizeof x) != 0;
        largest = fmax(largest, fabs(x - y));
    }
    char cell[160];
    if (a->count == 1) {
        number_row(a->name, (double[]){x, NAN}, (double[]){y, NAN}, out);
        return;
    }
    snprintf(cell, sizeof cell, "%zu of %zu differ, by up to %.3g", differ, a->count, largest);
    compare_row(1, a->name, first, cell, out);
}

/* Prints the estimates that both artifacts have; false if they have none in common. */
static bool compare_estimates(const struct npz *a, const struct npz *b, FILE *out) {
    struct estimates rows[2] = {{0}, {0}};
    struct error none;
    bool same = estimates_read(a, &rows[0], &none) == STATUS_OK && estimates_read(b, &rows[1], &none) == STATUS_OK &&
                rows[0].count == rows[1].count;
    for (size_t k = 0; same && k < rows[0].count; k++) {
        same = strcmp(rows[0].names[k], rows[1].names[k]) == 0;
    }
    for (size_t k = 0; same && k < rows[0].count; k++) {
        number_row(rows[0].names[k], (double[]){rows[0].values[k], rows[0].errors[k]},
                   (double[]){rows[1].values[k], rows[1].errors[k]}, out);
    }
    estimates_free(&rows[0]);
    estimates_free(&rows[1]);
    return same;
}

static enum status compare_artifacts(const char *path_a, const char *path_b, FILE *out, struct error *e) {
    struct npz *a = NULL, *b = NULL;
    enum status status = npz_read(path_a, &a, e);
    THEN(status, npz_read(path_b, &b, e));
    const bool named = status == STATUS_OK && compare_estimates(a, b, out);
    for (size_t i = 0; status == STATUS_OK && i < npz_count(a); i++) {
        const struct npz_array *x = npz_array_at(a, i), *y = npz_find(b, x->name);
        const bool said =
            named && (!strcmp(x->name, "values") || !strcmp(x->name, "errors") || !strcmp(x->name, "names"));
        if (!said && strcmp(x->name, "recipe") != 0 && y) {
            compare_arrays(x, y, out);
        } else if (!y) {
            compare_row(1, x->name, "present", "", out);
        }
    }
    for (size_t i = 0; status == STATUS_OK && i < npz_count(b); i++) {
        if (!npz_find(a, npz_array_at(b, i)->name)) {
            compare_row(1, npz_array_at(b, i)->name, "", "present", out);
        }
    }
    npz_free(a);
    npz_free(b);
    return status;
}

/* --- notes --------------------------------------------------------------------------------------- */

struct notes {
    const struct record *one, *other;
    FILE *out;
};

static void compare_note(void *context, const char *name, const char *text) {
    const struct notes *n = context;
    char buffer[RECORD_TEXT];
    const char *there = record_note_text(n->other, name, buffer);
    const struct record_value a = record_value(n->one, name), b = record_value(n->other, name);
    if (!strcmp(text, there)) {
        return;
    }
    if (isfinite(a.value) && isfinite(b.value)) {
        number_row(name, (double[]){a.value, a.error}, (double[]){b.value, b.error}, n->out);
    } else {
        compare_row(1, name, text, there, n->out);
    }
}

/* --- all results --------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *ending) {
    const size_t length = strlen(text), end = strlen(ending);
    return length >= end && strcmp(text + length - end, ending) == 0;
}

enum status compare_results(const struct record *a, const char *folder_a, const struct record *b, const char *folder_b,
                            FILE *out, struct error *e) {
    enum status status = STATUS_OK;
    bool named = false; /* whether estimates were printed, which the notes would only repeat */
    fputs("\nresults (the pull is (B - A)/error)\n", out);
    for (size_t i = 0; i < record_file_count(a, "outputs") && status == STATUS_OK; i++) {
        const struct record_file file = record_file_at(a, "outputs", i);
        const char *other = record_output_sha256(b, file.name);
        char path_a[PATH_MAX], path_b[PATH_MAX];
        if (!*other) {
            continue;
        }
        if (!strcmp(other, file.sha256)) {
            compare_row(1, file.name, "the same bytes", " ", out);
            continue;
        }
        snprintf(path_a, sizeof path_a, "%s/%s", folder_a ? folder_a : "", file.name);
        snprintf(path_b, sizeof path_b, "%s/%s", folder_b ? folder_b : "", file.name);
        compare_row(1, file.name, "differs", " ", out);
        if (!folder_a || !folder_b || access(path_a, R_OK) || access(path_b, R_OK)) {
            continue;
        }
        if (!strcmp(file.name, "artifact.npz")) {
            status = compare_artifacts(path_a, path_b, out, e);
            named = true;
        } else if (ends_with(file.name, "table.tsv")) {
            status = compare_tables(path_a, path_b, out, e);
        }
    }
    if (status == STATUS_OK && !(named && !strcmp(record_text(a, "stage"), "observables"))) {
        record_visit(a, "notes", compare_note, &(struct notes){a, b, out});
    }
    return status;
}
