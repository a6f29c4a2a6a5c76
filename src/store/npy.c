/* Headers of numpy arrays, written as by numpy and read strictly: see npy.h. */
#include "store/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *descr;
    size_t size;
} types[] = {
    [NPZ_FLOAT32] = {"float32", "<f4", 4}, [NPZ_FLOAT64] = {"float64", "<f8", 8}, [NPZ_INT32] = {"int32", "<i4", 4},
    [NPZ_INT64] = {"int64", "<i8", 8},     [NPZ_UINT8] = {"uint8", "|u1", 1},     [NPZ_BYTES] = {"bytes", "|S", 0},
};

enum { PREFIX = 10, LONGEST_HEADER = 1 << 16 };

const char *npy_type_name(enum npz_type type) {
    return types[type].name;
}

size_t npy_type_size(enum npz_type type) {
    return types[type].size;
}

/* --- writing ------------------------------------------------------------------------------------- */

size_t npy_write_header(const struct npz_array *array, char header[NPY_HEADER]) {
    char *text = header + PREFIX;
    size_t room = NPY_HEADER - PREFIX;
    size_t used = (size_t)snprintf(text, room, "{'descr': '%s", types[array->type].descr);
    if (array->type == NPZ_BYTES) {
        used += (size_t)snprintf(text + used, room - used, "%zu", array->item_size);
    }
    used += (size_t)snprintf(text + used, room - used, "', 'fortran_order': False, 'shape': (");
    for (size_t i = 0; i < array->dimensions; i++) {
        bool more = i + 1 < array->dimensions;
        used += (size_t)snprintf(text + used, room - used, "%zu%s", array->shape[i],
                                 more                     ? ", "
                                 : array->dimensions == 1 ? ","
                                                          : "");
    }
    used += (size_t)snprintf(text + used, room - used, "), }");
    size_t total = (PREFIX + used + 1 + 63) / 64 * 64;
    memset(text + used, ' ', total - PREFIX - used - 1);
    header[total - 1] = '\n';
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)((total - PREFIX) & 0xff);
    header[9] = (char)((total - PREFIX) >> 8);
    return total;
}

/* --- reading ------------------------------------------------------------------------------------- */

enum status npy_header_length(const unsigned char start[NPY_START], size_t *length, size_t *already, struct error *e) {
    if (memcmp(start, "\x93NUMPY", 6) != 0) {
        return error_set(e, STATUS_BAD_INPUT, "is not a .npy array: wrong magic bytes");
    }
    if (start[6] == 1 && start[7] == 0) {
        *length = (size_t)start[8] | (size_t)start[9] << 8;
        *already = 2;
    } else if (start[6] == 2 && start[7] == 0) {
        *length = (size_t)start[8] | (size_t)start[9] << 8 | (size_t)start[10] << 16 | (size_t)start[11] << 24;
        *already = 0;
    } else {
        return error_set(e, STATUS_BAD_INPUT, "found .npy version %d.%d, expected 1.0 or 2.0", start[6], start[7]);
    }
    if (*length < 10 || *length > LONGEST_HEADER) {
        return error_set(e, STATUS_BAD_INPUT, "found a .npy header of %zu bytes, expected 10 to %d bytes", *length,
                         LONGEST_HEADER);
    }
    return STATUS_OK;
}

static enum status malformed(struct error *e, const char *what, const char *at) {
    char shown[24]; /* the text that was found, as printable characters */
    size_t n = 0;
    for (; n + 1 < sizeof shown && at[n] != '\0'; n++) {
        shown[n] = (char)(isprint((unsigned char)at[n]) ? at[n] : '?');
    }
    shown[n] = '\0';
    return error_set(e, STATUS_BAD_INPUT, "malformed .npy header: expected %s, found '%s'", what, shown);
}

static const char *skip(const char *at) {
    while (*at == ' ') {
        at++;
    }
    return at;
}

/* Parses 'word' in quotes; returns the text after it, or NULL. */
static const char *quoted(const char *at, char *word, size_t size) {
    char quote = *at;
    if (quote != '\'' && quote != '"') {
        return NULL;
    }
    size_t length = 0;
    for (at++; *at != quote; at++) {
        if (*at == '\0' || length + 1 >= size) {
            return NULL;
        }
        word[length++] = *at;
    }
    word[length] = '\0';
    return at + 1;
}

static bool number(const char **at, size_t *value) {
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    size_t x = 0;
    for (; isdigit((unsigned char)**at); (*at)++) {
        if (x > SIZE_MAX / 16) {
            return false;
        }
        x = 10 * x + (size_t)(**at - '0');
    }
    *value = x;
    return true;
}

static enum status parse_descr(const char *descr, struct npz_array *array, struct error *e) {
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        size_t length = strlen(types[t].descr);
        if (t != NPZ_BYTES && strcmp(descr, types[t].descr) == 0) {
            array->type = (enum npz_type)t;
            array->item_size = types[t].size;
            return STATUS_OK;
        }
        const char *digits = descr + length;
        if (t == NPZ_BYTES && strncmp(descr, types[t].descr, length) == 0 && number(&digits, &array->item_size) &&
            *digits == '\0') {
            array->type = NPZ_BYTES;
            return STATUS_OK;
        }
    }
    const char *why = strchr(descr, 'O') ? "an array of Python objects" : descr[0] == '>' ? "big-endian" : "unknown";
    return error_set(e, STATUS_BAD_INPUT, "type '%s' is %s: expected one of <f4 <f8 <i4 <i8 |u1 |S<length>", descr,
                     why);
}

/* The type of a foreign array: floating-point numbers of any size of numpy, in either byte order. */
static enum status parse_floats(const char *descr, struct npz_array *array, struct npy_layout *layout,
                                struct error *e) {
    const char order = descr[0], *digits = descr + 2;
    size_t size = 0;
    if (strlen(descr) < 3 || strchr("<>=", order) == NULL || descr[1] != 'f' || !number(&digits, &size) ||
        *digits != '\0' || (size != 2 && size != 4 && size != 8 && size != 16)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "type '%s': expected floating-point numbers, <f2 <f4 <f8 <f16 or >f2 >f4 >f8", descr);
    }
    if (size == 16 && (order == '>' || sizeof(long double) != 16)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "type '%s' is not supported by this machine: expected numbers of up to 8 bytes", descr);
    }
    array->type = NPZ_FLOAT64; /* to which they are converted */
    array->item_size = size;
    layout->big_endian = order == '>';
    return STATUS_OK;
}

static enum status parse_shape(const char **position, struct npz_array *array, struct error *e) {
    const char *at = *position;
    if (*at != '(') {
        return malformed(e, "a shape like (2, 3)", at);
    }
    at = skip(at + 1);
    array->dimensions = 0;
    bool comma = true;
    while (*at != ')') {
        if (array->dimensions == NPZ_MAX_DIMENSIONS) {
            return error_set(e, STATUS_BAD_INPUT, "has more than %d dimensions", NPZ_MAX_DIMENSIONS);
        }
        if (!comma || !number(&at, &array->shape[array->dimensions])) {
            return malformed(e, "a length", at);
        }
        array->dimensions++;
        at = skip(at);
        comma = *at == ',';
        at = skip(at + comma);
    }
    if (array->dimensions == 1 && !comma) {
        return malformed(e, "a comma in a shape of one dimension", *position);
    }
    *position = at + 1;
    return STATUS_OK;
}

/* Parses a header; layout = NULL: only types and orders that npy_write_header writes. */
static enum status parse(const char *header, size_t length, struct npz_array *array, struct npy_layout *layout,
                         struct error *e) {
    if (strlen(header) != length || header[length - 1] != '\n') {
        return malformed(e, "text that ends with a newline", header);
    }
    const char *at = skip(header);
    if (*at != '{') {
        return malformed(e, "{", at);
    }
    at = skip(at + 1);
    bool descr = false, order = false, shape = false;
    while (*at != '}') {
        char key[16], word[64];
        const char *next = quoted(at, key, sizeof key);
        if (next == NULL || *(next = skip(next)) != ':') {
            return malformed(e, "a key and a colon", at);
        }
        at = skip(next + 1);
        enum status status = STATUS_OK;
        if (strcmp(key, "descr") == 0 && !descr) {
            descr = true;
            next = quoted(at, word, sizeof word);
            status = !next    ? malformed(e, "a simple type", at)
                     : layout ? parse_floats(word, array, layout, e)
                              : parse_descr(word, array, e);
            at = next;
        } else if (strcmp(key, "fortran_order") == 0 && !order) {
            order = true;
            if (strncmp(at, "True", 4) == 0 && layout != NULL) {
                layout->fortran = true;
                at += 4;
            } else if (strncmp(at, "True", 4) == 0) {
                status = error_set(e, STATUS_BAD_INPUT, "is in Fortran order: expected C order");
            } else if (strncmp(at, "False", 5) != 0) {
                status = malformed(e, "True or False", at);
            } else {
                at += 5;
            }
        } else if (strcmp(key, "shape") == 0 && !shape) {
            shape = true;
            status = parse_shape(&at, array, e);
        } else {
            status = error_set(e, STATUS_BAD_INPUT, "malformed .npy header: unknown or repeated key '%s'", key);
        }
        TRY(status);
        at = skip(at);
        if (*at == ',') {
            at = skip(at + 1);
        } else if (*at != '}') {
            return malformed(e, "a comma or }", at);
        }
    }
    if (!descr || !order || !shape) {
        return error_set(e, STATUS_BAD_INPUT, "malformed .npy header: descr, fortran_order or shape is missing");
    }
    at = skip(at + 1);
    if (*at != '\n' || at + 1 != header + length) {
        return malformed(e, "blanks and one newline after }", at);
    }
    if (array->item_size == 0 && array->dimensions > 0) { /* the file size would not limit their number */
        return error_set(e, STATUS_BAD_INPUT, "is a list of empty strings");
    }
    /* The product may not overflow, even if the axis of length 0 comes last. */
    size_t bytes = array->item_size > 0 ? array->item_size : 1;
    array->count = 1;
    for (size_t i = 0; i < array->dimensions; i++) {
        if (__builtin_mul_overflow(array->count, array->shape[i], &array->count) ||
            __builtin_mul_overflow(bytes, array->shape[i] > 0 ? array->shape[i] : 1, &bytes)) {
            return error_set(e, STATUS_BAD_INPUT, "its shape overflows the memory of this machine");
        }
    }
    return STATUS_OK;
}

enum status npy_parse(const char *header, size_t length, struct npz_array *array, struct error *e) {
    return parse(header, length, array, NULL, e);
}

enum status npy_parse_floats(const char *header, size_t length, struct npz_array *array, struct npy_layout *layout,
                             struct error *e) {
    *layout = (struct npy_layout){0};
    return parse(header, length, array, layout, e);
}
