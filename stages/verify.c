/* Tool `verify`: checks results against their run records and the ledger, and against recomputed results; see
 * src/provenance/verify.h. */
#include <string.h>

#include "provenance/verify.h"
#include "stages/closure.h"
#include "stages/planner.h"

static const char *name, *again;

/* Prints how many artifacts of the experiment are not computed, which is not an error. */
static void say_missing(const struct lineage *lineage, const char *const *keys, size_t count) {
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        missing += lineage_find(lineage, keys[i]) == NULL;
    }
    if (missing > 0) {
        printf("%s: %zu of %zu artifacts are not computed\n", name, missing, count);
    }
}

static enum status check(const struct plan *plan, const struct lineage *lineage, struct error *e) {
    const struct experiment *x;
    const char *const *keys = NULL;
    size_t count = 0, wrong = 0;
    enum status status = STATUS_OK;
    if (*name) {
        TRY(closure_experiment(plan, "NAME", name, &x, e));
        TRY(closure_keys(plan, x, &keys, &count, e));
    }
    if (lineage_count(lineage) == 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: no results found", plan->root);
    }
    struct lineage *computed_again = NULL;
    if (*again) {
        status = lineage_read(again, &computed_again, e);
        THEN(status, verify_again(lineage, computed_again, keys, count, stdout, &wrong, e));
    } else {
        status = verify_results(lineage, keys, count, stdout, &wrong, e);
        say_missing(lineage, keys, count);
    }
    lineage_free(computed_again);
    return status == STATUS_OK && wrong ? error_set(e, STATUS_FAILED, "%s: verification failed, see above", plan->root)
                                        : status;
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    struct lineage *lineage = NULL;
    (void)request;
    enum status status = lineage_read(plan->root, &lineage, e);
    THEN(status, check(plan, lineage, e));
    lineage_free(lineage);
    return status;
}

int main(int argc, char **argv) {
    name = again = "";
    const struct planner_option own[] = {
        {"name", "EXPERIMENT", "only the artifacts of this experiment", &name},
        {"again", "FOLDER", "compares byte by byte with the recomputed results in this folder", &again},
        {0}};
    return planner_main_with(argc, argv, all_stages,
                             "Checks artifacts against their run records, and run records against the ledger.", own,
                             run);
}
