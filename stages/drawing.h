/* Draws a figure with gnuplot, in a temporary folder. */
#ifndef DMSQ_STAGES_DRAWING_H
#define DMSQ_STAGES_DRAWING_H

#include "stages/figure.h"

enum { DRAWING_VERSION = 128 };

/* Makes an empty `folder`, writes the figure's numbers into it and sets `version` to that of gnuplot. STATUS_FAILED:
 * gnuplot or a font of the styles is not installed. drawing_end() removes the folder, also after a failure. */
enum status drawing_begin(const struct figure *f, const char *folder, char version[DRAWING_VERSION], struct error *e);
void drawing_end(const char *folder);

/* Draws figure.svg, .png or .pdf (`output`) with the styles of the figure's parameters, and moves it to `path`. */
enum status drawing_make(const struct figure *f, const char *folder, const char *output, const char *path,
                         struct error *e);

/* Writes the table of the figure's numbers. */
enum status drawing_table(const struct figure *f, const char *path, struct error *e);

#endif
