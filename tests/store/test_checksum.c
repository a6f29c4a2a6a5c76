/* store/checksum.h against zlib, for all short lengths, unaligned, in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/random.h"
#include "store/checksum.h"

enum { N = 4096 };

static void as_zlib(void **state) {
    (void)state;
    unsigned char data[N];
    for (uint32_t i = 0; i < N / 16; i++) {
        random_block(random_key(1, "test", "checksum"), 0, 0, i, (uint32_t *)(void *)(data + 16 * i));
    }
    assert_int_equal(checksum_crc32(0, "123456789", 9), 0xcbf43926u); /* the known answer */
    uint32_t running = 0;
    for (size_t size = 0; size < 700; size++) {
        for (size_t start = 0; start < 20; start += 3) {
            assert_int_equal(checksum_crc32(0, data + start, size), crc32_z(0, data + start, size));
            running = checksum_crc32(running, data + start, size);
        }
    }
    uint32_t zlib = 0;
    for (size_t size = 0; size < 700; size++) {
        for (size_t start = 0; start < 20; start += 3) {
            zlib = (uint32_t)crc32_z(zlib, data + start, size);
        }
    }
    assert_int_equal(running, zlib);
    assert_int_equal(checksum_crc32(0, data, N), crc32_z(0, data, N));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_zlib)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
