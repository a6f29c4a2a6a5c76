/* Puts the results of an experiment where users look for them, see plan_publish() in plan.h. */
#include "experiment/plan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "experiment/names.h"

/* Makes `path` a link to `target`, unless it is one, in one step that others see whole. */
static enum status make_link(const struct plan *plan, const char *target, const char *path, struct error *e) {
    char found[512];
    ssize_t length = readlink(path, found, sizeof found);
    if (length >= 0 && (size_t)length == strlen(target) && !memcmp(found, target, (size_t)length)) {
        return STATUS_OK;
    }
    const char *temporary = pool_print(plan->pool, "%s.%ld.tmp", path, (long)getpid());
    if (!temporary) {
        return pool_exhausted(e);
    }
    unlink(temporary);
    if (symlink(target, temporary) || rename(temporary, path)) {
        int cause = errno;
        unlink(temporary);
        return error_set(e, STATUS_FAILED, "%s: cannot make a link to %s: %s", path, target, strerror(cause));
    }
    return STATUS_OK;
}

/* Makes `path` a copy of `source`, unless it holds the same bytes. */
static enum status make_copy(const char *source, const char *path, struct error *e) {
    char *new = NULL, *old = NULL;
    size_t new_size = 0, old_size = 0;
    enum status status = file_read(source, &new, &new_size, e);
    if (status != STATUS_OK) {
        return status;
    }
    struct error ignored;
    bool same = !access(path, F_OK) && file_read(path, &old, &old_size, &ignored) == STATUS_OK &&
                old_size == new_size && !memcmp(old, new, new_size);
    if (!same) {
        status = file_write(path, new, new_size, e);
    }
    free(old);
    free(new);
    return status;
}

/* The names that belong into ROOT/EXPERIMENT. */
struct kept {
    const char **names;
    size_t count;
};

static enum status keep(const struct plan *plan, struct kept *kept, const char *name, struct error *e) {
    kept->names = pool_extend(plan->pool, kept->names, kept->count, sizeof *kept->names);
    if (!kept->names) {
        return pool_exhausted(e);
    }
    kept->names[kept->count++] = name;
    return STATUS_OK;
}

/* Links ROOT/EXPERIMENT/NAME to a file of the node's artifact. */
static enum status link_output(const struct plan *plan, const struct experiment *x, const struct node *node,
                               const char *output, const char *name, struct kept *kept, struct error *e) {
    const char *target = pool_print(plan->pool, "../artifacts/%s/%s", node->key, output);
    const char *path = pool_print(plan->pool, "%s/%s/%s", plan->root, x->name, name);
    const char *there = pool_print(plan->pool, "%s/artifacts/%s/%s", plan->root, node->key, output);
    if (!target || !path || !there) {
        return pool_exhausted(e);
    }
    if (access(there, R_OK)) {
        return error_set(e, STATUS_FAILED, "%s: %s; expected the result of %s (make %s computes it)", there,
                         strerror(errno), node->name, x->name);
    }
    enum status status = make_link(plan, target, path, e);
    return status == STATUS_OK ? keep(plan, kept, name, e) : status;
}

/* A figure may bear the name of a table; its numbers then need another. */
static bool has_table(const struct experiment *x, const char *name) {
    for (size_t i = 0; i < x->export_count; i++) {
        if (!x->exports[i].is_figure && !strcmp(x->exports[i].name, name)) {
            return true;
        }
    }
    return false;
}

static enum status publish_export(const struct plan *plan, const struct experiment *x,
                                  const struct exported *export, struct kept *kept, FILE *out,
                                  struct error *e) {
    const char *stem = export->is_figure ? "figure" : "table";
    const struct family *family = export->family;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < family->node_count && status == STATUS_OK; i++) {
        const struct node *node = family->nodes[i];
        const char *swept = strchr(node->name, '@');
        for (const char *const *output = family->stage->outputs; *output && status == STATUS_OK; output++) {
            const char *behind = after_prefix(*output, stem), *extension = behind ? strchr(behind, '.') : NULL; /* "-macros.tex" */
            if (!extension) {
                continue;
            }
            const int part = (int)(extension++ - behind);
            bool copied = export->is_figure && strcmp(extension, "tsv"); /* a picture; tables of numbers are linked */
            const char *kind = export->is_figure && !copied && has_table(x, export->name) ? "-figure" : "";
            const char *name = pool_print(plan->pool, "%s%.*s%s%s.%s", export->name, part, behind, kind, swept ? swept : "", extension);
            const char *folder = plan_folder(plan, node);
            const char *source = name && folder ? pool_print(plan->pool, "%s/%s", folder, *output) : NULL;
            const char *path = !source ? NULL
                               : copied ? pool_print(plan->pool, "%s/%s", plan->figures, name)
                                        : pool_print(plan->pool, "%s/%s/%s", plan->root, x->name, name);
            if (!path) {
                return pool_exhausted(e);
            }
            status = copied ? make_copy(source, path, e) : link_output(plan, x, node, *output, name, kept, e);
            if (status != STATUS_OK) {
                continue;
            }
            if (!export->is_figure && !strcmp(extension, "md")) {
                char *text = NULL;
                size_t size = 0;
                status = file_read(source, &text, &size, e);
                if (status == STATUS_OK) {
                    fprintf(out, "%s\n", text);
                }
                free(text);
            }
            if (!output[1]) { /* all are there */
                fprintf(out, "%s: %s\n", export->name, path);
            }
        }
    }
    return status;
}

/* Removes links into the artifacts that no node accounts for: nodes that were renamed or left out. */
static void remove_stale(const struct plan *plan, const char *folder, const struct kept *kept) {
    DIR *d = opendir(folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        bool wanted = false;
        for (size_t i = 0; i < kept->count && !wanted; i++) {
            wanted = !strcmp(kept->names[i], entry->d_name);
        }
        const char *path = wanted ? NULL : pool_print(plan->pool, "%s/%s", folder, entry->d_name);
        char target[512];
        ssize_t length = path ? readlink(path, target, sizeof target - 1) : -1;
        if (length >= 0) {
            target[length] = '\0';
            if (after_prefix(target, "../artifacts/") && !strstr(entry->d_name, ".tmp")) {
                unlink(path);
            }
        }
    }
    if (d) {
        closedir(d);
    }
}

static enum status publish(const struct plan *plan, const struct experiment *x, const char *only, FILE *out,
                           struct error *e) {
    const char *folder = pool_print(plan->pool, "%s/%s", plan->root, x->name);
    if (!folder) {
        return pool_exhausted(e);
    }
    enum status status = file_make_folder(folder, e);
    if (status == STATUS_OK) {
        status = file_make_folder(plan->figures, e);
    }
    struct kept kept = {0};
    for (size_t i = 0; i < x->node_count && status == STATUS_OK && !only; i++) {
        const struct node *node = x->nodes[i];
        for (const char *const *output = node->stage->outputs; *output && status == STATUS_OK; output++) {
            if (!strcmp(*output, "artifact.npz")) {
                const char *file = pool_print(plan->pool, "%s.npz", node->name);
                status = file ? link_output(plan, x, node, *output, file, &kept, e) : pool_exhausted(e);
            }
        }
    }
    bool found = !only;
    for (size_t i = 0; i < x->export_count && status == STATUS_OK; i++) {
        if (!only || !strcmp(only, x->exports[i].name)) {
            found = true;
            status = publish_export(plan, x, &x->exports[i], &kept, out, e);
        }
    }
    if (status == STATUS_OK && !found) {
        status = error_set(e, STATUS_BAD_INPUT, "--only=%s: %s has no such figure or table", only, x->name);
    }
    if (status == STATUS_OK && !only) {
        remove_stale(plan, folder, &kept);
    }
    return status;
}

enum status plan_publish(const struct plan *plan, const char *name, const char *only, FILE *out,
                         struct error *e) {
    const struct experiment *x = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        if (!strcmp(plan->experiments[i].name, name)) {
            x = &plan->experiments[i];
        }
    }
    if (!x) {
        return error_set(e, STATUS_BAD_INPUT, "--publish=%s: there is no such experiment", name);
    }
    if (x->refusal) {
        return error_set(e, STATUS_BAD_INPUT, "%s", x->refusal);
    }
    /* One at a time: of two makes at once, the results of one are shown, not some of each. */
    const char *path = pool_print(plan->pool, "%s/publish.lock", plan->root);
    enum status status = path ? file_make_folder(plan->root, e) : pool_exhausted(e);
    if (status != STATUS_OK) {
        return status;
    }
    const int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int taken = lock < 0 ? -1 : flock(lock, LOCK_EX);
    while (lock >= 0 && taken && errno == EINTR) {
        taken = flock(lock, LOCK_EX);
    }
    status = taken ? error_set(e, STATUS_FAILED, "%s: cannot lock: %s", path, strerror(errno))
                   : publish(plan, x, only, out, e);
    if (lock >= 0) {
        close(lock); /* gives the lock back */
    }
    return status;
}
