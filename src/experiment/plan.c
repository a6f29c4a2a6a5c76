/* Reads all experiments with a profile, SET and backend: see plan.h. */
#include "experiment/plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "experiment/names.h"
#include "experiment/overrides.h"

/* Targets of the Makefile, which experiments, figures and tables cannot use. */
static const char *const reserved[] = {
    "all",     "archive", "bench",          "check",        "check-gpu", "check-slow", "clean",
    "compute", "diff",    "documents",      "export",       "format",    "gallery",    "help",
    "install", "ledger",  "ledger-rebuild", "paper",        "points",    "profiles",   "redraw",
    "report",  "setup",   "slurm",          "slurm-status", "test",      "verify",     "why"};

/* fig9 before fig10 */
static int by_name(const void *a, const void *b) {
    const char *const *x = a, *const *y = b;
    return strverscmp(*x, *y);
}

/* Lists the .ini files in a folder, without ".ini", sorted. */
static enum status list_folder(struct pool *pool, const char *folder, const char ***names, size_t *count,
                               struct error *e) {
    *names = NULL;
    *count = 0;
    DIR *d = opendir(folder);
    if (!d) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s; expected a folder with experiments", folder, strerror(errno));
    }
    enum status status = STATUS_OK;
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(d));) {
        size_t length = strlen(entry->d_name);
        if (length <= 4 || entry->d_name[0] == '.' || strcmp(entry->d_name + length - 4, ".ini")) {
            continue;
        }
        *names = pool_extend(pool, *names, *count, sizeof **names);
        if (!*names || !((*names)[*count] = pool_copy(pool, entry->d_name, length - 4))) {
            status = pool_exhausted(e);
        } else {
            ++*count;
        }
    }
    closedir(d);
    if (status == STATUS_OK && *count) {
        qsort(*names, *count, sizeof **names, by_name);
    }
    return status;
}

/* Reads the profile and determines its folders. */
static enum status read_profile(const struct plan_request *r, struct plan *plan, struct overrides *overrides,
                                struct error *e) {
    plan->root = r->results;
    plan->figures = r->figures;
    if (!strcmp(r->profile, "paper")) {
        return STATUS_OK;
    }
    size_t length = strlen(r->profile);
    bool is_path = length > 4 && !strcmp(r->profile + length - 4, ".ini");
    const char *folder = pool_print(plan->pool, "%s/profiles", r->experiments);
    const char *path = is_path ? r->profile : pool_print(plan->pool, "%s/%s.ini", folder ? folder : "", r->profile);
    if (!folder || !path) {
        return pool_exhausted(e);
    }
    if (strchr(r->profile, '/') && !is_path) {
        return error_set(e, STATUS_BAD_INPUT, "PROFILE=%s: expected a name, or a path that ends in .ini", r->profile);
    }
    if (access(path, R_OK)) {
        const char **names;
        size_t count;
        struct error ignored;
        if (is_path || list_folder(plan->pool, folder, &names, &count, &ignored) != STATUS_OK) {
            count = 0;
        }
        const char *known = "paper";
        for (size_t i = 0; i < count; i++) {
            known = known ? pool_print(plan->pool, "%s, %s", known, names[i]) : NULL;
        }
        return error_set(e, STATUS_BAD_INPUT, "PROFILE=%s: cannot read %s; expected one of %s%s", r->profile, path,
                         known ? known : "paper", count ? suggestion(plan->pool, r->profile, names, count) : "");
    }
    const char *slash = strrchr(r->profile, '/'), *base = slash ? slash + 1 : r->profile;
    size_t base_length = strlen(base) - (is_path ? 4 : 0);
    plan->profile = pool_copy(plan->pool, base, base_length);
    if (!plan->profile) {
        return pool_exhausted(e);
    }
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (strspn(plan->profile, letters) != base_length || !base_length || *plan->profile == '.' ||
        !strcmp(plan->profile, "artifacts") || !strcmp(plan->profile, "reference") || !strcmp(plan->profile, "paper")) {
        return error_set(e, STATUS_BAD_INPUT,
                         "PROFILE=%s: this is also the name of a folder; expected letters, digits, '-', '_' and '.', "
                         "and not artifacts, reference or paper",
                         r->profile);
    }
    plan->root = pool_print(plan->pool, "%s/%.*s", r->results, (int)base_length, base);
    plan->figures = pool_print(plan->pool, "%s/%.*s", r->figures, (int)base_length, base);
    if (!plan->root || !plan->figures) {
        return pool_exhausted(e);
    }
    return overrides_profile(plan->pool, overrides, path, r->stages, e);
}

/* Leaves out an experiment with the error e. Fails with e if that is not an error of the input, or if no other
 * experiment remains. */
static enum status refuse(struct plan *plan, struct experiment *x, bool broken, struct error *e) {
    bool others = false;
    for (size_t i = 0; i < plan->count; i++) {
        others = others || (&plan->experiments[i] != x && !plan->experiments[i].refusal);
    }
    if (e->status != STATUS_BAD_INPUT || !others) {
        return e->status;
    }
    experiment_release(x);
    const char **texts[] = {&x->title, &x->summary, &x->cost, &x->differs, &x->tool};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = *texts[i] ? *texts[i] : "";
    }
    x->family_count = 0;
    x->broken = broken;
    x->refusal = pool_print(plan->pool, "%s", e->message);
    return x->refusal ? STATUS_OK : pool_exhausted(e);
}

struct target {
    const char *name, *where;
    struct experiment *owner;
};

/* Checks that targets of make have different names: those of the Makefile, experiments, figures and tables. Of two
 * experiments with a common name the later one is left out. */
static enum status check_targets(struct plan *plan, struct error *e) {
    struct target *targets = NULL;
    size_t count = 0;
    for (int exports = 0; exports <= 1; exports++) { /* the experiments' own names come first */
        for (size_t i = 0; i < plan->count; i++) {
            struct experiment *x = &plan->experiments[i];
            for (size_t j = 0; j < (exports ? x->export_count : 1) && !x->refusal; j++) {
                struct target target = {x->name, x->settings.path, x};
                if (exports) {
                    target = (struct target){x->exports[j].name, x->exports[j].where, x};
                    bool is_main = !strcmp(target.name, x->name);
                    for (size_t k = 0; k < j; k++) {
                        if (!strcmp(x->exports[k].name, target.name) &&
                            x->exports[k].is_figure == x->exports[j].is_figure) {
                            is_main = false;
                        }
                    }
                    if (is_main) {
                        continue; /* made by the experiment's own target */
                    }
                }
                if (!(targets = pool_extend(plan->pool, targets, count, sizeof *targets))) {
                    return pool_exhausted(e);
                }
                targets[count++] = target;
            }
        }
    }
    for (size_t i = 0; i < plan->count && plan->profile; i++) {
        if (!strcmp(plan->experiments[i].name, plan->profile)) {
            return error_set(e, STATUS_BAD_INPUT,
                             "PROFILE=%s: the folder of its results would be that of the experiment %s; "
                             "expected another name",
                             plan->profile, plan->experiments[i].settings.path);
        }
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct target *t = &targets[i];
        bool clash = false;
        for (size_t j = 0; j < sizeof reserved / sizeof *reserved && !clash; j++) {
            clash = !strcmp(t->name, reserved[j]);
            if (clash) {
                error_set(e, STATUS_BAD_INPUT, "%s: '%s' is a target of the Makefile; expected another name", t->where,
                          reserved[j]);
            }
        }
        for (size_t j = 0; j < i && !clash; j++) {
            clash = !targets[j].owner->refusal && !strcmp(t->name, targets[j].name);
            if (clash) {
                error_set(e, STATUS_BAD_INPUT, "%s: '%s' is already a target, of %s; expected another name", t->where,
                          t->name, targets[j].where);
            }
        }
        if (clash && !t->owner->refusal) {
            status = refuse(plan, t->owner, true, e);
        }
    }
    return status;
}

/* The experiment with this target of make, or NULL. */
static struct experiment *owner_of(const struct plan *plan, const char *goal) {
    for (size_t i = 0; i < plan->count; i++) {
        struct experiment *x = &plan->experiments[i];
        bool found = !strcmp(x->name, goal);
        for (size_t j = 0; j < x->export_count && !found; j++) {
            found = !strcmp(x->exports[j].name, goal);
        }
        if (found && !x->refusal) {
            return x;
        }
    }
    return NULL;
}

/* Expands an experiment. With SET, an error is reported only when it is requested, unless all experiments have one. */
static enum status expand(struct plan *plan, struct experiment *x, const struct overrides *overrides, bool set,
                          struct error *e) {
    if (x->refusal || x->expanded) {
        return STATUS_OK;
    }
    x->expanded = experiment_expand(plan->pool, x, overrides, plan->backend, e) == STATUS_OK;
    return x->expanded ? STATUS_OK : refuse(plan, x, !set, e);
}

/* Whether the experiment has nodes, and all their results exist with complete run records. */
static bool is_complete(const struct plan *plan, const struct experiment *x) {
    for (size_t i = 0; i < x->node_count; i++) {
        const char *file = plan_artifact(plan, x->nodes[i]), *folder = plan_folder(plan, x->nodes[i]);
        const char *pending = folder ? pool_print(plan->pool, "%s/pending-run.json", folder) : NULL;
        if (!file || !pending || access(file, F_OK) || !access(pending, F_OK)) {
            return false;
        }
    }
    return x->expanded;
}

/* Whether only experiments with these targets have to be expanded, which is done: those that exist need no run, whose
 * record would name all experiments with the same node. */
static bool expand_goals(struct plan *plan, const char *goals, const struct overrides *overrides, bool set,
                         enum status *status, struct error *e) {
    char *list = pool_copy(plan->pool, goals, strlen(goals));
    bool enough = list && *goals;
    for (char *rest, *goal = enough ? strtok_r(list, " ", &rest) : NULL; goal && enough && *status == STATUS_OK;
         goal = strtok_r(NULL, " ", &rest)) {
        struct experiment *x = owner_of(plan, goal);
        enough = x != NULL;
        if (enough) {
            *status = expand(plan, x, overrides, set, e);
            enough = is_complete(plan, x);
        }
    }
    return enough;
}

static enum status expand_all(struct plan *plan, const struct plan_request *r, const struct overrides *overrides,
                              struct error *e) {
    const bool set = *r->set != '\0';
    enum status status = STATUS_OK;
    if (r->goals && expand_goals(plan, r->goals, overrides, set, &status, e)) {
        return status;
    }
    for (size_t i = 0; i < plan->count && status == STATUS_OK; i++) {
        status = expand(plan, &plan->experiments[i], overrides, set, e);
    }
    return status;
}

void plan_warn(const struct plan *plan, FILE *out) {
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->experiments[i].broken) {
            fprintf(out, "warning: %s; experiment %s is left out\n", plan->experiments[i].refusal,
                    plan->experiments[i].name);
        }
    }
}

/* Reads all experiments; those with an error are left out. STATUS_BAD_INPUT: the name of a file cannot be a target. */
static enum status read_experiments(struct plan *plan, const char *folder, const char *const *names, size_t count,
                                    struct error *e) {
    enum status status = STATUS_OK;
    struct error *errors = pool_take(plan->pool, (count + 1) * sizeof *errors);
    if (!errors) {
        return pool_exhausted(e);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const char *path = pool_print(plan->pool, "%s/%s.ini", folder, names[i]);
        struct experiment *x = &plan->experiments[i];
        status = path ? experiment_read(plan->pool, path, plan->stages, x, &errors[i]) : pool_exhausted(e);
        plan->count = i + 1;
        if (status != STATUS_OK && path) {
            *e = errors[i];
        }
        if (status == STATUS_BAD_INPUT && x->settings.path) {
            x->refusal = errors[i].message; /* preliminary: all must be read to know whether any is valid */
            status = STATUS_OK;
        }
    }
    for (size_t i = 0; i < plan->count && status == STATUS_OK; i++) {
        if (plan->experiments[i].refusal) {
            *e = errors[i];
            status = refuse(plan, &plan->experiments[i], true, e);
        }
    }
    return status;
}

enum status plan_read(const struct plan_request *r, struct plan *plan, struct error *e) {
    struct overrides overrides = {0};
    const char **names;
    size_t count;
    *plan = (struct plan){.pool = pool_new(), .stages = r->stages, .programs = r->programs, .backend = r->backend};
    if (!plan->pool) {
        return pool_exhausted(e);
    }
    if (!words_among(BACKENDS, r->backend)) {
        return error_set(e, STATUS_BAD_INPUT, "BACKEND=%s: expected " BACKENDS, r->backend);
    }
    if (strcmp(r->backend, "cpu") && r->no_cuda) {
        return error_set(e, STATUS_BAD_INPUT, "BACKEND=%s: no CUDA backend is built: %s; expected cpu", r->backend,
                         r->no_cuda);
    }
    char *title = pool_print(plan->pool, "PROFILE=%s SET=%s BACKEND=%s", r->profile, r->set, r->backend);
    for (char *c = title; c && *c; c++) {
        *c = *c == '\\' || (unsigned char)*c < ' ' ? ' ' : *c; /* it is written to a comment line of the rules */
    }
    plan->title = title;
    enum status status = plan->title ? list_folder(plan->pool, r->experiments, &names, &count, e) : pool_exhausted(e);
    THEN(status, read_profile(r, plan, &overrides, e));
    THEN(status, overrides_set(plan->pool, &overrides, r->set, r->stages, e));
    if (status == STATUS_OK && !(plan->experiments = pool_take(plan->pool, (count + 1) * sizeof *plan->experiments))) {
        status = pool_exhausted(e);
    }
    THEN(status, read_experiments(plan, r->experiments, names, count, e));
    THEN(status, check_targets(plan, e));
    THEN(status, overrides_check(plan->pool, &overrides, plan->experiments, plan->count, r->stages, e));
    THEN(status, expand_all(plan, r, &overrides, e));
    return status;
}

void plan_free(struct plan *plan) {
    for (size_t i = 0; i < plan->count; i++) {
        experiment_release(&plan->experiments[i]);
    }
    pool_free(plan->pool);
    *plan = (struct plan){0};
}

const struct node *plan_node(const struct plan *plan, const char *label, const struct experiment **experiment) {
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment *x = &plan->experiments[i];
        const size_t length = strlen(x->name);
        for (size_t j = 0; j < x->node_count && !strncmp(label, x->name, length) && label[length] == '/'; j++) {
            if (!strcmp(label + length + 1, x->nodes[j]->name)) {
                if (experiment) {
                    *experiment = x;
                }
                return x->nodes[j];
            }
        }
    }
    return NULL;
}

const char *plan_folder(const struct plan *plan, const struct node *node) {
    return pool_print(plan->pool, "%s/artifacts/%s", plan->root, node->key);
}

const char *plan_artifact(const struct plan *plan, const struct node *node) {
    const char *const *last = node->stage->outputs;
    while (last[1]) {
        last++;
    }
    return pool_print(plan->pool, "%s/artifacts/%s/%s", plan->root, node->key, *last);
}

void plan_help(const struct plan *plan, FILE *out) {
    fprintf(out, "Experiments:\n");
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment *x = &plan->experiments[i];
        fprintf(out, "  make %-16s %s\n", x->name, *x->summary ? x->summary : x->title);
        if (*x->cost) {
            fprintf(out, "  %21s takes %s\n", "", x->cost);
        }
        for (size_t j = 0; j < x->export_count; j++) {
            const struct exported *export = &x->exports[j];
            if (strcmp(export->name, x->name)) {
                fprintf(out, "  make %-16s %s%s(of %s)\n", export->name, export->summary, *export->summary ? " " : "",
                        x->name);
            }
        }
    }
    fprintf(out, "\nStages (%s/NAME --help describes the parameters, which SET changes):\n", plan->programs);
    for (const struct stage *const *s = plan->stages; *s; s++) {
        fprintf(out, "  %-21s %s\n", (*s)->name, (*s)->summary);
    }
}
