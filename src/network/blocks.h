/* Loops over channels are split into blocks, and the loop over sites is inside a block, so that the sums and weights of
 * a block stay in registers. Functions named block_... are compiled once for each length of a block: 4, 8, 16 or
 * BLOCK. */
#ifndef DMSQ_NETWORK_BLOCKS_H
#define DMSQ_NETWORK_BLOCKS_H

enum { BLOCK = 32 };

#define BLOCK_FUNCTION static inline __attribute__((always_inline)) void

/* Makes call(length) for every block of channels; their number is 4, 8, 16 or a multiple of BLOCK. `first` is the first
 * channel of the block. */
#define FOR_BLOCKS(channels, call) \
    do { \
        for (size_t first = 0; first < (channels); first += BLOCK) \
            switch ((channels)-first) { \
            case 4: \
                call(4); \
                break; \
            case 8: \
                call(8); \
                break; \
            case 16: \
                call(16); \
                break; \
            default: \
                call(BLOCK); \
            } \
    } while (0)

#endif
