/* Files (base/file.h): SHA-256 of known texts, atomic writing, folders, errors. */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/file.h"
#include "tests/scratch.h"

static char folder[256];

static const char *in_folder(const char *name) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s", scratch_folder("file"));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

static size_t files_in_folder(void) {
    DIR *list = opendir(folder);
    size_t n = 0;
    while (list != NULL && readdir(list) != NULL) {
        n++;
    }
    closedir(list);
    return n - 2; /* . and .. */
}

/* FIPS 180-2, appendix B, and the empty text. */
static void sha256_known(void **state) {
    (void)state;
    char hex[65];
    sha256("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sha256(two_blocks, strlen(two_blocks), hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char *million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    struct error e;
    assert_int_equal(file_write(in_folder("million"), million, 1000000, &e), STATUS_OK);
    free(million);
    assert_int_equal(file_sha256(in_folder("million"), hex, &e), STATUS_OK);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void write_and_read(void **state) {
    (void)state;
    struct error e;
    char *data;
    size_t size;
    assert_int_equal(file_write(in_folder("a"), "first", 5, &e), STATUS_OK);
    assert_int_equal(file_write(in_folder("a"), "se\0cond", 7, &e), STATUS_OK);
    assert_int_equal(file_read(in_folder("a"), &data, &size, &e), STATUS_OK);
    assert_int_equal(size, 7);
    assert_memory_equal(data, "se\0cond", 8); /* with the zero after it */
    free(data);
    assert_int_equal(file_write(in_folder("empty"), "", 0, &e), STATUS_OK);
    assert_int_equal(file_read(in_folder("empty"), &data, &size, &e), STATUS_OK);
    assert_int_equal(size, 0);
    free(data);
    assert_int_equal(file_read("/proc/self/status", &data, &size, &e), STATUS_OK); /* fstat returns size 0 */
    assert_true(size > 100);
    free(data);
    assert_int_equal(files_in_folder(), 2);
}

static void errors(void **state) {
    (void)state;
    struct error e;
    char *data, hex[65], expected[700];
    size_t size;
    snprintf(expected, sizeof expected, "%s: cannot open: No such file or directory", in_folder("none"));
    assert_int_equal(file_read(in_folder("none"), &data, &size, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, expected);
    assert_int_equal(file_sha256(in_folder("none"), hex, &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, expected);
    assert_int_equal(file_write(in_folder("none/file"), "x", 1, &e), STATUS_FAILED);
    assert_non_null(strstr(e.message, "none/file: cannot create the file: No such file or directory"));
    assert_int_equal(file_read(folder, &data, &size, &e), STATUS_FAILED);
    assert_non_null(strstr(e.message, "Is a directory"));
}

static void folders(void **state) {
    (void)state;
    struct error e;
    struct stat info;
    assert_int_equal(file_make_folder(in_folder("x/y//z/"), &e), STATUS_OK);
    assert_int_equal(stat(in_folder("x/y/z"), &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(file_make_folder(in_folder("x/y"), &e), STATUS_OK);
    assert_int_equal(file_write(in_folder("plain"), "x", 1, &e), STATUS_OK);
    assert_int_equal(file_make_folder(in_folder("plain"), &e), STATUS_FAILED);
    assert_non_null(strstr(e.message, "plain: is not a folder"));
    assert_int_equal(file_make_folder(in_folder("plain/sub"), &e), STATUS_FAILED);
    assert_int_equal(file_make_folder("~/x", &e), STATUS_BAD_INPUT);
    assert_string_equal(e.message, "~/x: the shell did not expand the ~; expected the full path of the home folder");
    assert_int_not_equal(stat("~", &info), 0);
    assert_int_equal(file_make_folder(in_folder("~"), &e), STATUS_OK); /* only at the beginning ~ is special */
}

static void make_old(const char *name, time_t age) {
    struct error e;
    assert_int_equal(file_write(in_folder(name), "x", 1, &e), STATUS_OK);
    const struct timespec then = {.tv_sec = time(NULL) - age}, times[2] = {then, then};
    assert_int_equal(utimensat(AT_FDCWD, in_folder(name), times, 0), 0);
}

/* Only old temporary files of processes that no longer exist are removed. */
static void sweeping(void **state) {
    (void)state;
    char gone[64], mine[256];
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    waitpid(child, NULL, 0);
    const struct {
        const char *format;
        pid_t owner;
        time_t age;
        bool stays;
    } cases[] = {{"a.svg.tmp-%d", child, 3600, false},
                 {"a.npz.tmp-%d.q1w2", child, 3600, false},
                 {"b.tmp-%d-0", child, 60, true},
                 {"c.tmp-%d-0", getpid(), 3600, true},
                 {"d.tmp-%d-0", getpid(), 200000, false},
                 {"e.tmp-x%d", child, 3600, true},
                 {"f.tmp%d", child, 3600, true},
                 {"g.tmp-%d@elsewhere+0-0", child, 3600, true},
                 {"h.tmp-%d@elsewhere+0-0", child, 200000, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(gone, sizeof gone, cases[i].format, (int)cases[i].owner);
        make_old(gone, cases[i].age);
    }
    snprintf(mine, sizeof mine, "%s", folder);
    file_sweep(mine);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(gone, sizeof gone, cases[i].format, (int)cases[i].owner);
        assert_int_equal(access(in_folder(gone), F_OK) == 0, cases[i].stays);
    }
    file_sweep("build/tmp/none");
}

/* With a file size limit, as on a full disk, the old file stays and nothing else is left. */
static void full_disk(void **state) {
    (void)state;
    struct error e;
    assert_int_equal(file_write(in_folder("big"), "old", 3, &e), STATUS_OK);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static char data[100000];
        file_limits_are_errors();
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){50000, 50000});
        bool right = file_write(in_folder("big"), data, sizeof data, &e) == STATUS_FAILED &&
                     strstr(e.message, "big: cannot write: File too large") != NULL;
        _exit(right ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char *data;
    size_t size;
    assert_int_equal(file_read(in_folder("big"), &data, &size, &e), STATUS_OK);
    assert_string_equal(data, "old");
    free(data);
    assert_int_equal(files_in_folder(), 1);
}

/* After a kill at any time the file is the old or the new one. */
static void killed(void **state) {
    (void)state;
    enum { SIZE = 1 << 20 };
    static char data[SIZE];
    struct error e;
    assert_int_equal(file_write(in_folder("f"), data, SIZE, &e), STATUS_OK);
    fflush(NULL);
    for (int attempt = 0; attempt < 12; attempt++) {
        pid_t child = fork();
        if (child == 0) {
            for (int k = 1;; k++) {
                memset(data, k, SIZE);
                file_write(in_folder("f"), data, SIZE, &e);
            }
        }
        usleep((useconds_t)(3000 + 1700 * attempt));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        char *found;
        size_t size;
        assert_int_equal(file_read(in_folder("f"), &found, &size, &e), STATUS_OK);
        assert_int_equal(size, SIZE);
        for (size_t i = 1; i < size; i++) {
            assert_true(found[i] == found[0]);
        }
        free(found);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sha256_known, setup, teardown),
        cmocka_unit_test_setup_teardown(write_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(errors, setup, teardown),
        cmocka_unit_test_setup_teardown(folders, setup, teardown),
        cmocka_unit_test_setup_teardown(sweeping, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(killed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
