/* Progress on stderr: name of the work, done/total, rate, time left and a note. On a terminal the line is rewritten in
 * place, at most twice a second; otherwise a line is printed every ten seconds. All functions accept NULL and then
 * print nothing. */
#ifndef DMSQ_BASE_PROGRESS_H
#define DMSQ_BASE_PROGRESS_H

#include <stdint.h>

struct progress; /* opaque */

/* `what` names the work ("train model"), `unit` what is counted ("epochs"). quiet != 0: prints nothing. */
struct progress *progress_new(const char *what, const char *unit, uint64_t total, int quiet);
/* Reports that `done` of total are done. May be called often and from several threads. `note` may be NULL. */
void progress_update(struct progress *p, uint64_t done, const char *note);
/* Work that was already done when a resumed run started, which rate and time left exclude. */
void progress_resume(struct progress *p, uint64_t done);
/* Prints the last line (total, wall time, mean rate) and frees `p`. */
void progress_end(struct progress *p);

#endif
