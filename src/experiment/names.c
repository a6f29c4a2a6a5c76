#include "experiment/names.h"

#include <ctype.h>
#include <string.h>

#include "base/nearest.h"
#include "experiment/experiment.h"

const char *after_prefix(const char *name, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) ? NULL : name + length;
}

const char *suggestion(struct pool *pool, const char *word, const char *const *candidates, size_t count) {
    const char *near = nearest_word(word, candidates, count);
    const char *text = near ? pool_print(pool, "; did you mean '%s'?", near) : "";
    return text ? text : "";
}

const struct stage *find_stage(const struct stage *const *stages, const char *name) {
    for (; *stages; stages++) {
        if (!strcmp((*stages)->name, name)) {
            return *stages;
        }
    }
    return NULL;
}

const char *suggest_stage(struct pool *pool, const char *word, const struct stage *const *stages) {
    size_t count = 0;
    while (stages[count]) {
        count++;
    }
    const char **names = pool_take(pool, (count + 1) * sizeof *names);
    if (!names) {
        return "";
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = stages[i]->name;
    }
    return suggestion(pool, word, names, count);
}

enum status split_list(struct pool *pool, const char *text, const char *const **parts, size_t *count, struct error *e) {
    const char **list = NULL;
    size_t n = 0;
    for (const char *at = text; *text && at;) {
        const char *comma = strchr(at, ','), *end = comma ? comma : at + strlen(at);
        const char *next = comma ? comma + 1 : NULL;
        while (at < end && isspace((unsigned char)*at)) {
            at++;
        }
        while (end > at && isspace((unsigned char)end[-1])) {
            end--;
        }
        list = pool_extend(pool, list, n, sizeof *list);
        if (!list || !(list[n] = pool_copy(pool, at, (size_t)(end - at)))) {
            return pool_exhausted(e);
        }
        n++;
        at = next;
    }
    *parts = list;
    *count = n;
    return STATUS_OK;
}

const struct family *find_family(const struct experiment *experiment, const char *name) {
    for (size_t i = 0; i < experiment->family_count; i++) {
        if (!strcmp(experiment->families[i]->name, name)) {
            return experiment->families[i];
        }
    }
    return NULL;
}

bool has_table(const struct experiment *experiment, const char *name) {
    for (size_t i = 0; i < experiment->export_count; i++) {
        if (!experiment->exports[i].is_figure && !strcmp(experiment->exports[i].name, name)) {
            return true;
        }
    }
    return false;
}

const char *suggest_family(struct pool *pool, const struct experiment *x, const char *word) {
    const char **names = pool_take(pool, (x->family_count + 1) * sizeof *names);
    if (!names) {
        return "";
    }
    for (size_t i = 0; i < x->family_count; i++) {
        names[i] = x->families[i]->name;
    }
    return suggestion(pool, word, names, x->family_count);
}

const struct parameter *find_parameter(const struct stage *stage, const char *name) {
    for (size_t i = 0; i < stage->parameter_count; i++) {
        if (!strcmp(stage->parameters[i].name, name)) {
            return &stage->parameters[i];
        }
    }
    return NULL;
}
