/* Two runs side by side: see compare.h. */
#include "provenance/compare.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "provenance/difference.h"

enum { NAME = 34, VALUE = 30, DEEPEST = 16 };

/* A text as printed: "-" if it is empty; digests and commits are shortened. */
static const char *shown(const char *text, char cell[32]) {
    const char *hex = strncmp(text, "sha256:", 7) == 0 ? text + 7 : text;
    const size_t length = strlen(hex);
    if ((length == 40 || length == 64) && strspn(hex, "0123456789abcdef") == length) {
        snprintf(cell, 32, "%.*s%.12s", (int)(hex - text), text, hex);
        return cell;
    }
    return *text ? text : "-";
}

void compare_row(int depth, const char *name, const char *a, const char *b, FILE *out) {
    char first[32], second[32];
    const char *left = shown(a, first), *right = shown(b, second);
    if (strlen(left) > VALUE) { /* long texts on lines of their own */
        fprintf(out, "%*s%s\n%*sA  %s\n%*sB  %s\n", 2 * depth, "", name, 2 * depth + 2, "", left, 2 * depth + 2, "",
                right);
    } else {
        fprintf(out, "%*s%-*s  %-*s  %s\n", 2 * depth, "", NAME - 2 * depth, name, VALUE, left, right);
    }
}

static void row_where_different(int depth, const char *name, const char *a, const char *b, FILE *out, size_t *count) {
    if (strcmp(a, b) != 0) {
        compare_row(depth, name, a, b, out);
        ++*count;
    }
}

static void print_head(const char *letter, const struct record *r, FILE *out) {
    const double seconds = record_seconds(r);
    fprintf(out, "%s  %s (%s), key %.12s, %s", letter, record_text(r, "label"), record_text(r, "stage"),
            record_text(r, "key"), record_text(r, "start"));
    fprintf(out, isfinite(seconds) ? ", %.3g s\n" : "\n", seconds);
}

void compare_heads(const struct compared *a, const struct compared *b, FILE *out) {
    print_head("A", a->record, out);
    print_head("B", b->record, out);
}

/* --- recipes ------------------------------------------------------------------------------------- */

/* Pairs of artifacts that were already compared. */
struct compared_pairs {
    char (*pairs)[2][65];
    size_t count;
};

/* True if the pair was compared before; else adds it. */
static bool is_repeated(struct compared_pairs *s, const char *a, const char *b) {
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->pairs[i][0], a) == 0 && strcmp(s->pairs[i][1], b) == 0) {
            return true;
        }
    }
    void *larger = realloc(s->pairs, (s->count + 1) * sizeof *s->pairs);
    if (larger != NULL) {
        s->pairs = larger;
        snprintf(s->pairs[s->count][0], 65, "%s", a);
        snprintf(s->pairs[s->count++][1], 65, "%s", b);
    }
    return false;
}

static enum status compare_pair(const struct compared *a, const struct compared *b, int depth,
                                struct compared_pairs *seen, FILE *out, struct error *e);

/* Compares the recipes of an input that both have. */
static enum status compare_inputs(const struct difference *d, const struct compared *a, const struct compared *b,
                                  int depth, struct compared_pairs *seen, FILE *out, struct error *e) {
    const struct record *first = a->lineage ? lineage_find(a->lineage, d->before) : NULL;
    const struct record *second = b->lineage ? lineage_find(b->lineage, d->after) : NULL;
    if (first == NULL || second == NULL || depth >= DEEPEST) {
        return STATUS_OK;
    }
    if (is_repeated(seen, d->before, d->after)) {
        fprintf(out, "%*sas above\n", 2 * depth, "");
        return STATUS_OK;
    }
    return compare_pair(&(struct compared){first, a->lineage}, &(struct compared){second, b->lineage}, depth, seen, out,
                        e);
}

static enum status compare_pair(const struct compared *a, const struct compared *b, int depth,
                                struct compared_pairs *seen, FILE *out, struct error *e) {
    struct differences d;
    if (differences_of(record_text(a->record, "recipe"), record_text(b->record, "recipe"), &d) != 0) {
        differences_free(&d);
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    enum status status = STATUS_OK;
    bool more_than_inputs = false;
    for (size_t i = 0; status == STATUS_OK && i < d.count; i++) {
        const struct difference *one = &d.list[i];
        const bool input = one->kind == DIFFERENCE_INPUT;
        char name[160], first[16], second[16];
        snprintf(first, sizeof first, "%.12s", one->before ? one->before : "");
        snprintf(second, sizeof second, "%.12s", one->after ? one->after : "");
        snprintf(name, sizeof name,
                 input                             ? "input %s"
                 : one->kind == DIFFERENCE_VERSION ? "%s of the stage"
                                                   : "%s",
                 one->name);
        more_than_inputs = more_than_inputs || !input;
        if (input) {
            compare_row(depth, name, first, second, out);
        } else {
            const char *absent = one->kind == DIFFERENCE_PARAMETER ? "(default)" : "";
            compare_row(depth, name, one->before ? one->before : absent, one->after ? one->after : absent, out);
        }
        if (input && one->before && one->after && (depth == 1 || !more_than_inputs)) {
            status = compare_inputs(one, a, b, depth + 1, seen, out, e);
        }
    }
    differences_free(&d);
    return status;
}

enum status compare_recipes(const struct compared *a, const struct compared *b, FILE *out, struct error *e) {
    struct compared_pairs seen = {0};
    fputs("\nrecipe\n", out);
    if (strcmp(record_text(a->record, "key"), record_text(b->record, "key")) == 0) {
        fputs("  the same\n", out);
        return STATUS_OK;
    }
    const enum status status = compare_pair(a, b, 1, &seen, out, e);
    free(seen.pairs);
    return status;
}

/* --- runs ---------------------------------------------------------------------------------------- */

struct both {
    const struct record *a, *b;
    FILE *out;
    size_t count;
};

static void compare_first(void *context, const char *name, const char *text) {
    struct both *w = context;
    row_where_different(1, name, text, record_member(w->b, "environment", name), w->out, &w->count);
}

static void compare_second(void *context, const char *name, const char *text) {
    struct both *w = context;
    if (*record_member(w->a, "environment", name) == '\0') {
        row_where_different(1, name, "", text, w->out, &w->count);
    }
}

static void number_row(const struct both *w, const char *name, const char *member, double scale, const char *unit) {
    char texts[2][64];
    for (int i = 0; i < 2; i++) {
        const double x = record_number(i ? w->b : w->a, member) * scale;
        snprintf(texts[i], sizeof texts[i], isfinite(x) ? "%.4g%s" : "-", x, unit);
    }
    compare_row(1, name, texts[0], texts[1], w->out);
}

void compare_runs(const struct compared *a, const struct compared *b, FILE *out) {
    struct both w = {a->record, b->record, out, 0};
    fputs("\nprogram and machine\n", out);
    row_where_different(1, "commit", record_text(w.a, "git_commit"), record_text(w.b, "git_commit"), out, &w.count);
    record_visit(w.a, "environment", compare_first, &w);
    record_visit(w.b, "environment", compare_second, &w);
    fputs(w.count ? "" : "  the same\n", out);
    fputs("\ntime and memory\n", out);
    compare_row(1, "start", record_text(w.a, "start"), record_text(w.b, "start"), out);
    number_row(&w, "wall time", "wall_seconds", 1, " s");
    number_row(&w, "CPU time", "cpu_user_seconds", 1, " s");
    number_row(&w, "threads", "threads", 1, "");
    number_row(&w, "peak memory", "peak_memory_bytes", 1.0 / (1 << 20), " MiB");
}
