/* Speed of operations on stored data: measuring observables, and reading an artifact with its checksum. */
#include "tests/bench/bench.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "lattice/observables.h"
#include "store/npz.h"

enum { L = 32, V = L * L, MEASURED = 512, STORED = 16384 };

struct work {
    const struct bench *bench;
    const struct observables *observables;
    double *phi;  /* (MEASURED, V) */
    double *room; /* for each thread: primaries, propagator, workspace */
    size_t room_each;
    const char *path;
    const float *bytes; /* as many as the artifact has */
};

static enum status measure(void *context, struct error *e) {
    const struct work *w = context;
    (void)e;
    const size_t primaries = observables_primaries(w->observables), orbits = observables_orbits(w->observables);
#pragma omp parallel for num_threads(w->bench->threads) schedule(static)
    for (size_t i = 0; i < MEASURED; i++) {
        double *own = w->room + (size_t)omp_get_thread_num() * w->room_each;
        observables_measure(w->observables, w->phi + i * V, own, own + primaries, own + primaries + orbits);
    }
    return STATUS_OK;
}

static enum status read_artifact(void *context, struct error *e) {
    const struct work *w = context;
    struct npz *npz;
    enum status status = npz_read(w->path, &npz, e);
    if (status == STATUS_OK) {
        npz_free(npz);
    }
    return status;
}

/* The digest alone, the lower bound for reading with a digest. */
static enum status digest_alone(void *context, struct error *e) {
    const struct work *w = context;
    char hex[65];
    (void)e;
    sha256(w->bytes, (size_t)STORED * V * sizeof *w->bytes, hex);
    return STATUS_OK;
}

/* Reading in the way of stages. */
static enum status read_with_digest(void *context, struct error *e) {
    const struct work *w = context;
    struct npz *npz;
    char sha256[65];
    enum status status = npz_read_digest(w->path, &npz, sha256, e);
    if (status == STATUS_OK) {
        npz_free(npz);
    }
    return status;
}

static enum status write_artifact(const char *path, struct error *e) {
    float *phi = malloc((size_t)STORED * V * sizeof *phi);
    if (!phi) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    for (size_t i = 0; i < (size_t)STORED * V; i++) {
        phi[i] = (float)(i % 8191);
    }
    struct npz_writer *writer;
    enum status status = npz_create(path, &writer, e);
    if (status != STATUS_OK) {
        free(phi);
        return status;
    }
    status = npz_add_owned(writer, "phi", NPZ_FLOAT32, 2, (size_t[]){STORED, V}, phi, e);
    if (status == STATUS_OK) {
        return npz_commit(writer, e);
    }
    npz_abandon(writer);
    return status;
}

static enum status compare(struct bench *b, struct work *w, struct error *e) {
    enum { REPETITIONS = 7 };
    double times[4][BENCH_REPETITIONS];
    const struct random_key key = random_key(1, "bench", "field");
    for (uint64_t i = 0; i < MEASURED; i++) {
        random_normal(key, i, 0, w->phi + i * V, V);
    }
    enum status status =
        bench_time((struct bench_side[]){{measure, w}, {read_artifact, w}, {read_with_digest, w}, {digest_alone, w}}, 4,
                   REPETITIONS, times, e);
    if (status == STATUS_OK) {
        const struct bench_target none = {BENCH_NO_TARGET, 0};
        bench_row(b, "observables of a 32x32 configuration, with G(p)", MEASURED / bench_median(times[0], REPETITIONS),
                  "configurations/s", NAN, none);
        const double gigabytes = 1e-9 * STORED * V * sizeof(float);
        bench_row(b, "artifact in the page cache: read, CRC-32 checked",
                  gigabytes / bench_median(times[1], REPETITIONS), "GB/s", NAN, none);
        bench_row(b, "  and with its SHA-256, as a stage reads it", gigabytes / bench_median(times[2], REPETITIONS),
                  "GB/s", bench_median_ratio(times[3], times[2], REPETITIONS),
                  (struct bench_target){BENCH_AT_LEAST, 0.8});
        bench_row(b, "  its limit: SHA-256 alone, one core, in memory", gigabytes / bench_median(times[3], REPETITIONS),
                  "GB/s", NAN, none);
    }
    return status;
}

enum status bench_data(struct bench *b, struct error *e) {
    char folder[] = "/tmp/dmsq-bench-XXXXXX", path[sizeof folder + 16];
    if (!mkdtemp(folder)) {
        return error_set(e, STATUS_FAILED, "%s: cannot make this folder", folder);
    }
    snprintf(path, sizeof path, "%s/artifact.npz", folder);
    struct observables *o = NULL;
    float *bytes = NULL;
    enum status status = observables_new((size_t[]){L, L}, 2, &(struct theory){0.21, 0.022}, &o, e);
    THEN(status, write_artifact(path, e));
    struct work w = {.bench = b, .observables = o, .path = path};
    if (status == STATUS_OK) {
        w.room_each = observables_primaries(o) + observables_orbits(o) + observables_workspace(o) + 64;
        w.phi = malloc((size_t)MEASURED * V * sizeof *w.phi);
        w.room = malloc((size_t)b->threads * w.room_each * sizeof *w.room);
        w.bytes = bytes = malloc((size_t)STORED * V * sizeof *bytes);
        if (bytes) {
            memset(bytes, 1, (size_t)STORED * V * sizeof *bytes);
        }
        status = w.phi && w.room && w.bytes ? compare(b, &w, e) : error_set(e, STATUS_FAILED, "out of memory");
    }
    free(bytes);
    free(w.phi);
    free(w.room);
    observables_free(o);
    unlink(path);
    rmdir(folder);
    return status;
}
