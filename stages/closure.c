/* See closure.h. */
#include "stages/closure.h"

#include <string.h>

#include "experiment/names.h"

enum status closure_experiment(const struct plan *plan, const char *what, const char *name, const struct experiment **x,
                               struct error *e) {
    const char **names = pool_take(plan->pool, (plan->count + 1) * sizeof *names);
    if (!names) {
        return pool_exhausted(e);
    }
    for (size_t i = 0; i < plan->count; i++) {
        names[i] = plan->experiments[i].name;
        if (strcmp(names[i], name) == 0) {
            *x = &plan->experiments[i];
            return (*x)->refusal ? error_set(e, STATUS_BAD_INPUT, "%s", (*x)->refusal) : STATUS_OK;
        }
    }
    return error_set(e, STATUS_BAD_INPUT, "%s=%s: expected the name of an experiment%s", what, name,
                     suggestion(plan->pool, name, names, plan->count));
}

enum status closure_keys(const struct plan *plan, const struct experiment *x, const char *const **result, size_t *count,
                         struct error *e) {
    const char **keys = pool_take(plan->pool, (x->node_count + 1) * sizeof *keys);
    if (!keys) {
        return pool_exhausted(e);
    }
    *count = 0;
    for (size_t i = 0; i < x->node_count; i++) {
        bool listed = false;
        for (size_t j = 0; j < *count && !listed; j++) {
            listed = strcmp(keys[j], x->nodes[i]->key) == 0;
        }
        if (!listed) {
            keys[(*count)++] = x->nodes[i]->key;
        }
    }
    *result = keys;
    return STATUS_OK;
}
