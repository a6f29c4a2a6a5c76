/* Time for run records and progress messages. No computed result may depend on it. */
#ifndef DMSQ_BASE_CLOCK_H
#define DMSQ_BASE_CLOCK_H

#include <time.h>

/* Seconds on a monotonic clock, from an arbitrary origin. */
static inline double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
