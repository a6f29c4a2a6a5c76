/* See fftw.h. */
#include "tests/bench/fftw.h"

#include <dlfcn.h>
#include <string.h>

enum { MEASURE = 0 }; /* FFTW_MEASURE of fftw3.h */

typedef void *make_plan(int rank, const int *n, int count, float *in, const int *in_embedded, int in_stride,
                        int in_distance, float *out, const int *out_embedded, int out_stride, int out_distance,
                        unsigned flags);

/* Finds a function of the library. ISO C has no other conversion from an object pointer to a function pointer. */
static int find(const struct fftw_peer *peer, const char *name, void *function) {
    void *address = dlsym(peer->library, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

int fftw_peer_open(size_t L, size_t count, int fields_in_turn, float *in, float *out, struct fftw_peer *peer) {
    make_plan *make;
    *peer = (struct fftw_peer){.library = dlopen("libfftw3f.so.3", RTLD_NOW | RTLD_LOCAL)};
    if (!peer->library) {
        return -1;
    }
    const int n[2] = {(int)L, (int)L}, many = (int)count, real = (int)(L * L), modes = (int)(L * (L / 2 + 1));
    const int stride = fields_in_turn ? 1 : many;
    if (find(peer, "fftwf_plan_many_dft_r2c", &make) && find(peer, "fftwf_execute_dft_r2c", &peer->execute) &&
        find(peer, "fftwf_destroy_plan", &peer->destroy)) {
        peer->plan = make(2, n, many, in, NULL, stride, fields_in_turn ? real : 1, out, NULL, stride,
                          fields_in_turn ? modes : 1, MEASURE);
    }
    if (!peer->plan) {
        fftw_peer_close(peer);
    }
    return peer->plan ? 0 : -1;
}

void fftw_peer_close(struct fftw_peer *peer) {
    if (peer->plan) {
        peer->destroy(peer->plan);
    }
    if (peer->library) {
        dlclose(peer->library);
    }
    *peer = (struct fftw_peer){0};
}
