/* Locks between processes, on a file that stays (flock). The kernel gives a lock back when its process ends, however it
 * ends. Some file systems have no locks (Lustre and NFS as some mount them, shared folders of virtual machines): there
 * work goes on without one, and `held` says so. */
#ifndef DMSQ_BASE_LOCK_H
#define DMSQ_BASE_LOCK_H

#include <stdbool.h>

#include "base/error.h"

enum lock_kind { LOCK_SHARED, LOCK_EXCLUSIVE };

struct lock {
    int file;  /* descriptor, -1: none */
    bool held; /* false: the file system has no locks */
};

/* How to wait. All members may be 0. */
struct lock_wait {
    void (*say)(const void *context, const char *text); /* what is waited for, once, after two seconds; and that there
                                                           are no locks */
    bool (*stop)(const void *context);                  /* asked again and again; true ends the wait */
    const void *context;
    const char *what; /* of the sentence "waits for WHAT"; NULL: "another process that holds FILE" */
    double seconds;   /* longest wait; 0: without limit */
};

/* Takes a lock on the file, which is made if it is missing. On success lock->held says whether it could be locked.
 * STATUS_FAILED when the file cannot be opened, or the wait ended without the lock. */
enum status lock_take(const char *path, enum lock_kind kind, const struct lock_wait *wait, struct lock *lock,
                      struct error *e);
void lock_release(struct lock *lock);

/* What can be told of a lock without taking it. */
enum lock_state { LOCK_NO_FILE, LOCK_FREE, LOCK_HELD, LOCK_UNKNOWN /* the file system has no locks */ };
enum lock_state lock_state(const char *path);

/* Whether the locks of parts of a file (fcntl), which SQLite uses, are missing for this file, which must be there. */
bool lock_of_ranges_missing(const char *path);

/* For a wait of another kind: pauses, and says after two seconds that it waits for `what`. `waited` counts the seconds
 * from 0. False when the wait is over: stopped, or longer than wait->seconds. */
bool lock_pause(const struct lock_wait *wait, const char *what, double *waited);

#endif
