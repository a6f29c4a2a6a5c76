/* The digest of a file that is being read does not depend on the parts that are passed from memory, nor on their
 * order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "base/file.h"
#include "store/digest.h"
#include "tests/scratch.h"

enum { SIZE = 3000001 };

static char folder[64], path[80], *bytes, expected[65];

static int set_up(void **state) {
    (void)state;
    struct error e;
    snprintf(folder, sizeof folder, "%s", scratch_folder("digest"));
    snprintf(path, sizeof path, "%s/file", folder);
    bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (char)(i * i % 251);
    }
    sha256(bytes, SIZE, expected);
    return file_write(path, bytes, SIZE, &e) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    free(bytes);
    scratch_remove(folder);
    return 0;
}

/* Passes `count` pieces of `size` bytes from memory, with distance `apart`, the first at offset `from` of the file. */
static void check(size_t from, size_t size, ptrdiff_t apart, size_t count) {
    struct error e;
    struct digest *d;
    char found[65];
    const int file = open(path, O_RDONLY);
    assert_int_equal(digest_begin(path, file, SIZE, &d, &e), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        const size_t at = from + (size_t)((ptrdiff_t)i * apart);
        digest_add(d, at, bytes + at, size);
    }
    assert_int_equal(digest_end(d, found, &e), STATUS_OK);
    assert_string_equal(found, expected);
    close(file);
}

static void test_any_order(void **state) {
    (void)state;
    check(0, 0, 0, 0);
    check(0, SIZE, 0, 1);
    check(1, SIZE - 1, 0, 1);
    check(0, 1000, 1000, 3000);        /* consecutive */
    check(7, 1000, 1007, 2900);        /* with gaps, more pieces than the buffer holds */
    check(0, 1000, 500, 5000);         /* overlapping */
    check(2900000, 1000, -1000, 2800); /* backwards */
}

/* Passed bytes are hashed in memory: the file is not read again. */
static void test_memory_counts(void **state) {
    (void)state;
    struct error e;
    struct digest *d;
    char found[65];
    const int file = open(path, O_RDONLY);
    assert_int_equal(digest_begin(path, file, SIZE, &d, &e), STATUS_OK);
    char *other = malloc(SIZE);
    memcpy(other, bytes, SIZE);
    other[1234567] ^= 1;
    digest_add(d, 1000000, other + 1000000, 500000);
    assert_int_equal(digest_end(d, found, &e), STATUS_OK);
    assert_string_not_equal(found, expected);
    sha256(other, SIZE, expected);
    assert_string_equal(found, expected);
    sha256(bytes, SIZE, expected);
    free(other);
    close(file);
}

static void test_a_file_that_became_shorter(void **state) {
    (void)state;
    struct error e;
    struct digest *d;
    char found[65];
    const int file = open(path, O_RDONLY);
    assert_int_equal(digest_begin(path, file, SIZE + 1, &d, &e), STATUS_OK);
    assert_int_equal(digest_end(d, found, &e), STATUS_BAD_INPUT);
    assert_non_null(strstr(e.message, "/file: cannot read: the file was truncated while it was read"));
    assert_int_equal(digest_begin(path, file, SIZE, &d, &e), STATUS_OK);
    digest_add(d, 0, bytes, 1000);
    digest_abandon(d);
    digest_abandon(NULL);
    close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_memory_counts),
        cmocka_unit_test(test_a_file_that_became_shorter),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
