/* The header of a checkpoint: it is read as written, and another recipe or another arithmetic is refused. */
#include "backend/backend.h"
#include "diffusion/checkpoint.h"
#include "network/product.h"
#include "tests/score/models.h"
#include "tests/scratch.h"

static void test_header(void **state) {
    (void)state;
    const struct backend cuda = {.name = "cuda"}, card = {.name = "cuda", .arithmetic = "cuda on another card"};
    const struct backend *const devices[] = {NULL, &cuda, &card};
    const char *const names[] = {product_instruction_set(), "cuda", "cuda on another card"};
    char folder[256], path[400], expected[200];
    snprintf(folder, sizeof folder, "%s", scratch_folder("checkpoint"));
    snprintf(path, sizeof path, "%s/checkpoint.npz", folder);
    for (int writer = 0; writer < 3; writer++) {
        struct npz_writer *w;
        struct npz *npz;
        const struct npz_array *a;
        struct error e = {0};
        assert_ok(checkpoint_create(path, "0123456789abcdef", devices[writer], &w, &e));
        assert_ok(npz_add_integer(w, "epoch", 7, &e));
        assert_ok(npz_commit(w, &e));
        for (int reader = 0; reader < 3; reader++) {
            if (reader == writer) {
                assert_ok(checkpoint_read(path, "0123456789abcdef", devices[reader], &npz, &e));
                assert_ok(npz_require(npz, "epoch", NPZ_INT64, 0, &a, &e));
                assert_true(*(const int64_t *)a->data == 7);
                npz_free(npz);
                continue;
            }
            snprintf(expected, sizeof expected, "checkpoint.npz: written with %s, expected %s", names[writer],
                     names[reader]);
            assert_refused(checkpoint_read(path, "0123456789abcdef", devices[reader], &npz, &e), STATUS_BAD_INPUT,
                           expected);
            assert_null(npz);
        }
        assert_refused(checkpoint_read(path, "fedcba9876543210", devices[writer], &npz, &e), STATUS_BAD_INPUT,
                       "checkpoint.npz: checkpoint of recipe 0123456789ab, expected fedcba987654");
        assert_null(npz);
        assert_ok(npz_create(path, &w, &e));
        assert_ok(npz_add_text(w, "key", "0123456789abcdef", &e));
        assert_ok(npz_commit(w, &e));
        assert_refused(checkpoint_read(path, "0123456789abcdef", devices[writer], &npz, &e), STATUS_BAD_INPUT,
                       "arithmetic");
    }
    scratch_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_header)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
