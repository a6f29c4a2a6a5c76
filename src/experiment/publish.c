/* Makes links, tables and figures of an experiment for users: see plan_publish() in plan.h. */
#include "experiment/plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owner.h"
#include "experiment/names.h"
#include "store/record.h"

/* A list of names of files in ROOT/EXPERIMENT. */
struct names {
    const char **item;
    size_t count;
};

struct publishing {
    const struct plan *plan;
    const struct experiment *experiment;
    const char *folder; /* ROOT/EXPERIMENT */
    const char *copies; /* file with the names of copies, on file systems without links */
    struct names kept, copied, copied_before;
    FILE *out;
    bool act;     /* false: only check whether anything differs */
    bool differs; /* something is missing or different */
};

static enum status add_name(const struct plan *plan, struct names *names, const char *name, struct error *e) {
    names->item = pool_extend(plan->pool, names->item, names->count, sizeof *names->item);
    if (!names->item) {
        return pool_exhausted(e);
    }
    names->item[names->count++] = name;
    return STATUS_OK;
}

static bool has_name(const struct names *names, const char *name) {
    for (size_t i = 0; i < names->count; i++) {
        if (!strcmp(names->item[i], name)) {
            return true;
        }
    }
    return false;
}

static bool links_to(const char *path, const char *target) {
    char found[512];
    const ssize_t length = readlink(path, found, sizeof found);
    return length >= 0 && (size_t)length == strlen(target) && !memcmp(found, target, (size_t)length);
}

/* Makes `path` a copy of `source`, unless it already has the same bytes. */
static enum status make_copy(struct publishing *p, const char *source, const char *path, struct error *e) {
    struct stat info;
    if (lstat(path, &info) == 0 && S_ISREG(info.st_mode) && file_same(source, path)) {
        return STATUS_OK;
    }
    p->differs = true;
    return p->act ? file_copy(source, path, e) : STATUS_OK;
}

/* Makes ROOT/EXPERIMENT/NAME a link to `target`, which is the file `source`, atomically, unless it already is one. On
 * file systems without links it becomes a copy. */
static enum status make_link(struct publishing *p, const char *target, const char *source, const char *name,
                             struct error *e) {
    const char *path = pool_print(p->plan->pool, "%s/%s", p->folder, name);
    char owner[OWNER_NAME];
    const char *temporary = path ? pool_print(p->plan->pool, "%s.tmp-%s", path, owner_name(owner)) : NULL;
    if (!temporary) {
        return pool_exhausted(e);
    }
    if (links_to(path, target)) {
        return STATUS_OK;
    }
    const bool was_copied = has_name(&p->copied_before, name);
    if (!p->act) {
        p->differs = p->differs || !was_copied || !file_same(source, path);
        return was_copied ? add_name(p->plan, &p->copied, name, e) : STATUS_OK;
    }
    p->differs = true;
    unlink(temporary);
    if (symlink(target, temporary) == 0 && rename(temporary, path) == 0) {
        return STATUS_OK;
    }
    const int cause = errno;
    const bool has_links = access(temporary, F_OK) == 0;
    unlink(temporary);
    if (!has_links &&
        (cause == EPERM || cause == ENOSYS || cause == EOPNOTSUPP || cause == EINVAL || cause == EACCES)) {
        TRY(make_copy(p, source, path, e));
        return add_name(p->plan, &p->copied, name, e);
    }
    return error_set(e, STATUS_FAILED, "%s: cannot make a link to %s: %s", path, target, strerror(cause));
}

/* Compares an output with its run record: tables and pictures by their SHA-256; .npz files, which may be large and are
 * checked when they are read, only by their size. */
static enum status check_output(const struct publishing *p, const char *path, struct error *e) {
    if (p->act) {
        return STATUS_OK; /* checked in the first pass */
    }
    const size_t length = strlen(path);
    char digest[65];
    if (length > 4 && !strcmp(path + length - 4, ".npz")) {
        return record_check_output(path, NULL, e);
    }
    TRY(file_sha256(path, digest, e));
    return record_check_output(path, digest, e);
}

/* Links ROOT/EXPERIMENT/NAME to a file of the node's artifact. */
static enum status link_output(struct publishing *p, const struct node *node, const char *output, const char *name,
                               struct error *e) {
    const char *target = pool_print(p->plan->pool, "../artifacts/%s/%s", node->key, output);
    const char *source = pool_print(p->plan->pool, "%s/artifacts/%s/%s", p->plan->root, node->key, output);
    if (!target || !source) {
        return pool_exhausted(e);
    }
    if (access(source, R_OK)) {
        return error_set(e, STATUS_FAILED, "%s: %s; expected the result of %s (make %s computes it)", source,
                         strerror(errno), node->name, p->experiment->name);
    }
    enum status status = check_output(p, source, e);
    THEN(status, make_link(p, target, source, name, e));
    THEN(status, add_name(p->plan, &p->kept, name, e));
    return status;
}

/* Links ROOT/EXPERIMENT/NODE.OUTPUT to a file beside the artifact, if there is one: results of earlier versions have
 * none. */
static enum status link_beside(struct publishing *p, const struct node *node, const char *output, struct error *e) {
    const char *path = pool_print(p->plan->pool, "%s/artifacts/%s/%s", p->plan->root, node->key, output);
    const char *name = pool_print(p->plan->pool, "%s.%s", node->name, output);
    if (!path || !name) {
        return pool_exhausted(e);
    }
    return access(path, F_OK) ? STATUS_OK : link_output(p, node, output, name, e);
}

/* Publishes one file of a figure or table. `last` is true for the last file of a node. */
static enum status publish_file(struct publishing *p, const struct exported *export, const struct node *node,
                                const char *output, bool last, struct error *e) {
    const struct plan *plan = p->plan;
    const char *suffix = after_prefix(output, export->is_figure ? "figure" : "table"), *swept = strchr(node->name, '@');
    const char *extension = suffix ? strchr(suffix, '.') : NULL; /* suffix: "-macros.tex" */
    if (!extension) {
        return STATUS_OK;
    }
    const int part = (int)(extension++ - suffix);
    bool copied = export->is_figure && strcmp(extension, "tsv"); /* pictures are copied, tables of numbers are linked */
    const char *kind = export->is_figure && !copied && has_table(p->experiment, export->name) ? "-figure" : "";
    const char *name =
        pool_print(plan->pool, "%s%.*s%s%s.%s", export->name, part, suffix, kind, swept ? swept : "", extension);
    const char *folder = plan_folder(plan, node);
    const char *source = name && folder ? pool_print(plan->pool, "%s/%s", folder, output) : NULL;
    const char *path = source ? pool_print(plan->pool, "%s/%s", copied ? plan->figures : p->folder, name) : NULL;
    if (!path) {
        return pool_exhausted(e);
    }
    enum status status;
    if (copied) {
        status = check_output(p, source, e);
        THEN(status, make_copy(p, source, path, e));
    } else {
        status = link_output(p, node, output, name, e);
    }
    if (status == STATUS_OK && !export->is_figure && !strcmp(extension, "md")) {
        char *text = NULL;
        size_t size = 0;
        status = file_read(source, &text, &size, e);
        if (status == STATUS_OK) {
            fprintf(p->out, "%s\n", text);
        }
        free(text);
    }
    if (status == STATUS_OK && last) { /* all files are published */
        fprintf(p->out, "%s: %s\n", export->name, path);
    }
    return status;
}

static enum status publish_export(struct publishing *p, const struct exported *export, struct error *e) {
    const struct family *family = export->family;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < family->node_count; i++) {
        for (const char *const *output = family->stage->outputs; *output && status == STATUS_OK; output++) {
            status = publish_file(p, export, family->nodes[i], *output, !output[1], e);
        }
    }
    return status;
}

/* --- files of nodes that no longer exist --------------------------------------------------------- */

static enum status read_copies(struct publishing *p, struct error *e) {
    char *text = NULL;
    size_t size;
    if (access(p->copies, F_OK)) {
        return STATUS_OK;
    }
    enum status status = file_read(p->copies, &text, &size, e);
    for (char *rest = text, *line; status == STATUS_OK && (line = strsep(&rest, "\n"));) {
        const char *name = *line ? pool_copy(p->plan->pool, line, strlen(line)) : NULL;
        status = name ? add_name(p->plan, &p->copied_before, name, e) : *line ? pool_exhausted(e) : STATUS_OK;
    }
    free(text);
    return status;
}

static enum status write_copies(struct publishing *p, struct error *e) {
    const char *text = "";
    if (!p->copied.count) {
        unlink(p->copies);
        return STATUS_OK;
    }
    for (size_t i = 0; i < p->copied.count && text; i++) {
        text = pool_print(p->plan->pool, "%s%s\n", text, p->copied.item[i]);
    }
    return text ? file_write(p->copies, text, strlen(text), e) : pool_exhausted(e);
}

/* Removes links to artifacts, and copies made instead of links, that belong to no node: it was renamed or removed. */
static void remove_stale(struct publishing *p) {
    DIR *d = opendir(p->folder);
    for (struct dirent *entry; d && (entry = readdir(d));) {
        const char *path =
            has_name(&p->kept, entry->d_name) ? NULL : pool_print(p->plan->pool, "%s/%s", p->folder, entry->d_name);
        char target[512];
        ssize_t length = path ? readlink(path, target, sizeof target - 1) : -1;
        target[length > 0 ? length : 0] = '\0';
        bool link = length >= 0 && after_prefix(target, "../artifacts/") && !strstr(entry->d_name, ".tmp");
        if (path && (link || has_name(&p->copied_before, entry->d_name))) {
            p->differs = true;
            if (p->act) {
                unlink(path);
            }
        }
    }
    if (d) {
        closedir(d);
    }
}

/* --- publishing ---------------------------------------------------------------------------------- */

static enum status publish(struct publishing *p, const char *only, struct error *e) {
    const struct experiment *x = p->experiment;
    enum status status = STATUS_OK;
    p->kept = p->copied = p->copied_before = (struct names){0};
    if (p->act) {
        status = file_make_folder(p->folder, e);
        THEN(status, file_make_folder(p->plan->figures, e));
    }
    THEN(status, read_copies(p, e));
    for (size_t i = 0; i < x->node_count && status == STATUS_OK && !only; i++) {
        const struct node *node = x->nodes[i];
        for (const char *const *output = node->stage->outputs; *output && status == STATUS_OK; output++) {
            if (!strcmp(*output, "artifact.npz")) {
                const char *file = pool_print(p->plan->pool, "%s.npz", node->name);
                status = file ? link_output(p, node, *output, file, e) : pool_exhausted(e);
            } else if (strlen(*output) > 4 && !strcmp(*output + strlen(*output) - 4, ".npz")) {
                status = link_beside(p, node, *output, e);
            }
        }
    }
    bool found = !only;
    for (size_t i = 0; i < x->export_count && status == STATUS_OK; i++) {
        if (!only || !strcmp(only, x->exports[i].name)) {
            found = true;
            status = publish_export(p, &x->exports[i], e);
        }
    }
    if (status == STATUS_OK && !found) {
        status = error_set(e, STATUS_BAD_INPUT, "--only=%s: %s has no such figure or table", only, x->name);
    }
    for (size_t i = 0; i < p->copied_before.count && status == STATUS_OK && only; i++) { /* keep names outside `only` */
        const char *name = p->copied_before.item[i];
        status =
            has_name(&p->kept, name) || has_name(&p->copied, name) ? STATUS_OK : add_name(p->plan, &p->copied, name, e);
    }
    if (status == STATUS_OK && !only) {
        remove_stale(p);
    }
    return status == STATUS_OK && p->act ? write_copies(p, e) : status;
}

enum status plan_publish(const struct plan *plan, const char *name, const char *only, const struct lock_wait *wait,
                         FILE *out, struct error *e) {
    struct publishing p = {.plan = plan};
    for (size_t i = 0; i < plan->count; i++) {
        if (!strcmp(plan->experiments[i].name, name)) {
            p.experiment = &plan->experiments[i];
        }
    }
    if (!p.experiment) {
        return error_set(e, STATUS_BAD_INPUT, "--publish=%s: there is no such experiment", name);
    }
    if (p.experiment->refusal) {
        return error_set(e, STATUS_BAD_INPUT, "%s", p.experiment->refusal);
    }
    const char *path = pool_print(plan->pool, "%s/publish.lock", plan->root);
    p.folder = pool_print(plan->pool, "%s/%s", plan->root, name);
    p.copies = pool_print(plan->pool, "%s/%s/.copies", plan->root, name);
    char *text = NULL;
    size_t size = 0;
    if (!path || !p.folder || !p.copies || !(p.out = open_memstream(&text, &size))) {
        return pool_exhausted(e);
    }
    /* The first pass only checks: complete results may be read-only. */
    enum status status = publish(&p, only, e);
    if (fclose(p.out) && status == STATUS_OK) {
        status = pool_exhausted(e);
    }
    if (status == STATUS_OK && !p.differs) {
        fputs(text, out);
    } else if (status == STATUS_OK) {
        /* Only one process publishes at a time, so that users see the results of one make, not a mixture of two. */
        struct lock lock;
        status = file_make_folder(plan->root, e);
        THEN(status, lock_take(path, LOCK_EXCLUSIVE, wait, &lock, e));
        if (status == STATUS_OK) {
            p.act = true;
            p.out = out;
            status = publish(&p, only, e);
            lock_release(&lock);
        }
    }
    free(text);
    file_sweep(plan->root); /* temporary files of killed processes: ledger, report, publishing */
    file_sweep(p.folder);
    file_sweep(plan->figures);
    return status;
}
