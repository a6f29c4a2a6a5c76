/* Arrays in .npz files: strict reading. npz_writer.c writes them; npy.c handles the .npy header of each member. */
#include "store/npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zip.h>

#include "store/npz_file.h"
#include "store/checksum.h"
#include "store/npy.h"

struct npz {
    char *path;
    size_t count;
    struct npz_array *arrays;
};

enum { ALIGNMENT = 64, LARGE_PAGE = 1 << 21, PIECE = 1 << 20 };

/* Reads exactly size bytes. (libzip checks the CRC-32 only at the end of a member.) */
static bool read_exactly(zip_file_t *member, void *data, size_t size) {
    char *at = data;
    while (size > 0) {
        zip_int64_t n = zip_fread(member, at, size);
        if (n <= 0) {
            return false;
        }
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static enum status broken(const char *path, const char *name, zip_file_t *member, struct error *e) {
    const char *reason = zip_error_strerror(zip_file_get_error(member));
    bool no_reason = zip_error_code_zip(zip_file_get_error(member)) == ZIP_ER_OK;
    return error_set(e, STATUS_BAD_INPUT, "%s: member '%.100s' is corrupt: %s", path, name,
                     no_reason ? "it ends too early" : reason);
}

/* A member to be read. */
struct member {
    struct npz_file *archive;
    zip_uint64_t index;
    zip_file_t *file;
    uint64_t length;
    bool stored; /* not compressed */
    uint32_t crc;
};

/* Reads the data of a stored member, which begin at `start`, and compares its CRC-32; `crc` is that of the bytes before
 * `start`. libzip does not check it for a part of a member. *fine: the CRC-32 agrees. */
static bool read_stored(const struct member *m, uint64_t start, uint32_t crc, void *data, size_t size, bool *fine) {
    zip_source_t *source = zip_source_zip(m->archive->zip, m->archive->zip, m->index, 0, start, (zip_int64_t)size);
    bool read = source != NULL && zip_source_open(source) == 0;
    m->archive->target = data;
    m->archive->target_size = size;
    if (read) {
        for (size_t at = 0; read && at < size;) {
            /* pieces small enough to be in the cache when they are checked */
            const size_t piece = size - at < PIECE ? size - at : PIECE;
            const zip_int64_t n = zip_source_read(source, (char *)data + at, piece);
            read = n > 0;
            crc = read ? checksum_crc32(crc, (char *)data + at, (size_t)n) : crc;
            at += read ? (size_t)n : 0;
        }
        zip_source_close(source);
    }
    m->archive->target = NULL;
    zip_source_free(source);
    *fine = crc == m->crc;
    return read;
}

/* Memory of at least `size` bytes, in large pages if there are many, which the system provides faster. */
static void *memory_for(size_t size) {
    const size_t alignment = size < 2 * LARGE_PAGE ? ALIGNMENT : LARGE_PAGE;
    void *data = aligned_alloc(alignment, (size + alignment) / alignment * alignment);
#ifdef MADV_HUGEPAGE
    if (data != NULL && alignment == LARGE_PAGE) {
        (void)madvise(data, size, MADV_HUGEPAGE); /* only a hint */
    }
#endif
    return data;
}

/* Reads header and data of one open member. */
static enum status read_array(const char *path, const char *name, const struct member *m, struct npz_array *array,
                              struct error *e) {
    zip_file_t *member = m->file;
    const uint64_t length = m->length;
    unsigned char start[NPY_START];
    if (length < sizeof start || !read_exactly(member, start, sizeof start)) {
        return length < sizeof start ? error_set(e, STATUS_BAD_INPUT,
                                                 "%s: member '%.100s' is not a .npy array: "
                                                 "found %llu bytes, expected at least %d",
                                                 path, name, (unsigned long long)length, NPY_START)
                                     : broken(path, name, member, e);
    }
    size_t header_length, already;
    if (npy_header_length(start, &header_length, &already, e) != STATUS_OK) {
        return error_prefix(e, "%s: member '%.100s'", path, name);
    }
    if (header_length < already || header_length - already > length - sizeof start) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: member '%.100s': the .npy header claims %zu bytes, but the member has %llu", path, name,
                         header_length, (unsigned long long)length);
    }
    uint32_t crc = checksum_crc32(0, start, sizeof start);
    char *header = malloc(header_length + 1);
    if (header == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    memcpy(header, start + sizeof start - already, already);
    if (!read_exactly(member, header + already, header_length - already)) {
        free(header);
        return broken(path, name, member, e);
    }
    header[header_length] = '\0';
    crc = checksum_crc32(crc, header + already, header_length - already);
    enum status status = npy_parse(header, header_length, array, e);
    free(header);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s: member '%.100s'", path, name);
    }
    uint64_t left = length - sizeof start - (header_length - already);
    if (left != (uint64_t)array->count * array->item_size) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: member '%.100s': found %llu bytes of data, expected %zu for %zu elements of %zu bytes",
                         path, name, (unsigned long long)left, array->count * array->item_size, array->count,
                         array->item_size);
    }
    size_t size = (size_t)left;
    void *data = memory_for(size);
    if (data == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory for member '%.100s' (%zu bytes)", path, name, size);
    }
    array->data = data;
    char beyond;
    bool fine;
    if (m->stored && size > 0) {
        if (!read_stored(m, length - left, crc, data, size, &fine)) {
            return error_set(e, STATUS_BAD_INPUT, "%s: member '%.100s' is corrupt: it ends too early", path, name);
        }
        return fine ? STATUS_OK
                    : error_set(e, STATUS_BAD_INPUT, "%s: member '%.100s' is corrupt: CRC error", path, name);
    }
    if (!read_exactly(member, data, size) || zip_fread(member, &beyond, 1) != 0) {
        return broken(path, name, member, e);
    }
    return STATUS_OK;
}

static enum status read_member(struct npz *npz, struct npz_file *archive, size_t i, struct error *e) {
    zip_t *zip = archive->zip;
    const uint64_t file_size = archive->size;
    struct npz_array *array = &npz->arrays[i];
    zip_stat_t info;
    if (zip_stat_index(zip, i, 0, &info) != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: member %zu is corrupt: %s", npz->path, i, zip_strerror(zip));
    }
    const zip_uint64_t needed =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD;
    if ((info.valid & needed) != needed) {
        return error_set(e, STATUS_BAD_INPUT, "%s: member %zu is corrupt: incomplete directory entry", npz->path, i);
    }
    size_t length = strlen(info.name);
    if (length <= 4 || strcmp(info.name + length - 4, ".npy") != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: found member '%.100s', expected arrays (.npy) only", npz->path,
                         info.name);
    }
    if (length - 4 >= sizeof array->name) {
        return error_set(e, STATUS_BAD_INPUT, "%s: the name of member '%.100s...' has more than %zu characters",
                         npz->path, info.name, sizeof array->name - 1);
    }
    memcpy(array->name, info.name, length - 4);
    /* Deflate expands by a factor of 1032 at most; a directory that claims more would cause a huge allocation. */
    uint64_t expansion = info.comp_method == ZIP_CM_STORE ? 1 : 1032;
    if (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE) {
        return error_set(e, STATUS_BAD_INPUT, "%s: member '%s': unknown compression method %u", npz->path, array->name,
                         info.comp_method);
    }
    if (info.comp_size > file_size || info.size > info.comp_size * expansion) {
        return error_set(e, STATUS_BAD_INPUT, "%s: member '%s' claims %llu bytes in a file of %llu", npz->path,
                         array->name, (unsigned long long)info.size, (unsigned long long)file_size);
    }
    for (size_t k = 0; k < i; k++) {
        if (strcmp(npz->arrays[k].name, array->name) == 0) {
            return error_set(e, STATUS_BAD_INPUT, "%s: member '%s' appears twice", npz->path, array->name);
        }
    }
    zip_file_t *member = zip_fopen_index(zip, i, 0);
    if (member == NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s: member '%s' is corrupt: %s", npz->path, array->name,
                         zip_strerror(zip));
    }
    const struct member m = {archive, i, member, info.size, info.comp_method == ZIP_CM_STORE, info.crc};
    enum status status = read_array(npz->path, array->name, &m, array, e);
    zip_fclose(member);
    return status;
}

/* sha256 may be NULL. */
static enum status read_file(const char *path, struct npz **result, char *sha256, struct error *e) {
    struct npz_file archive;
    TRY(npz_file_open(path, sha256 != NULL, &archive, e));
    enum status status = STATUS_OK;
    const zip_int64_t count = zip_get_num_entries(archive.zip, 0);
    struct npz *npz = calloc(1, sizeof *npz);
    if (npz == NULL || (npz->path = strdup(path)) == NULL ||
        (npz->arrays = calloc((size_t)count + 1, sizeof *npz->arrays)) == NULL) {
        status = error_set(e, STATUS_FAILED, "%s: out of memory", path);
    } else if (count == 0) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: has no arrays, expected at least one", path);
    }
    for (size_t i = 0; status == STATUS_OK && i < (size_t)count; i++) {
        npz->count = i + 1;
        status = read_member(npz, &archive, i, e);
    }
    const enum status closed = npz_file_close(&archive, status == STATUS_OK ? sha256 : NULL, e);
    THEN(status, closed);
    if (status != STATUS_OK) {
        npz_free(npz);
        return status;
    }
    *result = npz;
    return STATUS_OK;
}

enum status npz_read(const char *path, struct npz **npz, struct error *e) {
    return read_file(path, npz, NULL, e);
}

enum status npz_read_digest(const char *path, struct npz **npz, char sha256[65], struct error *e) {
    return read_file(path, npz, sha256, e);
}

/* Frees the data of an array, which is constant only for readers. */
static void free_data(const void *data) {
    void *memory;
    memcpy(&memory, &data, sizeof memory);
    free(memory);
}

void npz_free(struct npz *npz) {
    if (npz == NULL) {
        return;
    }
    for (size_t i = 0; i < npz->count; i++) {
        free_data(npz->arrays[i].data);
    }
    free(npz->arrays);
    free(npz->path);
    free(npz);
}

const char *npz_path(const struct npz *npz) {
    return npz->path;
}

size_t npz_count(const struct npz *npz) {
    return npz->count;
}

const struct npz_array *npz_array_at(const struct npz *npz, size_t i) {
    return &npz->arrays[i];
}

const struct npz_array *npz_find(const struct npz *npz, const char *name) {
    for (size_t i = 0; i < npz->count; i++) {
        if (strcmp(npz->arrays[i].name, name) == 0) {
            return &npz->arrays[i];
        }
    }
    return NULL;
}

bool npz_number_at(const struct npz_array *a, size_t i, double *x) {
    switch (a->type) {
    case NPZ_FLOAT32:
        *x = (double)((const float *)a->data)[i];
        return true;
    case NPZ_FLOAT64:
        *x = ((const double *)a->data)[i];
        return true;
    case NPZ_INT32:
        *x = ((const int32_t *)a->data)[i];
        return true;
    case NPZ_INT64:
        *x = (double)((const int64_t *)a->data)[i];
        return true;
    case NPZ_UINT8:
        *x = ((const uint8_t *)a->data)[i];
        return true;
    case NPZ_BYTES:
        break;
    }
    return false;
}

enum status npz_require(const struct npz *npz, const char *name, enum npz_type type, int dimensions,
                        const struct npz_array **array, struct error *e) {
    const struct npz_array *found = npz_find(npz, name);
    if (found == NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s: has no array '%s'", npz->path, name);
    }
    if (found->type != type) {
        return error_set(e, STATUS_BAD_INPUT, "%s: array '%s': found type %s, expected %s", npz->path, name,
                         npy_type_name(found->type), npy_type_name(type));
    }
    if (dimensions >= 0 && found->dimensions != (size_t)dimensions) {
        return error_set(e, STATUS_BAD_INPUT, "%s: array '%s': found %zu dimensions, expected %d", npz->path, name,
                         found->dimensions, dimensions);
    }
    *array = found;
    return STATUS_OK;
}

enum status npz_real(const struct npz *npz, const char *name, double *value, struct error *e) {
    const struct npz_array *array;
    const enum status status = npz_require(npz, name, NPZ_FLOAT64, 0, &array, e);
    if (status == STATUS_OK) {
        memcpy(value, array->data, sizeof *value);
    }
    return status;
}

enum status npz_integer_or(const struct npz *npz, const char *name, int64_t fallback, int64_t *value, struct error *e) {
    const struct npz_array *array = NULL;
    *value = fallback;
    if (npz_find(npz, name) == NULL) {
        return STATUS_OK;
    }
    const enum status status = npz_require(npz, name, NPZ_INT64, 0, &array, e);
    if (status == STATUS_OK) {
        memcpy(value, array->data, sizeof *value);
    }
    return status;
}

enum status npz_text(const struct npz *npz, const char *name, char **text, struct error *e) {
    const struct npz_array *array;
    TRY(npz_require(npz, name, NPZ_BYTES, 0, &array, e));
    *text = strndup(array->data, array->item_size);
    return *text != NULL ? STATUS_OK : error_set(e, STATUS_FAILED, "%s: out of memory", npz->path);
}
