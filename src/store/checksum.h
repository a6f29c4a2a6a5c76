/* The CRC-32 of zip members. */
#ifndef DMSQ_STORE_CHECKSUM_H
#define DMSQ_STORE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The CRC-32 of what `crc` is that of, with `size` bytes behind it; 0 is that of nothing. zlib's, some ten times as
 * fast where the machine multiplies polynomials. */
uint32_t checksum_crc32(uint32_t crc, const void *data, size_t size);

#endif
