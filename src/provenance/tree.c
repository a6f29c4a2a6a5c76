/* Whole folders: see tree.h. */
#include "provenance/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static enum status failed(const char *path, const char *what, struct error *e) {
    return error_set(e, STATUS_FAILED, "%s: cannot %s: %s", path, what, strerror(errno));
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum status add(struct tree *t, const char *path, struct error *e) {
    char **larger = realloc(t->paths, (t->count + 1) * sizeof *larger), *copy = strdup(path);
    t->paths = larger ? larger : t->paths;
    if (!larger || !copy) {
        free(copy);
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    t->paths[t->count++] = copy;
    return STATUS_OK;
}

static enum status list(const char *folder, const char *below, struct tree *t, struct error *e) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", folder, *below ? "/" : "", below);
    DIR *d = opendir(path);
    if (!d) {
        return failed(path, "list the folder", e);
    }
    enum status status = STATUS_OK;
    for (const struct dirent *entry; status == STATUS_OK && (entry = readdir(d));) {
        char name[PATH_MAX], full[PATH_MAX];
        struct stat info;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) {
            continue;
        }
        if (snprintf(name, sizeof name, "%s%s%s", below, *below ? "/" : "", entry->d_name) >= (int)sizeof name ||
            snprintf(full, sizeof full, "%s/%s", folder, name) >= (int)sizeof full) {
            status = error_set(e, STATUS_FAILED, "%s: the path is too long", path);
        } else if (stat(full, &info) != 0) {
            status = failed(full, "find the file", e);
        } else {
            status = S_ISDIR(info.st_mode) ? list(folder, name, t, e) : add(t, name, e);
        }
    }
    closedir(d);
    return status;
}

enum status tree_list(const char *folder, const char *below, struct tree *t, struct error *e) {
    *t = (struct tree){0};
    const enum status status = list(folder, below, t, e);
    if (t->count) {
        qsort(t->paths, t->count, sizeof *t->paths, by_bytes);
    }
    return status;
}

void tree_free(struct tree *t) {
    for (size_t i = 0; i < t->count; i++) {
        free(t->paths[i]);
    }
    free(t->paths);
    *t = (struct tree){0};
}

static enum status make_parent(const char *path, struct error *e) {
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return STATUS_OK;
    }
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    return file_make_folder(parent, e);
}

static bool write_all(int file, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t n = write(file, data, size);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Without the fsync of file_copy(): the finished folder is renamed as a whole. */
enum status tree_copy(const char *source, const char *path, struct error *e) {
    enum { CHUNK = 1 << 18 };
    enum status status = make_parent(path, e);
    const int in = status == STATUS_OK ? open(source, O_RDONLY | O_CLOEXEC) : -1;
    struct stat info;
    if (status == STATUS_OK && (in < 0 || fstat(in, &info) != 0)) {
        status = failed(source, "read the file", e);
    }
    const int out = status == STATUS_OK
                        ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, info.st_mode & 0111 ? 0755 : 0644)
                        : -1;
    char *buffer = malloc(CHUNK);
    if (status == STATUS_OK && (out < 0 || !buffer)) {
        status = failed(path, "write the file", e);
    }
    while (status == STATUS_OK) {
        const ssize_t n = read(in, buffer, CHUNK);
        if (n < 0 && errno != EINTR) {
            status = failed(source, "read the file", e);
        } else if (n > 0 && !write_all(out, buffer, (size_t)n)) {
            status = failed(path, "write the file", e);
        } else if (n == 0) {
            break;
        }
    }
    free(buffer);
    if (in >= 0) {
        close(in);
    }
    if (out >= 0 && close(out) != 0 && status == STATUS_OK) {
        status = failed(path, "write the file", e);
    }
    return status;
}

enum status tree_write(const char *path, const char *text, struct error *e) {
    TRY(make_parent(path, e));
    return file_write(path, text, strlen(text), e);
}

/* nftw passes no context to its callback: the time is that of the walk in progress in this thread. */
static __thread struct timespec fixed_time[2];

static int normalise_one(const char *path, const struct stat *info, int type, struct FTW *place) {
    (void)place;
    const bool folder = type == FTW_DP || type == FTW_D;
    return chmod(path, folder || info->st_mode & 0111 ? 0755 : 0644) != 0 ||
                   utimensat(AT_FDCWD, path, fixed_time, 0) != 0
               ? -1
               : 0;
}

enum status tree_normalise(const char *folder, long long seconds, struct error *e) {
    fixed_time[0] = fixed_time[1] = (struct timespec){.tv_sec = (time_t)seconds};
    return nftw(folder, normalise_one, 32, FTW_DEPTH | FTW_PHYS) == 0 ? STATUS_OK
                                                                      : failed(folder, "set modes and times", e);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place) {
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

enum status tree_remove(const char *folder, struct error *e) {
    if (access(folder, F_OK) != 0 && errno == ENOENT) {
        return STATUS_OK;
    }
    return nftw(folder, remove_one, 32, FTW_DEPTH | FTW_PHYS) == 0 ? STATUS_OK : failed(folder, "remove the folder", e);
}
