/* Makes the JSON-LD of an archive's metadata: entities of a graph, their properties, and references between them. */
#include "provenance/crate_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void crate_put(struct crate_writer *w, json_t *object, const char *name, json_t *value) {
    w->failed = json_object_set_new(object, name, value) != 0 || w->failed;
}

void crate_put_text(struct crate_writer *w, json_t *object, const char *name, const char *text) {
    if (*text) {
        crate_put(w, object, name, json_string(text));
    }
}

json_t *crate_reference(const char *format, ...) {
    char id[CRATE_ID];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(id, sizeof id, format, arguments);
    va_end(arguments);
    json_t *object = json_object();
    json_object_set_new(object, "@id", json_string(id));
    return object;
}

void crate_append(struct crate_writer *w, json_t *list, json_t *value) {
    w->failed = json_array_append_new(list, value) != 0 || w->failed;
}

void crate_put_list(struct crate_writer *w, json_t *object, const char *name, json_t *list) {
    if (json_array_size(list) > 1) {
        crate_put(w, object, name, list);
        return;
    }
    if (json_array_size(list) == 1) {
        crate_put(w, object, name, json_incref(json_array_get(list, 0)));
    }
    json_decref(list);
}

json_t *crate_entity(struct crate_writer *w, const char *types, const char *format, ...) {
    char id[CRATE_ID];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(id, sizeof id, format, arguments);
    va_end(arguments);
    json_t *object = json_object(), *list = json_array();
    for (const char *at = types; *at; at += strcspn(at, "|"), at += *at == '|') {
        crate_append(w, list, json_stringn(at, strcspn(at, "|")));
    }
    crate_put(w, object, "@id", json_string(id));
    crate_put_list(w, object, "@type", list);
    crate_append(w, w->graph, object); /* the graph owns it */
    return object;
}

const char *crate_identifier(const char *text, char id[CRATE_ID]) {
    snprintf(id, CRATE_ID, "%s", text);
    for (char *c = id; *c; c++) {
        *c = strchr(" \"<>\\^`{|}#%", *c) || (unsigned char)*c < ' ' ? '-' : *c;
    }
    return id;
}

json_t *crate_time_text(long long seconds) {
    const time_t t = (time_t)seconds;
    struct tm utc;
    char text[40];
    gmtime_r(&t, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", &utc);
    return json_string(text);
}
