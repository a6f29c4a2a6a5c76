/* .npz files. A first byte of 1: the rest is the .npy member of an archive that is sound, so that its checksum does not
 * keep the reader from it; else it is the archive. */
#include <zlib.h>

#include "store/npz.h"
#include "tests/fuzz/driver.h"

static void put(uint8_t *to, size_t *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        to[(*at)++] = (uint8_t)(value >> 8 * i);
    }
}

/* What local header and directory entry share: version, flags, method, time, date, CRC, sizes, length of the name. */
static void describe(uint8_t *to, size_t *at, const uint8_t *data, size_t size, uint32_t name_length) {
    put(to, at, 20, 2);
    put(to, at, 0, 2);
    put(to, at, 0, 2);
    put(to, at, 0, 2);
    put(to, at, 0x21, 2);
    put(to, at, (uint32_t)crc32(0, data, (uInt)size), 4);
    put(to, at, (uint32_t)size, 4);
    put(to, at, (uint32_t)size, 4);
    put(to, at, name_length, 2);
    put(to, at, 0, 2);
}

static size_t wrap(const uint8_t *data, size_t size, uint8_t *zip) {
    static const char name[] = "x.npy";
    size_t at = 0;
    put(zip, &at, 0x04034b50, 4);
    describe(zip, &at, data, size, 5);
    memcpy(zip + at, name, 5);
    memcpy(zip + at + 5, data, size);
    at += 5 + size;
    const size_t directory = at;
    put(zip, &at, 0x02014b50, 4);
    put(zip, &at, 20, 2);
    describe(zip, &at, data, size, 5);
    put(zip, &at, 0, 2);
    put(zip, &at, 0, 4);
    put(zip, &at, 0, 4);
    put(zip, &at, 0, 4);
    memcpy(zip + at, name, 5);
    at += 5;
    const size_t length = at - directory;
    put(zip, &at, 0x06054b50, 4);
    put(zip, &at, 0, 4);
    put(zip, &at, 1, 2);
    put(zip, &at, 1, 2);
    put(zip, &at, (uint32_t)length, 4);
    put(zip, &at, (uint32_t)directory, 4);
    put(zip, &at, 0, 2);
    return at;
}

static int target(const uint8_t *data, size_t size) {
    static uint8_t zip[FUZZ_LONGEST + 256];
    const bool member = size > 0 && data[0] == 1;
    const char *path = member ? fuzz_file("npz", zip, wrap(data + 1, size - 1, zip)) : fuzz_file("npz", data, size);
    struct npz *npz;
    struct error e;
    const enum status status = npz_read(path, &npz, &e);
    fuzz_check(status, &e);
    if (status == STATUS_OK) {
        volatile unsigned char sum = 0;
        for (size_t i = 0; i < npz_count(npz); i++) {
            const struct npz_array *a = npz_array_at(npz, i);
            const unsigned char *bytes = a->data;
            for (size_t k = 0; k < a->count * a->item_size; k++) {
                sum = (unsigned char)(sum + bytes[k]);
            }
        }
        npz_free(npz);
    }
    remove(path);
    return 0;
}

int main(void) {
    static const char header[] = "\x01\x93NUMPY\x01\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
    uint8_t member[1 + 128 + 16] = {0};
    memset(member, ' ', 129);
    memcpy(member, header, sizeof header - 1);
    member[128] = '\n';
    fuzz_add(member, sizeof member);
    uint8_t zip[400];
    const size_t size = wrap(member + 1, sizeof member - 1, zip);
    fuzz_add(zip, size);
    fuzz_add_file("tests/data/unet-w8-stride1-zeros-L8.npz");
    return fuzz_main("npz", target);
}
