/* The chain of reasons: see why.h. */
#include "provenance/why.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "provenance/difference.h"
#include "store/recipe.h"

enum { SHOWN_KEY = 8, SHOWN_VALUE = 48 };

static enum status no_memory(struct error *e) {
    return error_set(e, STATUS_FAILED, "out of memory");
}

/* Prints a value: "(empty)" for an empty one, only the beginning of a digest or a long text. */
static void print_value(const char *value, FILE *out) {
    if (strncmp(value, "sha256:", 7) == 0) {
        fprintf(out, "sha256:%.*s", SHOWN_KEY, value + 7);
    } else if (*value == '\0') {
        fputs("(empty)", out);
    } else {
        fprintf(out, "%.*s%s", SHOWN_VALUE, value, strlen(value) > SHOWN_VALUE ? "..." : "");
    }
}

/* The node with this key, or NULL. Several experiments may have one; that of the experiment of node `near` is
 * preferred. */
static const struct why_node *find_wanted(const struct why *w, const char *key, size_t near, size_t *index) {
    const char *label = w->nodes[near].label;
    const size_t length = strcspn(label, "/") + 1;
    const struct why_node *found = NULL;
    for (size_t i = 0; i < w->count; i++) {
        if (strcmp(w->nodes[i].key, key) == 0 && (!found || strncmp(w->nodes[i].label, label, length) == 0)) {
            *index = i;
            found = &w->nodes[i];
            if (strncmp(found->label, label, length) == 0) {
                break;
            }
        }
    }
    return found;
}

/* Prints one difference, without "because". */
static void print_difference(const struct why *w, size_t node, const struct difference *d, FILE *out) {
    const struct why_node *n = &w->nodes[node];
    size_t source;
    if (d->kind == DIFFERENCE_INPUT) {
        const struct why_node *wanted = d->after ? find_wanted(w, d->after, node, &source) : NULL;
        const struct record *previous = d->before ? lineage_find(w->lineage, d->before) : NULL;
        if (d->before && d->after) {
            fprintf(out, "input %s changes: %.*s -> %.*s", d->name, SHOWN_KEY, d->before, SHOWN_KEY, d->after);
        } else {
            fprintf(out, "input %s is %s: %.*s", d->name, d->after ? "new" : "no longer used", SHOWN_KEY,
                    d->after ? d->after : d->before);
        }
        if (wanted != NULL || previous != NULL) {
            fprintf(out, "  (%s)", wanted != NULL ? wanted->label : record_text(previous, "label"));
        }
        return;
    }
    if (d->kind == DIFFERENCE_PARAMETER) {
        const char *standard = w->fallback ? w->fallback(w->context, node, d->name) : NULL;
        const char *origin = w->origin ? w->origin(w->context, node, d->name) : NULL;
        fprintf(out, "%s.%s: ", n->stage, d->name);
        print_value(d->before ? d->before : standard ? standard : "(default)", out);
        fputs(" -> ", out);
        print_value(d->after ? d->after : standard ? standard : "(default)", out);
        if (origin != NULL) { /* an assignment of SET need not be repeated */
            fprintf(out, "  (%s)", strncmp(origin, "SET:", 4) == 0 ? "SET" : origin);
        }
        return;
    }
    static const char *const names[] = {"the stage", "the version of its stage", "the backend"};
    fprintf(out, "%s changes: %s -> %s", names[d->kind], d->before ? d->before : "none", d->after ? d->after : "none");
}

/* Reads the last attempt to make the artifact; *last is NULL if it succeeded or there is none. */
static enum status read_unfinished(const struct why *w, const char *key, struct record **last, struct error *e) {
    struct record **attempts;
    size_t count;
    *last = NULL;
    const enum status status = lineage_attempts(lineage_root(w->lineage), key, &attempts, &count, e);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count && strcmp(record_text(attempts[i], "status"), "done") != 0) {
            *last = attempts[i];
        } else {
            record_free(attempts[i]);
        }
    }
    free(attempts);
    return status;
}

static void print_unfinished(const struct record *last, FILE *out) {
    static const char *const states[] = {"running", "failed", "part"};
    static const char *const texts[] = {"is still running or was killed", "failed", "computed a part"};
    const int state = words_find(states, sizeof states / sizeof *states, record_text(last, "status"));
    const char *message = record_text(last, "message");
    fprintf(out, "its last run, started %s, %s%s%s", record_text(last, "start"),
            state < 0 ? "was interrupted" : texts[state], *message ? ": " : "", message);
}

/* The last result of the node, if it was made by another recipe; else NULL. */
static const struct record *last_result(const struct why *w, size_t node) {
    const struct record *previous = lineage_last(w->lineage, w->nodes[node].label);
    return previous != NULL && strcmp(record_text(previous, "key"), w->nodes[node].key) != 0 ? previous : NULL;
}

static enum status explain(const struct why *w, size_t node, const char *before, int depth, bool *explained, FILE *out,
                           struct error *e);

/* Prints the differences from the recipe `before`, each followed by the reasons for a changed input. */
static enum status explain_differences(const struct why *w, size_t node, const char *before, int depth, bool *explained,
                                       FILE *out, struct error *e) {
    struct differences d;
    enum status status = differences_of(before, w->nodes[node].recipe, &d) == 0 ? STATUS_OK : no_memory(e);
    for (size_t i = 0; status == STATUS_OK && i < d.count; i++) {
        fprintf(out, "%*sbecause ", 2 * depth, "");
        print_difference(w, node, &d.list[i], out);
        size_t source;
        const bool followed =
            d.list[i].kind == DIFFERENCE_INPUT && d.list[i].after && find_wanted(w, d.list[i].after, node, &source);
        const struct record *previous =
            followed && d.list[i].before ? lineage_find(w->lineage, d.list[i].before) : NULL;
        if (followed && explained[source]) {
            fputs(", see above\n", out);
        } else {
            fputc('\n', out);
            status = followed ? explain(w, source, previous ? record_text(previous, "recipe") : NULL, depth + 1,
                                        explained, out, e)
                              : STATUS_OK;
        }
    }
    differences_free(&d);
    return status;
}

/* Prints the reasons for one node. `before` is the recipe to compare with; NULL: that of the node's last result. */
static enum status explain(const struct why *w, size_t node, const char *before, int depth, bool *explained, FILE *out,
                           struct error *e) {
    const struct why_node *n = &w->nodes[node];
    const struct record *previous = before ? NULL : last_result(w, node);
    struct record *unfinished = NULL;
    enum status status = STATUS_OK;
    explained[node] = true;
    if (!n->exists) {
        status = read_unfinished(w, n->key, &unfinished, e);
    }
    if (status == STATUS_OK && unfinished != NULL) {
        fprintf(out, "%*sbecause ", 2 * depth, "");
        print_unfinished(unfinished, out);
        fputc('\n', out);
    } else if (status == STATUS_OK && !n->exists && lineage_find(w->lineage, n->key) != NULL) {
        fprintf(out, "%*sbecause its artifact was removed\n", 2 * depth, "");
    } else if (status == STATUS_OK && (before || previous)) {
        status =
            explain_differences(w, node, before ? before : record_text(previous, "recipe"), depth, explained, out, e);
    } else if (status == STATUS_OK && !n->exists) {
        fprintf(out, "%*sbecause it has never been computed\n", 2 * depth, "");
    }
    record_free(unfinished);
    return status;
}

/* Marks this node and its inputs, direct and indirect. make runs the missing ones, even if this node exists: inputs are
 * order-only prerequisites. */
static enum status mark_needed(const struct why *w, size_t node, bool *needed, struct error *e) {
    needed[node] = true;
    for (size_t i = node + 1; i-- > 0;) {
        for (const char *at = needed[i] ? w->nodes[i].recipe : ""; *at; at += strcspn(at, "\n"), at += *at == '\n') {
            const char *equals = strchr(at, '=');
            size_t source;
            char *key = strncmp(at, "input.", 6) == 0 && equals ? strndup(equals + 1, strcspn(equals + 1, "\n")) : NULL;
            if (key == NULL && strncmp(at, "input.", 6) == 0) {
                return no_memory(e);
            }
            if (key != NULL && find_wanted(w, key, i, &source)) {
                needed[source] = true;
            }
            free(key);
        }
    }
    return STATUS_OK;
}

static void print_up_to_date(const struct why *w, size_t node, FILE *out) {
    const struct why_node *n = &w->nodes[node];
    const struct record *r = lineage_find(w->lineage, n->key);
    fprintf(out, "%s  is up to date (key %.*s)", n->label, SHOWN_KEY, n->key);
    if (r != NULL) {
        const double seconds = record_seconds(r);
        fprintf(out, " since %s", record_text(r, "start"));
        if (isfinite(seconds)) {
            fprintf(out, ", computed in %.3g s", seconds);
        }
        if (strcmp(record_text(r, "label"), n->label) != 0) {
            fprintf(out, " as %s", record_text(r, "label"));
        }
    }
    fputc('\n', out);
}

enum status why_print(const struct why *w, size_t node, FILE *out, struct error *e) {
    const struct why_node *n = &w->nodes[node];
    bool *explained = calloc(2 * w->count + 1, sizeof *explained), *needed = explained + w->count;
    enum status status = explained != NULL ? mark_needed(w, node, needed, e) : no_memory(e);
    if (status == STATUS_OK && n->exists) {
        print_up_to_date(w, node, out);
    } else if (status == STATUS_OK) {
        const struct record *previous = last_result(w, node);
        fprintf(out, "%s  will run (key %.*s", n->label, SHOWN_KEY, n->key);
        if (previous != NULL) {
            fprintf(out, ", has %.*s", SHOWN_KEY, record_text(previous, "key"));
        }
        fputs(")\n", out);
        status = explain(w, node, NULL, 1, explained, out, e);
    }
    size_t running = 0;
    for (size_t i = 0; status == STATUS_OK && i < w->count; i++) {
        bool again = false; /* equal nodes of several experiments run once */
        for (size_t j = 0; j < i && !again; j++) {
            again = needed[j] && strcmp(w->nodes[j].key, w->nodes[i].key) == 0;
        }
        if (needed[i] && !w->nodes[i].exists && !again && i != node) {
            fprintf(out, running++ ? ", %s" : "  before it run: %s", w->nodes[i].label);
        }
    }
    fputs(running ? "\n" : "", out);
    free(explained);
    return status;
}

/* The parameter `remark` follows from other changes: it is a reason only if nothing else changed. */
static bool is_remark(const struct difference *d) {
    return d->kind == DIFFERENCE_PARAMETER && strcmp(d->name, "remark") == 0;
}

/* Prints the differences in one line: those of the node itself or, if only inputs changed, the first of them with its
 * own differences. */
static enum status line_of_differences(const struct why *w, size_t node, const char *before, int depth, FILE *out,
                                       struct error *e) {
    enum { DEEPEST = 8 };
    struct differences d;
    enum status status = differences_of(before, w->nodes[node].recipe, &d) == 0 ? STATUS_OK : no_memory(e);
    size_t printed = 0;
    for (size_t i = 0; status == STATUS_OK && i < d.count; i++) {
        if (d.list[i].kind != DIFFERENCE_INPUT && (!is_remark(&d.list[i]) || d.count == 1)) {
            fputs(printed++ ? ", " : "", out);
            print_difference(w, node, &d.list[i], out);
        }
    }
    for (size_t i = 0; status == STATUS_OK && i < d.count && !printed; i++) {
        size_t source;
        if (d.list[i].kind != DIFFERENCE_INPUT) {
            continue;
        }
        printed++; /* one changed input is enough; `make why` shows all */
        const struct record *previous = d.list[i].before ? lineage_find(w->lineage, d.list[i].before) : NULL;
        const bool followed =
            previous && d.list[i].after && depth < DEEPEST && find_wanted(w, d.list[i].after, node, &source);
        if (!followed) {
            print_difference(w, node, &d.list[i], out);
            continue;
        }
        fprintf(out, "input %s changes: ", d.list[i].name);
        status = line_of_differences(w, source, record_text(previous, "recipe"), depth + 1, out, e);
    }
    differences_free(&d);
    return status;
}

enum status why_line(const struct why *w, size_t node, char **line, struct error *e) {
    const struct why_node *n = &w->nodes[node];
    *line = NULL;
    if (n->exists) {
        return STATUS_OK;
    }
    struct record *unfinished;
    enum status status = read_unfinished(w, n->key, &unfinished, e);
    const struct record *previous = last_result(w, node);
    const bool lost = lineage_find(w->lineage, n->key) != NULL;
    if (status != STATUS_OK || (!unfinished && !lost && !previous)) {
        return status;
    }
    size_t size;
    FILE *out = open_memstream(line, &size);
    if (out == NULL) {
        status = no_memory(e);
    } else if (unfinished != NULL) {
        print_unfinished(unfinished, out);
    } else if (lost) {
        fputs("its artifact was removed", out);
    } else {
        status = line_of_differences(w, node, record_text(previous, "recipe"), 0, out, e);
    }
    record_free(unfinished);
    if (out != NULL && (fclose(out) != 0 || status != STATUS_OK)) {
        free(*line);
        *line = NULL;
        THEN(status, no_memory(e));
        return status;
    }
    for (char *c = *line; c && *c; c++) { /* messages may have several lines */
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    }
    return status;
}
