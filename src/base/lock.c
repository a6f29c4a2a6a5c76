/* Locks between processes: see lock.h. */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const double PAUSE_SECONDS = 0.02, SILENT_SECONDS = 2;

/* The error codes of file systems that have no locks, or whose lock service is off. */
static bool is_missing(int error) {
    return error == ENOSYS || error == ENOLCK || error == EOPNOTSUPP || error == ENOTSUP || error == EINVAL;
}

static void say(const struct lock_wait *wait, const char *format, const char *text, const char *cause) {
    char line[1024];
    if (wait && wait->say) {
        snprintf(line, sizeof line, format, text, cause);
        wait->say(wait->context, line);
    }
}

bool lock_pause(const struct lock_wait *wait, const char *what, double *waited) {
    if (wait && ((wait->stop && wait->stop(wait->context)) || (wait->seconds > 0 && *waited >= wait->seconds))) {
        return false;
    }
    nanosleep(&(struct timespec){.tv_nsec = (long)(PAUSE_SECONDS * 1e9)}, NULL);
    const double before = *waited;
    *waited += PAUSE_SECONDS;
    if (before < SILENT_SECONDS && *waited >= SILENT_SECONDS) {
        say(wait, "waits for %s%s", what, "");
    }
    return true;
}

enum status lock_take(const char *path, enum lock_kind kind, const struct lock_wait *wait, struct lock *lock,
                      struct error *e) {
    *lock = (struct lock){.file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)};
    if (lock->file < 0) {
        return error_set(e, STATUS_FAILED, "%s: cannot open: %s", path, strerror(errno));
    }
    char other[1024];
    snprintf(other, sizeof other, "another process that holds %s", path);
    double waited = 0;
    while (flock(lock->file, (kind == LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        if (is_missing(errno)) {
            say(wait,
                "%s: the file system has no locks (%s): continues without one, and recognises other processes by their "
                "run records",
                path, strerror(errno));
            return STATUS_OK;
        }
        if (errno != EINTR && errno != EWOULDBLOCK) {
            error_set(e, STATUS_FAILED, "%s: cannot lock: %s", path, strerror(errno));
            lock_release(lock);
            return e->status;
        }
        if (!lock_pause(wait, wait && wait->what ? wait->what : other, &waited)) {
            error_set(e, STATUS_FAILED, "%s: another process holds this lock, after %.0f s of waiting", path, waited);
            lock_release(lock);
            return e->status;
        }
    }
    lock->held = true;
    return STATUS_OK;
}

void lock_release(struct lock *lock) {
    if (lock->file >= 0) {
        close(lock->file);
    }
    *lock = (struct lock){.file = -1};
}

enum lock_state lock_state(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return LOCK_NO_FILE;
    }
    enum lock_state state = flock(file, LOCK_SH | LOCK_NB) == 0 ? LOCK_FREE
                            : errno == EWOULDBLOCK              ? LOCK_HELD
                                                                : LOCK_UNKNOWN;
    close(file);
    return state;
}

bool lock_of_ranges_missing(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1};
    bool missing = file >= 0 && fcntl(file, F_SETLK, &range) != 0 && is_missing(errno);
    if (file >= 0) {
        close(file);
    }
    return missing;
}
