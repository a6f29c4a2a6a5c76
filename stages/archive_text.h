/* The files of an archive for its readers: README.md, CITATION.cff, and a Makefile that checks and recomputes it.
 * Private to stages/archive.c. */
#ifndef DMSQ_STAGES_ARCHIVE_TEXT_H
#define DMSQ_STAGES_ARCHIVE_TEXT_H

#include "experiment/plan.h"
#include "provenance/crate.h"
#include "stages/project.h"

struct archive_text {
    const struct plan *plan;
    const struct plan_request *request;
    const struct experiment *experiment;
    const struct crate *crate;
    const struct project *project;
    const char *folder;  /* data/ of the archive */
    const char *profile; /* name of the profile in the archive */
    bool dirty;          /* the source is not that of the commit */
    long long seconds;   /* time of the archive */
};

/* Writes the three files. STATUS_FAILED: no memory, or a file cannot be written. */
enum status archive_texts(const struct archive_text *text, struct error *e);

#endif
