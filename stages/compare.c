/* Tool `compare` (make diff): prints two runs side by side: recipes, programs, machines, times and results. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "experiment/names.h"
#include "provenance/compare.h"
#include "provenance/tree.h"
#include "stages/compare_results.h"
#include "stages/planner.h"

static const char *name_a, *name_b;

/* One side: a node, a key, or the file of a run record. */
struct side {
    const char *letter, *name;
    struct lineage *lineage;
    struct record *own; /* read from a file */
    const struct record *record;
    const char *folder; /* of the artifact; NULL if only the record is known */
};

static enum status read_file(const struct plan *plan, struct side *s, struct error *e) {
    struct stat info;
    const bool folder = stat(s->name, &info) == 0 && S_ISDIR(info.st_mode);
    const char *path = folder ? pool_print(plan->pool, "%s/run.json", s->name) : s->name;
    enum status status = path ? record_read(path, &s->own, e) : pool_exhausted(e);
    const char *slash = path ? strrchr(path, '/') : NULL;
    s->record = s->own;
    if (status == STATUS_OK && slash && strcmp(slash + 1, "run.json") == 0) {
        s->folder = pool_copy(plan->pool, path, (size_t)(slash - path));
    }
    return status;
}

/* Reads the records below a root and looks for the artifact whose key begins with the name of the side. */
static enum status look_under(const char *root, struct side *s, struct error *e) {
    struct error nothing;
    enum status status = lineage_read(root, &s->lineage, e);
    if (status == STATUS_OK && lineage_find_prefix(s->lineage, s->name, &s->record, &nothing) != STATUS_OK) {
        if (strstr(nothing.message, "several")) {
            *e = nothing;
            return nothing.status;
        }
        s->record = NULL;
        lineage_free(s->lineage);
        s->lineage = NULL;
    }
    return status;
}

/* Looks for a key in this profile, then in the others. */
static enum status find_key(const struct plan *plan, const struct plan_request *r, struct side *s, struct error *e) {
    enum status status = look_under(plan->root, s, e);
    struct pool *pool = plan->pool;
    const char *folder = pool_print(pool, "%s/profiles", r->experiments);
    struct tree profiles = {0};
    struct error ignored;
    if (status == STATUS_OK && !s->record) {
        status = look_under(r->results, s, e);
    }
    if (folder && tree_list(folder, "", &profiles, &ignored) == STATUS_OK) {
        for (size_t i = 0; status == STATUS_OK && !s->record && i < profiles.count; i++) {
            const char *root =
                pool_print(pool, "%s/%.*s", r->results, (int)strcspn(profiles.paths[i], "."), profiles.paths[i]);
            status = root ? look_under(root, s, e) : pool_exhausted(e);
        }
    }
    tree_free(&profiles);
    return status != STATUS_OK || s->record
               ? status
               : error_set(e, STATUS_BAD_INPUT, "%s=%s: no artifact under %s has a key that begins with this",
                           s->letter, s->name, r->results);
}

static enum status find_node(const struct plan *plan, struct side *s, struct error *e) {
    TRY(lineage_read(plan->root, &s->lineage, e));
    const struct node *node = plan_node(plan, s->name, NULL);
    if (node) {
        s->record = lineage_find(s->lineage, node->key);
        const struct record *last = s->record ? NULL : lineage_last(s->lineage, s->name);
        return s->record ? STATUS_OK
                         : error_set(e, STATUS_BAD_INPUT, "%s=%s: not computed (key %.12s)%s%.12s", s->letter, s->name,
                                     node->key, last ? "; the last computed version has the key " : "",
                                     last ? record_text(last, "key") : "");
    }
    const char **labels = NULL;
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment *x = &plan->experiments[i];
        for (size_t j = 0; j < x->node_count; j++) {
            const char *label = pool_print(plan->pool, "%s/%s", x->name, x->nodes[j]->name);
            labels = pool_extend(plan->pool, labels, count, sizeof *labels);
            if (!label || !labels) {
                return pool_exhausted(e);
            }
            labels[count++] = label;
        }
    }
    return error_set(e, STATUS_BAD_INPUT,
                     "%s=%s: expected EXPERIMENT/NODE, the beginning of a key, or the file of a run record%s",
                     s->letter, s->name, suggestion(plan->pool, s->name, labels, count));
}

static enum status find(const struct plan *plan, const struct plan_request *r, struct side *s, struct error *e) {
    if (!*s->name) {
        return error_set(e, STATUS_BAD_INPUT, "%s is missing: expected two results, such as A=table1/model B=3fa9",
                         s->letter);
    }
    const size_t length = strlen(s->name);
    enum status status;
    if (length > 5 && (strcmp(s->name + length - 5, ".json") == 0 || access(s->name, F_OK) == 0)) {
        status = read_file(plan, s, e);
    } else if (length >= 4 && strspn(s->name, "0123456789abcdef") == length) {
        status = find_key(plan, r, s, e);
    } else {
        status = find_node(plan, s, e);
    }
    if (status == STATUS_OK && !s->folder && s->lineage) {
        s->folder = pool_print(plan->pool, "%s/artifacts/%s", lineage_root(s->lineage), record_text(s->record, "key"));
    }
    return status;
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    struct side a = {.letter = "A", .name = name_a}, b = {.letter = "B", .name = name_b};
    enum status status = find(plan, request, &a, e);
    THEN(status, find(plan, request, &b, e));
    if (status == STATUS_OK && strcmp(record_text(a.record, "stage"), record_text(b.record, "stage")) != 0) {
        status =
            error_set(e, STATUS_BAD_INPUT, "A=%s is of stage %s, B=%s of stage %s: expected two results of one stage",
                      a.name, record_text(a.record, "stage"), b.name, record_text(b.record, "stage"));
    }
    if (status == STATUS_OK) {
        const struct compared one = {a.record, a.lineage}, other = {b.record, b.lineage};
        compare_heads(&one, &other, stdout);
        status = compare_recipes(&one, &other, stdout, e);
        compare_runs(&one, &other, stdout);
        THEN(status, compare_results(a.record, a.folder, b.record, b.folder, stdout, e));
    }
    record_free(a.own);
    record_free(b.own);
    lineage_free(a.lineage);
    lineage_free(b.lineage);
    return status;
}

int main(int argc, char **argv) {
    name_a = name_b = "";
    const struct planner_option own[] = {
        {"a", "RESULT", "EXPERIMENT/NODE, the beginning of a key, or the file of a run record", &name_a},
        {"b", "RESULT", "the result to compare it with, given in the same form", &name_b},
        {0}};
    return planner_main_with(argc, argv, all_stages, "Compares two results and everything that they were made from.",
                             own, run);
}
