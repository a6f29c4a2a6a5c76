/* Progress on stderr: at most two lines a second on a terminal (rewritten in place), one line every
 * ten seconds otherwise: what, done/total, rate, time left, and a short free text. All functions accept
 * NULL, which prints nothing. */
#ifndef DMSQ_BASE_PROGRESS_H
#define DMSQ_BASE_PROGRESS_H

#include <stdint.h>

struct progress; /* opaque */

/* `what` names the work ("train model"), `unit` what is counted ("epochs"). quiet != 0: prints nothing. */
struct progress *progress_new(const char *what, const char *unit, uint64_t total, int quiet);
/* Reports that `done` of total are done; safe to call often and from several threads. `note` may be NULL. */
void progress_update(struct progress *p, uint64_t done, const char *note);
/* Work already done before this process started (resumed), so that rate and time left are right. */
void progress_resume(struct progress *p, uint64_t done);
/* Prints the last line (total, wall time, mean rate) and frees. */
void progress_end(struct progress *p);

#endif
