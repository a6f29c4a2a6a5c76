/* Experiment files and profiles as text: sections of "name = value" lines, read strictly.
 *
 *   # a comment line               [section]
 *   name = value ; a comment       name = a long value
 *                                      that continues in an indented line
 *
 * libinih does the reading; what it lets pass is checked here: a section or a name given twice, lines it
 * would cut (198 bytes) and section names it would cut (49 bytes), text after ']', an indented line that
 * looks like a setting of its own. Every error names file and line. */
#ifndef DMSQ_EXPERIMENT_SETTINGS_H
#define DMSQ_EXPERIMENT_SETTINGS_H

#include <stddef.h>

#include "base/error.h"
#include "experiment/pool.h"

struct setting {
    const char *name;
    const char *value; /* without surrounding blanks; lines joined by one blank */
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

/* Reads a file; everything belongs to the pool. */
enum status settings_read(struct pool *pool, const char *path, struct settings *settings, struct error *e);

/* NULL when there is none of that name. */
const struct section *settings_find(const struct settings *settings, const char *section);
const struct setting *section_find(const struct section *section, const char *name);

#endif
