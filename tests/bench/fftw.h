/* FFTW's transforms of many real fields together, in single precision, for comparison with ours. They are loaded from
 * the shared library if this machine has it; nothing is built or linked with FFTW. */
#ifndef DMSQ_BENCH_FFTW_H
#define DMSQ_BENCH_FFTW_H

#include <stddef.h>

struct fftw_peer {
    void *library;
    void *plan;
    void (*execute)(const void *plan, float *in, float *out);
    void (*destroy)(void *plan);
};

/* Makes a plan (FFTW_MEASURE) for `count` fields of L x L numbers, field after field or site after site. `in` has count
 * L^2 numbers, `out` count L (L + 2); they are overwritten. Transforms of other arrays need the same alignment. Returns
 * 0, or -1 if libfftw3f is not found. */
int fftw_peer_open(size_t L, size_t count, int fields_in_turn, float *in, float *out, struct fftw_peer *peer);
void fftw_peer_close(struct fftw_peer *peer);

#endif
