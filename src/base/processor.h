/* The processor: what the program was compiled for, and how many threads it may use. */
#ifndef DMSQ_BASE_PROCESSOR_H
#define DMSQ_BASE_PROCESSOR_H

/* What the compiler was allowed to use beyond the architecture's baseline, "x86-64 AVX AVX2 FMA BMI2", "aarch64", ...:
 * what
 * -march=native meant where the program was built. A program that starts on a processor without one of them says so and
 * ends with status 1, before main() and before the first such instruction. */
extern const char processor_target[];

/* The first extension of processor_target that is not in the set `supported`, a bit each in the order of processor.c;
 * NULL: none is missing. processor_supported() is the set of this processor. */
const char *processor_lacks(unsigned supported);
unsigned processor_supported(void);

/* Threads that this process may keep busy, 1 to 1024: the CPUs of its affinity mask, no more than the CPU quota of its
 * control group (rounded up) and than OMP_NUM_THREADS. */
int processor_threads(void);

/* CPUs by the quota of a control group, rounded up, 0: no limit. `mount` is /sys/fs/cgroup, `self` /proc/self/cgroup;
 * both versions of control groups, and the groups above, which limit as well. */
int processor_quota(const char *mount, const char *self);

#endif
