/* Readers under arbitrary input: whatever a file or a command line holds, they end with a status and a message of one
 * line, and touch no memory but their own (make check-slow SANITIZE=1 sees that best).
 *
 * A test of this folder is the target of one reader: `target` (the signature is libFuzzer's) and `seeds`, inputs to
 * begin with. It runs the files of tests/fuzz/corpus/NAME, inputs that once went wrong, and a few thousand mutations of
 * them all from a fixed seed; with FUZZ_SECONDS=60, mutations of another seed each time for a minute. An input that
 * crashes or hangs is kept in build/tmp/fuzz-NAME; add it to the corpus with the mending. */
#ifndef DMSQ_TESTS_FUZZ_DRIVER_H
#define DMSQ_TESTS_FUZZ_DRIVER_H

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

struct fuzz_input {
    uint8_t *data;
    size_t size;
};

/* One input. Returns 0; whatever is wrong ends the program, by abort() if nothing else. */
typedef int fuzz_target(const uint8_t *data, size_t size);

static struct {
    const char *name;
    struct fuzz_input current;
    char kept[200];
    struct fuzz_input *inputs;
    size_t count;
    uint64_t random;
} fuzz;

enum { FUZZ_LONGEST = 1 << 16, FUZZ_MUTATIONS = 1000 };

static inline void fuzz_add(const void *data, size_t size) {
    fuzz.inputs = realloc(fuzz.inputs, (fuzz.count + 1) * sizeof *fuzz.inputs);
    struct fuzz_input *i = &fuzz.inputs[fuzz.count++];
    i->size = size < FUZZ_LONGEST ? size : FUZZ_LONGEST;
    i->data = malloc(i->size + 1);
    memcpy(i->data, data, i->size);
}

static inline void fuzz_add_text(const char *text) {
    fuzz_add(text, strlen(text));
}

static inline void fuzz_add_file(const char *path) {
    char *data;
    size_t size;
    struct error e;
    if (file_read(path, &data, &size, &e) != STATUS_OK) {
        fprintf(stderr, "%s\n", e.message);
        abort();
    }
    fuzz_add(data, size);
    free(data);
}

/* A message of one line without control characters, for a status that says so. */
static inline void fuzz_check(enum status status, const struct error *e) {
    if (status == STATUS_OK) {
        return;
    }
    bool fine = (status == STATUS_FAILED || status == STATUS_BAD_INPUT) && e->message[0] != '\0';
    for (const char *c = e->message; *c != '\0'; c++) {
        fine = fine && (unsigned char)*c >= ' ' && *c != 0x7f;
    }
    if (!fine) {
        fprintf(stderr, "status %d, message '%s'\n", (int)status, e->message);
        abort();
    }
}

/* --- mutations ----------------------------------------------------------------------------------- */

static inline uint64_t fuzz_random(uint64_t below) { /* xorshift64* */
    fuzz.random ^= fuzz.random >> 12;
    fuzz.random ^= fuzz.random << 25;
    fuzz.random ^= fuzz.random >> 27;
    return (fuzz.random * 2685821657736338717u >> 16) % below;
}

static inline void fuzz_mutate(struct fuzz_input *x) {
    static const uint8_t odd[] = {0,   1,   0x7f, 0x80, 0xff, '\n', '\r', '\'', '"', '$',
                                  '{', '[', ']',  '=',  ',',  '-',  '.',  '9',  '%', ';'};
    static const char *const words[] = {"nan", "inf", "-1",      "1e999", "18446744073709551616",
                                        "[a]", "--",  "sha256:", "''",    "$(x)"};
    for (uint64_t n = 1 + fuzz_random(6); n > 0; n--) {
        const size_t at = x->size > 0 ? fuzz_random(x->size) : 0, rest = x->size - at;
        switch (x->size == 0 ? 3 : fuzz_random(8)) {
        case 0:
            x->data[at] ^= (uint8_t)(1u << fuzz_random(8));
            break;
        case 1:
            x->data[at] = odd[fuzz_random(sizeof odd)];
            break;
        case 2:
            x->data[at] = (uint8_t)fuzz_random(256);
            break;
        case 3:
        case 4: { /* insert a word, or a piece of another input */
            const struct fuzz_input *other = &fuzz.inputs[fuzz_random(fuzz.count)];
            const char *word = words[fuzz_random(sizeof words / sizeof *words)];
            const uint8_t *from = (const uint8_t *)word;
            size_t length = strlen(word);
            if (other->size > 0 && fuzz_random(2) == 0) {
                const size_t begin = fuzz_random(other->size);
                from = other->data + begin;
                length = 1 + fuzz_random(other->size - begin < 64 ? other->size - begin : 64);
            }
            if (x->size + length <= FUZZ_LONGEST) {
                memmove(x->data + at + length, x->data + at, rest);
                memcpy(x->data + at, from, length);
                x->size += length;
            }
            break;
        }
        case 5: { /* remove */
            const size_t length = 1 + fuzz_random(rest < 32 ? rest : 32);
            memmove(x->data + at, x->data + at + length, rest - length);
            x->size -= length;
            break;
        }
        case 6:
            x->size = fuzz_random(8) == 0 ? at : x->size;
            break;
        default: /* a number of four bytes */
            for (size_t i = 0; i < 4 && i < rest; i++) {
                x->data[at + i] = i == 3 ? (uint8_t)fuzz_random(256) : 0xff;
            }
        }
    }
}

/* --- running ------------------------------------------------------------------------------------- */

/* Keeps the input that is on its way through the reader. */
static void fuzz_died(int number) {
    const int file = open(fuzz.kept, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file < 0 || write(file, fuzz.current.data, fuzz.current.size) < 0 ||
        write(2, fuzz.kept, strlen(fuzz.kept)) < 0 || write(2, "\n", 1) < 0) {
        _exit(99);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static inline void fuzz_run(fuzz_target *target, const uint8_t *data, size_t size) {
    memcpy(fuzz.current.data, data, size);
    fuzz.current.size = size;
    alarm(20);                                   /* a reader that does not come to an end */
    uint8_t *copy = malloc(size > 0 ? size : 1); /* its bounds are those of the input */
    memcpy(copy, data, size);
    target(copy, size);
    free(copy);
    alarm(0);
}

/* The main of a target: one line of TAP for the corpus and one for mutations. */
static inline int fuzz_main(const char *name, fuzz_target *target) {
    static const int deadly[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    char folder[200], path[500];
    const char *seconds = getenv("FUZZ_SECONDS");
    fuzz.name = name;
    fuzz.current.data = malloc(FUZZ_LONGEST);
    mkdir("build", 0777);
    mkdir("build/tmp", 0777);
    snprintf(fuzz.kept, sizeof fuzz.kept, "build/tmp/fuzz-%s", name);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        signal(deadly[i], fuzz_died);
    }
    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", name);
    DIR *list = opendir(folder);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            fuzz_add_file(path);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    for (size_t i = 0; i < fuzz.count; i++) {
        fuzz_run(target, fuzz.inputs[i].data, fuzz.inputs[i].size);
    }
    printf("ok 1 - %zu inputs of the corpus and to begin with\n", fuzz.count);
    fflush(stdout);
    fuzz.random = seconds != NULL ? (uint64_t)time(NULL) * 2654435761u + 1 : 88172645463325252u;
    const double limit = seconds != NULL ? strtod(seconds, NULL) : 0;
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    struct fuzz_input x = {.data = malloc(FUZZ_LONGEST)};
    size_t done = 0;
    for (;; done++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (seconds != NULL ? (double)(now.tv_sec - begun.tv_sec) >= limit : done >= FUZZ_MUTATIONS) {
            break;
        }
        const struct fuzz_input *from = &fuzz.inputs[fuzz_random(fuzz.count)];
        memcpy(x.data, from->data, from->size);
        x.size = from->size;
        fuzz_mutate(&x);
        fuzz_run(target, x.data, x.size);
    }
    printf("ok 2 - %zu mutations\n1..2\n", done);
    free(x.data);
    for (size_t i = 0; i < fuzz.count; i++) {
        free(fuzz.inputs[i].data);
    }
    free(fuzz.inputs);
    free(fuzz.current.data);
    return 0;
}

/* The name of a file of this process, in memory where the system has such a folder. */
static inline const char *fuzz_path(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/fuzz-%ld-%s", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "build/tmp",
             (long)getpid(), name);
    return path;
}

/* Writes an input where readers of files find it. */
static inline const char *fuzz_file(const char *name, const uint8_t *data, size_t size) {
    const char *path = fuzz_path(name);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        abort();
    }
    return path;
}

#endif
