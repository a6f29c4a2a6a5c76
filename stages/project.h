/* Who made the results: project.ini, for what is published of them.
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

/* Reads the file; one that is not there gives nothing. Unknown sections and settings, and identifiers that are none,
 * are STATUS_BAD_INPUT. */
enum status project_read(struct pool *pool, const char *path, struct project *project, struct error *e);
/* Prints a line for each thing that an archive should say and the file does not. */
void project_say_missing(const struct project *project, const char *path, FILE *out);

#endif
