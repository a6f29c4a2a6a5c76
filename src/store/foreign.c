/* Arrays written by other programs: see foreign.h. */
#include "store/foreign.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/file.h"
#include "store/npy.h"

/* Reads a whole member into memory that the caller frees. */
static enum status read_member(const char *path, zip_t *zip, zip_uint64_t index, char **data, size_t *size,
                               struct error *e) {
    zip_stat_t info;
    zip_file_t *file = zip_stat_index(zip, index, 0, &info) == 0 ? zip_fopen_index(zip, index, 0) : NULL;
    if (file == NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s: member %llu is corrupt: %s", path, (unsigned long long)index,
                         zip_strerror(zip));
    }
    enum status status = STATUS_OK;
    *size = (size_t)info.size;
    *data = info.size <= 1032 * (info.comp_size + 1) ? malloc(*size + 1) : NULL; /* the largest expansion of deflate */
    if (*data == NULL) {
        status = error_set(e, STATUS_FAILED,
                           "%s: member '%.100s' claims %llu bytes, more than its compressed data or the memory allow",
                           path, info.name, (unsigned long long)info.size);
    }
    for (size_t done = 0; status == STATUS_OK && done < *size;) {
        const zip_int64_t n = zip_fread(file, *data + done, *size - done);
        if (n <= 0) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: member '%.100s' is corrupt", path, info.name);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    char beyond;
    if (status == STATUS_OK && zip_fread(file, &beyond, 1) != 0) { /* libzip checks the CRC-32 at the end */
        status =
            error_set(e, STATUS_BAD_INPUT, "%s: member '%.100s' is corrupt: its CRC-32 does not fit", path, info.name);
    }
    zip_fclose(file);
    return status;
}

static enum status read_zip(const char *path, const char *member, char **data, size_t *size, struct error *e) {
    int code = 0;
    zip_t *zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (zip == NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s: not a readable .npz file", path);
    }
    const zip_int64_t count = zip_get_num_entries(zip, 0);
    char names[400] = "", wanted[128];
    snprintf(wanted, sizeof wanted, "%.100s.npy", member);
    zip_int64_t found = member[0] == '\0' && count == 1 ? 0 : zip_name_locate(zip, wanted, 0);
    for (zip_int64_t i = 0; found < 0 && i < count; i++) {
        const char *name = zip_get_name(zip, (zip_uint64_t)i, 0);
        const size_t used = strlen(names), length = name ? strlen(name) : 0;
        if (length > 4 && used + length < sizeof names) {
            snprintf(names + used, sizeof names - used, "%s%.*s", used ? ", " : "", (int)length - 4, name);
        }
    }
    const enum status status =
        found >= 0 ? read_member(path, zip, (zip_uint64_t)found, data, size, e)
                   : error_set(e, STATUS_BAD_INPUT, "%s: no array '%.100s'; expected one of %s", path, member, names);
    zip_discard(zip);
    return status;
}

static enum status parse(const char *path, char *data, size_t size, struct foreign *array, struct error *e) {
    size_t length = 0, already = 0;
    if (size < NPY_START) {
        return error_set(e, STATUS_BAD_INPUT, "%s: found %zu bytes, expected a .npy array", path, size);
    }
    if (npy_header_length((const unsigned char *)data, &length, &already, e) != STATUS_OK) {
        return error_prefix(e, "%s", path);
    }
    char *text = data + NPY_START - already;
    struct npz_array parsed = {0};
    struct npy_layout layout;
    if (length > size - (NPY_START - already)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: the .npy header claims %zu bytes of a file of %zu", path, length,
                         size);
    }
    const char first = text[length]; /* the parser expects a zero-terminated text */
    text[length] = '\0';
    const enum status status = npy_parse_floats(text, length, &parsed, &layout, e);
    text[length] = first;
    if (status != STATUS_OK) {
        return error_prefix(e, "%s", path);
    }
    const size_t bytes = size - (size_t)(text + length - data);
    if (bytes != parsed.count * parsed.item_size) {
        return error_set(e, STATUS_BAD_INPUT, "%s: found %zu bytes of data, expected %zu for %zu numbers of %zu bytes",
                         path, bytes, parsed.count * parsed.item_size, parsed.count, parsed.item_size);
    }
    *array = (struct foreign){.dimensions = parsed.dimensions,
                              .count = parsed.count,
                              .item_size = parsed.item_size,
                              .big_endian = layout.big_endian,
                              .data = (const unsigned char *)text + length,
                              .memory = data};
    memcpy(array->shape, parsed.shape, sizeof array->shape);
    for (size_t i = 0, stride = 1; i < parsed.dimensions; i++) {
        const size_t axis = layout.fortran ? i : parsed.dimensions - 1 - i;
        array->stride[axis] = stride;
        stride *= array->shape[axis];
    }
    return STATUS_OK;
}

enum status foreign_read(const char *path, const char *member, struct foreign *array, struct error *e) {
    char *data = NULL;
    size_t size = 0;
    *array = (struct foreign){0};
    enum status status = file_read(path, &data, &size, e);
    if (status == STATUS_OK && size >= 4 && memcmp(data, "PK\3\4", 4) == 0) {
        free(data);
        data = NULL;
        status = read_zip(path, member, &data, &size, e);
    }
    THEN(status, parse(path, data, size, array, e));
    if (status != STATUS_OK) {
        free(data);
    }
    return status;
}

void foreign_free(struct foreign *array) {
    free(array->memory);
    *array = (struct foreign){0};
}

/* IEEE half precision. */
static double half_to_double(uint16_t bits) {
    const int exponent = bits >> 10 & 31, sign = bits >> 15 ? -1 : 1;
    const double fraction = bits & 1023;
    return exponent == 31 ? (fraction > 0 ? (double)NAN : sign * (double)INFINITY)
           : exponent     ? sign * ldexp(1024 + fraction, exponent - 25)
                          : sign * ldexp(fraction, -24);
}

double foreign_at(const struct foreign *array, size_t index) {
    unsigned char bytes[16];
    const unsigned char *at = array->data + index * array->item_size;
    for (size_t i = 0; i < array->item_size; i++) {
        bytes[i] = at[array->big_endian ? array->item_size - 1 - i : i];
    }
    uint16_t h;
    float f;
    double d;
    long double g;
    switch (array->item_size) {
    case 2:
        return memcpy(&h, bytes, sizeof h), half_to_double(h);
    case 4:
        return memcpy(&f, bytes, sizeof f), (double)f;
    case 8:
        return memcpy(&d, bytes, sizeof d), d;
    default:
        return memcpy(&g, bytes, sizeof g < 16 ? sizeof g : 16), (double)g;
    }
}
