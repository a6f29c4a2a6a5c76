/* Signs of life of a run, for processes on other hosts: while a stage works, the time of its run record is renewed. Locks need not
 * reach from one host to another (flock on some network file systems), and there a record that says "running" is only
 * believed to be of a dead process when its time has stood still. Private to stages/stage.c. */
#ifndef DMSQ_STAGES_HEARTBEAT_H
#define DMSQ_STAGES_HEARTBEAT_H

#include <stdbool.h>

#include "base/lock.h"

enum { HEARTBEAT_SECONDS = 20, HEARTBEAT_DEAD_SECONDS = 120 };

struct heartbeat;

/* Renews the time of the file every so many seconds, in a thread of its own; NULL: there is none, and nothing to stop. */
struct heartbeat *heartbeat_start(const char *path, double seconds);
void heartbeat_stop(struct heartbeat *heartbeat);

/* Waits while a record in FOLDER/runs that says "running" is of a process that lives: on another host, by the signs above; on
 * this one, only where the lock of the folder is not held alone. share: "3/8" of a process that computes a share
 * (stages/parts.h), which waits for the same share and for whoever computes all, and does not hold the lock alone; else "".
 * STATUS_FAILED: wait->stop ended it. */
enum status heartbeat_wait(const char *folder, const char *share, const struct lock *lock, const struct lock_wait *wait,
                           struct error *e);

#endif
