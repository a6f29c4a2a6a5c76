/* Progress on stderr: see progress.h. */
#include "base/progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

struct progress {
    char what[80], unit[40];
    uint64_t total, done, resumed;
    bool terminal;
    double start, last; /* seconds; last: when a line was printed */
    size_t width;       /* of the last line, to overwrite it with blanks if the next is shorter */
    pthread_mutex_t lock;
};

struct progress *progress_new(const char *what, const char *unit, uint64_t total, int quiet) {
    /* Without memory nothing is printed; the work does not fail for that. */
    struct progress *p = quiet ? NULL : calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    snprintf(p->what, sizeof p->what, "%s", what);
    snprintf(p->unit, sizeof p->unit, "%s", unit);
    p->total = total;
    p->terminal = isatty(STDERR_FILENO);
    p->start = p->last = clock_seconds();
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void write_duration(double seconds, char text[32]) {
    if (seconds < 10) {
        snprintf(text, 32, "%.1f s", seconds);
    } else if (seconds < 60) {
        snprintf(text, 32, "%.0f s", seconds);
    } else if (seconds < 3600) {
        snprintf(text, 32, "%.0f min %02.0f s", (double)(long)(seconds / 60), (double)((long)seconds % 60));
    } else {
        snprintf(text, 32, "%.0f h %02.0f min", (double)(long)(seconds / 3600), (double)((long)seconds % 3600 / 60));
    }
}

static double rate(const struct progress *p, double time) {
    double elapsed = time - p->start;
    return elapsed > 0 && p->done > p->resumed ? (double)(p->done - p->resumed) / elapsed : 0;
}

static void print_line(struct progress *p, const char *text, bool last) {
    size_t width = strlen(text);
    int blanks = p->terminal && p->width > width ? (int)(p->width - width) : 0;
    fprintf(stderr, "%s%s%*s%s", p->terminal ? "\r" : "", text, blanks, "", p->terminal && !last ? "" : "\n");
    fflush(stderr);
    p->width = width;
}

void progress_update(struct progress *p, uint64_t done, const char *note) {
    if (p == NULL) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->done = done > p->done ? done : p->done;
    double time = clock_seconds();
    if (time - p->last >= (p->terminal ? 0.5 : 10.0)) {
        p->last = time;
        double per_second = rate(p, time);
        char left[32] = "?", text[320];
        if (per_second > 0) {
            double remaining = p->done < p->total ? (double)(p->total - p->done) : 0;
            write_duration(remaining / per_second, left);
        }
        snprintf(text, sizeof text, "%s: %llu/%llu %s, %.3g/s, %s left%s%.120s", p->what, (unsigned long long)p->done,
                 (unsigned long long)p->total, p->unit, per_second, left, note != NULL ? ", " : "",
                 note != NULL ? note : "");
        print_line(p, text, false);
    }
    pthread_mutex_unlock(&p->lock);
}

void progress_resume(struct progress *p, uint64_t done) {
    if (p != NULL) {
        pthread_mutex_lock(&p->lock);
        p->resumed = p->done = done;
        p->start = clock_seconds();
        pthread_mutex_unlock(&p->lock);
    }
}

void progress_end(struct progress *p) {
    if (p == NULL) {
        return;
    }
    double time = clock_seconds();
    char duration[32], text[320];
    write_duration(time - p->start, duration);
    snprintf(text, sizeof text, "%s: %llu/%llu %s in %s, %.3g/s", p->what, (unsigned long long)p->done,
             (unsigned long long)p->total, p->unit, duration, rate(p, time));
    print_line(p, text, true);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
