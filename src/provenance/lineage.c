/* Run records by key and by label: see lineage.h. */
#include "provenance/lineage.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lineage {
    char *root;
    struct record **records;
    size_t count;
};

static enum status no_memory(struct error *e) {
    return error_set(e, STATUS_FAILED, "out of memory");
}

static int is_key(const struct dirent *entry) {
    return strlen(entry->d_name) == 64 && strspn(entry->d_name, "0123456789abcdef") == 64;
}

static int is_record(const struct dirent *entry) {
    const size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

/* Lists a folder in alphabetical order; a missing one is empty. Returns the number of names, or -1 with a message. */
static int list(const char *folder, int (*wanted)(const struct dirent *), struct dirent ***names, struct error *e) {
    const int count = scandir(folder, names, wanted, alphasort);
    if (count < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        *names = NULL;
        return 0;
    }
    if (count < 0) {
        error_set(e, STATUS_FAILED, "%s: cannot list the run records: %s", folder, strerror(errno));
    }
    return count;
}

/* Reads the records FOLDER/names[i]ENDING; with `optional`, those that exist. Frees the names. */
static enum status read_all(const char *folder, struct dirent **names, int count, const char *ending, bool optional,
                            struct record ***records, size_t *found, struct error *e) {
    *records = calloc((size_t)count + 1, sizeof **records);
    *found = 0;
    enum status status = *records != NULL ? STATUS_OK : no_memory(e);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        const int length = snprintf(path, sizeof path, "%s/%s%s", folder, names[i]->d_name, ending);
        if (status == STATUS_OK && length >= (int)sizeof path) {
            status = error_set(e, STATUS_FAILED, "%s: the path is too long", folder);
        } else if (status == STATUS_OK && (!optional || access(path, F_OK) == 0)) {
            status = record_read(path, &(*records)[*found], e);
            *found += status == STATUS_OK;
        }
        free(names[i]);
    }
    free(names);
    return status;
}

enum status lineage_read(const char *root, struct lineage **result, struct error *e) {
    struct lineage *l = calloc(1, sizeof *l);
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/artifacts", root);
    if (l == NULL || (l->root = strdup(root)) == NULL) {
        free(l);
        return no_memory(e);
    }
    struct dirent **names;
    const int count = list(folder, is_key, &names, e);
    const enum status status =
        count < 0 ? e->status : read_all(folder, names, count, "/run.json", true, &l->records, &l->count, e);
    if (status != STATUS_OK) {
        lineage_free(l);
        return status;
    }
    *result = l;
    return STATUS_OK;
}

void lineage_free(struct lineage *l) {
    for (size_t i = 0; l != NULL && i < l->count; i++) {
        record_free(l->records[i]);
    }
    if (l != NULL) {
        free(l->records);
        free(l->root);
        free(l);
    }
}

const char *lineage_root(const struct lineage *l) {
    return l->root;
}

size_t lineage_count(const struct lineage *l) {
    return l->count;
}

const struct record *lineage_at(const struct lineage *l, size_t i) {
    return l->records[i];
}

const struct record *lineage_find(const struct lineage *l, const char *key) {
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(record_text(l->records[i], "key"), key) == 0) {
            return l->records[i];
        }
    }
    return NULL;
}

enum status lineage_find_prefix(const struct lineage *l, const char *prefix, const struct record **record,
                                struct error *e) {
    const size_t length = strlen(prefix);
    if (length < 4 || length > 64 || strspn(prefix, "0123456789abcdef") != length) {
        return error_set(e, STATUS_BAD_INPUT,
                         "'%.100s': expected the beginning of a key, 4 to 64 lower-case hexadecimal digits", prefix);
    }
    *record = NULL;
    for (size_t i = 0; i < l->count; i++) {
        const char *key = record_text(l->records[i], "key");
        if (strncmp(key, prefix, length) != 0) {
            continue;
        }
        if (*record != NULL) {
            return error_set(e, STATUS_BAD_INPUT,
                             "%s: several keys begin with it (%.12s, %.12s); expected more of its "
                             "digits",
                             prefix, record_text(*record, "key"), key);
        }
        *record = l->records[i];
    }
    return *record != NULL
               ? STATUS_OK
               : error_set(e, STATUS_BAD_INPUT, "%s: no key of an artifact under %s begins with it", prefix, l->root);
}

const struct record *lineage_last(const struct lineage *l, const char *label) {
    char path[PATH_MAX], target[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s.npz", l->root, label);
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length > 0) {
        target[length] = '\0';
        char *end = strrchr(target, '/'), *begin = NULL;
        if (end != NULL) {
            *end = '\0';
            begin = strrchr(target, '/');
        }
        const struct record *linked = begin != NULL ? lineage_find(l, begin + 1) : NULL;
        if (linked != NULL) {
            return linked;
        }
    }
    const struct record *youngest = NULL;
    for (size_t i = 0; i < l->count; i++) {
        const struct record *r = l->records[i];
        if (strcmp(record_text(r, "label"), label) == 0 &&
            (youngest == NULL || strcmp(record_text(r, "start"), record_text(youngest, "start")) > 0)) {
            youngest = r;
        }
    }
    return youngest;
}

enum status lineage_keys(const char *root, char ***keys, size_t *count, struct error *e) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/artifacts", root);
    struct dirent **names;
    const int found = list(folder, is_key, &names, e);
    *keys = NULL;
    *count = 0;
    if (found < 0) {
        return e->status;
    }
    *keys = calloc((size_t)found + 1, sizeof **keys);
    enum status status = *keys ? STATUS_OK : no_memory(e);
    for (int i = 0; i < found; i++) {
        if (*keys && ((*keys)[*count] = strdup(names[i]->d_name)) != NULL) {
            ++*count;
        } else {
            status = no_memory(e);
        }
        free(names[i]);
    }
    free(names);
    return status;
}

static int by_start(const void *a, const void *b) {
    struct record *const *x = a, *const *y = b;
    const int order = strcmp(record_text(*x, "start"), record_text(*y, "start"));
    return order != 0 ? order : strcmp(record_text(*x, "id"), record_text(*y, "id"));
}

enum status lineage_attempts(const char *root, const char *key, struct record ***records, size_t *count,
                             struct error *e) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s/artifacts/%s/runs", root, key);
    *records = NULL;
    *count = 0;
    struct dirent **names;
    const int found = list(folder, is_record, &names, e);
    const enum status status = found < 0 ? e->status : read_all(folder, names, found, "", false, records, count, e);
    if (status != STATUS_OK) {
        for (size_t i = 0; i < *count; i++) {
            record_free((*records)[i]);
        }
        free(*records);
        *records = NULL;
        *count = 0;
        return status;
    }
    if (*count > 0) {
        qsort(*records, *count, sizeof **records, by_start);
    }
    return STATUS_OK;
}
