/* The machine: its processor, and its peak rates of single-precision operations and memory traffic. */
#include "tests/bench/bench.h"

/* The only place where a multiplication and an addition may be fused, since this is the peak. */
#ifdef __clang__
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "network/product.h"
#include "store/environment.h"

#ifdef __AVX512F__
enum { WIDTH = 16 };
#elif defined __AVX__
enum { WIDTH = 8 };
#else
enum { WIDTH = 4 };
#endif
enum { CHAINS = 12, ROUNDS = 4000000 };

typedef float lanes __attribute__((vector_size(WIDTH * sizeof(float))));

/* Twelve independent chains hide the latency of two units of four to six cycles, and fit sixteen registers. */
static lanes multiply_add(size_t rounds, lanes factor, lanes term) {
    lanes a = term, b = a + term, c = b + term, d = c + term, f = d + term, g = f + term;
    lanes h = g + term, i = h + term, j = i + term, k = j + term, l = k + term, m = l + term;
    for (size_t r = 0; r < rounds; r++) {
        a = a * factor + term, b = b * factor + term, c = c * factor + term, d = d * factor + term;
        f = f * factor + term, g = g * factor + term, h = h * factor + term, i = i * factor + term;
        j = j * factor + term, k = k * factor + term, l = l * factor + term, m = m * factor + term;
    }
    return a + b + c + d + f + g + h + i + j + k + l + m;
}

double bench_peak_flop(const struct bench *b) {
    return 2.0 * WIDTH * CHAINS * ROUNDS * b->threads;
}

enum status bench_peak(void *context, struct error *e) {
    const struct bench *b = context;
    float total = 0;
#pragma omp parallel num_threads(b->threads) reduction(+ : total)
    {
        const lanes zero = {0};
        const lanes sum = multiply_add(ROUNDS, zero + 0.999f, zero + 0.001f);
        for (int i = 0; i < WIDTH; i++) {
            total += sum[i];
        }
    }
    return total > 0 ? STATUS_OK : error_set(e, STATUS_FAILED, "the peak kernel computed %g", (double)total);
}

/* a = b + s c over arrays beyond every cache. */
struct triad {
    const struct bench *bench;
    size_t count;
    float *a, *b, *c;
};

static enum status triad(void *context, struct error *e) {
    const struct triad *t = context;
    (void)e;
    float *restrict a = t->a;
    const float *restrict b = t->b, *restrict c = t->c;
#pragma omp parallel for num_threads(t->bench->threads) schedule(static)
    for (size_t i = 0; i < t->count; i++) {
        a[i] = b[i] + 3.0f * c[i];
    }
    return STATUS_OK;
}

enum status bench_machine(struct bench *b, struct error *e) {
    enum { REPETITIONS = 9 };
    char text[256];
    environment_processor(text, sizeof text);
    bench_text(b, "processor", text);
    snprintf(text, sizeof text, "%d", b->threads);
    bench_text(b, "threads", text);
    bench_text(b, "instruction set of the convolutions (oneDNN)", product_instruction_set());
    struct triad t = {.bench = b, .count = (size_t)1 << 24};
    t.a = calloc(t.count, sizeof *t.a);
    t.b = calloc(t.count, sizeof *t.b);
    t.c = calloc(t.count, sizeof *t.c);
    enum status status = t.a && t.b && t.c ? STATUS_OK : error_set(e, STATUS_FAILED, "out of memory");
    double times[2][BENCH_REPETITIONS];
    for (size_t i = 0; status == STATUS_OK && i < t.count; i++) {
        t.b[i] = t.c[i] = 1; /* pages without data would all be the same page of zeros */
    }
    THEN(status, bench_time((struct bench_side[]){{bench_peak, b}, {triad, &t}}, 2, REPETITIONS, times, e));
    if (status == STATUS_OK) {
        const struct bench_target none = {BENCH_NO_TARGET, 0};
        snprintf(text, sizeof text, "float32 peak: fused multiply-add, %d lanes", WIDTH);
        bench_row(b, text, 1e-9 * bench_peak_flop(b) / bench_median(times[0], REPETITIONS), "GFLOP/s", NAN, none);
        bench_row(b, "memory: a = b + s c, 3 x 64 MiB", 12e-9 * (double)t.count / bench_median(times[1], REPETITIONS),
                  "GB/s", NAN, none);
    }
    free(t.a);
    free(t.b);
    free(t.c);
    return status;
}
