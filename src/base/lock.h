/* Locks between processes (flock), on a file that is never removed. The kernel releases a lock when its process ends,
 * in whatever way. Some file systems have no locks (Lustre and NFS with some mount options, shared folders of virtual
 * machines). There programs continue without one, and `held` is false. */
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
    void (*say)(const void *context, const char *text); /* called once if the wait exceeds two seconds, and if there are
                                                           no locks */
    bool (*stop)(const void *context);                  /* called repeatedly; true ends the wait */
    const void *context;
    const char *what; /* for the message "waits for WHAT"; NULL: "another process that holds FILE" */
    double seconds;   /* longest wait; 0: without limit */
};

/* Takes a lock on the file, which is created if it is missing. lock->held is false on success if the file system has no
 * locks. STATUS_FAILED: the file cannot be opened, or the wait ended without the lock. */
enum status lock_take(const char *path, enum lock_kind kind, const struct lock_wait *wait, struct lock *lock,
                      struct error *e);
void lock_release(struct lock *lock);

/* State of a lock that other processes may hold, without taking it. */
enum lock_state { LOCK_NO_FILE, LOCK_FREE, LOCK_HELD, LOCK_UNKNOWN /* the file system has no locks */ };
enum lock_state lock_state(const char *path);

/* True if the file system of this existing file has no locks on byte ranges (fcntl), which SQLite uses. */
bool lock_of_ranges_missing(const char *path);

/* One pause of a loop that waits for `what`, which may be anything; `*waited`, 0 at first, counts the seconds. Calls
 * wait->say once two seconds have passed. False if the wait is over: stopped, or longer than wait->seconds. */
bool lock_pause(const struct lock_wait *wait, const char *what, double *waited);

#endif
