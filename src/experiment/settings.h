/* Experiment files and profiles as text: sections of "name = value" lines, read strictly.
 *
 *   # a comment line               [section]
 *   name = value ; a comment       name = a long value
 *                                      that continues in an indented line
 *
 * libinih parses the file. In addition these are errors: a section or a name given twice, lines longer than 198 bytes
 * and section names longer than 49, which libinih would truncate, text after ']', and an indented line that looks like
 * a setting. */
#ifndef DMSQ_EXPERIMENT_SETTINGS_H
#define DMSQ_EXPERIMENT_SETTINGS_H

#include <stddef.h>

#include "base/error.h"
#include "experiment/pool.h"

struct setting {
    const char *name;
    const char *value; /* without surrounding blanks; continuation lines are joined by a blank */
    const char *where; /* "experiments/table1.ini:12" */
};

struct section {
    const char *name;
    const char *where;
    struct setting *settings;
    size_t count;
};

struct settings {
    const char *path;
    struct section *sections;
    size_t count;
};

/* Reads a file; everything belongs to the pool. STATUS_BAD_INPUT: the message names file and line. */
enum status settings_read(struct pool *pool, const char *path, struct settings *settings, struct error *e);

/* The section, or setting, of that name, or NULL. */
const struct section *settings_find(const struct settings *settings, const char *section);
const struct setting *section_find(const struct section *section, const char *name);

#endif
