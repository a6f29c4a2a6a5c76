/* Writes the metadata of an archive: see crate.h. */
#include "provenance/crate_internal.h"

#include <string.h>

#define PROFILES 4
static const struct {
    const char *id, *name, *version;
} profiles[PROFILES] = {
    {"https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"},
    {"https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"},
    {"https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5"},
    {"https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"},
};

static void write_head(struct crate_writer *w, json_t *root, long long last) {
    const struct crate *c = w->crate;
    json_t *head = json_object(), *conforms = json_array();
    crate_put(w, head, "@id", json_string("ro-crate-metadata.json"));
    crate_put(w, head, "@type", json_string("CreativeWork"));
    crate_append(w, conforms, crate_reference("https://w3id.org/ro/crate/1.1"));
    crate_append(w, conforms, crate_reference("%s", profiles[PROFILES - 1].id));
    crate_put(w, head, "conformsTo", conforms);
    crate_put(w, head, "about", crate_reference("./"));
    crate_append(w, w->graph, head);
    conforms = json_array();
    for (int i = 0; i < PROFILES; i++) {
        crate_append(w, conforms, crate_reference("%s", profiles[i].id));
    }
    crate_put(w, root, "@id", json_string("./"));
    crate_put(w, root, "@type", json_string("Dataset"));
    crate_put(w, root, "conformsTo", conforms);
    crate_put_text(w, root, "name", c->title);
    crate_put_text(w, root, "description", c->description);
    crate_put_text(w, root, "version", c->version);
    crate_put(w, root, "datePublished", crate_time_text(last));
    crate_put_list(w, root, "author", crate_people(w));
    if (*c->grant) {
        crate_put(w, root, "funding", crate_reference("#grant"));
    } else if (*c->funder) {
        crate_put(w, root, "funder", crate_reference("#funder"));
    }
    crate_append(w, w->graph, root);
    for (int i = 0; i < PROFILES; i++) {
        json_t *profile = crate_entity(w, "CreativeWork", "%s", profiles[i].id);
        crate_put_text(w, profile, "name", profiles[i].name);
        crate_put_text(w, profile, "version", profiles[i].version);
    }
}

static void write_workflow(struct crate_writer *w, const char *license, json_t *tools) {
    const struct crate *c = w->crate;
    json_t *workflow = crate_entity(w, "File|SoftwareSourceCode|ComputationalWorkflow|HowTo", "%s", c->workflow);
    json_t *steps = json_array(), *outputs = json_array();
    for (size_t i = 0; i < c->file_count; i++) {
        if (strcmp(c->files[i].path, c->workflow) == 0) {
            crate_describe_file(w, workflow, &c->files[i]);
        }
    }
    crate_put(w, workflow, "name", json_string(c->title));
    crate_put_text(w, workflow, "version", c->version);
    crate_put(w, workflow, "programmingLanguage", crate_reference("#experiment-language"));
    crate_put(w, workflow, "license", crate_reference("%s", license));
    crate_put_list(w, workflow, "creator", crate_people(w));
    crate_put_list(w, workflow, "hasPart", tools);
    for (size_t i = 0; i < c->step_count; i++) {
        char id[CRATE_ID];
        crate_append(w, steps, crate_reference("%s#%s", c->workflow, crate_identifier(c->steps[i].name, id)));
    }
    crate_put_list(w, workflow, "step", steps);
    for (size_t i = 0; i < json_array_size(w->graph); i++) { /* the outputs of all stages */
        const char *id = json_string_value(json_object_get(json_array_get(w->graph, i), "@id"));
        if (id && strstr(id, ".output.")) {
            crate_append(w, outputs, crate_reference("%s", id));
        }
    }
    crate_put_list(w, workflow, "output", outputs);
    json_t *language = crate_entity(w, "ComputerLanguage", "#experiment-language");
    crate_put_text(w, language, "name", "dmsq experiment (INI), run by GNU make");
    crate_put_text(w, crate_entity(w, "ComputerLanguage", "#c11"), "name", "C11");
}

static enum status write_all(struct crate_writer *w, struct error *e) {
    const struct crate *c = w->crate;
    long long first, last;
    enum status status = crate_span(c, &first, &last, e);
    json_t *root = json_object(), *parts = json_array(), *tools = json_array(), *controls = json_array();
    write_head(w, root, last); /* the graph owns the root from here on */
    json_t *license = crate_write_license(w);
    crate_put(w, root, "license", json_incref(license));
    crate_write_people(w);
    crate_append(w, parts, crate_reference("%s", c->workflow));
    crate_write_files(w, parts);
    for (size_t i = 0; i < c->stage_count; i++) {
        crate_write_stage(w, &c->stages[i], parts, tools);
    }
    write_workflow(w, json_string_value(json_object_get(license, "@id")), tools);
    for (size_t i = 0; i < c->step_count && status == STATUS_OK; i++) {
        status = crate_write_step(w, i, controls, e);
    }
    crate_write_whole(w, first, last, controls);
    crate_put_list(w, root, "hasPart", parts);
    crate_put(w, root, "mainEntity", crate_reference("%s", c->workflow));
    crate_put(w, root, "mentions", json_incref(w->actions));
    json_decref(license);
    return status;
}

enum status crate_time(const struct crate *c, long long *seconds, struct error *e) {
    long long first;
    return crate_span(c, &first, seconds, e);
}

enum status crate_json(const struct crate *c, char **text, struct error *e) {
    json_t *root = json_object(), *context = json_array();
    struct crate_writer w = {.crate = c, .graph = json_array(), .actions = json_array()};
    crate_append(&w, context, json_string("https://w3id.org/ro/crate/1.1/context"));
    crate_append(&w, context, json_string("https://w3id.org/ro/terms/workflow-run/context"));
    crate_put(&w, root, "@context", context);
    enum status status = write_all(&w, e);
    crate_put(&w, root, "@graph", w.graph);
    *text = status == STATUS_OK && !w.failed ? json_dumps(root, JSON_INDENT(1)) : NULL;
    if (status == STATUS_OK && *text == NULL) {
        status = error_set(e, STATUS_FAILED, "out of memory");
    }
    json_decref(w.actions);
    json_decref(root);
    return status;
}
