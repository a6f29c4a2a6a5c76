/* Atomic writing of files, folders, and SHA-256 of files and memory: see file.h. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/owner.h"

void file_limits_are_errors(void) {
    signal(SIGXFSZ, SIG_IGN);
}

static enum status failed(struct error *e, const char *what, const char *path) {
    return error_set(e, STATUS_FAILED, "%s: cannot %s: %s", path, what, strerror(errno));
}

void file_sweep(const char *folder) {
    enum { OWNER_GONE = 600, ANY = 86400 }; /* seconds */
    DIR *list = opendir(folder);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        const char *ending = strstr(entry->d_name, ".tmp-");
        struct owner owner;
        struct stat info;
        if (ending == NULL || !owner_read(ending + 5, &owner) ||
            fstatat(dirfd(list), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(info.st_mode)) {
            continue;
        }
        const double age = difftime(time(NULL), info.st_mtime);
        if (age > ANY || (owner_is_gone(&owner) && age > OWNER_GONE)) {
            unlinkat(dirfd(list), entry->d_name, 0);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
}

/* Opens a new file "PATH.tmp-OWNER-N" and returns its descriptor, or -1 with a message. The caller frees *temporary,
 * its name. */
static int open_temporary(const char *path, char **temporary, struct error *e) {
    char owner[OWNER_NAME];
    size_t size = strlen(path) + sizeof owner + 24;
    char *name = malloc(size);
    if (name == NULL) {
        error_set(e, STATUS_FAILED, "%s: out of memory", path);
        return -1;
    }
    int file = -1;
    for (int n = 0; file < 0 && n < 1000; n++) {
        snprintf(name, size, "%s.tmp-%s-%d", path, owner_name(owner), n);
        file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST) {
            break;
        }
    }
    if (file < 0) {
        failed(e, "create the file", path);
        free(name);
        return -1;
    }
    *temporary = name;
    return file;
}

static bool write_all(int file, const char *data, size_t size) {
    while (size > 0) {
        ssize_t n = write(file, data, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        data += n;
        size -= (size_t)n;
    }
    return true;
}

enum status file_write(const char *path, const void *data, size_t size, struct error *e) {
    char *temporary;
    int file = open_temporary(path, &temporary, e);
    if (file < 0) {
        return e->status;
    }
    enum status status = STATUS_OK;
    if (!write_all(file, data, size)) {
        status = failed(e, "write", path);
    }
    if (close(file) != 0 && status == STATUS_OK) {
        status = failed(e, "write", path);
    }
    if (status == STATUS_OK) {
        status = file_replace(temporary, path, e); /* removes the temporary file when it fails */
    } else {
        unlink(temporary);
    }
    free(temporary);
    return status;
}

static enum status sync_file(const char *name, const char *path, struct error *e) {
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return failed(e, "open", path);
    }
    enum status status = fsync(file) == 0 ? STATUS_OK : failed(e, "fsync", path);
    close(file);
    return status;
}

/* Some file systems cannot do this (FAT, CIFS, some of FUSE), and their error codes differ. Only codes that mean a
 * failing or full disk are errors here. */
static enum status sync_folder(const char *name, const char *path, struct error *e) {
    int file = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool broken = file >= 0 && fsync(file) != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT);
    enum status status = broken ? failed(e, "fsync the folder of the file", path) : STATUS_OK;
    if (file >= 0) {
        close(file);
    }
    return status;
}

enum status file_replace(const char *temporary, const char *path, struct error *e) {
    enum status status = sync_file(temporary, path, e);
    if (status == STATUS_OK && rename(temporary, path) != 0) {
        status = failed(e, "rename the finished file", path);
    }
    if (status != STATUS_OK) {
        unlink(temporary);
        return status;
    }
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return sync_folder(".", path, e);
    }
    char *folder = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    if (folder == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    status = sync_folder(folder, path, e);
    free(folder);
    return status;
}

enum status file_read(const char *path, char **data, size_t *size, struct error *e) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        error_set(e, errno == ENOENT ? STATUS_BAD_INPUT : STATUS_FAILED, "%s: cannot open: %s", path, strerror(errno));
        return e->status;
    }
    /* The size from fstat is only a first guess: it is zero for files of /proc, and a file may grow. */
    struct stat info;
    size_t capacity = fstat(file, &info) == 0 && info.st_size > 0 ? (size_t)info.st_size + 1 : 4096;
    char *buffer = malloc(capacity);
    size_t used = 0;
    enum status status = STATUS_OK;
    while (buffer != NULL) {
        if (used + 1 >= capacity) {
            capacity = capacity * 2 + 1;
            char *larger = realloc(buffer, capacity);
            if (larger == NULL) {
                free(buffer);
                buffer = NULL;
                break;
            }
            buffer = larger;
        }
        ssize_t n = read(file, buffer + used, capacity - used - 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            status = failed(e, "read", path);
        }
        if (n <= 0) {
            break;
        }
        used += (size_t)n;
    }
    close(file);
    if (buffer == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    if (status != STATUS_OK) {
        free(buffer);
        return status;
    }
    buffer[used] = '\0';
    *data = buffer;
    *size = used;
    return STATUS_OK;
}

enum { CHUNK = 1 << 18 };

/* Reads up to `size` bytes, fewer only at the end of the file; -1 on failure. */
static ssize_t read_fully(int file, char *data, size_t size) {
    size_t used = 0;
    while (used < size) {
        ssize_t n = read(file, data + used, size - used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
    }
    return (ssize_t)used;
}

bool file_same(const char *a, const char *b) {
    struct stat one, other;
    int first = open(a, O_RDONLY | O_CLOEXEC), second = open(b, O_RDONLY | O_CLOEXEC);
    char *data = malloc(2 * CHUNK);
    bool same = first >= 0 && second >= 0 && data != NULL && fstat(first, &one) == 0 && fstat(second, &other) == 0 &&
                one.st_size == other.st_size;
    for (ssize_t n = 1; same && n > 0;) {
        n = read_fully(first, data, CHUNK);
        same = n >= 0 && read_fully(second, data + CHUNK, CHUNK) == n && memcmp(data, data + CHUNK, (size_t)n) == 0;
    }
    free(data);
    if (first >= 0) {
        close(first);
    }
    if (second >= 0) {
        close(second);
    }
    return same;
}

enum status file_copy(const char *source, const char *path, struct error *e) {
    int from = open(source, O_RDONLY | O_CLOEXEC), to;
    char *temporary, *data = malloc(CHUNK);
    if (from < 0 || data == NULL) {
        enum status status =
            from < 0 ? failed(e, "open", source) : error_set(e, STATUS_FAILED, "%s: out of memory", path);
        if (from >= 0) {
            close(from);
        }
        free(data);
        return status;
    }
    enum status status = (to = open_temporary(path, &temporary, e)) < 0 ? e->status : STATUS_OK;
    for (ssize_t n = 1; status == STATUS_OK && n > 0;) {
        n = read_fully(from, data, CHUNK);
        if (n < 0) {
            status = failed(e, "read", source);
        } else if (!write_all(to, data, (size_t)n)) {
            status = failed(e, "write", path);
        }
    }
    if (to >= 0) {
        if (close(to) != 0 && status == STATUS_OK) {
            status = failed(e, "write", path);
        }
        if (status == STATUS_OK) {
            status = file_replace(temporary, path, e);
        } else {
            unlink(temporary);
        }
        free(temporary);
    }
    close(from);
    free(data);
    return status;
}

enum status file_make_folder(const char *path, struct error *e) {
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: the shell did not expand the ~; expected the full path of the home folder", path);
    }
    char *partial = strdup(path);
    if (partial == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    enum status status = STATUS_OK;
    for (char *end = partial + 1; status == STATUS_OK && *path != '\0'; end++) {
        if (*end != '/' && *end != '\0') {
            continue;
        }
        char kept = *end;
        *end = '\0';
        struct stat info;
        if (mkdir(partial, 0777) != 0 && errno != EEXIST) {
            status = failed(e, "make the folder", partial);
        } else if (stat(partial, &info) != 0 || !S_ISDIR(info.st_mode)) {
            status = error_set(e, STATUS_FAILED, "%s: is not a folder", partial);
        }
        *end = kept;
        if (kept == '\0') {
            break;
        }
    }
    free(partial);
    return status;
}

static void to_hex(const unsigned char *digest, char hex[65]) {
    for (size_t i = 0; i < 32; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
}

void sha256(const void *data, size_t size, char hex[65]) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(data, size, digest);
    to_hex(digest, hex);
}

enum status file_sha256(const char *path, char hex[65], struct error *e) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return error_set(e, errno == ENOENT ? STATUS_BAD_INPUT : STATUS_FAILED, "%s: cannot open: %s", path,
                         strerror(errno));
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *buffer = malloc(CHUNK);
    bool fine = context != NULL && buffer != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    enum status status = fine ? STATUS_OK : error_set(e, STATUS_FAILED, "%s: out of memory", path);
    while (status == STATUS_OK) {
        ssize_t n = read(file, buffer, CHUNK);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            status = failed(e, "read", path);
        }
        if (n <= 0) {
            break;
        }
        EVP_DigestUpdate(context, buffer, (size_t)n);
    }
    if (status == STATUS_OK) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        EVP_DigestFinal_ex(context, digest, NULL);
        to_hex(digest, hex);
    }
    EVP_MD_CTX_free(context);
    free(buffer);
    close(file);
    return status;
}
