/* Profiles and SET: see overrides.h. */
#include "experiment/names.h"
#include "experiment/overrides.h"

#include <ctype.h>
#include <string.h>

static enum status add(struct pool *pool, struct overrides *overrides, struct override o, struct error *e) {
    overrides->list = pool_extend(pool, overrides->list, overrides->count, sizeof o);
    if (!overrides->list) {
        return pool_exhausted(e);
    }
    overrides->list[overrides->count++] = o;
    return STATUS_OK;
}

enum status overrides_profile(struct pool *pool, struct overrides *overrides, const char *path,
                              const struct stage *const *stages, struct error *e) {
    struct settings file;
    enum status status = settings_read(pool, path, &file, e);
    for (size_t i = 0; i < file.count && status == STATUS_OK; i++) {
        const struct section *section = &file.sections[i];
        const char *dot = strchr(section->name, '.');
        struct override o = {.level = OVERRIDE_PROFILE_STAGE, .target = section->name};
        if (dot) {
            o.level = OVERRIDE_PROFILE_NODE;
            o.experiment = pool_copy(pool, section->name, (size_t)(dot - section->name));
            o.target = dot + 1;
            if (!o.experiment) {
                return pool_exhausted(e);
            }
        } else if (!find_stage(stages, section->name)) {
            return error_set(e, STATUS_BAD_INPUT, "%s: [%s]: expected a stage or EXPERIMENT.NODE%s", section->where,
                             section->name, suggest_stage(pool, section->name, stages));
        }
        for (size_t j = 0; j < section->count && status == STATUS_OK; j++) {
            o.name = section->settings[j].name;
            o.value = section->settings[j].value;
            o.where = section->settings[j].where;
            status = add(pool, overrides, o, e);
        }
        if (!section->count) { /* to check the name of an empty section too */
            o.name = NULL;
            o.where = section->where;
            status = add(pool, overrides, o, e);
        }
    }
    return status;
}

enum status overrides_set(struct pool *pool, struct overrides *overrides, const char *text,
                          const struct stage *const *stages, struct error *e) {
    while (*text) {
        size_t length = 0;
        while (text[length] && !isspace((unsigned char)text[length])) {
            length++;
        }
        char *word = pool_copy(pool, text, length);
        if (!word) {
            return pool_exhausted(e);
        }
        text += length + (text[length] != '\0');
        if (!length) {
            continue;
        }
        const char *all = pool_copy(pool, word, length);
        char *equals = strchr(word, '=');
        if (equals) {
            *equals = '\0';
        }
        char *dot = strrchr(word, '.');
        if (!all) {
            return pool_exhausted(e);
        }
        if (!equals || !dot || dot == word || !dot[1]) {
            return error_set(e, STATUS_BAD_INPUT,
                             "SET: '%.200s': expected STAGE.PARAMETER=VALUE or NODE.PARAMETER=VALUE, "
                             "several separated by blanks",
                             all);
        }
        *dot = '\0';
        struct override o = {.level = OVERRIDE_SET_STAGE, .target = word, .name = dot + 1, .value = equals + 1};
        o.where = pool_print(pool, "SET: %s", all);
        char *first = strchr(word, '.');
        if (first) {
            *first = '\0';
            o.experiment = word;
            o.target = first + 1;
        }
        if (first || !find_stage(stages, o.target)) {
            o.level = OVERRIDE_SET_NODE;
        }
        for (size_t i = 0; i < overrides->count; i++) {
            const struct override *other = &overrides->list[i];
            bool same_place = other->level == o.level && !strcmp(other->target, o.target) &&
                              !strcmp(other->experiment ? other->experiment : "", o.experiment ? o.experiment : "");
            if (same_place && !strcmp(other->name, o.name)) {
                return error_set(e, STATUS_BAD_INPUT, "SET: %s.%s is given twice", o.target, o.name);
            }
        }
        TRY(o.where ? add(pool, overrides, o, e) : pool_exhausted(e));
    }
    return STATUS_OK;
}

/* True if the override names this experiment (or none) and this node. */
static bool names_node(const struct override *o, const struct experiment *experiment, const struct family *family) {
    return (!o->experiment || !strcmp(o->experiment, experiment->name)) && !strcmp(o->target, family->name);
}

bool override_applies(const struct override *o, const struct experiment *experiment, const struct family *family) {
    if (o->level == OVERRIDE_PROFILE_STAGE || o->level == OVERRIDE_SET_STAGE) {
        return !strcmp(o->target, family->stage->name);
    }
    return names_node(o, experiment, family) && (o->experiment || !o->name || find_parameter(family->stage, o->name));
}

/* Fails with a message that suggests the nearest name. */
static enum status unknown_target(struct pool *pool, const struct override *o, const struct experiment *experiments,
                                  size_t count, const struct stage *const *stages, struct error *e) {
    size_t n = 0;
    bool experiment_known = !o->experiment;
    const char **names = NULL;
    for (size_t i = 0; i < count; i++) {
        if (o->experiment && strcmp(o->experiment, experiments[i].name)) {
            continue;
        }
        experiment_known = true;
        for (size_t j = 0; j < experiments[i].family_count; j++) {
            names = pool_extend(pool, names, n, sizeof *names);
            if (!names) {
                return pool_exhausted(e);
            }
            names[n++] = experiments[i].families[j]->name;
        }
    }
    if (!experiment_known) {
        return error_set(e, STATUS_BAD_INPUT, "%s: there is no experiment '%s'", o->where, o->experiment);
    }
    for (size_t i = 0; !o->experiment && stages[i]; i++) {
        names = pool_extend(pool, names, n, sizeof *names);
        if (!names) {
            return pool_exhausted(e);
        }
        names[n++] = stages[i]->name;
    }
    return error_set(e, STATUS_BAD_INPUT, "%s: unknown '%s'; expected a %s%s", o->where, o->target,
                     o->experiment ? "node of that experiment" : "stage or a node",
                     suggestion(pool, o->target, names, n));
}

/* Checks name, type and range by setting the value in a temporary table, of this parameter alone if it exists. */
static enum status try_value(const struct override *o, const struct stage *stage, struct error *e) {
    const char *swept = o->level == OVERRIDE_PROFILE_NODE ? after_prefix(o->name, "sweep.") : NULL;
    if (swept) {
        return STATUS_OK; /* checked by experiment_expand(), if it applies */
    }
    const struct parameter *own = find_parameter(stage, o->name);
    struct parameters *p = own ? parameters_new(own, 1) : parameters_new(stage->parameters, stage->parameter_count);
    enum status status = p ? parameters_set(p, o->name, o->value, o->where, e) : pool_exhausted(e);
    parameters_free(p);
    return status;
}

enum status overrides_check(struct pool *pool, const struct overrides *overrides, const struct experiment *experiments,
                            size_t count, const struct stage *const *stages, struct error *e) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < overrides->count && status == STATUS_OK; i++) {
        const struct override *o = &overrides->list[i];
        if (o->level == OVERRIDE_PROFILE_STAGE || o->level == OVERRIDE_SET_STAGE) {
            status = o->name ? try_value(o, find_stage(stages, o->target), e) : STATUS_OK;
            continue;
        }
        const struct family *named = NULL;
        bool applies = false, may_apply = false; /* may_apply: to a node of an experiment that is left out */
        for (size_t j = 0; j < count && status == STATUS_OK; j++) {
            may_apply =
                may_apply || (experiments[j].broken && (!o->experiment || !strcmp(o->experiment, experiments[j].name)));
            const struct family *family = find_family(&experiments[j], o->target);
            if (!family || !names_node(o, &experiments[j], family)) {
                continue;
            }
            named = family;
            if (override_applies(o, &experiments[j], family)) {
                applies = true;
                status = o->name ? try_value(o, family->stage, e) : STATUS_OK;
            }
        }
        /* nodes of that name exist, but none has such a parameter */
        if (status == STATUS_OK && !applies && (named || !may_apply)) {
            status = named ? try_value(o, named->stage, e) : unknown_target(pool, o, experiments, count, stages, e);
        }
    }
    return status;
}
