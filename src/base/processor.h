/* The instruction set that the program was compiled for, and the number of threads that it may use. */
#ifndef DMSQ_BASE_PROCESSOR_H
#define DMSQ_BASE_PROCESSOR_H

/* The architecture and the extensions that the compiler was allowed to use: "x86-64 AVX AVX2 FMA BMI2", "aarch64". A
 * program that starts on a processor without one of them prints a message and ends with status 1, before main(). */
extern const char processor_target[];

/* The first extension of processor_target that is not in the set `supported`, which has a bit for each in the order of
 * processor.c; NULL if none is missing. processor_supported() is the set of this processor. */
const char *processor_lacks(unsigned supported);
unsigned processor_supported(void);

/* Number of threads that this process may use, 1 to 1024: the least of the CPUs of its affinity mask, the CPU quota of
 * its control group (rounded up) and OMP_NUM_THREADS. */
int processor_threads(void);

/* CPU quota of a control group (version 1 or 2) and of its parents, in CPUs, rounded up; 0: no limit. `mount` is
 * /sys/fs/cgroup and `self` is /proc/self/cgroup, except in tests. */
int processor_quota(const char *mount, const char *self);

#endif
