/* The parts of `make bench`. Timings are noisy, so the sides of a comparison are timed alternately, many times in one
 * run, and medians are given, of the times and of the ratios of successive times. */
#ifndef DMSQ_BENCH_H
#define DMSQ_BENCH_H

#include <stddef.h>

#include "base/error.h"
#include "network/unet.h"

struct bench {
    int threads;
    char *tsv; /* the rows so far, tab-separated, after columns for commit, processor and threads */
    size_t tsv_size, tsv_room;
    const char *prefix; /* these first columns */
};

/* A target for a ratio: at least or at most `value`. */
enum bench_sense { BENCH_NO_TARGET, BENCH_AT_LEAST, BENCH_AT_MOST };
struct bench_target {
    enum bench_sense sense;
    double value;
};

/* Prints a row. ratio: NAN if there is none. */
void bench_row(struct bench *b, const char *what, double value, const char *unit, double ratio,
               struct bench_target target);
void bench_text(struct bench *b, const char *what, const char *text);

double bench_seconds(void); /* wall time */
double bench_median(const double *x, size_t n);
double bench_median_ratio(const double *a, const double *b, size_t n); /* of a[i]/b[i] */

/* One side of a comparison. */
struct bench_side {
    enum status (*run)(void *context, struct error *e);
    void *context;
};

enum { BENCH_REPETITIONS = 32 }; /* at most */

/* Runs every side once as a warm-up, then all alternately `repetitions` times: sets times[side][repetition]. */
enum status bench_time(const struct bench_side *sides, size_t count, size_t repetitions,
                       double times[][BENCH_REPETITIONS], struct error *e);

/* Fused multiply-adds in single precision, in registers, on all threads, for some 20 ms: the peak of the machine. The
 * context is a struct bench; a run has bench_peak_flop operations. */
enum status bench_peak(void *context, struct error *e);
double bench_peak_flop(const struct bench *b);

/* The parts. */
enum status bench_machine(struct bench *b, struct error *e);
enum status bench_network(struct bench *b, int stride, struct error *e); /* primitives, training, sampler */
enum status bench_ensemble(struct bench *b, struct error *e);
/* effective-action model: evaluations, transforms, proposals */
enum status bench_effective(struct bench *b, struct error *e);
enum status bench_data(struct bench *b, struct error *e); /* observables, reading artifacts */
/* Steps of the network on request; not a part of the table. */
enum status bench_peer(struct bench *b, enum unet_convolutions convolutions, struct error *e);

#endif
