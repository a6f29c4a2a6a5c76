/* Arrays in .npz files: writing (libzip, stored members, fixed times). npy.c writes the .npy header of each member. */
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/file.h"
#include "base/owner.h"
#include "store/npy.h"
#include "store/npz.h"

struct member {
    struct npz_array array;
    void *owned; /* data that the writer frees, or NULL */
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

size_t npz_writer_count(const struct npz_writer *writer) {
    return writer->count;
}

const struct npz_array *npz_writer_array(const struct npz_writer *writer, size_t i) {
    return &writer->members[i]->array;
}

/* Takes ownership of `owned` (may be NULL), also on failure. */
static enum status add(struct npz_writer *w, const char *name, enum npz_type type, size_t item_size, size_t dimensions,
                       const size_t *shape, const void *data, void *owned, struct error *e) {
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
    bool fine =
        length > 0 && length < sizeof m->array.name && strchr(name, '/') == NULL && dimensions <= NPZ_MAX_DIMENSIONS;
    for (size_t i = 0; fine && i < w->count; i++) {
        fine = strcmp(w->members[i]->array.name, name) != 0;
    }
    if (!fine) {
        free(owned);
        free(m);
        return error_set(e, STATUS_FAILED,
                         "%s: cannot add array '%s' (%zu dimensions): the name is empty, too long or already used, or "
                         "there are too many dimensions",
                         w->path, name, dimensions);
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

enum status npz_add(struct npz_writer *w, const char *name, enum npz_type type, size_t dimensions, const size_t *shape,
                    const void *data, struct error *e) {
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

static enum status add_copy(struct npz_writer *w, const char *name, enum npz_type type, const void *value, size_t size,
                            struct error *e) {
    void *copy = malloc(size);
    if (copy == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", w->path);
    }
    memcpy(copy, value, size);
    return add(w, name, type, size, 0, NULL, copy, copy, e);
}

enum status npz_add_text(struct npz_writer *w, const char *name, const char *text, struct error *e) {
    size_t length = strlen(text);
    return add_copy(w, name, NPZ_BYTES, text, length > 0 ? length : 1, e); /* numpy has no strings of length 0 */
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
    return npz_add_real_array(w, name, 0, NULL, &value, e);
}

enum status npz_add_reals(struct npz_writer *w, const char *name, const double *values, size_t count, struct error *e) {
    return npz_add_real_array(w, name, 1, &count, values, e);
}

enum status npz_add_real_array(struct npz_writer *w, const char *name, size_t dimensions, const size_t *shape,
                               const double *values, struct error *e) {
    size_t count = 1;
    for (size_t i = 0; i < dimensions; i++) {
        count *= shape[i];
    }
    double *copy = malloc((count + 1) * sizeof *copy);
    if (copy == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory for array '%s'", w->path, name);
    }
    for (size_t i = 0; i < count; i++) {
        copy[i] = isnan(values[i]) ? (double)NAN : values[i];
    }
    return npz_add_owned(w, name, NPZ_FLOAT64, dimensions, shape, copy, e);
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

/* libzip does not change the data, but its interface takes a pointer that is not const. */
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
    char owner[OWNER_NAME];
    size_t size = strlen(w->path) + sizeof owner + 8;
    char *temporary = malloc(size);
    enum status status;
    if (temporary == NULL) {
        status = error_set(e, STATUS_FAILED, "%s: out of memory", w->path);
    } else if (w->count == 0) {
        status = error_set(e, STATUS_FAILED, "%s: cannot write: no arrays were added", w->path);
    } else {
        snprintf(temporary, size, "%s.tmp-%s", w->path, owner_name(owner));
        status = write_zip(w, temporary, e);
        THEN(status, file_replace(temporary, w->path, e));
    }
    free(temporary);
    npz_abandon(w);
    return status;
}
