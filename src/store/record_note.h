/* Notes of a run record in JSON: a text, or a number with its error and unit. Private to src/store. */
#ifndef DMSQ_STORE_RECORD_NOTE_H
#define DMSQ_STORE_RECORD_NOTE_H

#include <jansson.h>
#include <stdbool.h>

#include "store/record.h"

/* {"value": 0.75, "error": 0.02, "unit": "steps"}, without "error" or "unit" if there is none; a value that is not
 * finite is null. NULL: out of memory. */
json_t *record_note_json(struct record_value value);

/* The number in a note; its value is NaN if there is none. With `prose`, as in records of format 1, also that of a text
 * "0.75", "0.75 +- 0.02" or "587 steps": the text after the number is its unit, unless it contains digits. */
struct record_value record_note_value_of(const json_t *note, bool prose);

/* The note as text: a text unchanged, a number as by record_value_text(), "" for anything else. */
const char *record_note_text_of(const json_t *note, char buffer[RECORD_TEXT]);

#endif
