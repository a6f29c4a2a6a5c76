/* Tool `report`: writes ROOT/report.html, one page with all computed results of the experiments of a plan: tables and
 * figures beside the published numbers, the differences from the published protocol, and the runs. It reads artifacts
 * and their run records and computes nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "stages/planner.h"
#include "stages/stage.h"
#include "stages/report_page.h"

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    char *text = NULL;
    size_t size = 0;
    const char *path = pool_print(plan->pool, "%s/report.html", plan->root);
    FILE *out = path ? open_memstream(&text, &size) : NULL;
    if (!out) {
        return error_set(e, STATUS_FAILED, "report: out of memory");
    }
    enum status status = report_page(plan, request, out, e);
    const bool failed = ferror(out);
    if ((fclose(out) || failed) && status == STATUS_OK) {
        status = error_set(e, STATUS_FAILED, "report: out of memory");
    }
    THEN(status, file_make_folder(plan->root, e));
    THEN(status, file_write(path, text, size, e));
    if (status == STATUS_OK) {
        printf("report: %s\n", path);
    }
    free(text);
    return status;
}

int main(int argc, char **argv) {
    return planner_main(argc, argv, all_stages, "Writes RESULTS/report.html: all computed results on one page.", run);
}
