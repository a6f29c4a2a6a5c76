/* Reads one experiment file into families: sections with their stage, inputs, sweeps and exports. */
#include "experiment/experiment.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "experiment/names.h"

/* Lower-case letters, digits and '-', beginning with a letter: such a name never needs quotes. */
static bool is_name(const char *text) {
    if (!islower((unsigned char)*text)) {
        return false;
    }
    for (; *text; text++) {
        if (!islower((unsigned char)*text) && !isdigit((unsigned char)*text) && *text != '-') {
            return false;
        }
    }
    return true;
}

/* --- settings of a node -------------------------------------------------------------------------- */

static enum status unknown_setting(struct pool *pool, const struct setting *s, const char *word,
                                   const struct section *section, const struct stage *stage, bool inputs,
                                   struct error *e) {
    const char **names = pool_take(pool, (stage->parameter_count + stage->input_count + 1) * sizeof *names);
    const char *known = "";
    size_t n = 0;
    for (size_t i = 0; names && inputs && i < stage->input_count; i++) {
        names[n++] = stage->inputs[i].name;
    }
    for (size_t i = 0; names && i < stage->parameter_count; i++) {
        names[n++] = stage->parameters[i].name;
    }
    for (size_t i = 0; i < n && known; i++) {
        known = pool_print(pool, "%s%s%s", known, i ? ", " : "", names[i]);
    }
    if (!names || !known) {
        return pool_exhausted(e);
    }
    const char *near = suggestion(pool, word, names, n);
    return error_set(e, STATUS_BAD_INPUT, "%s: unknown '%.100s' in [%s]; expected a parameter%s of %s%s%s%s%s",
                     s->where, s->name, section->name, inputs ? " or input" : "", stage->name, near, *near ? "" : " (",
                     *near ? "" : known, *near ? "" : ")");
}

/* Reads the values of "sweep.NAME = a, b", each in canonical form. */
static enum status read_sweep(struct pool *pool, const struct stage *stage, const char *parameter, const char *text,
                              const char *where, struct sweep *sweep, struct error *e) {
    const char *const *parts;
    size_t count;
    TRY(split_list(pool, text, &parts, &count, e));
    enum status status = STATUS_OK;
    if (!count) {
        return error_set(e, STATUS_BAD_INPUT, "%s: sweep.%s is empty; expected values separated by commas", where,
                         parameter);
    }
    struct parameters *p = parameters_new(stage->parameters, stage->parameter_count);
    const char **values = pool_take(pool, count * sizeof *values);
    if (!p || !values) {
        parameters_free(p);
        return pool_exhausted(e);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = parameters_set(p, parameter, parts[i], where, e);
        for (size_t j = 0; status == STATUS_OK && j < parameters_count(p); j++) {
            if (!strcmp(parameters_entry(p, j)->name, parameter)) {
                const char *value = parameters_argument(p, j);
                values[i] = pool_copy(pool, value, strlen(value));
                if (!values[i]) {
                    status = pool_exhausted(e);
                }
            }
        }
        for (size_t j = 0; status == STATUS_OK && j < i; j++) {
            if (!strcmp(values[i], values[j])) {
                status = error_set(e, STATUS_BAD_INPUT, "%s: sweep.%s lists %s twice; expected distinct values", where,
                                   parameter, parts[i]);
            }
        }
    }
    parameters_free(p);
    *sweep = (struct sweep){parameter, values, count, where};
    return status;
}

enum status family_sweep(struct pool *pool, struct family *family, const char *parameter, const char *text,
                         const char *where, struct error *e) {
    struct sweep sweep;
    TRY(read_sweep(pool, family->stage, parameter, text, where, &sweep, e));
    for (size_t i = 0; i < family->sweep_count; i++) {
        if (!strcmp(family->sweeps[i].parameter, parameter)) {
            family->sweeps[i] = sweep;
            return STATUS_OK;
        }
    }
    family->sweeps = pool_extend(pool, family->sweeps, family->sweep_count, sizeof sweep);
    if (!family->sweeps) {
        return pool_exhausted(e);
    }
    family->sweeps[family->sweep_count++] = sweep;
    return STATUS_OK;
}

/* Reads the nodes of an input: they must exist and be of a stage that the input accepts; only one, unless it takes
 * many. */
static enum status read_input(struct pool *pool, const struct experiment *x, struct family *family, size_t index,
                              const struct setting *s, struct error *e) {
    const struct stage_input *input = &family->stage->inputs[index];
    const char *const *names;
    size_t count;
    TRY(split_list(pool, s->value, &names, &count, e));
    if (!count || (count > 1 && !input->many)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s = '%.200s': expected %s", s->where, s->name, s->value,
                         input->many ? "nodes separated by commas" : "one node");
    }
    struct family **families = pool_take(pool, count * sizeof *families);
    if (!families) {
        return pool_exhausted(e);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < x->family_count; j++) {
            if (!strcmp(x->families[j]->name, names[i])) {
                families[i] = x->families[j];
            }
        }
        if (!families[i]) {
            return error_set(e, STATUS_BAD_INPUT, "%s: %s: unknown node '%.100s'; expected a node of %s%s%s", s->where,
                             s->name, names[i], input->stages ? "stage " : "any stage",
                             input->stages ? input->stages : "", suggest_family(pool, x, names[i]));
        }
        const char *stage = families[i]->stage->name;
        if (input->stages && !words_among(input->stages, stage)) {
            return error_set(e, STATUS_BAD_INPUT, "%s: %s = %s: this node is of stage %s; expected stage %s", s->where,
                             s->name, names[i], stage, input->stages);
        }
        for (size_t j = 0; j < i; j++) {
            if (families[j] == families[i]) {
                return error_set(e, STATUS_BAD_INPUT, "%s: %s names '%s' twice", s->where, s->name, names[i]);
            }
        }
    }
    family->inputs[index].families = families;
    family->inputs[index].count = count;
    return STATUS_OK;
}

static enum status read_node(struct pool *pool, const struct experiment *x, struct family *family, struct error *e) {
    const struct section *section = family->section;
    const struct stage *stage = family->stage;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < section->count && status == STATUS_OK; i++) {
        const struct setting *s = &section->settings[i];
        size_t input = 0;
        while (input < stage->input_count && strcmp(stage->inputs[input].name, s->name)) {
            input++;
        }
        const char *swept = after_prefix(s->name, "sweep.");
        if (!strcmp(s->name, "stage")) {
            continue;
        } else if (input < stage->input_count) {
            status = read_input(pool, x, family, input, s, e);
        } else if (!find_parameter(stage, swept ? swept : s->name)) {
            status = unknown_setting(pool, s, swept ? swept : s->name, section, stage, !swept, e);
        } else if (swept && section_find(section, swept)) {
            status =
                error_set(e, STATUS_BAD_INPUT, "%s: '%s' is given a value, at %s, and swept; expected only one of them",
                          s->where, swept, section_find(section, swept)->where);
        } else if (swept) {
            status = family_sweep(pool, family, swept, s->value, s->where, e);
        }
    }
    for (size_t i = 0; i < stage->input_count && status == STATUS_OK; i++) {
        if (stage->inputs[i].required && !family->inputs[i].count) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: [%s] lacks the input '%s'; expected a node of stage %s",
                               section->where, section->name, stage->inputs[i].name, stage->inputs[i].stages);
        }
    }
    return status;
}

/* [NODE@PARAMETER=VALUE]: values of one node of a sweep. Only the expansion can tell whether there is that node. */
static enum status read_member(struct pool *pool, const struct experiment *x, const struct section *section,
                               struct error *e) {
    const char *name = pool_copy(pool, section->name, strcspn(section->name, "@"));
    const struct family *family = name ? find_family(x, name) : NULL;
    if (!name) {
        return pool_exhausted(e);
    }
    if (!family) {
        return error_set(e, STATUS_BAD_INPUT, "%s: [%s]: unknown node '%.100s'%s", section->where, section->name, name,
                         suggest_family(pool, x, name));
    }
    for (size_t i = 0; i < section->count; i++) {
        const struct setting *s = &section->settings[i];
        if (!find_parameter(family->stage, s->name)) {
            return unknown_setting(pool, s, s->name, section, family->stage, false, e);
        }
    }
    return STATUS_OK;
}

/* --- order of dependence ------------------------------------------------------------------------- */

enum mark { UNSEEN, ON_PATH, DONE };

/* Appends the family to `order` after its inputs; path[depth] are the families from the root of the walk to this
 * one. */
static enum status visit(struct family *family, struct family **path, size_t depth, struct family **order,
                         size_t *count, struct error *e) {
    if (family->mark == DONE) {
        return STATUS_OK;
    }
    path[depth] = family;
    if (family->mark == ON_PATH) {
        char cycle[512] = "";
        size_t start = 0, used = 0;
        while (path[start] != family) {
            start++;
        }
        for (size_t i = start; i <= depth && used < sizeof cycle; i++) {
            used += (size_t)snprintf(cycle + used, sizeof cycle - used, "%s%s", i > start ? " <- " : "", path[i]->name);
        }
        return error_set(e, STATUS_BAD_INPUT, "%s: nodes feed each other in a cycle: %s; expected none",
                         family->section->where, cycle);
    }
    family->mark = ON_PATH;
    for (size_t i = 0; i < family->stage->input_count; i++) {
        for (size_t j = 0; j < family->inputs[i].count; j++) {
            TRY(visit(family->inputs[i].families[j], path, depth + 1, order, count, e));
        }
    }
    family->mark = DONE;
    order[(*count)++] = family;
    return STATUS_OK;
}

static enum status sort_families(struct pool *pool, struct experiment *x, struct error *e) {
    struct family **order = pool_take(pool, (x->family_count + 1) * sizeof *order);
    struct family **path = pool_take(pool, (x->family_count + 1) * sizeof *path);
    size_t count = 0;
    enum status status = order && path ? STATUS_OK : pool_exhausted(e);
    for (size_t i = 0; i < x->family_count && status == STATUS_OK; i++) {
        status = visit(x->families[i], path, 0, order, &count, e);
    }
    if (status == STATUS_OK) {
        x->families = order;
    }
    return status;
}

/* --- the section [experiment] -------------------------------------------------------------------- */

static enum status add_export(struct pool *pool, struct experiment *x, bool is_figure, const char *name,
                              const struct setting *s, struct error *e) {
    const struct family *family = find_family(x, s->value);
    if (!is_name(name)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: '%.100s': expected a name of lower case letters, digits and '-' after the dot", s->where,
                         s->name);
    }
    if (!family) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s: unknown node '%.100s'; expected the node that makes it%s",
                         s->where, s->name, s->value, suggest_family(pool, x, s->value));
    }
    const char *const *outputs = family->stage->outputs;
    bool fits = false;
    for (; *outputs && !fits; outputs++) {
        fits = !strcmp(*outputs, is_figure ? "figure.pdf" : "table.tsv");
    }
    if (!fits) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s = %s: stage %s makes no %s", s->where, s->name, s->value,
                         family->stage->name, is_figure ? "figure" : "table");
    }
    x->exports = pool_extend(pool, x->exports, x->export_count, sizeof *x->exports);
    if (!x->exports) {
        return pool_exhausted(e);
    }
    x->exports[x->export_count++] = (struct exported){is_figure, name, family, "", s->where};
    return STATUS_OK;
}

static enum status read_head(struct pool *pool, struct experiment *x, struct error *e) {
    const struct section *head = settings_find(&x->settings, "experiment");
    x->title = x->summary = x->cost = x->differs = x->tool = "";
    enum status status = STATUS_OK;
    for (size_t i = 0; head && i < head->count && status == STATUS_OK; i++) {
        const struct setting *s = &head->settings[i];
        const char *figure = after_prefix(s->name, "figure."), *table = after_prefix(s->name, "table.");
        if (!strcmp(s->name, "title")) {
            x->title = s->value;
        } else if (!strcmp(s->name, "summary")) {
            x->summary = s->value;
        } else if (!strcmp(s->name, "cost")) {
            x->cost = s->value;
        } else if (!strcmp(s->name, "differs")) {
            x->differs = s->value;
        } else if (!strcmp(s->name, "tool")) {
            if (!is_name(s->value)) {
                return error_set(e, STATUS_BAD_INPUT,
                                 "%s: tool = '%.100s': expected the name of a program of build/bin", s->where,
                                 s->value);
            }
            x->tool = s->value;
        } else if (!strcmp(s->name, "table")) {
            status = add_export(pool, x, false, x->name, s, e);
        } else if (figure || table) {
            status = add_export(pool, x, figure, figure ? figure : table, s, e);
        } else if (!after_prefix(s->name, "summary.")) {
            static const char *const names[] = {"title", "summary", "cost", "differs", "tool", "table"};
            status = error_set(e, STATUS_BAD_INPUT,
                               "%s: unknown '%.100s' in [experiment]; expected title, summary, "
                               "cost, differs, tool, table, table.NAME, figure.NAME or summary.NAME%s",
                               s->where, s->name, suggestion(pool, s->name, names, sizeof names / sizeof *names));
        }
    }
    for (size_t i = 0; head && i < head->count && status == STATUS_OK; i++) {
        const struct setting *s = &head->settings[i];
        const char *name = after_prefix(s->name, "summary.");
        size_t found = 0;
        for (size_t j = 0; name && j < x->export_count; j++) {
            if (!strcmp(x->exports[j].name, name)) {
                x->exports[j].summary = s->value;
                found++;
            }
        }
        if (name && !found) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: %s: there is no figure.%s or table.%s", s->where, s->name,
                               name, name);
        }
    }
    return status;
}

/* --- the file ------------------------------------------------------------------------------------ */

/* Makes a family of the section, unless it is named after a stage and contains parameters for all its nodes. */
static enum status add_section(struct pool *pool, const struct stage *const *stages, struct experiment *x,
                               const struct section *section, struct error *e) {
    if (strchr(section->name, '@')) {
        return STATUS_OK; /* see read_member() */
    }
    const struct stage *shared = find_stage(stages, section->name);
    const struct setting *key = section_find(section, "stage");
    if (shared && key) {
        return error_set(e, STATUS_BAD_INPUT, "%s: [%s] is the name of a stage; expected another name for a node",
                         section->where, section->name);
    }
    if (shared) {
        struct parameters *p = parameters_new(shared->parameters, shared->parameter_count);
        enum status status = p ? STATUS_OK : pool_exhausted(e);
        for (size_t i = 0; i < section->count && status == STATUS_OK; i++) {
            const struct setting *s = &section->settings[i];
            status = find_parameter(shared, s->name) ? parameters_set(p, s->name, s->value, s->where, e)
                                                     : unknown_setting(pool, s, s->name, section, shared, false, e);
        }
        parameters_free(p);
        return status;
    }
    if (!key) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: [%s] is not the name of a stage, and as a node it lacks 'stage = ...'%s", section->where,
                         section->name, suggest_stage(pool, section->name, stages));
    }
    if (!is_name(section->name)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: [%s]: expected a name of lower case letters, digits and '-'",
                         section->where, section->name);
    }
    const struct stage *stage = find_stage(stages, key->value);
    if (!stage) {
        return error_set(e, STATUS_BAD_INPUT, "%s: unknown stage '%.100s'%s", key->where, key->value,
                         suggest_stage(pool, key->value, stages));
    }
    struct family *family = pool_take(pool, sizeof *family);
    x->families = pool_extend(pool, x->families, x->family_count, sizeof *x->families);
    if (!family || !x->families) {
        return pool_exhausted(e);
    }
    *family = (struct family){.name = section->name, .section = section, .stage = stage};
    family->inputs = pool_take(pool, (stage->input_count + 1) * sizeof *family->inputs);
    if (!family->inputs) {
        return pool_exhausted(e);
    }
    x->families[x->family_count++] = family;
    return STATUS_OK;
}

enum status experiment_read(struct pool *pool, const char *path, const struct stage *const *stages,
                            struct experiment *x, struct error *e) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    *x = (struct experiment){.name = pool_copy(pool, base, dot ? (size_t)(dot - base) : strlen(base))};
    if (!x->name) {
        return pool_exhausted(e);
    }
    if (!is_name(x->name)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: expected a file name of lower case letters, digits and '-'", path);
    }
    enum status status = settings_read(pool, path, &x->settings, e);
    for (size_t i = 0; i < x->settings.count && status == STATUS_OK; i++) {
        if (strcmp(x->settings.sections[i].name, "experiment")) {
            status = add_section(pool, stages, x, &x->settings.sections[i], e);
        }
    }
    for (size_t i = 0; i < x->family_count && status == STATUS_OK; i++) {
        status = read_node(pool, x, x->families[i], e);
    }
    for (size_t i = 0; i < x->settings.count && status == STATUS_OK; i++) {
        const struct section *section = &x->settings.sections[i];
        status = strchr(section->name, '@') ? read_member(pool, x, section, e) : STATUS_OK;
    }
    if (status == STATUS_OK && !x->family_count) {
        status =
            error_set(e, STATUS_BAD_INPUT, "%s: found no node; expected at least one section with 'stage = ...'", path);
    }
    THEN(status, sort_families(pool, x, e));
    THEN(status, read_head(pool, x, e));
    return status;
}
