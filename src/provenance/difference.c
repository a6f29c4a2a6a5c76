/* Compares recipes line by line: see difference.h. */
#include "provenance/difference.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/recipe.h"

/* The kind of a line of a recipe, by its name. */
static enum difference_kind kind_of(const char *name) {
    static const char *const names[] = {"stage", "version", "backend"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum difference_kind)i;
        }
    }
    return strncmp(name, "input.", 6) == 0 ? DIFFERENCE_INPUT : DIFFERENCE_PARAMETER;
}

/* The name of a line as printed, which the caller frees: "epochs", "model" for "input.model", "rows[3]" for
 * "input.rows.003". */
static char *shown_name(const char *line) {
    if (kind_of(line) != DIFFERENCE_INPUT) {
        return strdup(line);
    }
    const char *name = line + 6, *dot = strchr(name, '.');
    char *shown = NULL;
    if (dot == NULL) {
        return strdup(name);
    }
    return asprintf(&shown, "%.*s[%ld]", (int)(dot - name), name, strtol(dot + 1, NULL, 10)) >= 0 ? shown : NULL;
}

static bool add(struct differences *d, const char *line, char *before, char *after) {
    struct difference *larger = realloc(d->list, (d->count + 1) * sizeof *larger);
    char *name = shown_name(line);
    if (larger != NULL) {
        d->list = larger;
    }
    if (larger == NULL || name == NULL) {
        free(name);
        free(before);
        free(after);
        return false;
    }
    d->list[d->count++] = (struct difference){kind_of(line), name, before, after};
    return true;
}

/* Adds the lines of `text` that `other` lacks and, if `text` is the first recipe, those with another value in
 * `other`. */
static bool compare(const char *text, const char *other, bool first, struct differences *d) {
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
        char *name = strndup(at, strcspn(at, "=\n"));
        char *value = name != NULL ? recipe_value(text, name) : NULL,
             *other_value = value != NULL ? recipe_value(other, name) : NULL;
        const bool differs = other_value == NULL || (first && strcmp(value, other_value) != 0);
        bool fine = value != NULL;
        if (fine && differs) {
            fine = first ? add(d, name, value, other_value) : add(d, name, other_value, value);
        } else {
            free(value);
            free(other_value);
        }
        free(name);
        if (!fine) {
            return false;
        }
    }
    return true;
}

static int by_kind(const void *a, const void *b) {
    const struct difference *x = a, *y = b;
    return x->kind != y->kind ? (int)x->kind - (int)y->kind : strverscmp(x->name, y->name);
}

int differences_of(const char *before, const char *after, struct differences *d) {
    *d = (struct differences){0};
    if (!compare(before, after, true, d) || !compare(after, before, false, d)) {
        return -1;
    }
    if (d->count > 0) {
        qsort(d->list, d->count, sizeof *d->list, by_kind);
    }
    return 0;
}

void differences_free(struct differences *d) {
    for (size_t i = 0; i < d->count; i++) {
        free(d->list[i].name);
        free(d->list[i].before);
        free(d->list[i].after);
    }
    free(d->list);
    *d = (struct differences){0};
}
