/* Authors and funding of the results, from project.ini, for archives:
 *
 *   [project]                       [author] or [author.2], ...
 *   title, funder, grant            name, orcid, affiliation, ror */
#ifndef DMSQ_STAGES_PROJECT_H
#define DMSQ_STAGES_PROJECT_H

#include "experiment/pool.h"
#include "provenance/crate.h"

struct project {
    const char *title, *funder, *grant; /* "" when not given */
    struct crate_person *people;
    size_t people_count;
};

/* Reads the file; all fields are empty if it does not exist. STATUS_BAD_INPUT: an unknown section or setting, or a
 * malformed identifier. */
enum status project_read(struct pool *pool, const char *path, struct project *project, struct error *e);
/* Prints a line for each entry that an archive should have and the file does not. */
void project_say_missing(const struct project *project, const char *path, FILE *out);

#endif
