/* Runs gnuplot so that a figure's bytes depend on its script and data alone: no user settings, the C locale, system
 * fonts only, no date in a PDF. Functions fail with STATUS_FAILED. */
#ifndef DMSQ_REPORT_GNUPLOT_H
#define DMSQ_REPORT_GNUPLOT_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* The version, "5.4 patchlevel 4". Fails if gnuplot is missing; the message names the Debian package. */
enum status gnuplot_version(char *version, size_t size, struct error *e);

/* Fails unless fontconfig finds this family of fonts for a gnuplot that runs in `folder`; the message names the Debian
 * package. gnuplot itself would use a similar font without a message. */
enum status gnuplot_font(const char *folder, const char *family, struct error *e);

/* Runs gnuplot on folder/script with `folder` as its current folder. The message of a failure contains gnuplot's
 * own. */
enum status gnuplot_run(const char *folder, const char *script, struct error *e);

/* Writes a text as a gnuplot string. */
void gnuplot_string(const char *text, FILE *out);

/* Fails if a .svg, .png or .pdf is incomplete: gnuplot exits with 0 even if the disk is full. */
enum status gnuplot_complete(const char *path, struct error *e);

/* Replaces the dates in a PDF, which are those of its creation, by 1980-01-01. */
enum status pdf_neutralise_dates(const char *path, struct error *e);

#endif
