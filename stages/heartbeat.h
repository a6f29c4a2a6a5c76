/* Leases: a run record that says "running" is the lease of its process (host, rank and process number) on the folder.
 * While a stage runs, it renews the time of its record. Locks (flock) may not reach other hosts on network file
 * systems; leases replace them there. A lease ends when the status of the record changes, or when its time has not been
 * renewed for HEARTBEAT_DEAD_SECONDS. A process that finds no live lease writes its own and looks again: if two started
 * at the same moment, the one with the younger lease withdraws.
 *
 * Network file systems show changes late, usually within a minute, so two processes may still do the same work. This
 * costs only time: both write the same bytes to files of different names (base/owner.h), and rename each file when it
 * is complete. Private to stages/stage.c and stages/history.c. */
#ifndef DMSQ_STAGES_HEARTBEAT_H
#define DMSQ_STAGES_HEARTBEAT_H

#include <stdbool.h>

#include "base/lock.h"
#include "store/record.h"

enum { HEARTBEAT_SECONDS = 20, HEARTBEAT_DEAD_SECONDS = 120 };

struct heartbeat;

/* Starts a thread that renews the time of the file at the given interval. NULL: no thread could be started;
 * heartbeat_stop accepts NULL. */
struct heartbeat *heartbeat_start(const char *path, double seconds);
void heartbeat_stop(struct heartbeat *heartbeat);

/* Waits while FOLDER/runs has a live lease of another process: on another host, a lease that is being renewed; on this
 * host, one whose process exists, unless this process holds the exclusive lock of the folder. share: "3/8" for a
 * process that computes a share (stages/parts.h) and holds a shared lock; it waits only for the same share and for a
 * process that computes all. Otherwise share is "". STATUS_FAILED: the wait was stopped by wait->stop. */
enum status heartbeat_wait(const char *folder, const char *share, const struct lock *lock, const struct lock_wait *wait,
                           struct error *e);
/* Whether the lease of this process, FOLDER/runs/NAME.json, is older than all live leases that exclude it. */
bool heartbeat_is_first(const char *folder, const char *share, const struct lock *lock, const char *name);
/* Whether the folder has a live lease; what: "process 4242 on node17, which works in the same folder (its record)". */
bool heartbeat_names(const char *folder, char what[512]);
/* Whether no live lease of another process is visible in the folder. */
bool heartbeat_is_alone(const char *folder, const struct lock *lock);
/* Whether a record is a live lease of another process. */
bool heartbeat_lives(const char *path, const struct record *record, const struct lock *lock);

#endif
