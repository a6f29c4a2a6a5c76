/* The contents of an archive: copies of the artifacts with their run records, of tables and figures, the source, the
 * experiments, input files from elsewhere and the list of packages, and a ledger of the runs. Private to
 * stages/archive.c. */
#ifndef DMSQ_STAGES_ARCHIVE_CONTENTS_H
#define DMSQ_STAGES_ARCHIVE_CONTENTS_H

#include "experiment/plan.h"
#include "provenance/lineage.h"

struct archive_contents {
    const struct plan *plan;
    const struct plan_request *request;
    const struct experiment *experiment;
    const char *const *keys; /* of its artifacts */
    size_t key_count;
    const struct lineage *lineage;
    const char *sources, *packages; /* list of the source files, one per line; table of the installed packages */
    const char *data;               /* the archive's payload */
    const char *root, *figures;     /* below data: "results/quick", "figures/quick" */
    const char *profile;            /* name of the profile in the archive */
};

/* Copies everything to `data`. All steps must be computed. STATUS_FAILED: no memory, or a file cannot be written. */
enum status archive_contents_copy(const struct archive_contents *c, struct error *e);
/* Prints a line for each file that a step needs and the archive does not contain, since SET names it. */
void archive_contents_say_missing(const struct archive_contents *c);

#endif
