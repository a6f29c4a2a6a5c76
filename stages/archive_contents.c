/* Copies the contents of an archive: see archive_contents.h. */
#include "stages/archive_contents.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "experiment/names.h"
#include "provenance/tree.h"
#include "store/ledger.h"

/* Copies a file to DATA/PATH. */
static enum status put(const struct archive_contents *c, const char *source, const char *path, struct error *e) {
    const char *target = path ? pool_print(c->plan->pool, "%s/%s", c->data, path) : NULL;
    return source && target ? tree_copy(source, target, e) : pool_exhausted(e);
}

static enum status put_tree(const struct archive_contents *c, const char *folder, const char *below, const char *ending,
                            struct error *e) {
    struct tree files;
    enum status status = tree_list(folder, "", &files, e);
    for (size_t i = 0; status == STATUS_OK && i < files.count; i++) {
        const size_t length = strlen(files.paths[i]), end = strlen(ending);
        if (length >= end && strcmp(files.paths[i] + length - end, ending) == 0) {
            status = put(c, pool_print(c->plan->pool, "%s/%s", folder, files.paths[i]),
                         pool_print(c->plan->pool, "%s/%s", below, files.paths[i]), e);
        }
    }
    tree_free(&files);
    return status;
}

/* Copies an artifact and its run records. */
static enum status put_artifact(const struct archive_contents *c, const char *key, struct error *e) {
    struct pool *pool = c->plan->pool;
    const char *from = pool_print(pool, "%s/artifacts/%s", c->plan->root, key);
    const char *to = pool_print(pool, "%s/artifacts/%s", c->root, key);
    const struct record *r = lineage_find(c->lineage, key);
    if (!from || !to) {
        return pool_exhausted(e);
    }
    enum status status = put(c, pool_print(pool, "%s/run.json", from), pool_print(pool, "%s/run.json", to), e);
    for (size_t i = 0; status == STATUS_OK && i < record_file_count(r, "outputs"); i++) {
        const char *file = record_file_at(r, "outputs", i).name;
        status = put(c, pool_print(pool, "%s/%s", from, file), pool_print(pool, "%s/%s", to, file), e);
    }
    const char *runs = pool_print(pool, "%s/runs", from), *copies = pool_print(pool, "%s/runs", to);
    THEN(status, runs && copies ? put_tree(c, runs, copies, ".json", e) : pool_exhausted(e));
    return status;
}

/* Makes a ledger of these runs only, entered in a fixed order. */
static enum status put_ledger(const struct archive_contents *c, struct error *e) {
    const char *root = pool_print(c->plan->pool, "%s/%s", c->data, c->root);
    const char *path = root ? pool_print(c->plan->pool, "%s/ledger.sqlite", root) : NULL;
    const char *lock = path ? pool_print(c->plan->pool, "%s.lock", path) : NULL;
    enum status status = lock ? STATUS_OK : pool_exhausted(e);
    for (size_t i = 0; i < lineage_count(c->lineage) && status == STATUS_OK; i++) {
        const char *key = record_text(lineage_at(c->lineage, i), "key");
        struct record **attempts = NULL;
        size_t count = 0;
        bool wanted = false;
        for (size_t j = 0; j < c->key_count && !wanted; j++) {
            wanted = strcmp(c->keys[j], key) == 0;
        }
        status = wanted ? lineage_attempts(root, key, &attempts, &count, e) : STATUS_OK;
        for (size_t j = 0; j < count; j++) {
            char *json = record_json(attempts[j]);
            THEN(status, json ? ledger_enter(path, json, NULL, e) : pool_exhausted(e));
            free(json);
            record_free(attempts[j]);
        }
        free(attempts);
    }
    if (lock) {
        unlink(lock);
    }
    return status;
}

/* Puts tables and figures into the archive under their names, as files instead of links. Links to artifacts are
 * removed: the archive has the artifacts under their keys. */
static enum status put_shown(const struct archive_contents *c, struct error *e) {
    struct pool *pool = c->plan->pool;
    struct plan archived = *c->plan;
    archived.root = pool_print(pool, "%s/%s", c->data, c->root);
    archived.figures = pool_print(pool, "%s/%s", c->data, c->figures);
    const char *folder = archived.root ? pool_print(pool, "%s/%s", archived.root, c->experiment->name) : NULL;
    const char *lock = archived.root ? pool_print(pool, "%s/publish.lock", archived.root) : NULL;
    FILE *discarded = fopen("/dev/null", "w");
    enum status status = folder && lock && archived.figures && discarded
                             ? plan_publish(&archived, c->experiment->name, NULL, NULL, discarded, e)
                             : pool_exhausted(e);
    if (discarded) {
        fclose(discarded);
    }
    struct tree files = {0};
    THEN(status, tree_list(folder, "", &files, e));
    for (size_t i = 0; status == STATUS_OK && i < files.count; i++) {
        const char *path = pool_print(pool, "%s/%s", folder, files.paths[i]);
        const char *copy = path ? pool_print(pool, "%s.copy", path) : NULL;
        struct stat info;
        if (!copy) {
            status = pool_exhausted(e);
        } else if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode)) {
            const size_t length = strlen(path);
            const bool artifact = length > 4 && strcmp(path + length - 4, ".npz") == 0;
            status = artifact ? STATUS_OK : tree_copy(path, copy, e);
            if (status == STATUS_OK && (unlink(path) != 0 || (!artifact && rename(copy, path) != 0))) {
                status = error_set(e, STATUS_FAILED, "%s: cannot replace the link by a file", path);
            }
        }
    }
    tree_free(&files);
    if (lock) {
        unlink(lock);
    }
    static const char *const endings[] = {"tsv", "md"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings && *c->experiment->tool && status == STATUS_OK; i++) {
        const char *table = pool_print(pool, "%s/%s.%s", c->experiment->name, c->experiment->tool, endings[i]);
        const char *from = table ? pool_print(pool, "%s/%s", c->plan->root, table) : NULL;
        const char *to = table ? pool_print(pool, "%s/%s", c->root, table) : NULL;
        status = from && to ? put(c, from, to, e) : pool_exhausted(e);
    }
    return status;
}

/* Copies the source: the files listed by --sources, one per line. */
static enum status put_sources(const struct archive_contents *c, struct error *e) {
    char *text = NULL;
    size_t size;
    enum status status = file_read(c->sources, &text, &size, e);
    for (char *line = status == STATUS_OK ? strtok(text, "\n") : NULL; line && status == STATUS_OK;
         line = strtok(NULL, "\n")) {
        struct stat info;
        if (lstat(line, &info) == 0 && S_ISREG(info.st_mode)) { /* git may list removed files and links */
            status = put(c, line, pool_print(c->plan->pool, "source/%s", line), e);
        }
    }
    free(text);
    return status;
}

static enum status put_experiments(const struct archive_contents *c, struct error *e) {
    struct pool *pool = c->plan->pool;
    enum status status = put_tree(c, c->request->experiments, "experiments", ".ini", e);
    THEN(status, put_tree(c, c->request->experiments, "experiments", ".tsv", e));
    if (status == STATUS_OK && strchr(c->request->profile, '/')) { /* a profile outside experiments/ */
        status = put(c, c->request->profile, pool_print(pool, "experiments/profiles/%s.ini", c->profile), e);
    }
    return status;
}

/* Whether the path names a file outside the source, such as a user's configurations. */
static bool is_outside(const struct archive_contents *c, const char *path) {
    const char *copy = *path ? pool_print(c->plan->pool, "%s/source/%s", c->data, path) : NULL;
    return copy && (*path == '/' || strstr(path, "..") || access(copy, F_OK) != 0);
}

/* Whether parameter i was given by SET. The archive repeats SET unchanged, so a file that SET names is not copied. */
static bool is_set(const struct parameters *p, size_t i) {
    return strncmp(parameters_origin(p, i), "SET", 3) == 0;
}

/* Calls visit for each parameter of the experiment that names a file outside the source. */
static enum status visit_inputs(const struct archive_contents *c,
                                enum status (*visit)(const struct archive_contents *c, const struct node *node,
                                                     size_t i, struct error *e),
                                struct error *e) {
    enum status status = STATUS_OK;
    for (size_t k = 0; k < c->experiment->node_count; k++) {
        const struct parameters *p = c->experiment->nodes[k]->parameters;
        for (size_t i = 0; i < parameters_count(p) && status == STATUS_OK; i++) {
            if (parameters_entry(p, i)->type == PARAMETER_FILE && is_outside(c, parameters_argument(p, i))) {
                status = visit(c, c->experiment->nodes[k], i, e);
            }
        }
    }
    return status;
}

/* A copy of the text in which `new` replaces the first `old` at or below the given line; the caller frees it. NULL if
 * `old` is not found. */
static char *replaced(const char *text, long line, const char *old, const char *new) {
    const char *at = text;
    while (line-- > 1 && strchr(at, '\n')) {
        at = strchr(at, '\n') + 1;
    }
    const char *found = strstr(at, old);
    char *result = NULL;
    return found && asprintf(&result, "%.*s%s%s", (int)(found - text), text, new, found + strlen(old)) >= 0 ? result
                                                                                                            : NULL;
}

/* Copies the file to inputs/DIGEST/NAME and puts this path, relative to source/, into the archive's experiment file.
 * Recipes hold the digest of the file, not its path, so keys do not change. */
static enum status put_input(const struct archive_contents *c, const struct node *node, size_t i, struct error *e) {
    struct pool *pool = c->plan->pool;
    const char *path = parameters_argument(node->parameters, i), *origin = parameters_origin(node->parameters, i);
    const char *slash = strrchr(path, '/'), *colon = strrchr(origin, ':'),
               *below = after_prefix(origin, c->request->experiments);
    char digest[65];
    if (is_set(node->parameters, i) || !colon) {
        return STATUS_OK;
    }
    enum status status = file_sha256(path, digest, e);
    const char *place = pool_print(pool, "inputs/%.12s/%s", digest, slash ? slash + 1 : path);
    const char *file = below ? pool_print(pool, "%s/experiments%.*s", c->data, (int)(colon - below), below)
                             : pool_print(pool, "%s/experiments/profiles/%s.ini", c->data, c->profile);
    const char *target = place ? pool_print(pool, "../%s", place) : NULL;
    if (status == STATUS_OK && (!file || !target)) {
        return pool_exhausted(e);
    }
    char *text = NULL;
    size_t size;
    THEN(status, put(c, path, place, e));
    THEN(status, file_read(file, &text, &size, e));
    char *changed = status == STATUS_OK ? replaced(text, strtol(colon + 1, NULL, 10), path, target) : NULL;
    if (changed) { /* NULL: an earlier node of the same section has replaced it already */
        status = tree_write(file, changed, e);
    }
    free(text);
    free(changed);
    return status;
}

static enum status say_input(const struct archive_contents *c, const struct node *node, size_t i, struct error *e) {
    (void)e;
    if (is_set(node->parameters, i)) {
        printf("missing: the file of parameter %s of %s/%s, given by SET: the archive does not contain it and cannot "
               "recompute this step: %s\n",
               parameters_entry(node->parameters, i)->name, c->experiment->name, node->name,
               parameters_argument(node->parameters, i));
    }
    return STATUS_OK;
}

enum status archive_contents_copy(const struct archive_contents *c, struct error *e) {
    enum status status = put_sources(c, e);
    for (size_t i = 0; i < c->key_count && status == STATUS_OK; i++) {
        status = put_artifact(c, c->keys[i], e);
    }
    THEN(status, put_shown(c, e));
    THEN(status, put_ledger(c, e));
    THEN(status, put_experiments(c, e));
    THEN(status, visit_inputs(c, put_input, e));
    THEN(status, put(c, c->packages, "environment/packages.tsv", e));
    return status;
}

void archive_contents_say_missing(const struct archive_contents *c) {
    struct error ignored;
    visit_inputs(c, say_input, &ignored);
}
