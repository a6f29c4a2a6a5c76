/* Rows of the table of make check-gpu. */
#include <math.h>
#include <stdio.h>

#include "tests/gpu/compare.h"

static int failures;

void gpu_row(const char *what, double found, double allowed) {
    const bool fine = found <= allowed; /* false for NaN */
    failures += !fine;
    printf("%-6s  %-78s %9.2g  (allowed %.2g)\n", fine ? "ok" : "FAILED", what, found, allowed);
    fflush(stdout);
}

void gpu_left_out(const char *what, const char *why) {
    printf("%-6s  %-78s %s\n", "-", what, why);
    fflush(stdout);
}

int gpu_failures(void) {
    return failures;
}

jmp_buf gpu_ended;
const char *gpu_comparison;

void gpu_failed(const char *call, const char *message) {
    failures++;
    printf("FAILED  %s: %s\n", call, message);
    fflush(stdout);
}

void gpu_end(const char *call, const char *message) {
    failures++;
    printf("FAILED  %s: %s: %s\n", gpu_comparison, call, message);
    fflush(stdout);
    longjmp(gpu_ended, 1);
}
