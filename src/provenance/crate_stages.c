/* The stages of an archive's metadata: a stage is a SoftwareSourceCode, with inputs, parameters and outputs as
 * FormalParameters. */
#include "provenance/crate_internal.h"

#include <stdio.h>
#include <string.h>

static const char *type_of(enum parameter_type type) {
    static const char *const types[] = {"Integer", "Float", "Text", "Boolean", "Text", "Integer", "Float", "File"};
    return types[type];
}

static json_t *formal(struct crate_writer *w, const char *type, const char *name, const char *help, const char *id) {
    json_t *p = crate_entity(w, "FormalParameter", "%s", id);
    crate_put_text(w, p, "name", name);
    crate_put_text(w, p, "additionalType", type);
    crate_put_text(w, p, "description", help);
    crate_put(w, p, "conformsTo", crate_reference("https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"));
    return p;
}

static void write_parameter(struct crate_writer *w, const struct parameter *t, const char *id) {
    char help[1024];
    snprintf(help, sizeof help, "%s%s%s", t->help ? t->help : "", t->choices ? " One of " : "",
             t->choices ? t->choices : "");
    json_t *p = formal(w, type_of(t->type), t->name, help, id);
    crate_put(w, p, "valueRequired", t->default_value ? json_false() : json_true());
    crate_put_text(w, p, "defaultValue", t->default_value ? t->default_value : "");
    crate_put_text(w, p, "unitText", t->unit ? t->unit : "");
    if (t->type == PARAMETER_INTEGERS || t->type == PARAMETER_REALS) {
        crate_put(w, p, "multipleValues", json_true());
    }
    if (t->minimum != 0 || t->maximum != 0) {
        crate_put(w, p, "minValue", json_real(t->minimum));
        crate_put(w, p, "maxValue", json_real(t->maximum));
    }
}

/* Writes the outputs of a stage, one FormalParameter for each file name among the outputs of its artifacts. */
static void write_outputs(struct crate_writer *w, const struct crate_stage *s, json_t *outputs) {
    const struct crate *c = w->crate;
    for (size_t i = 0; i < c->file_count; i++) {
        const struct crate_file *f = &c->files[i];
        const char *stage = crate_is_output(f) ? crate_stage_of(c, f->key) : NULL;
        bool written = !stage || strcmp(stage, s->name) != 0;
        char id[CRATE_ID];
        snprintf(id, sizeof id, "#%s.output.%s", s->name, crate_file_name(f->path));
        for (size_t j = 0; j < json_array_size(outputs) && !written; j++) {
            written = strcmp(json_string_value(json_object_get(json_array_get(outputs, j), "@id")), id) == 0;
        }
        if (!written) {
            crate_append(w, outputs, crate_reference("%s", id));
            formal(w, "File", crate_file_name(f->path), "", id);
        }
    }
}

void crate_write_stage(struct crate_writer *w, const struct crate_stage *s, json_t *parts, json_t *tools) {
    json_t *inputs = json_array(), *outputs = json_array();
    char id[CRATE_ID], version[16];
    json_t *tool = crate_entity(w, "File|SoftwareSourceCode", "%s", s->source);
    snprintf(version, sizeof version, "%d", s->version);
    for (size_t i = 0; i < w->crate->file_count; i++) {
        if (strcmp(w->crate->files[i].path, s->source) == 0) {
            crate_describe_file(w, tool, &w->crate->files[i]);
        }
    }
    crate_put(w, tool, "name", json_string(s->name));
    crate_put_text(w, tool, "description", s->summary);
    crate_put_text(w, tool, "version", version);
    crate_put(w, tool, "programmingLanguage", crate_reference("#c11"));
    for (size_t i = 0; i < s->input_count; i++) {
        const struct crate_input *input = &s->inputs[i];
        snprintf(id, sizeof id, "#%s.input.%s", s->name, input->name);
        json_t *p = formal(w, "File", input->name, input->help, id);
        crate_put(w, p, "valueRequired", json_boolean(input->required));
        if (input->many) {
            crate_put(w, p, "multipleValues", json_true());
        }
        crate_append(w, inputs, crate_reference("%s", id));
    }
    for (size_t i = 0; i < s->parameter_count; i++) {
        snprintf(id, sizeof id, "#%s.%s", s->name, s->parameters[i].name);
        write_parameter(w, &s->parameters[i], id);
        crate_append(w, inputs, crate_reference("%s", id));
    }
    write_outputs(w, s, outputs);
    crate_put_list(w, tool, "input", inputs);
    crate_put_list(w, tool, "output", outputs);
    crate_append(w, parts, crate_reference("%s", s->source));
    crate_append(w, tools, crate_reference("%s", s->source));
}
