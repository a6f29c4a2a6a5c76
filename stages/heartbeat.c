/* See heartbeat.h. */
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
            utimensat(AT_FDCWD, h->path, NULL, 0); /* the present time, by the clock of the file server */
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
    sigset_t all, before; /* signals go to the main thread */
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

/* --- other processes ----------------------------------------------------------------------------- */

/* The present time, by the clock of the file server if the lock is a file there. */
static time_t now_of(const struct lock *lock) {
    struct stat info;
    return lock->file >= 0 && futimens(lock->file, NULL) == 0 && fstat(lock->file, &info) == 0 ? info.st_mtime
                                                                                               : time(NULL);
}

static bool record_lives(const struct record *record, const struct stat *info, const char *share,
                         const struct lock *lock, time_t now) {
    const struct owner owner = record_owner(record);
    if (strcmp(record_text(record, "status"), "running") != 0 || info->st_mtime <= now - HEARTBEAT_DEAD_SECONDS ||
        owner.process <= 0 || owner_is_me(&owner)) {
        return false;
    }
    const char *its = record_member(record, "notes", "part");
    const bool apart = *share && *its && strcmp(share, its) != 0;
    /* A process that holds the exclusive lock of the folder is the only one on its host. */
    return !apart && (!owner_is_here(&owner) || ((*share || !lock->held) && !owner_is_gone(&owner)));
}

bool heartbeat_lives(const char *path, const struct record *record, const struct lock *lock) {
    struct stat info;
    return stat(path, &info) == 0 && record_lives(record, &info, "", lock, now_of(lock));
}

/* Whether lease a is older than lease b, by the times of the files, or by name if these are equal. */
static bool is_before(const struct stat *a, const char *name_a, const struct stat *b, const char *name_b) {
    const long long seconds = (long long)a->st_mtim.tv_sec - b->st_mtim.tv_sec,
                    rest = (long long)a->st_mtim.tv_nsec - b->st_mtim.tv_nsec;
    return seconds ? seconds < 0 : rest ? rest < 0 : strcmp(name_a, name_b) < 0;
}

/* Whether another process has a live lease in the folder that excludes this process. `own` is the name of this
 * process's lease, or NULL; if given, only older leases count. what: text for a message, "process 4242 on node17,
 * ...". */
static bool any_lives(const char *folder, const char *share, const struct lock *lock, const char *own, char what[512]) {
    char runs[PATH_MAX], path[PATH_MAX];
    struct stat mine = {0};
    struct error ignored;
    bool alive = false;
    if (snprintf(runs, sizeof runs, "%s/runs", folder) >= (int)sizeof runs ||
        (own && (snprintf(path, sizeof path, "%s/%s.json", runs, own) >= (int)sizeof path || stat(path, &mine) != 0))) {
        return false;
    }
    const time_t now = now_of(lock);
    DIR *list = opendir(runs);
    for (const struct dirent *entry; list && !alive && (entry = readdir(list));) {
        const size_t length = strlen(entry->d_name);
        struct record *record;
        struct stat info;
        if (length <= 5 || strcmp(entry->d_name + length - 5, ".json") != 0 ||
            snprintf(path, sizeof path, "%s/%s", runs, entry->d_name) >= (int)sizeof path || stat(path, &info) != 0 ||
            record_read(path, &record, &ignored) != STATUS_OK) {
            continue;
        }
        alive = record_lives(record, &info, share, lock, now) &&
                (!own || is_before(&info, record_name(record), &mine, own));
        const struct owner owner = record_owner(record);
        snprintf(what, 512, "process %ld on %s, which works in the same folder (%.300s)", owner.process, owner.host,
                 path);
        record_free(record);
    }
    if (list) {
        closedir(list);
    }
    return alive;
}

bool heartbeat_is_first(const char *folder, const char *share, const struct lock *lock, const char *name) {
    char what[512];
    return !any_lives(folder, share, lock, name, what);
}

bool heartbeat_names(const char *folder, char what[512]) {
    const struct lock none = {.file = -1};
    return any_lives(folder, "", &none, NULL, what);
}

bool heartbeat_is_alone(const char *folder, const struct lock *lock) {
    char what[512];
    return !any_lives(folder, "", lock, NULL, what);
}

enum status heartbeat_wait(const char *folder, const char *share, const struct lock *lock, const struct lock_wait *wait,
                           struct error *e) {
    enum { LOOKS_A_SECOND = 2, PAUSES = 50 / LOOKS_A_SECOND };
    char what[512];
    double waited = 0;
    while (any_lives(folder, share, lock, NULL, what)) {
        for (int i = 0; i < PAUSES; i++) {
            if (!lock_pause(wait, what, &waited)) {
                return error_set(e, STATUS_FAILED, "%s: %s", folder, what);
            }
        }
    }
    return STATUS_OK;
}
