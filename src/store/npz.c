/* Arrays in .npz files: writing (libzip, stored members, fixed times) and strict reading. The .npy header
 * inside each member is handled in npy.c. */
#include "store/npz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "base/file.h"
#include "store/npy.h"

/* --- reading ------------------------------------------------------------------------------------- */

struct npz {
    char *path;
    size_t count;
    struct npz_array *arrays;
};

enum { ALIGNMENT = 64 };

/* Reads exactly size bytes; libzip has checked the CRC-32 once the end of a member was seen. */
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

/* Reads header and data of one open member of the given length. */
static enum status read_array(const char *path, const char *name, zip_file_t *member, uint64_t length,
                              struct npz_array *array, struct error *e) {
    unsigned char start[NPY_START];
    if (length < sizeof start || !read_exactly(member, start, sizeof start)) {
        return length < sizeof start ? error_set(e, STATUS_BAD_INPUT, "%s: member '%.100s' is not a .npy array: "
                                                 "found %llu bytes, expected at least %d", path, name,
                                                 (unsigned long long)length, NPY_START)
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
    void *data = aligned_alloc(ALIGNMENT, (size + ALIGNMENT) / ALIGNMENT * ALIGNMENT);
    if (data == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory for member '%.100s' (%zu bytes)", path, name, size);
    }
    array->data = data;
    char beyond;
    if (!read_exactly(member, data, size) || zip_fread(member, &beyond, 1) != 0) {
        return broken(path, name, member, e);
    }
    return STATUS_OK;
}

static enum status read_member(struct npz *npz, zip_t *zip, size_t i, uint64_t file_size, struct error *e) {
    struct npz_array *array = &npz->arrays[i];
    zip_stat_t info;
    if (zip_stat_index(zip, i, 0, &info) != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: member %zu is corrupt: %s", npz->path, i, zip_strerror(zip));
    }
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD;
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
    /* Deflate cannot expand by more than 1032; a directory that claims more would only make us allocate. */
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
    enum status status = read_array(npz->path, array->name, member, info.size, array, e);
    zip_fclose(member);
    return status;
}

enum status npz_read(const char *path, struct npz **result, struct error *e) {
    struct stat info;
    if (stat(path, &info) != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: cannot open: %s", path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: expected an .npz file, found something that is not a file", path);
    }
    int code = 0;
    zip_t *zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (zip == NULL) {
        zip_error_t reason;
        zip_error_init_with_code(&reason, code);
        error_set(e, STATUS_BAD_INPUT, "%s: not a readable .npz file (%lld bytes): %s", path,
                  (long long)info.st_size, zip_error_strerror(&reason));
        zip_error_fini(&reason);
        return e->status;
    }
    zip_int64_t count = zip_get_num_entries(zip, 0);
    struct npz *npz = calloc(1, sizeof *npz);
    enum status status = STATUS_OK;
    if (npz == NULL || (npz->path = strdup(path)) == NULL ||
        (npz->arrays = calloc((size_t)count + 1, sizeof *npz->arrays)) == NULL) {
        status = error_set(e, STATUS_FAILED, "%s: out of memory", path);
    } else if (count == 0) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: holds no arrays", path);
    }
    for (size_t i = 0; status == STATUS_OK && i < (size_t)count; i++) {
        npz->count = i + 1;
        status = read_member(npz, zip, i, (uint64_t)info.st_size, e);
    }
    zip_discard(zip);
    if (status != STATUS_OK) {
        npz_free(npz);
        return status;
    }
    *result = npz;
    return STATUS_OK;
}

/* The arrays of a struct npz own their data; only readers see it as constant. */
static void free_data(const void *data) {
    void *own;
    memcpy(&own, &data, sizeof own);
    free(own);
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

enum status npz_text(const struct npz *npz, const char *name, char **text, struct error *e) {
    const struct npz_array *array;
    enum status status = npz_require(npz, name, NPZ_BYTES, 0, &array, e);
    if (status != STATUS_OK) {
        return status;
    }
    *text = strndup(array->data, array->item_size);
    return *text != NULL ? STATUS_OK : error_set(e, STATUS_FAILED, "%s: out of memory", npz->path);
}

/* --- writing ------------------------------------------------------------------------------------- */

struct member {
    struct npz_array array;
    void *owned; /* copy of the data, where the writer made one */
    char header[NPY_HEADER];
    size_t header_size;
};

struct npz_writer {
    char *path;
    struct member **members;
    size_t count, capacity;
};

enum status npz_create(const char *path, struct npz_writer **result, struct error *e) {
    struct npz_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL || (writer->path = strdup(path)) == NULL) {
        free(writer);
        return error_set(e, STATUS_FAILED, "%s: out of memory", path);
    }
    *result = writer;
    return STATUS_OK;
}

/* Takes `owned` (may be NULL) in any case. */
static enum status add(struct npz_writer *w, const char *name, enum npz_type type, size_t item_size,
                       size_t dimensions, const size_t *shape, const void *data, void *owned, struct error *e) {
    struct member *m = calloc(1, sizeof *m);
    if (m != NULL && w->count == w->capacity) {
        size_t capacity = w->capacity * 2 + 16;
        struct member **larger = realloc(w->members, capacity * sizeof(struct member *));
        if (larger == NULL) {
            free(m);
            m = NULL;
        } else {
            w->members = larger;
            w->capacity = capacity;
        }
    }
    if (m == NULL) {
        free(owned);
        return error_set(e, STATUS_FAILED, "%s: out of memory", w->path);
    }
    m->owned = owned;
    m->array.type = type;
    m->array.item_size = item_size;
    m->array.dimensions = dimensions;
    m->array.count = 1;
    m->array.data = data;
    size_t length = strlen(name);
    bool fine = length > 0 && length < sizeof m->array.name && strchr(name, '/') == NULL &&
                dimensions <= NPZ_MAX_DIMENSIONS;
    for (size_t i = 0; fine && i < w->count; i++) {
        fine = strcmp(w->members[i]->array.name, name) != 0;
    }
    if (!fine) {
        free(owned);
        free(m);
        return error_set(e, STATUS_FAILED, "%s: cannot add array '%s' (%zu dimensions): name empty, too long or "
                         "twice, or too many dimensions", w->path, name, dimensions);
    }
    memcpy(m->array.name, name, length + 1);
    for (size_t i = 0; i < dimensions; i++) {
        m->array.shape[i] = shape[i];
        m->array.count *= shape[i];
    }
    m->header_size = npy_write_header(&m->array, m->header);
    w->members[w->count++] = m;
    return STATUS_OK;
}

enum status npz_add(struct npz_writer *w, const char *name, enum npz_type type, size_t dimensions,
                    const size_t *shape, const void *data, struct error *e) {
    if (type == NPZ_BYTES) {
        return error_set(e, STATUS_FAILED, "%s: array '%s': texts are added with npz_add_text", w->path, name);
    }
    return add(w, name, type, npy_type_size(type), dimensions, shape, data, NULL, e);
}

enum status npz_add_owned(struct npz_writer *w, const char *name, enum npz_type type, size_t dimensions,
                          const size_t *shape, void *data, struct error *e) {
    if (type == NPZ_BYTES) {
        free(data);
        return error_set(e, STATUS_FAILED, "%s: array '%s': texts are added with npz_add_text", w->path, name);
    }
    return add(w, name, type, npy_type_size(type), dimensions, shape, data, data, e);
}

static enum status add_copy(struct npz_writer *w, const char *name, enum npz_type type, const void *value,
                            size_t size, struct error *e) {
    void *copy = malloc(size);
    if (copy == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", w->path);
    }
    memcpy(copy, value, size);
    return add(w, name, type, size, 0, NULL, copy, copy, e);
}

enum status npz_add_text(struct npz_writer *w, const char *name, const char *text, struct error *e) {
    size_t length = strlen(text);
    return add_copy(w, name, NPZ_BYTES, text, length > 0 ? length : 1, e); /* numpy has no empty strings */
}

enum status npz_add_texts(struct npz_writer *w, const char *name, const char *const *texts, size_t count,
                          struct error *e) {
    size_t longest = 1;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(texts[i]);
        longest = length > longest ? length : longest;
    }
    char *copy = calloc(count + 1, longest);
    if (copy == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", w->path);
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(copy + i * longest, texts[i], strlen(texts[i]));
    }
    return add(w, name, NPZ_BYTES, longest, 1, &count, copy, copy, e);
}

enum status npz_add_real(struct npz_writer *w, const char *name, double value, struct error *e) {
    return add_copy(w, name, NPZ_FLOAT64, &value, sizeof value, e);
}

enum status npz_add_reals(struct npz_writer *w, const char *name, const double *values, size_t count,
                          struct error *e) {
    return npz_add(w, name, NPZ_FLOAT64, 1, &count, values, e);
}

enum status npz_add_integer(struct npz_writer *w, const char *name, int64_t value, struct error *e) {
    return add_copy(w, name, NPZ_INT64, &value, sizeof value, e);
}

void npz_abandon(struct npz_writer *w) {
    if (w == NULL) {
        return;
    }
    for (size_t i = 0; i < w->count; i++) {
        free(w->members[i]->owned);
        free(w->members[i]);
    }
    free(w->members);
    free(w->path);
    free(w);
}

/* libzip takes data as fragments it may not change, through a pointer that is not const. */
static zip_uint8_t *fragment_of(const void *data) {
    zip_uint8_t *pointer;
    memcpy(&pointer, &data, sizeof pointer);
    return pointer;
}

static bool put_member(zip_t *zip, struct member *m) {
    zip_buffer_fragment_t fragments[2] = {
        {fragment_of(m->header), m->header_size},
        {fragment_of(m->array.data), (zip_uint64_t)m->array.count * m->array.item_size},
    };
    char name[sizeof m->array.name + 4];
    snprintf(name, sizeof name, "%s.npy", m->array.name);
    size_t used = fragments[1].length > 0 ? 2 : 1;
    zip_source_t *source = zip_source_buffer_fragment(zip, fragments, used, 0);
    if (source == NULL) {
        return false;
    }
    zip_int64_t index = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        return false;
    }
    enum { DOS_TIME = 0, DOS_DATE_1980_01_01 = 0x21 };
    return zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) == 0 &&
           zip_file_set_dostime(zip, (zip_uint64_t)index, DOS_TIME, DOS_DATE_1980_01_01, 0) == 0;
}

static enum status write_zip(const struct npz_writer *w, const char *temporary, struct error *e) {
    int code = 0;
    zip_t *zip = zip_open(temporary, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (zip == NULL) {
        zip_error_t reason;
        zip_error_init_with_code(&reason, code);
        error_set(e, STATUS_FAILED, "%s: cannot write: %s", w->path, zip_error_strerror(&reason));
        zip_error_fini(&reason);
        return e->status;
    }
    bool fine = true;
    for (size_t i = 0; fine && i < w->count; i++) {
        fine = put_member(zip, w->members[i]);
    }
    if (!fine || zip_close(zip) != 0) {
        error_set(e, STATUS_FAILED, "%s: cannot write: %s", w->path, zip_strerror(zip));
        zip_discard(zip);
        unlink(temporary);
        return e->status;
    }
    return STATUS_OK;
}

enum status npz_commit(struct npz_writer *w, struct error *e) {
    size_t size = strlen(w->path) + 32;
    char *temporary = malloc(size);
    enum status status;
    if (temporary == NULL) {
        status = error_set(e, STATUS_FAILED, "%s: out of memory", w->path);
    } else if (w->count == 0) {
        status = error_set(e, STATUS_FAILED, "%s: cannot write: no arrays were added", w->path);
    } else {
        snprintf(temporary, size, "%s.tmp-%ld", w->path, (long)getpid());
        status = write_zip(w, temporary, e);
        if (status == STATUS_OK) {
            status = file_replace(temporary, w->path, e);
        }
    }
    free(temporary);
    npz_abandon(w);
    return status;
}
