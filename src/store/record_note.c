#include "store/record_note.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct record_value none = {NAN, NAN, ""};

json_t *record_note_json(struct record_value v) {
    json_t *note = json_object();
    bool fine = !json_object_set_new(note, "value", isfinite(v.value) ? json_real(v.value) : json_null());
    if (isfinite(v.error)) {
        fine = !json_object_set_new(note, "error", json_real(v.error)) && fine;
    }
    if (*v.unit != '\0') {
        fine = !json_object_set_new(note, "unit", json_string(v.unit)) && fine;
    }
    if (!fine) {
        json_decref(note);
        note = NULL;
    }
    return note;
}

static struct record_value from_prose(const char *text) {
    static const char mark[] = " +- ";
    struct record_value v = none;
    char *end;
    const double value = strtod(text, &end);
    if (end == text) {
        return none;
    }
    if (strncmp(end, mark, strlen(mark)) == 0) {
        v.error = strtod(end + strlen(mark), &end);
    }
    if ((*end != '\0' && *end != ' ') || strpbrk(end, "0123456789") != NULL) {
        return none;
    }
    v.value = value;
    v.unit = end + (*end == ' ');
    return v;
}

struct record_value record_note_value_of(const json_t *note, bool prose) {
    if (prose && json_is_string(note)) {
        return from_prose(json_string_value(note));
    }
    const json_t *value = json_object_get(note, "value"), *error = json_object_get(note, "error");
    const char *unit = json_string_value(json_object_get(note, "unit"));
    return (struct record_value){json_is_number(value) ? json_number_value(value) : NAN,
                                 json_is_number(error) ? json_number_value(error) : NAN, unit != NULL ? unit : ""};
}

const char *record_value_text(struct record_value v, char buffer[RECORD_TEXT]) {
    const bool whole = !(v.error > 0) && v.value == rint(v.value) && fabs(v.value) < 1e15;
    int n = isnan(v.value) ? snprintf(buffer, RECORD_TEXT, "nan") /* never "-nan" */
                           : snprintf(buffer, RECORD_TEXT, whole ? "%.0f" : "%.6g", v.value);
    if (v.error > 0) {
        n += snprintf(buffer + n, RECORD_TEXT - (size_t)n, " +- %.2g", v.error);
    }
    if (*v.unit != '\0') {
        snprintf(buffer + n, RECORD_TEXT - (size_t)n, " %s", v.unit);
    }
    return buffer;
}

const char *record_note_text_of(const json_t *note, char buffer[RECORD_TEXT]) {
    if (json_is_string(note)) {
        return json_string_value(note);
    }
    return json_is_object(note) ? record_value_text(record_note_value_of(note, false), buffer) : "";
}
