#include "store/npz_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static zip_int64_t read_some(struct npz_file *a, void *data, zip_uint64_t length) {
    ssize_t n;
    do {
        n = pread(a->file, data, (size_t)length, (off_t)a->at);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        zip_error_set(&a->error, ZIP_ER_READ, errno);
        return -1;
    }
    const char *to = data;
    if (a->digest != NULL && a->target != NULL && to >= a->target && to + n <= a->target + a->target_size) {
        digest_add(a->digest, a->at, data, (size_t)n);
    }
    a->at += (uint64_t)n;
    return n;
}

static zip_int64_t file_status(struct npz_file *a, void *data, zip_uint64_t length) {
    if (length < sizeof(zip_stat_t)) {
        zip_error_set(&a->error, ZIP_ER_INVAL, 0);
        return -1;
    }
    zip_stat_t *info = data;
    zip_stat_init(info);
    info->size = a->size;
    info->valid |= ZIP_STAT_SIZE;
    return sizeof *info;
}

/* libzip's callback for a source: executes its commands. */
static zip_int64_t execute(void *state, void *data, zip_uint64_t length, zip_source_cmd_t command) {
    struct npz_file *a = state;
    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                              ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, -1);
    case ZIP_SOURCE_OPEN:
        a->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return read_some(a, data, length);
    case ZIP_SOURCE_STAT:
        return file_status(a, data, length);
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&a->error, data, length);
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)a->at;
    case ZIP_SOURCE_SEEK: {
        const zip_int64_t to = zip_source_seek_compute_offset(a->at, a->size, data, length, &a->error);
        if (to >= 0) {
            a->at = (uint64_t)to;
        }
        return to < 0 ? -1 : 0;
    }
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    default:
        zip_error_set(&a->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

static enum status open_zip(struct npz_file *a, struct error *e) {
    zip_error_t reason;
    zip_error_init(&reason);
    zip_source_t *source = zip_source_function_create(execute, a, &reason);
    a->zip = source == NULL ? NULL : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &reason);
    if (a->zip == NULL) {
        error_set(e, STATUS_BAD_INPUT, "%s: not a readable .npz file (%lld bytes): %s", a->path, (long long)a->size,
                  zip_error_strerror(&reason));
        zip_source_free(source);
    }
    zip_error_fini(&reason);
    return a->zip == NULL ? STATUS_BAD_INPUT : STATUS_OK;
}

enum status npz_file_open(const char *path, bool with_digest, struct npz_file *a, struct error *e) {
    *a = (struct npz_file){.path = path, .file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    zip_error_init(&a->error);
    struct stat info;
    if (a->file < 0 || fstat(a->file, &info) != 0) {
        error_set(e, STATUS_BAD_INPUT, "%s: cannot open: %s", path, strerror(errno));
        if (a->file >= 0) {
            close(a->file);
        }
        return STATUS_BAD_INPUT;
    }
    a->size = (uint64_t)info.st_size;
    enum status status = S_ISREG(info.st_mode)
                             ? STATUS_OK
                             : error_set(e, STATUS_BAD_INPUT, "%s: is not a regular file; expected an .npz file", path);
    THEN(status, open_zip(a, e));
    if (status == STATUS_OK && with_digest) {
        status = digest_begin(path, a->file, a->size, &a->digest, e);
    }
    if (status != STATUS_OK) {
        npz_file_close(a, NULL, e);
    }
    return status;
}

enum status npz_file_close(struct npz_file *a, char *sha256, struct error *e) {
    enum status status = STATUS_OK;
    if (sha256 != NULL) {
        status = digest_end(a->digest, sha256, e);
    } else {
        digest_abandon(a->digest);
    }
    if (a->zip != NULL) {
        zip_discard(a->zip);
    }
    close(a->file);
    zip_error_fini(&a->error);
    return status;
}
