/* Leases: a run record that says "running" is the lease of its process (host, rank and process number) on the folder,
 * and while a stage works, the time of its record is renewed. Locks need not reach from one host to another (flock on
 * some network file systems), and there a lease ends when it is given back, by the record's next status, or when its
 * time has stood still. Who sees nobody writes a lease and looks again: of two that began at once, the younger
 * withdraws.
 *
 * Network file systems show changes late (a minute, as a rule), so two processes may still both work. That costs time
 * and nothing else: both make the same bytes, in files of different names (base/owner.h), and put them in place whole.
 * Private to stages/stage.c and stages/history.c. */
#ifndef DMSQ_STAGES_HEARTBEAT_H
#define DMSQ_STAGES_HEARTBEAT_H

#include <stdbool.h>

#include "base/lock.h"
#include "store/record.h"

enum { HEARTBEAT_SECONDS = 20, HEARTBEAT_DEAD_SECONDS = 120 };

struct heartbeat;

/* Renews the time of the file every so many seconds, in a thread of its own; NULL: there is none, and nothing to
 * stop. */
struct heartbeat *heartbeat_start(const char *path, double seconds);
void heartbeat_stop(struct heartbeat *heartbeat);

/* Waits while a lease in FOLDER/runs is of a process that lives: on another host, by the signs above; on this one, only
 * where the lock of the folder is not held alone. share: "3/8" of a process that computes a share (stages/parts.h),
 * which waits for the same share and for whoever computes all, and does not hold the lock alone; else "".
 * STATUS_FAILED: wait->stop ended it. */
enum status heartbeat_wait(const char *folder, const char *share, const struct lock *lock, const struct lock_wait *wait,
                           struct error *e);
/* Whether the lease of this process, FOLDER/runs/NAME.json, is the oldest of those that live and exclude each other. */
bool heartbeat_is_first(const char *folder, const char *share, const struct lock *lock, const char *name);
/* Whether there is a lease that lives; *what: "process 4242 on node17, which works in the same folder (its record)". */
bool heartbeat_names(const char *folder, char what[512]);
/* Whether no other process lives in the folder, as far as can be seen. */
bool heartbeat_is_alone(const char *folder, const struct lock *lock);
/* Whether a record is the lease of another process that lives. */
bool heartbeat_lives(const char *path, const struct record *record, const struct lock *lock);

#endif
