/* make bench: a table of the speed of primitives and stages on this machine. A timing is not a test, so the exit status
 * does not depend on it.
 *
 * Usage: bench [--threads=N] [--only=machine|network|ensemble|effective|data] [--output=FILE.tsv]
 *        bench [--threads=N] --peer=direct|winograd|bfloat16   makes steps on request (bench_peer.c) */
#include "tests/bench/bench.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/processor.h"
#include "built.h"
#include "store/environment.h"

double bench_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const double *x, size_t n) {
    double sorted[BENCH_REPETITIONS];
    memcpy(sorted, x, n * sizeof *x);
    qsort(sorted, n, sizeof *sorted, ascending);
    return 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]);
}

double bench_median_ratio(const double *a, const double *b, size_t n) {
    double ratio[BENCH_REPETITIONS];
    for (size_t i = 0; i < n; i++) {
        ratio[i] = a[i] / b[i];
    }
    return bench_median(ratio, n);
}

enum status bench_time(const struct bench_side *sides, size_t count, size_t repetitions,
                       double times[][BENCH_REPETITIONS], struct error *e) {
    enum status status = STATUS_OK;
    for (size_t s = 0; s < count && status == STATUS_OK; s++) {
        status = sides[s].run(sides[s].context, e);
    }
    for (size_t r = 0; r < repetitions; r++) {
        for (size_t s = 0; s < count && status == STATUS_OK; s++) {
            const double start = bench_seconds();
            status = sides[s].run(sides[s].context, e);
            times[s][r] = bench_seconds() - start;
        }
    }
    return status;
}

/* --- the table ----------------------------------------------------------------------------------- */

static void keep(struct bench *b, const char *what, const char *value, const char *unit, const char *ratio,
                 const char *target, const char *ok) {
    const size_t need = strlen(b->prefix) + strlen(what) + strlen(value) + strlen(unit) + strlen(ratio) +
                        strlen(target) + strlen(ok) + 16;
    if (b->tsv_size + need > b->tsv_room) {
        char *more = realloc(b->tsv, 2 * (b->tsv_room + need));
        if (!more) {
            return; /* the printed row remains */
        }
        b->tsv = more;
        b->tsv_room = 2 * (b->tsv_room + need);
    }
    b->tsv_size += (size_t)sprintf(b->tsv + b->tsv_size, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b->prefix, what, value, unit,
                                   ratio, target, ok);
}

static void print(const char *what, const char *value, const char *unit, const char *ratio, const char *target,
                  const char *ok) {
    printf("%-58s %16s  %-16s %7s  %-7s  %s\n", what, value, unit, ratio, target, ok);
    fflush(stdout);
}

void bench_row(struct bench *b, const char *what, double value, const char *unit, double ratio,
               struct bench_target target) {
    char text[32], quotient[32] = "", wish[32] = "";
    const char *ok = "";
    snprintf(text, sizeof text, value < 9.9995 ? "%.3f" : value < 99.995 ? "%.2f" : "%.1f", value);
    if (!isnan(ratio)) {
        snprintf(quotient, sizeof quotient, ratio < 0.0995 ? "%.3f" : ratio < 99.5 ? "%.2f" : "%.0f", ratio);
    }
    if (target.sense != BENCH_NO_TARGET) {
        const bool least = target.sense == BENCH_AT_LEAST;
        snprintf(wish, sizeof wish, "%s %.2f", least ? ">=" : "<=", target.value);
        ok = (least ? ratio >= target.value : ratio <= target.value) ? "ok" : "MISSED";
    }
    print(what, text, unit, quotient, wish, ok);
    keep(b, what, text, unit, quotient, wish, ok);
}

void bench_text(struct bench *b, const char *what, const char *text) {
    print(what, text, "", "", "", "");
    keep(b, what, text, "", "", "", "");
}

static enum status networks(struct bench *b, struct error *e) {
    enum status status = STATUS_OK;
    for (int stride = 2; stride >= 1 && status == STATUS_OK; stride--) {
        status = bench_network(b, stride, e);
    }
    return status;
}

static const struct section {
    const char *name;
    enum status (*run)(struct bench *b, struct error *e);
} sections[] = {{"machine", bench_machine},
                {"network", networks},
                {"ensemble", bench_ensemble},
                {"effective", bench_effective},
                {"data", bench_data}};
enum { SECTIONS = sizeof sections / sizeof sections[0] };

/* only: the name of a section, or NULL for all. */
static enum status run(struct bench *b, const char *only, struct error *e) {
    enum status status = STATUS_OK;
    print("what", "value", "unit", "ratio", "target", "ok?");
    for (size_t i = 0; i < SECTIONS && status == STATUS_OK; i++) {
        if (!only || strcmp(only, sections[i].name) == 0) {
            status = sections[i].run(b, e);
        }
    }
    return status;
}

static bool is_section(const char *name) {
    for (size_t i = 0; i < SECTIONS; i++) {
        if (strcmp(name, sections[i].name) == 0) {
            return true;
        }
    }
    return false;
}

static enum status write_table(const struct bench *b, const char *path, struct error *e) {
    static const char head[] = "commit\tprocessor\tthreads\twhat\tvalue\tunit\tratio\ttarget\tok\n";
    char *text = malloc(sizeof head + b->tsv_size);
    if (!text) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    memcpy(text, head, sizeof head - 1);
    if (b->tsv_size > 0) {
        memcpy(text + sizeof head - 1, b->tsv, b->tsv_size);
    }
    enum status status = file_write(path, text, sizeof head - 1 + b->tsv_size, e);
    free(text);
    return status;
}

/* An enum unet_convolutions, or -1. */
static int find_convolutions(const char *name) {
    int found = UNET_BFLOAT16;
    while (found >= 0 && strcmp(name, unet_convolutions_name[found])) {
        found--;
    }
    return found;
}

int main(int argc, char **argv) {
    const char *output = NULL, *only = NULL;
    struct bench b = {.threads = processor_threads()};
    int peer = -1; /* of enum unet_convolutions */
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--threads=", 10) == 0 && atoi(argv[i] + 10) > 0) {
            b.threads = atoi(argv[i] + 10);
        } else if (strncmp(argv[i], "--output=", 9) == 0) {
            output = argv[i] + 9;
        } else if (strncmp(argv[i], "--peer=", 7) == 0 && find_convolutions(argv[i] + 7) >= 0) {
            peer = find_convolutions(argv[i] + 7);
        } else if (strncmp(argv[i], "--only=", 7) == 0 && is_section(argv[i] + 7)) {
            only = argv[i] + 7;
        } else {
            fprintf(stderr,
                    "bench: found %s, expected --threads=N (N >= 1), --only=machine|network|ensemble|effective|data, "
                    "--output=FILE or --peer=direct|winograd|bfloat16\n",
                    argv[i]);
            return STATUS_BAD_INPUT;
        }
    }
    omp_set_num_threads(b.threads); /* as in stages, for functions without an argument for threads */
    char processor[256], prefix[384];
    environment_processor(processor, sizeof processor);
    snprintf(prefix, sizeof prefix, "%.12s%s\t%s\t%d", *built.commit ? built.commit : "unknown",
             built.dirty > 0 ? "+" : "", processor, b.threads);
    b.prefix = prefix;
    struct error e;
    enum status status = peer >= 0 ? bench_peer(&b, (enum unet_convolutions)peer, &e) : run(&b, only, &e);
    if (output && (status == STATUS_OK || b.tsv_size > 0)) {
        struct error late;
        enum status written = write_table(&b, output, status == STATUS_OK ? &e : &late);
        THEN(status, written);
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "bench: %s\n", e.message);
    }
    free(b.tsv);
    return (int)status;
}
