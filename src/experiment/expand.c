/* Expands families into nodes: combinations of sweeps, parameters by precedence, recipes and keys. */
#include "experiment/expand.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "experiment/names.h"
#include "experiment/overrides.h"
#include "store/recipe.h"

/* --- axes ---------------------------------------------------------------------------------------- */

/* Compares a sweep with the family's axis for the same parameter. *found: there is one. */
static enum status compare_axis(const struct family *family, const struct sweep *axis, bool *found, struct error *e) {
    *found = false;
    for (size_t i = 0; i < family->axis_count; i++) {
        const struct sweep *other = &family->axes[i];
        if (strcmp(other->parameter, axis->parameter)) {
            continue;
        }
        bool same = other->count == axis->count;
        for (size_t j = 0; same && j < axis->count; j++) {
            same = !strcmp(other->values[j], axis->values[j]);
        }
        if (!same) {
            return error_set(e, STATUS_BAD_INPUT,
                             "%s: [%s] depends on two sweeps of '%s', at %s and %s, that list "
                             "different values; expected the same list",
                             family->section->where, family->name, axis->parameter, other->where, axis->where);
        }
        *found = true;
        return STATUS_OK;
    }
    return STATUS_OK;
}

static enum status add_axis(struct pool *pool, struct family *family, const struct sweep *axis, struct error *e) {
    bool found;
    const enum status status = compare_axis(family, axis, &found, e);
    if (status != STATUS_OK || found) {
        return status;
    }
    family->axes = pool_extend(pool, family->axes, family->axis_count, sizeof *axis);
    if (!family->axes) {
        return pool_exhausted(e);
    }
    family->axes[family->axis_count++] = *axis;
    return STATUS_OK;
}

static enum status find_axes(struct pool *pool, struct family *family, struct error *e) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < family->stage->input_count; i++) {
        const struct family_inputs *input = &family->inputs[i];
        if (family->stage->inputs[i].many || !input->count) {
            continue;
        }
        for (size_t j = 0; j < input->families[0]->axis_count && status == STATUS_OK; j++) {
            status = add_axis(pool, family, &input->families[0]->axes[j], e);
        }
    }
    for (size_t i = 0; i < family->sweep_count && status == STATUS_OK; i++) {
        status = add_axis(pool, family, &family->sweeps[i], e);
    }
    /* an input of many nodes adds no axis, but the sweeps that it shares with the family must agree */
    for (size_t i = 0; i < family->stage->input_count && status == STATUS_OK; i++) {
        for (size_t j = 0; family->stage->inputs[i].many && j < family->inputs[i].count; j++) {
            const struct family *source = family->inputs[i].families[j];
            bool found;
            for (size_t k = 0; k < source->axis_count && status == STATUS_OK; k++) {
                status = compare_axis(family, &source->axes[k], &found, e);
            }
        }
    }
    return status;
}

bool nodes_agree(const struct node *node, const struct family *family, const char *const *coordinates) {
    for (size_t i = 0; i < node->family->axis_count; i++) {
        for (size_t j = 0; j < family->axis_count; j++) {
            if (!strcmp(node->family->axes[i].parameter, family->axes[j].parameter) &&
                strcmp(node->coordinates[i], coordinates[j])) {
                return false;
            }
        }
    }
    return true;
}

/* --- one node ------------------------------------------------------------------------------------ */

static const struct sweep *find_sweep(const struct family *family, const char *parameter) {
    for (size_t i = 0; i < family->sweep_count; i++) {
        if (!strcmp(family->sweeps[i].parameter, parameter)) {
            return &family->sweeps[i];
        }
    }
    return NULL;
}

static bool is_input(const struct stage *stage, const char *name) {
    for (size_t i = 0; i < stage->input_count; i++) {
        if (!strcmp(stage->inputs[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Replaces sweeps of the file by those of the profile. */
static enum status override_sweeps(struct pool *pool, const struct experiment *x, struct family *family,
                                   const struct overrides *overrides, struct error *e) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < overrides->count && status == STATUS_OK; i++) {
        const struct override *o = &overrides->list[i];
        const char *swept = o->name && o->level == OVERRIDE_PROFILE_NODE ? after_prefix(o->name, "sweep.") : NULL;
        if (!swept || !override_applies(o, x, family)) {
            continue;
        }
        status = find_sweep(family, swept)
                     ? family_sweep(pool, family, swept, o->value, o->where, e)
                     : error_set(e, STATUS_BAD_INPUT, "%s: [%s] has no sweep of '%s' that this could replace", o->where,
                                 family->name, swept);
    }
    for (size_t i = 0; i < overrides->count && status == STATUS_OK; i++) {
        const struct override *o = &overrides->list[i];
        bool of_node = o->name && (o->level == OVERRIDE_PROFILE_NODE || o->level == OVERRIDE_SET_NODE);
        if (of_node && override_applies(o, x, family) && find_sweep(family, o->name)) {
            status =
                error_set(e, STATUS_BAD_INPUT, "%s: '%s' is swept in [%s], at %s; expected a parameter with one value",
                          o->where, o->name, family->name, find_sweep(family, o->name)->where);
        }
    }
    return status;
}

/* The section of one node of a sweep, [generated@steps=100], or NULL. */
static const struct section *member(const struct experiment *x, const struct node *node) {
    return node->family->axis_count ? settings_find(&x->settings, node->name) : NULL;
}

/* Every section of one node of a sweep must name a node, and leave the swept parameters alone. Not checked where a
 * profile may have changed the sweep. */
static enum status check_members(const struct experiment *x, struct error *e) {
    for (size_t i = 0; i < x->settings.count; i++) {
        const struct section *section = &x->settings.sections[i];
        const struct node *node = NULL;
        for (size_t j = 0; j < x->node_count && !node; j++) {
            node = !strcmp(x->nodes[j]->name, section->name) ? x->nodes[j] : NULL;
        }
        if (!strchr(section->name, '@')) {
            continue;
        }
        if (!node) {
            return error_set(e, STATUS_BAD_INPUT, "%s: the sweeps make no node '%s'; expected NODE@PARAMETER=VALUE",
                             section->where, section->name);
        }
        for (size_t j = 0; j < section->count; j++) {
            if (find_sweep(node->family, section->settings[j].name)) {
                return error_set(e, STATUS_BAD_INPUT, "%s: '%s' is swept; expected a parameter with one value",
                                 section->settings[j].where, section->settings[j].name);
            }
        }
    }
    return STATUS_OK;
}

/* Sets all parameters of a node, in the order of precedence, with overrides up to level `strongest`. */
static enum status resolve(const struct experiment *x, const struct family *family, struct node *node,
                           const struct overrides *overrides, int strongest, struct error *e) {
    const struct stage *stage = family->stage;
    const struct section *levels[] = {settings_find(&x->settings, stage->name), family->section, member(x, node)};
    enum status status = STATUS_OK;
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        for (size_t i = 0; levels[l] && i < levels[l]->count && status == STATUS_OK; i++) {
            const struct setting *s = &levels[l]->settings[i];
            if (l == 0 || (strcmp(s->name, "stage") && !after_prefix(s->name, "sweep.") && !is_input(stage, s->name))) {
                status = parameters_set(node->parameters, s->name, s->value, s->where, e);
            }
        }
    }
    for (int level = OVERRIDE_PROFILE_STAGE; level <= strongest; level++) {
        for (size_t i = 0; i < overrides->count && status == STATUS_OK; i++) {
            const struct override *o = &overrides->list[i];
            if ((int)o->level == level && o->name && !after_prefix(o->name, "sweep.") &&
                override_applies(o, x, family)) {
                status = parameters_set(node->parameters, o->name, o->value, o->where, e);
            }
        }
    }
    for (size_t i = 0; i < family->axis_count && status == STATUS_OK; i++) {
        const struct sweep *sweep = find_sweep(family, family->axes[i].parameter);
        if (sweep) {
            status = parameters_set(node->parameters, sweep->parameter, node->coordinates[i], sweep->where, e);
        }
    }
    const char *where = family->section->where;
    THEN(status, parameters_complete(node->parameters, where, e));
    if (status == STATUS_OK && stage->check) {
        status = stage->check(node->parameters, where, e);
    }
    return status;
}

static enum status collect_inputs(struct pool *pool, const struct family *family, struct node *node, struct error *e) {
    node->inputs = pool_take(pool, (family->stage->input_count + 1) * sizeof *node->inputs);
    if (!node->inputs) {
        return pool_exhausted(e);
    }
    for (size_t i = 0; i < family->stage->input_count; i++) {
        struct node_inputs *input = &node->inputs[i];
        for (size_t j = 0; j < family->inputs[i].count; j++) {
            const struct family *source = family->inputs[i].families[j];
            for (size_t k = 0; k < source->node_count; k++) {
                if (!nodes_agree(source->nodes[k], family, node->coordinates)) {
                    continue;
                }
                input->nodes = pool_extend(pool, input->nodes, input->count, sizeof *input->nodes);
                if (!input->nodes) {
                    return pool_exhausted(e);
                }
                input->nodes[input->count++] = source->nodes[k];
            }
        }
    }
    return STATUS_OK;
}

static enum status make_recipe(struct pool *pool, struct node *node, const char *backend, struct error *e) {
    size_t count = 0;
    for (size_t i = 0; i < node->stage->input_count; i++) {
        count += node->inputs[i].count;
    }
    struct recipe_input *inputs = pool_take(pool, (count + 1) * sizeof *inputs);
    if (!inputs) {
        return pool_exhausted(e);
    }
    count = 0;
    for (size_t i = 0; i < node->stage->input_count; i++) {
        const struct stage_input *declared = &node->stage->inputs[i];
        for (size_t j = 0; j < node->inputs[i].count; j++) {
            int position = declared->many ? (int)j : -1;
            inputs[count++] = (struct recipe_input){declared->name, position, node->inputs[i].nodes[j]->key};
        }
    }
    node->recipe = recipe_text(node->stage->name, stage_version(node->stage, node->parameters),
                               stage_backend(node->stage, backend), node->parameters, inputs, count);
    if (!node->recipe) {
        return pool_exhausted(e);
    }
    recipe_key(node->recipe, node->key);
    return STATUS_OK;
}

/* The same, with the parameters that depend on other nodes; after collect_inputs(). */
static enum status resolve_all(struct pool *pool, const struct experiment *x, struct node *node,
                               const struct overrides *overrides, int strongest, struct error *e) {
    enum status status = resolve(x, node->family, node, overrides, strongest, e);
    THEN(status, fill_in_texts(pool, x, node, e));
    THEN(status, name_altered_inputs(pool, node, e));
    return status;
}

/* *result: with overrides up to level `strongest` only, and the same inputs, the node would have another recipe. */
static enum status differs(struct pool *pool, const struct experiment *x, const struct node *node,
                           const struct overrides *overrides, int strongest, const char *backend, bool *result,
                           struct error *e) {
    struct node plain = *node;
    struct error ignored;
    plain.recipe = NULL;
    plain.parameters = parameters_new(node->stage->parameters, node->stage->parameter_count);
    enum status status = plain.parameters ? STATUS_OK : pool_exhausted(e);
    if (status == STATUS_OK && resolve_all(pool, x, &plain, overrides, strongest, &ignored) != STATUS_OK) {
        *result = true;
    } else if (status == STATUS_OK) {
        status = make_recipe(pool, &plain, backend, e);
        *result = status == STATUS_OK && strcmp(plain.recipe, node->recipe) != 0;
    }
    free(plain.recipe);
    parameters_free(plain.parameters);
    return status;
}

/* Sets node->changed and node->altered: SET, or profile and SET, change the recipe of the node or of an input. */
static enum status find_change(struct pool *pool, const struct experiment *x, struct node *node,
                               const struct overrides *overrides, const char *backend, struct error *e) {
    bool changed = false, altered = false;
    for (size_t i = 0; i < node->stage->input_count; i++) {
        for (size_t j = 0; j < node->inputs[i].count; j++) {
            changed = changed || node->inputs[i].nodes[j]->changed;
            altered = altered || node->inputs[i].nodes[j]->altered;
        }
    }
    enum status status = overrides->count && !changed
                             ? differs(pool, x, node, overrides, OVERRIDE_PROFILE_NODE, backend, &changed, e)
                             : STATUS_OK;
    if (status == STATUS_OK && overrides->count && !altered) {
        status = differs(pool, x, node, overrides, OVERRIDE_NONE, backend, &altered, e);
    }
    node->changed = changed;
    node->altered = altered;
    return status;
}

/* The assignments of SET that apply to an experiment, shortened if they are long; NULL if there are none. */
static const char *assignments(struct pool *pool, const struct experiment *x, const struct overrides *overrides) {
    enum { LONGEST = 48 };
    const char *all = NULL;
    for (size_t i = 0; i < overrides->count; i++) {
        const struct override *o = &overrides->list[i];
        bool used = false;
        for (size_t f = 0; f < x->family_count && o->level >= OVERRIDE_SET_STAGE && !used; f++) {
            used = override_applies(o, x, x->families[f]);
        }
        if (used) {
            all = all ? pool_print(pool, "%s %s", all, o->where + strlen("SET: ")) : o->where;
        }
    }
    return all && strlen(all) > LONGEST ? pool_print(pool, "%.*s...", LONGEST - 3, all) : all;
}

/* Adds the assignments of SET to the remark of figures and tables that they change. */
static enum status remark_on_set(struct pool *pool, const struct experiment *x, struct node *node,
                                 const struct overrides *overrides, const char *backend, struct error *e) {
    enum status status = find_change(pool, x, node, overrides, backend, e);
    const char *set = assignments(pool, x, overrides);
    if (status != STATUS_OK || !set || !node->changed || !find_parameter(node->stage, "remark")) {
        return status;
    }
    const char *remark = parameters_text(node->parameters, "remark");
    const char *both = *remark ? pool_print(pool, "%s; %s", set, remark) : set;
    status = both ? parameters_set(node->parameters, "remark", both, set, e) : pool_exhausted(e);
    free(node->recipe);
    node->recipe = NULL;
    THEN(status, make_recipe(pool, node, backend, e));
    return status;
}

/* The name of a node: "generated@kappa=0.21,steps=100". As it is also used in file names and commands, commas of a list
 * become 'x' ("training@lattice=16x16"), other characters become '_', and long values are truncated. A name that then
 * equals an earlier one gets a number: "plot@title=a_b~2". */
static const char *node_name(struct pool *pool, const struct family *family, const char *const *coordinates) {
    enum { LONGEST = 40 };
    const char *name = family->name;
    for (size_t i = 0; i < family->axis_count && name; i++) {
        const size_t length = strlen(coordinates[i]);
        char *value = pool_copy(pool, coordinates[i], length < LONGEST ? length : LONGEST);
        for (char *c = value; c && *c; c++) {
            *c = strchr(", /", *c) ? 'x' : isalnum((unsigned char)*c) || strchr(".+-=:@", *c) ? *c : '_';
        }
        name = value ? pool_print(pool, "%s%c%s=%s", name, i ? ',' : '@', family->axes[i].parameter, value) : NULL;
    }
    const char *plain = name;
    size_t number = 1;
    for (size_t i = 0; i < family->node_count && name; i++) {
        if (!strcmp(family->nodes[i]->name, name)) {
            name = pool_print(pool, "%s~%zu", plain, ++number);
            i = (size_t)-1; /* restart the search */
        }
    }
    return name;
}

/* The i-th node of an input, for stages: see stage_node. A stage_node is the first member of a node. */
static const struct stage_node *node_input(const struct stage_node *as_stage, const char *name, size_t i) {
    const struct node *node = (const struct node *)as_stage;
    for (size_t k = 0; k < node->stage->input_count; k++) {
        if (!strcmp(node->stage->inputs[k].name, name)) {
            return i < node->inputs[k].count ? &node->inputs[k].nodes[i]->as_stage : NULL;
        }
    }
    return NULL;
}

/* Makes the node number `index` of all combinations; the last axis varies fastest. */
static enum status expand_one(struct pool *pool, struct experiment *x, struct family *family, size_t index,
                              const struct overrides *overrides, const char *backend, struct error *e) {
    struct node *node = pool_take(pool, sizeof *node);
    const char **coordinates = pool_take(pool, (family->axis_count + 1) * sizeof *coordinates);
    struct node **all = pool_extend(pool, x->nodes, x->node_count, sizeof *all);
    struct node **siblings = pool_extend(pool, family->nodes, family->node_count, sizeof *siblings);
    if (!node || !coordinates || !all || !siblings) {
        return pool_exhausted(e);
    }
    x->nodes = all;
    family->nodes = siblings;
    for (size_t i = family->axis_count; i-- > 0;) {
        coordinates[i] = family->axes[i].values[index % family->axes[i].count];
        index /= family->axes[i].count;
    }
    *node = (struct node){.name = node_name(pool, family, coordinates),
                          .family = family,
                          .stage = family->stage,
                          .coordinates = coordinates};
    node->parameters = parameters_new(family->stage->parameters, family->stage->parameter_count);
    node->index = x->node_count;
    x->nodes[x->node_count++] = family->nodes[family->node_count++] = node; /* from here on, x owns it */
    if (!node->name || !node->parameters) {
        return pool_exhausted(e);
    }
    enum status status = collect_inputs(pool, family, node, e);
    THEN(status, resolve_all(pool, x, node, overrides, OVERRIDE_SET_NODE, e));
    node->as_stage = (struct stage_node){node->stage, node->parameters, node_input};
    if (status == STATUS_OK && node->stage->check_node) {
        status = node->stage->check_node(&node->as_stage, family->section->where, e);
    }
    THEN(status, make_recipe(pool, node, backend, e));
    THEN(status, remark_on_set(pool, x, node, overrides, backend, e));
    return status;
}

enum status experiment_expand(struct pool *pool, struct experiment *x, const struct overrides *overrides,
                              const char *backend, struct error *e) {
    enum { MOST_NODES = 10000 };
    enum status status = STATUS_OK;
    for (size_t f = 0; f < x->family_count && status == STATUS_OK; f++) {
        struct family *family = x->families[f];
        status = override_sweeps(pool, x, family, overrides, e);
        THEN(status, find_axes(pool, family, e));
        size_t combinations = 1;
        for (size_t i = 0; i < family->axis_count && combinations <= MOST_NODES; i++) {
            combinations *= family->axes[i].count;
        }
        if (status == STATUS_OK && combinations > MOST_NODES) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: the sweeps make more than %d nodes of [%s]",
                               family->section->where, (int)MOST_NODES, family->name);
        }
        for (size_t i = 0; i < combinations && status == STATUS_OK; i++) {
            status = expand_one(pool, x, family, i, overrides, backend, e);
        }
    }
    for (size_t i = 0; i < x->export_count && status == STATUS_OK; i++) {
        x->exports[i].summary = fill_in(pool, x, NULL, x->exports[i].summary);
        status = x->exports[i].summary ? STATUS_OK : pool_exhausted(e);
    }
    if (status == STATUS_OK && !overrides->count) {
        status = check_members(x, e);
    }
    THEN(status, check_shared_random_numbers(pool, x, e));
    return status;
}

void experiment_release(struct experiment *x) {
    for (size_t i = 0; i < x->node_count; i++) {
        parameters_free(x->nodes[i]->parameters);
        free(x->nodes[i]->recipe);
    }
    for (size_t i = 0; i < x->family_count; i++) {
        x->families[i]->node_count = 0;
    }
    x->node_count = 0;
}
