#include "stages/kept_figure.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owner.h"
#include "experiment/names.h"
#include "stages/drawing.h"
#include "stages/history.h"
#include "store/recipe.h"

enum status kept_figure_visit(const struct plan *plan, const struct plan_request *request, const char *only,
                              const char *ending, enum status (*visit)(struct kept_figure *k, struct error *e),
                              struct error *e) {
    enum status status = STATUS_OK;
    bool found = *only == '\0';
    for (size_t i = 0; i < plan->count && status == STATUS_OK; i++) {
        const struct experiment *x = &plan->experiments[i];
        for (size_t j = 0; j < x->export_count && status == STATUS_OK && !x->refusal; j++) {
            const struct exported *export = &x->exports[j];
            if (!export->is_figure || export->family->node_count != 1 || (*only && strcmp(only, export->name))) {
                continue;
            }
            found = true;
            struct kept_figure k = {plan, request, x, export->family->nodes[0], export->name, NULL, NULL, NULL, NULL};
            k.folder = pool_print(plan->pool, "%s/reference/%s%s", request->results, x->name, ending);
            k.table = k.folder ? pool_print(plan->pool, "%s/%s%s.tsv", k.folder, k.name,
                                            has_table(x, k.name) ? "-figure" : "")
                               : NULL;
            k.record_path = k.table ? pool_print(plan->pool, "%s/runs/%s.json", k.folder, k.node->name) : NULL;
            status = k.record_path ? visit(&k, e) : pool_exhausted(e);
        }
    }
    return found || status != STATUS_OK ? status : error_set(e, STATUS_BAD_INPUT, "there is no figure called %s", only);
}

const struct node_inputs *kept_figure_inputs(const struct kept_figure *k, const char *name) {
    size_t i = 0;
    while (strcmp(k->node->stage->inputs[i].name, name) != 0) {
        i++;
    }
    return &k->node->inputs[i];
}

struct record *kept_figure_record(const struct kept_figure *k, const char *folder, const char *label) {
    struct record *record = record_new(k->node->stage->name, stage_version(k->node->stage, k->node->parameters),
                                       k->node->key, k->node->recipe, folder);
    if (record) {
        history_environment(record);
        record_label(record, label);
        record_threads(record, 1);
        record_parameters(record, k->node->parameters);
    }
    return record;
}

/* Adds the drawn files in `folder` to the record, and writes it. */
static enum status write_record(const struct kept_figure *k, const char *folder, struct record *record,
                                struct error *e) {
    enum status status = STATUS_OK;
    for (const char *const *output = k->node->stage->outputs; *output && status == STATUS_OK; output++) {
        const char *path = pool_print(k->plan->pool, "%s/%s", folder, *output);
        char digest[65];
        char *data = NULL;
        size_t size = 0;
        status = path ? file_read(path, &data, &size, e) : pool_exhausted(e);
        if (status == STATUS_OK) {
            sha256(data, size, digest);
            record_output(record, *output, size, digest);
        }
        free(data);
    }
    record_end(record, "done", "");
    THEN(status, record_write(record, k->record_path, e));
    return status;
}

enum status kept_figure_draw(const struct kept_figure *k, const struct figure *f, struct record *record,
                             struct error *e) {
    struct pool *pool = k->plan->pool;
    char owner[OWNER_NAME];
    const char *folder = pool_print(pool, "%s.tmp-%s", k->folder, owner_name(owner));
    const char *work = folder ? pool_print(pool, "%s/gnuplot", folder) : NULL,
               *table = folder ? pool_print(pool, "%s/figure.tsv", folder) : NULL;
    if (!work || !table) {
        return pool_exhausted(e);
    }
    char version[DRAWING_VERSION];
    enum status status = drawing_begin(f, work, version, e);
    THEN(status, drawing_table(f, table, e));
    for (const char *const *output = k->node->stage->outputs + 1; *output && status == STATUS_OK; output++) {
        const char *path = pool_print(pool, "%s/%s", folder, *output);
        status = path ? drawing_make(f, work, *output, path, e) : pool_exhausted(e);
    }
    if (status == STATUS_OK) {
        record_note(record, "gnuplot", version);
        status = write_record(k, folder, record, e);
    }
    static const char *const endings[] = {"tsv", "svg", "png"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings && status == STATUS_OK; i++) {
        const char *from = pool_print(pool, "%s/figure.%s", folder, endings[i]);
        const char *to = i == 0 ? k->table : pool_print(pool, "%s/%s.%s", k->folder, k->name, endings[i]);
        status = from && to ? file_replace(from, to, e) : pool_exhausted(e);
    }
    drawing_end(folder);
    return status;
}
