/* Names of processes (base/owner.h): writing, reading, and whether a process has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/owner.h"

static void names_are_read_again(void **state) {
    (void)state;
    char name[OWNER_NAME], host[OWNER_HOST], text[OWNER_NAME + 8];
    setenv("SLURM_PROCID", "12", 1);
    snprintf(text, sizeof text, "%s-0.aB3", owner_name(name));
    struct owner owner;
    assert_int_equal(owner_read(text, &owner), strlen(name));
    owner_host(host);
    assert_int_equal(owner.process, getpid());
    assert_int_equal(owner.rank, 12);
    assert_string_equal(owner.host, host);
    assert_true(owner_is_me(&owner) && owner_is_here(&owner) && !owner_is_gone(&owner));
    unsetenv("SLURM_PROCID");
    assert_false(owner_is_me(&owner)); /* of another rank */
    setenv("PMI_RANK", "3", 1);
    assert_int_equal(owner_here().rank, 3);
    unsetenv("PMI_RANK");
    assert_int_equal(owner_here().rank, 0);
}

static void texts(void **state) {
    (void)state;
    const struct {
        const char *text;
        size_t length;
        long process, rank;
        const char *host;
    } cases[] = {
        {"4242@node-1.a_b+7-0", 17, 4242, 7, "node-1.a_b"},
        {"4242", 4, 4242, 0, ""},
        {"77.aB3dEf", 2, 77, 0, ""},
        {"77@+1", 2, 77, 0, ""},
        {"77@node", 2, 77, 0, ""},
        {"77@node+", 2, 77, 0, ""},
        {"77@no/de+1", 2, 77, 0, ""},
        {"0", 0, 0, 0, ""},
        {"-3", 0, 0, 0, ""},
        {"x4", 0, 0, 0, ""},
        {"", 0, 0, 0, ""},
        {"77@a2345678901234567890123456789012345678901234567890123456789012345+1", 2, 77, 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct owner owner;
        assert_int_equal(owner_read(cases[i].text, &owner), cases[i].length);
        assert_int_equal(owner.process, cases[i].process);
        assert_int_equal(owner.rank, cases[i].rank);
        assert_string_equal(owner.host, cases[i].host);
    }
}

static void processes_on_other_hosts_are_unknown(void **state) {
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    waitpid(child, NULL, 0);
    struct owner here = owner_here(), unnamed = {.process = child}, there = {.process = child, .host = "elsewhere"};
    here.process = child;
    assert_true(owner_is_gone(&here) && owner_is_here(&here));
    assert_true(owner_is_gone(&unnamed) && owner_is_here(&unnamed));
    assert_false(owner_is_gone(&there) || owner_is_here(&there));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_again),
        cmocka_unit_test(texts),
        cmocka_unit_test(processes_on_other_hosts_are_unknown),
    };
    return cmocka_run_group_tests_name("owner", tests, NULL, NULL);
}
