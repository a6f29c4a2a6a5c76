/* BagIt and tar files: see bag.h. */
#include "provenance/bag.h"

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owner.h"
#include "provenance/tree.h"

static enum status no_memory(struct error *e) {
    return error_set(e, STATUS_FAILED, "out of memory");
}

/* RFC 8493, section 2.1.3: line ends and percent signs of a path are escaped. */
static void write_path(const char *path, FILE *out) {
    for (const char *c = path; *c; c++) {
        if (*c == '%' || *c == '\n' || *c == '\r') {
            fprintf(out, "%%%02X", *c);
        } else {
            fputc(*c, out);
        }
    }
    fputc('\n', out);
}

/* Writes FOLDER/name, a manifest (digests) of the given files below the folder. */
static enum status write_manifest(const char *folder, const char *name, char *const *paths, size_t count,
                                  struct error *e) {
    char *text = NULL, path[PATH_MAX], digest[65];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    enum status status = out ? STATUS_OK : no_memory(e);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, paths[i]);
        status = file_sha256(path, digest, e);
        fprintf(out, "%s  ", status == STATUS_OK ? digest : "");
        write_path(paths[i], out);
    }
    if (out && fclose(out) != 0 && status == STATUS_OK) {
        status = no_memory(e);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    THEN(status, tree_write(path, text, e));
    free(text);
    return status;
}

static enum status write_info(const char *folder, const struct bag_field *info, size_t count,
                              const struct tree *payload, long long seconds, struct error *e) {
    char *text = NULL, path[PATH_MAX], date[16];
    size_t size;
    unsigned long long bytes = 0;
    struct tm utc;
    const time_t when = (time_t)seconds;
    gmtime_r(&when, &utc);
    strftime(date, sizeof date, "%Y-%m-%d", &utc);
    for (size_t i = 0; i < payload->count; i++) {
        struct stat file;
        snprintf(path, sizeof path, "%s/%s", folder, payload->paths[i]);
        bytes += stat(path, &file) == 0 ? (unsigned long long)file.st_size : 0;
    }
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return no_memory(e);
    }
    for (size_t i = 0; i < count; i++) {
        if (*info[i].value) {
            fprintf(out, "%s: %s\n", info[i].name, info[i].value);
        }
    }
    fprintf(out, "Bagging-Date: %s\nPayload-Oxum: %llu.%zu\n", date, bytes, payload->count);
    enum status status = fclose(out) == 0 ? STATUS_OK : no_memory(e);
    snprintf(path, sizeof path, "%s/bag-info.txt", folder);
    THEN(status, tree_write(path, text, e));
    free(text);
    return status;
}

enum status bag_close(const char *folder, const struct bag_field *info, size_t count, long long seconds,
                      struct error *e) {
    static char *const tags[] = {"bag-info.txt", "bagit.txt", "manifest-sha256.txt"};
    char path[PATH_MAX];
    struct tree payload;
    enum status status = tree_list(folder, "data", &payload, e);
    THEN(status, write_manifest(folder, "manifest-sha256.txt", payload.paths, payload.count, e));
    snprintf(path, sizeof path, "%s/bagit.txt", folder);
    THEN(status, tree_write(path, "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", e));
    THEN(status, write_info(folder, info, count, &payload, seconds, e));
    THEN(status, write_manifest(folder, "tagmanifest-sha256.txt", tags, 3, e));
    THEN(status, tree_normalise(folder, seconds, e));
    tree_free(&payload);
    return status;
}

/* --- tar ----------------------------------------------------------------------------------------- */

static enum status tar_failed(struct archive *a, const char *path, struct error *e) {
    return error_set(e, STATUS_FAILED, "%s: %s", path,
                     archive_error_string(a) ? archive_error_string(a) : "out of memory");
}

static enum status pack_file(struct archive *a, const char *source, const char *name, long long seconds,
                             const char *path, struct error *e) {
    char *data = NULL;
    size_t size = 0;
    struct stat info;
    enum status status = file_read(source, &data, &size, e);
    struct archive_entry *entry = archive_entry_new();
    if (status == STATUS_OK && entry && stat(source, &info) == 0) {
        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, info.st_mode & 0111 ? 0755 : 0644);
        archive_entry_set_size(entry, (la_int64_t)size);
        archive_entry_set_mtime(entry, (time_t)seconds, 0);
        archive_entry_set_uid(entry, 0);
        archive_entry_set_gid(entry, 0);
        if (archive_write_header(a, entry) != ARCHIVE_OK || archive_write_data(a, data, size) != (la_ssize_t)size) {
            status = tar_failed(a, path, e);
        }
    } else if (status == STATUS_OK) {
        status = error_set(e, STATUS_FAILED, "%s: cannot read the file to pack it", source);
    }
    archive_entry_free(entry);
    free(data);
    return status;
}

enum status bag_pack(const char *folder, const char *name, const char *path, long long seconds, struct error *e) {
    struct tree files;
    char temporary[PATH_MAX];
    enum status status = tree_list(folder, name, &files, e);
    char owner[OWNER_NAME];
    snprintf(temporary, sizeof temporary, "%s.tmp-%s", path, owner_name(owner));
    struct archive *a = archive_write_new();
    /* pax headers only for names that need them, and no time in the gzip header: equal content, equal bytes */
    if (status == STATUS_OK &&
        (!a || archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
         archive_write_add_filter_gzip(a) != ARCHIVE_OK ||
         archive_write_set_options(a, "gzip:!timestamp,gzip:compression-level=6") != ARCHIVE_OK ||
         archive_write_open_filename(a, temporary) != ARCHIVE_OK)) {
        status = a ? tar_failed(a, path, e) : no_memory(e);
    }
    for (size_t i = 0; status == STATUS_OK && i < files.count; i++) {
        char source[PATH_MAX];
        snprintf(source, sizeof source, "%s/%s", folder, files.paths[i]);
        status = pack_file(a, source, files.paths[i], seconds, path, e);
    }
    if (status == STATUS_OK && archive_write_close(a) != ARCHIVE_OK) {
        status = tar_failed(a, path, e);
    }
    archive_write_free(a);
    tree_free(&files);
    if (status != STATUS_OK) {
        unlink(temporary);
        return status;
    }
    return file_replace(temporary, path, e);
}
