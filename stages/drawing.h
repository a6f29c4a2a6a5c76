/* Draws a figure with gnuplot, in a folder of its own. */
#ifndef DMSQ_STAGES_DRAWING_H
#define DMSQ_STAGES_DRAWING_H

#include "stages/figure.h"

enum { DRAWING_VERSION = 128 };

/* Makes `folder` anew, with the figure's numbers in it, and checks that gnuplot, whose version it returns, and the
 * fonts of the styles are there. drawing_end() removes the folder, also after a failure. */
enum status drawing_begin(const struct figure *f, const char *folder, char version[DRAWING_VERSION], struct error *e);
void drawing_end(const char *folder);

/* Draws figure.svg, .png or .pdf (`output`) with the styles of the figure's parameters, and moves it to `path`. */
enum status drawing_make(const struct figure *f, const char *folder, const char *output, const char *path,
                         struct error *e);

/* Writes the table of the figure's numbers. */
enum status drawing_table(const struct figure *f, const char *path, struct error *e);

#endif
