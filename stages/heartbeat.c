/* Signs of life, see heartbeat.h. */
#include "stages/heartbeat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/record.h"

struct heartbeat {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stopping;
    bool stop;
    double seconds;
    char path[];
};

static void *beat(void *argument) {
    struct heartbeat *h = argument;
    pthread_mutex_lock(&h->mutex);
    while (!h->stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        const double nanoseconds = (double)until.tv_nsec + 1e9 * h->seconds;
        until.tv_sec += (time_t)(nanoseconds / 1e9);
        until.tv_nsec = (long)(nanoseconds - 1e9 * (double)(time_t)(nanoseconds / 1e9));
        if (pthread_cond_timedwait(&h->stopping, &h->mutex, &until) == ETIMEDOUT) {
            utimensat(AT_FDCWD, h->path, NULL, 0); /* now, by the clock of the file's server */
        }
    }
    pthread_mutex_unlock(&h->mutex);
    return NULL;
}

struct heartbeat *heartbeat_start(const char *path, double seconds) {
    const size_t length = strlen(path) + 1;
    struct heartbeat *h = calloc(1, sizeof *h + length);
    if (!h) {
        return NULL;
    }
    memcpy(h->path, path, length);
    h->seconds = seconds;
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->stopping, NULL);
    sigset_t all, before; /* signals are for the thread that works */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const bool started = pthread_create(&h->thread, NULL, beat, h) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        free(h);
        return NULL;
    }
    return h;
}

void heartbeat_stop(struct heartbeat *h) {
    if (h) {
        pthread_mutex_lock(&h->mutex);
        h->stop = true;
        pthread_cond_signal(&h->stopping);
        pthread_mutex_unlock(&h->mutex);
        pthread_join(h->thread, NULL);
        pthread_cond_destroy(&h->stopping);
        pthread_mutex_destroy(&h->mutex);
        free(h);
    }
}

/* --- the others ---------------------------------------------------------------------------------- */

/* Whether the record is of a process that lives and computes what this one would, to which *what is then set. `now`: by the clock
 * of the server. */
static bool lives(const char *path, const char *share, const struct lock *lock, time_t now, char what[512]) {
    struct record *record;
    struct error ignored;
    struct stat info;
    if (stat(path, &info) != 0 || record_read(path, &record, &ignored) != STATUS_OK) {
        return false;
    }
    char here[256] = "";
    gethostname(here, sizeof here - 1);
    const char *host = record_member(record, "environment", "host"), *dash = strrchr(record_name(record), '-');
    const long process = dash ? strtol(dash + 1, NULL, 10) : 0;
    const bool ours = strcmp(host, here) == 0;
    bool alive = strcmp(record_text(record, "status"), "running") == 0 && info.st_mtime > now - HEARTBEAT_DEAD_SECONDS;
    const char *its = record_member(record, "notes", "part");
    alive = alive && (!*share || !*its || strcmp(share, its) == 0);
    if (ours) {
        alive = alive && (*share || !lock->held) && process > 0 && process != (long)getpid() && (kill((pid_t)process, 0) == 0 || errno == EPERM);
    }
    snprintf(what, 512, "process %ld on %s, which works in the same folder (%.300s)", process, host, path);
    record_free(record);
    return alive;
}

static bool any_lives(const char *runs, const char *share, const struct lock *lock, char what[512]) {
    struct stat info;
    if (lock->file < 0 || futimens(lock->file, NULL) != 0 || fstat(lock->file, &info) != 0) {
        info.st_mtime = time(NULL);
    }
    DIR *list = opendir(runs);
    bool alive = false;
    for (const struct dirent *entry; list && !alive && (entry = readdir(list));) {
        char path[PATH_MAX];
        const size_t length = strlen(entry->d_name);
        if (length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0 &&
            snprintf(path, sizeof path, "%s/%s", runs, entry->d_name) < (int)sizeof path) {
            alive = lives(path, share, lock, info.st_mtime, what);
        }
    }
    if (list) {
        closedir(list);
    }
    return alive;
}

enum status heartbeat_wait(const char *folder, const char *share, const struct lock *lock, const struct lock_wait *wait,
                           struct error *e) {
    enum { LOOKS_A_SECOND = 2, PAUSES = 50 / LOOKS_A_SECOND };
    char runs[PATH_MAX], what[512];
    double waited = 0;
    if (snprintf(runs, sizeof runs, "%s/runs", folder) >= (int)sizeof runs) {
        return STATUS_OK;
    }
    while (any_lives(runs, share, lock, what)) {
        for (int i = 0; i < PAUSES; i++) {
            if (!lock_pause(wait, what, &waited)) {
                return error_set(e, STATUS_FAILED, "%s: %s", folder, what);
            }
        }
    }
    return STATUS_OK;
}
