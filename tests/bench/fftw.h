/* FFTW's transforms of many real fields at once in single precision, to compare ours with: from the shared library,
 * where this machine has it. Nothing is built or linked with FFTW. */
#ifndef DMSQ_BENCH_FFTW_H
#define DMSQ_BENCH_FFTW_H

#include <stddef.h>

struct fftw_peer {
    void *library;
    void *plan;
    void (*execute)(const void *plan, float *in, float *out);
    void (*destroy)(void *plan);
};

/* Measures a plan (FFTW_MEASURE) for `count` fields of L x L numbers, field after field or site after site. `in` holds
 * count L^2 numbers, `out` count L (L + 2); their contents are lost. Transforms of other arrays need the same
 * alignment. 0: a plan; -1: there is no libfftw3f here. */
int fftw_peer_open(size_t L, size_t count, int fields_in_turn, float *in, float *out, struct fftw_peer *peer);
void fftw_peer_close(struct fftw_peer *peer);

#endif
