/* Instruction sets, and the number of threads that a process may use: base/processor.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/processor.h"
#include "tests/scratch.h"

/* This program runs, so its processor lacks no extension. For one without any, the first of the target is named. */
static void extensions(void **state) {
    (void)state;
    assert_null(processor_lacks(processor_supported()));
    assert_null(processor_lacks(~0u));
    const char *first = strchr(processor_target, ' '), *missing = processor_lacks(0);
    if (first == NULL) {
        assert_null(missing);
        return;
    }
    assert_memory_equal(first + 1, missing, strlen(missing));
    assert_int_equal(strcspn(first + 1, " "), strlen(missing));
    /* If a single extension is lacking, it is named, or nothing if the program does not use it. */
    for (unsigned bit = 0; bit < 32; bit++) {
        missing = processor_lacks(~(1u << bit));
        assert_true(missing == NULL || strstr(processor_target, missing) != NULL);
    }
}

static void put(const char *folder, const char *name, const char *text) {
    char path[512], parent[512];
    struct error e;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = '\0';
    assert_int_equal(file_make_folder(parent, &e), STATUS_OK);
    assert_int_equal(file_write(path, text, strlen(text), &e), STATUS_OK);
}

static int quota(const char *folder, const char *self) {
    char path[512];
    put(folder, "self", self);
    snprintf(path, sizeof path, "%s/self", folder);
    return processor_quota(folder, path);
}

static void quotas(void **state) {
    (void)state;
    const char *folder = scratch_folder("processor");
    assert_int_equal(quota(folder, "0::/a/b\n"), 0); /* no such group: only its own may be mounted */
    put(folder, "a/b/cpu.max", "max 100000\n");
    assert_int_equal(quota(folder, "0::/a/b\n"), 0);
    put(folder, "a/cpu.max", "250000 100000\n");
    assert_int_equal(quota(folder, "0::/a/b\n"), 3); /* of the parent group, rounded up */
    put(folder, "cpu.max", "100000 100000\n");
    assert_int_equal(quota(folder, "0::/a/b\n"), 1);
    assert_int_equal(quota(folder, "0::/\n"), 1);
    put(folder, "cpu.max", "garbage\n");
    assert_int_equal(quota(folder, "0::/a/b\n"), 3);
    assert_int_equal(quota(folder, "no line of a group\n\n"), 0);
    /* Version 1, whose controllers may share a folder; -1: no limit. */
    put(folder, "cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
    put(folder, "cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota(folder, "4:memory:/x\n3:cpu,cpuacct:/x\n"), 0);
    put(folder, "cpu,cpuacct/x/cpu.cfs_quota_us", "400000\n");
    assert_int_equal(quota(folder, "4:memory:/x\n3:cpu,cpuacct:/x\n0::/none\n"), 4);
    scratch_remove(folder);
}

static void threads(void **state) {
    (void)state;
    unsetenv("OMP_NUM_THREADS");
    const int all = processor_threads();
    assert_true(all >= 1 && all <= 1024);
    static const struct {
        const char *text;
        int most; /* 0: no limit */
    } cases[] = {{"1", 1}, {"1,4", 1}, {"100000", 0}, {"", 0}, {"0", 0}, {"-3", 0}, {"x", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("OMP_NUM_THREADS", cases[i].text, 1);
        assert_int_equal(processor_threads(), cases[i].most ? cases[i].most : all);
    }
    unsetenv("OMP_NUM_THREADS");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(extensions), cmocka_unit_test(quotas),
                                       cmocka_unit_test(threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
