/* The chain of reasons, see why.h. */
#include "provenance/why.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "provenance/difference.h"
#include "store/recipe.h"

enum { SHOWN_KEY = 8, SHOWN_VALUE = 48 };

static enum status no_memory(struct error *e) {
    return error_set(e, STATUS_FAILED, "out of memory");
}

/* A value as shown: "(none)" where it is empty, the beginning of a digest, or of a long text. */
static void print_value(const char *value, FILE *out) {
    if (strncmp(value, "sha256:", 7) == 0) {
        fprintf(out, "sha256:%.*s", SHOWN_KEY, value + 7);
    } else if (*value == '\0') {
        fputs("(empty)", out);
    } else {
        fprintf(out, "%.*s%s", SHOWN_VALUE, value, strlen(value) > SHOWN_VALUE ? "..." : "");
    }
}

/* The node with this key; of equal ones in several experiments that in the experiment of `near`. NULL: there is
 * none. */
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

/* The first line about one difference, without "because". */
static void print_difference(const struct why *w, size_t node, const struct difference *d, FILE *out) {
    const struct why_node *n = &w->nodes[node];
    size_t source;
    if (d->kind == DIFFERENCE_INPUT) {
        const struct why_node *wanted = d->after ? find_wanted(w, d->after, node, &source) : NULL;
        const struct record *had = d->before ? lineage_find(w->lineage, d->before) : NULL;
        if (d->before && d->after) {
            fprintf(out, "input %s changes: %.*s -> %.*s", d->name, SHOWN_KEY, d->before, SHOWN_KEY, d->after);
        } else {
            fprintf(out, "input %s is %s: %.*s", d->name, d->after ? "new" : "left out", SHOWN_KEY,
                    d->after ? d->after : d->before);
        }
        if (wanted != NULL || had != NULL) {
            fprintf(out, "  (%s)", wanted != NULL ? wanted->label : record_text(had, "label"));
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
        if (origin != NULL) { /* of SET its assignment is what stands before */
            fprintf(out, "  (%s)", strncmp(origin, "SET:", 4) == 0 ? "SET" : origin);
        }
        return;
    }
    static const char *const names[] = {"the stage", "the version of its stage", "the backend"};
    fprintf(out, "%s changes: %s -> %s", names[d->kind], d->before ? d->before : "none", d->after ? d->after : "none");
}

/* The last attempt to make the artifact, when it did not succeed. */
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
    const char *state = record_text(last, "status"), *message = record_text(last, "message");
    fprintf(out, "its last run, of %s, %s%s%s", record_text(last, "start"),
            strcmp(state, "running") == 0  ? "is still running or was killed"
            : strcmp(state, "failed") == 0 ? "failed"
            : strcmp(state, "part") == 0   ? "computed a part"
                                           : "was interrupted",
            *message ? ": " : "", message);
}

/* What the node was last, to compare it with; NULL: nothing. Not the artifact of this very recipe. */
static const struct record *last_of(const struct why *w, size_t node) {
    const struct record *had = lineage_last(w->lineage, w->nodes[node].label);
    return had != NULL && strcmp(record_text(had, "key"), w->nodes[node].key) != 0 ? had : NULL;
}

static enum status explain(const struct why *w, size_t node, const char *before, int depth, bool *said, FILE *out,
                           struct error *e);

/* The reasons in what differs from the recipe `before`, each with its own. */
static enum status explain_differences(const struct why *w, size_t node, const char *before, int depth, bool *said,
                                       FILE *out, struct error *e) {
    struct differences d;
    enum status status = differences_of(before, w->nodes[node].recipe, &d) == 0 ? STATUS_OK : no_memory(e);
    for (size_t i = 0; status == STATUS_OK && i < d.count; i++) {
        fprintf(out, "%*sbecause ", 2 * depth, "");
        print_difference(w, node, &d.list[i], out);
        size_t source;
        const bool followed =
            d.list[i].kind == DIFFERENCE_INPUT && d.list[i].after && find_wanted(w, d.list[i].after, node, &source);
        const struct record *had = followed && d.list[i].before ? lineage_find(w->lineage, d.list[i].before) : NULL;
        if (followed && said[source]) {
            fputs(", see above\n", out);
        } else {
            fputc('\n', out);
            status = followed ? explain(w, source, had ? record_text(had, "recipe") : NULL, depth + 1, said, out, e)
                              : STATUS_OK;
        }
    }
    differences_free(&d);
    return status;
}

/* The reasons of one node. `before`: the recipe of what stood in its place; NULL: look for it. */
static enum status explain(const struct why *w, size_t node, const char *before, int depth, bool *said, FILE *out,
                           struct error *e) {
    const struct why_node *n = &w->nodes[node];
    const struct record *had = before ? NULL : last_of(w, node);
    struct record *unfinished = NULL;
    enum status status = STATUS_OK;
    said[node] = true;
    if (!n->is_there) {
        status = read_unfinished(w, n->key, &unfinished, e);
    }
    if (status == STATUS_OK && unfinished != NULL) {
        fprintf(out, "%*sbecause ", 2 * depth, "");
        print_unfinished(unfinished, out);
        fputc('\n', out);
    } else if (status == STATUS_OK && !n->is_there && lineage_find(w->lineage, n->key) != NULL) {
        fprintf(out, "%*sbecause its artifact is not there any more\n", 2 * depth, "");
    } else if (status == STATUS_OK && (before || had)) {
        status = explain_differences(w, node, before ? before : record_text(had, "recipe"), depth, said, out, e);
    } else if (status == STATUS_OK && !n->is_there) {
        fprintf(out, "%*sbecause it has never been computed\n", 2 * depth, "");
    }
    record_free(unfinished);
    return status;
}

/* Marks the nodes that would run for this one: order-only prerequisites, so a missing input is made also where the node
 * itself is there. */
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
    bool *said = calloc(2 * w->count + 1, sizeof *said), *needed = said + w->count;
    enum status status = said != NULL ? mark_needed(w, node, needed, e) : no_memory(e);
    if (status == STATUS_OK && n->is_there) {
        print_up_to_date(w, node, out);
    } else if (status == STATUS_OK) {
        const struct record *had = last_of(w, node);
        fprintf(out, "%s  will run (key %.*s", n->label, SHOWN_KEY, n->key);
        if (had != NULL) {
            fprintf(out, ", has %.*s", SHOWN_KEY, record_text(had, "key"));
        }
        fputs(")\n", out);
        status = explain(w, node, NULL, 1, said, out, e);
    }
    size_t running = 0;
    for (size_t i = 0; status == STATUS_OK && i < w->count; i++) {
        bool again = false; /* equal nodes of several experiments run once */
        for (size_t j = 0; j < i && !again; j++) {
            again = needed[j] && strcmp(w->nodes[j].key, w->nodes[i].key) == 0;
        }
        if (needed[i] && !w->nodes[i].is_there && !again && i != node) {
            fprintf(out, running++ ? ", %s" : "  before it run: %s", w->nodes[i].label);
        }
    }
    fputs(running ? "\n" : "", out);
    free(said);
    return status;
}

/* A remark follows from what else changes: it is a reason only where nothing else is. */
static bool is_remark(const struct difference *d) {
    return d->kind == DIFFERENCE_PARAMETER && strcmp(d->name, "remark") == 0;
}

/* The differences in one line: those of the node itself, or else the first changed input with what changed there. */
static enum status line_of_differences(const struct why *w, size_t node, const char *before, int depth, FILE *out,
                                       struct error *e) {
    enum { DEEPEST = 8 };
    struct differences d;
    enum status status = differences_of(before, w->nodes[node].recipe, &d) == 0 ? STATUS_OK : no_memory(e);
    size_t own = 0;
    for (size_t i = 0; status == STATUS_OK && i < d.count; i++) {
        if (d.list[i].kind != DIFFERENCE_INPUT && (!is_remark(&d.list[i]) || d.count == 1)) {
            fputs(own++ ? ", " : "", out);
            print_difference(w, node, &d.list[i], out);
        }
    }
    for (size_t i = 0; status == STATUS_OK && i < d.count && !own; i++) {
        size_t source;
        if (d.list[i].kind != DIFFERENCE_INPUT) {
            continue;
        }
        own++; /* one input is reason enough; `make why` shows all */
        const struct record *had = d.list[i].before ? lineage_find(w->lineage, d.list[i].before) : NULL;
        const bool followed =
            had && d.list[i].after && depth < DEEPEST && find_wanted(w, d.list[i].after, node, &source);
        if (!followed) {
            print_difference(w, node, &d.list[i], out);
            continue;
        }
        fprintf(out, "input %s changes: ", d.list[i].name);
        status = line_of_differences(w, source, record_text(had, "recipe"), depth + 1, out, e);
    }
    differences_free(&d);
    return status;
}

enum status why_line(const struct why *w, size_t node, char **line, struct error *e) {
    const struct why_node *n = &w->nodes[node];
    *line = NULL;
    if (n->is_there) {
        return STATUS_OK;
    }
    struct record *unfinished;
    enum status status = read_unfinished(w, n->key, &unfinished, e);
    const struct record *had = last_of(w, node);
    const bool lost = lineage_find(w->lineage, n->key) != NULL;
    if (status != STATUS_OK || (!unfinished && !lost && !had)) {
        return status;
    }
    size_t size;
    FILE *out = open_memstream(line, &size);
    if (out == NULL) {
        status = no_memory(e);
    } else if (unfinished != NULL) {
        print_unfinished(unfinished, out);
    } else if (lost) {
        fputs("its artifact is not there any more", out);
    } else {
        status = line_of_differences(w, node, record_text(had, "recipe"), 0, out, e);
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
