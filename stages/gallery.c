/* Tool `gallery`: writes docs/gallery.md (or the file given), with every figure of results/reference/EXPERIMENT/ and
 * its caption, `summary.FIGURE` of the experiment. The order is fixed: experiments by name, figures as in their
 * files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "stages/planner.h"
#include "stages/stage.h"
#include "store/record.h"

static const char target[] = "docs/gallery.md";

/* Whether git keeps the figure, as NAME.svg. A figure of a swept node has several files. */
static bool kept(const struct plan *plan, const struct plan_request *request, const struct experiment *x,
                 const struct exported *export) {
    const char *path = pool_print(plan->pool, "%s/reference/%s/%s.svg", request->results, x->name, export->name);
    return export->is_figure && path && !access(path, R_OK);
}

/* The remark in the figure's run record, as " (PROFILE=reduced: ...)"; "" if there is none. */
static const char *remark_of(const struct plan *plan, const struct plan_request *request, const struct experiment *x,
                             const struct exported *export) {
    const char *path =
        pool_print(plan->pool, "%s/reference/%s/runs/%s.json", request->results, x->name, export->family->name);
    struct record *record;
    struct error ignored;
    if (!path || record_read(path, &record, &ignored) != STATUS_OK) {
        return "";
    }
    const char *remark = record_member(record, "parameters", "remark");
    const char *text = *remark ? pool_print(plan->pool, " (%s)", remark) : "";
    record_free(record);
    return text ? text : "";
}

static void write_gallery(const struct plan *plan, const struct plan_request *request, FILE *out) {
    fputs("# Gallery\n\nFigures of the last full-scale run of each experiment, or of the scale that they state. "
          "Written by `make gallery` from\n`results/reference/`; the data behind each figure, tables and run records "
          "are beside it.\n",
          out);
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment *x = &plan->experiments[i];
        bool any = false;
        for (size_t j = 0; j < x->export_count; j++) {
            const struct exported *export = &x->exports[j];
            if (!kept(plan, request, x, export)) {
                continue;
            }
            if (!any) {
                fprintf(out, "\n## %s\n\n`make %s`: %s.\n", *x->title ? x->title : x->name, x->name, x->summary);
                any = true;
            }
            const char *caption = *export->summary ? export->summary : export->name;
            fprintf(out, "\n![%s](../%s/reference/%s/%s.svg)\n\n*%s*: %s%s.\n", caption, request->results, x->name,
                    export->name, export->name, caption, remark_of(plan, request, x, export));
        }
    }
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return pool_exhausted(e);
    }
    write_gallery(plan, request, out);
    enum status status = fclose(out) ? pool_exhausted(e) : file_make_folder("docs", e);
    THEN(status, file_write(target, text, size, e));
    if (status == STATUS_OK) {
        printf("gallery: %s\n", target);
    }
    free(text);
    return status;
}

int main(int argc, char **argv) {
    return planner_main(argc, argv, all_stages, "Writes docs/gallery.md from results/reference/.", run);
}
