#include "base/processor.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- instruction set ----------------------------------------------------------------------------- */

/* 1 where the compiler defines the macro as 1, 0 where it does not. */
#define DEFINED(macro) DEFINED_AS(macro)
#define DEFINED_AS(value) PICK(COMMA_##value 1, 0, 0)
#define PICK(...) SECOND(__VA_ARGS__)
#define COMMA_1 0,
#define SECOND(first, second, ...) second

#if defined __x86_64__
/* Name, name in __builtin_cpu_supports, macro that the compiler defines if it uses the extension. */
/* clang-format off */
#define EXTENSIONS(X)                                                                                        \
    X(" SSE4.2", "sse4.2", __SSE4_2__) X(" POPCNT", "popcnt", __POPCNT__) X(" AVX", "avx", __AVX__)          \
    X(" AVX2", "avx2", __AVX2__) X(" FMA", "fma", __FMA__) X(" BMI", "bmi", __BMI__)                         \
    X(" BMI2", "bmi2", __BMI2__) X(" AVX512F", "avx512f", __AVX512F__)                                       \
    X(" AVX512VL", "avx512vl", __AVX512VL__) X(" AVX512BW", "avx512bw", __AVX512BW__)                        \
    X(" AVX512DQ", "avx512dq", __AVX512DQ__) X(" AVX512CD", "avx512cd", __AVX512CD__)                        \
    X(" AVX512VNNI", "avx512vnni", __AVX512VNNI__) X(" AVX512VBMI", "avx512vbmi", __AVX512VBMI__)
/* clang-format on */
#define BASELINE "x86-64"
#define SUPPORTED(name, word, macro) set |= (__builtin_cpu_supports(word) ? 1u : 0u) << bit++;
#define PLAIN_CODE __attribute__((target("no-avx"))) /* the check itself must run on any processor */
#else
#define EXTENSIONS(X)
#if defined __aarch64__
#define BASELINE "aarch64"
#else
#define BASELINE "unknown"
#endif
#define PLAIN_CODE
#endif

#define NAME(name, word, macro) {DEFINED(macro), name},
static const struct {
    bool used;
    const char *name; /* with a blank before it */
} extensions[] = {EXTENSIONS(NAME){false, ""}};

#define USED_OR_EMPTY(name, word, macro) USED_AS(DEFINED(macro), name)
#define USED_AS(used, name) USED_AGAIN(used, name)
#define USED_AGAIN(used, name) USED_##used(name)
#define USED_0(name)
#define USED_1(name) name
const char processor_target[] = BASELINE EXTENSIONS(USED_OR_EMPTY);

PLAIN_CODE unsigned processor_supported(void) {
    unsigned set = 0;
#ifdef SUPPORTED
    int bit = 0;
    __builtin_cpu_init(); /* constructors may run before libgcc's */
    EXTENSIONS(SUPPORTED)
#endif
    return set;
}

PLAIN_CODE const char *processor_lacks(unsigned supported) {
    for (size_t i = 0; i + 1 < sizeof extensions / sizeof *extensions; i++) {
        if (extensions[i].used && !(supported >> i & 1u)) {
            return extensions[i].name + 1;
        }
    }
    return NULL;
}

PLAIN_CODE static void say(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        _exit(1);
    }
}

/* Runs before main(), which may contain unsupported instructions. */
PLAIN_CODE __attribute__((constructor)) static void check_processor(void) {
    const char *missing = processor_lacks(processor_supported());
    if (missing != NULL) {
        char host[65] = "this host";
        gethostname(host, sizeof host - 1);
        say("this program was compiled for a processor with ");
        say(missing);
        say(", which the processor of ");
        say(host);
        say(" lacks: build it on that machine, or with an ARCH= that both support (x86-64 runs everywhere)\n");
        _exit(1);
    }
}

/* --- threads ------------------------------------------------------------------------------------- */

/* CPUs that a control group allows, 0: no limit. Version 2 has one file with "QUOTA PERIOD", version 1 a file for
 * each. */
static int quota_of(const char *mount, const char *group, bool second) {
    char path[4096];
    double quota = 0, period = 0;
    const char *const files[] = {second ? "cpu.max" : "cpu.cfs_quota_us", "cpu.cfs_period_us"};
    for (int i = 0; i < (second ? 1 : 2); i++) {
        const int length = snprintf(path, sizeof path, "%s%s/%s", mount, group, files[i]);
        FILE *file = length > 0 && length < (int)sizeof path ? fopen(path, "re") : NULL;
        if (file == NULL) {
            return 0;
        }
        const bool read = second ? fscanf(file, "%lf %lf", &quota, &period) == 2
                                 : fscanf(file, "%lf", i == 0 ? &quota : &period) == 1;
        fclose(file);
        if (!read) {
            return 0; /* "max" */
        }
    }
    if (!(quota > 0 && period > 0 && quota / period < 1e6)) {
        return 0;
    }
    const int whole = (int)(quota / period);
    return whole < quota / period ? whole + 1 : whole;
}

static int smaller(int limit, int other) {
    return limit == 0 || (other > 0 && other < limit) ? other : limit;
}

int processor_quota(const char *mount, const char *self) {
    int limit = 0;
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen(self, "re");
    while (file != NULL && getline(&line, &size, file) >= 0) { /* NUMBER:CONTROLLERS:GROUP */
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL) {
            continue;
        }
        *controllers++ = *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        const bool second = *controllers == '\0';
        bool cpu = second;
        char *rest = NULL, *list = strdup(controllers);
        for (char *word = list ? strtok_r(list, ",", &rest) : NULL; word != NULL; word = strtok_r(NULL, ",", &rest)) {
            cpu = cpu || strcmp(word, "cpu") == 0;
        }
        free(list);
        char root[4096];
        if (!cpu || snprintf(root, sizeof root, "%s%s%s", mount, second ? "" : "/", controllers) >= (int)sizeof root) {
            continue;
        }
        /* the group and its parents */
        for (char *end = group + strlen(group); end != NULL; end = strrchr(group, '/')) {
            *end = '\0';
            limit = smaller(limit, quota_of(root, group, second));
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    free(line);
    return limit;
}

/* CPUs of the affinity mask, even if they are more than fit into a cpu_set_t. */
static int affinity(void) {
    for (int cpus = 1024; cpus <= 1 << 20; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        const size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        const int count = set != NULL && sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (count > 0) {
            return count;
        }
    }
    return 1;
}

int processor_threads(void) {
    enum { MOST = 1024 };
    int threads = smaller(affinity(), processor_quota("/sys/fs/cgroup", "/proc/self/cgroup"));
    const char *text = getenv("OMP_NUM_THREADS"); /* a number, or one per nesting level */
    const long limit = text != NULL ? strtol(text, NULL, 10) : 0;
    if (limit > 0 && limit < threads) {
        threads = (int)limit;
    }
    return threads < MOST ? threads : MOST;
}
