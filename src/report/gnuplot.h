/* Drives gnuplot so that a figure's bytes depend on its script and data alone: no user settings, the C
 * locale, fonts of the system only, no date in a PDF. */
#ifndef DMSQ_REPORT_GNUPLOT_H
#define DMSQ_REPORT_GNUPLOT_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* "5.4 patchlevel 4". Fails with a message that names the Debian package when gnuplot is not there. */
enum status gnuplot_version(char *version, size_t size, struct error *e);

/* Fails, naming the Debian package, unless fontconfig has this family of fonts for a gnuplot that runs in `folder`: it
 * would draw with its nearest, and nobody would notice. */
enum status gnuplot_font(const char *folder, const char *family, struct error *e);

/* Runs gnuplot on folder/script with `folder` as its current folder. A failure's message holds what gnuplot
 * wrote to stderr. */
enum status gnuplot_run(const char *folder, const char *script, struct error *e);

/* Writes a text as a string of gnuplot's. */
void gnuplot_string(const char *text, FILE *out);

/* Whether a .svg, .png or .pdf is there to its end: gnuplot exits with 0 when the disk is full. STATUS_FAILED if
 * not. */
enum status gnuplot_complete(const char *path, struct error *e);

/* Overwrites the dates in a PDF (cairo writes the present one) with 1980-01-01, in place. */
enum status pdf_neutralise_dates(const char *path, struct error *e);

#endif
