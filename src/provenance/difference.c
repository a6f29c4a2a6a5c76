/* Compares recipes line by line. */
#include "provenance/difference.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/recipe.h"

/* What a line of a recipe is about. */
static enum difference_kind kind_of(const char *name) {
    static const char *const own[] = {"stage", "version", "backend"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, own[i]) == 0) {
            return (enum difference_kind)i;
        }
    }
    return strncmp(name, "input.", 6) == 0 ? DIFFERENCE_INPUT : DIFFERENCE_PARAMETER;
}

/* "epochs"; of the line "input.model" "model", of "input.rows.003" "rows[3]". */
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

/* Adds the lines of `text` that `other` has not, or with another value; those that both have only when `text` is the
 * first of the two. */
static bool compare(const char *text, const char *other, bool first, struct differences *d) {
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
        char *name = strndup(at, strcspn(at, "=\n"));
        char *here = name != NULL ? recipe_value(text, name) : NULL,
             *there = here != NULL ? recipe_value(other, name) : NULL;
        const bool differs = there == NULL || (first && strcmp(here, there) != 0);
        bool fine = here != NULL;
        if (fine && differs) {
            fine = first ? add(d, name, here, there) : add(d, name, there, here);
        } else {
            free(here);
            free(there);
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
