/* Bags and their tar files: equal content gives equal bytes, for any order, times and modes of the files. */
#include "tests/provenance/records.h"

#include <sys/stat.h>
#include <unistd.h>

#include "provenance/bag.h"
#include "provenance/tree.h"

static const struct bag_field fields[] = {{"Contact-Name", "Lovelace, Ada"}, {"Source-Organization", ""}};

static void put(const char *bag, const char *name, const char *text) {
    struct error e = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/%s/%s", root, bag, name);
    assert_int_equal(tree_write(path, text, &e), STATUS_OK);
}

static char *read_all(const char *name) {
    struct error e = {0};
    char path[512], *text;
    size_t size;
    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    return text;
}

static void close_bag(const char *bag) {
    struct error e = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, bag);
    if (bag_close(path, fields, 2, 1000000000, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
}

static void test_bag(void **state) {
    (void)state;
    put("bag", "data/b.txt", "bb");
    put("bag", "data/a/with 100% \n.txt", "a");
    close_bag("bag");
    char *text = read_all("bag/bagit.txt");
    assert_string_equal(text, "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");
    free(text);
    text = read_all("bag/bag-info.txt");
    assert_string_equal(text, "Contact-Name: Lovelace, Ada\nBagging-Date: 2001-09-09\nPayload-Oxum: 3.2\n");
    free(text);
    text = read_all("bag/manifest-sha256.txt");
    assert_string_equal(text,
                        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  data/a/with 100%25 %0A.txt\n"
                        "3b64db95cb55c763391c707108489ae18b4112d783300de38e033b4c98c3deaf  data/b.txt\n");
    free(text);
    text = read_all("bag/tagmanifest-sha256.txt");
    assert_non_null(strstr(text, "  bag-info.txt\n"));
    assert_non_null(strstr(text, "  bagit.txt\n"));
    assert_non_null(strstr(text, "  manifest-sha256.txt\n"));
    assert_null(strstr(text, "  tagmanifest"));
    free(text);
    char command[256];
    snprintf(command, sizeof command, "cd '%s/bag' && sha256sum --quiet -c tagmanifest-sha256.txt", root);
    assert_int_equal(system(command), 0);
    struct stat file;
    char path[256];
    snprintf(path, sizeof path, "%s/bag/data", root);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mtime, 1000000000);
    assert_int_equal(file.st_mode & 0777, 0755);
}

static void pack(const char *folder) {
    struct error e = {0};
    char from[256], to[256];
    snprintf(from, sizeof from, "%s/%s", root, folder);
    snprintf(to, sizeof to, "%s/%s.tar.gz", root, folder);
    if (bag_pack(from, "bag", to, 1000000000, &e) != STATUS_OK) {
        fail_msg("%s", e.message);
    }
}

static void test_same_bytes(void **state) {
    (void)state;
    char path[512], long_name[140];
    memset(long_name, 'n', sizeof long_name); /* longer than in the first tar formats */
    memcpy(long_name, "data/", 5);
    long_name[sizeof long_name - 1] = '\0';
    put("one/bag", "data/first", "1");
    put("one/bag", "data/run.sh", "#!/bin/sh\n");
    put("one/bag", long_name, "2");
    umask(077);
    put("two/bag", long_name, "2");
    put("two/bag", "data/run.sh", "#!/bin/sh\n");
    put("two/bag", "data/first", "1");
    umask(022);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s/bag/data/run.sh", root, i ? "two" : "one");
        assert_int_equal(chmod(path, i ? 0700 : 0775), 0);
    }
    close_bag("one/bag");
    sleep(1); /* the archive must not contain the present time */
    close_bag("two/bag");
    pack("one");
    pack("two");
    char one[256], two[256], command[1024];
    snprintf(one, sizeof one, "%s/one.tar.gz", root);
    snprintf(two, sizeof two, "%s/two.tar.gz", root);
    assert_true(file_same(one, two));
    snprintf(command, sizeof command,
             "tar -C '%s' -xzf '%s' && diff -r '%s/bag' '%s/one/bag' && test -x '%s/bag/data/run.sh'", root, one, root,
             root, root);
    assert_int_equal(system(command), 0);
}

static void test_tree(void **state) {
    (void)state;
    struct error e = {0};
    char path[256], target[256];
    put("tree", "b/c", "text");
    put("tree", "a", "");
    snprintf(path, sizeof path, "%s/tree/link", root);
    assert_int_equal(symlink("b/c", path), 0);
    struct tree tree;
    snprintf(path, sizeof path, "%s/tree", root);
    assert_int_equal(tree_list(path, "", &tree, &e), STATUS_OK);
    assert_int_equal(tree.count, 3);
    assert_string_equal(tree.paths[0], "a");
    assert_string_equal(tree.paths[1], "b/c");
    assert_string_equal(tree.paths[2], "link");
    tree_free(&tree);
    /* A link is copied as the file that it points to. */
    snprintf(path, sizeof path, "%s/tree/link", root);
    snprintf(target, sizeof target, "%s/tree/d/e", root);
    assert_int_equal(tree_copy(path, target, &e), STATUS_OK);
    struct stat info;
    assert_int_equal(lstat(target, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_true(file_same(path, target));
    /* Removing a folder does not remove files that its links point to. */
    snprintf(path, sizeof path, "%s/outside", root);
    assert_int_equal(file_write(path, "kept", 4, &e), STATUS_OK);
    snprintf(target, sizeof target, "%s/tree/out", root);
    assert_int_equal(symlink("../outside", target), 0);
    snprintf(target, sizeof target, "%s/tree", root);
    assert_int_equal(tree_remove(target, &e), STATUS_OK);
    assert_int_equal(access(target, F_OK), -1);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(tree_remove(target, &e), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bag, records_open, records_close),
        cmocka_unit_test_setup_teardown(test_same_bytes, records_open, records_close),
        cmocka_unit_test_setup_teardown(test_tree, records_open, records_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
