/* Ledgers: whatever a file named ledger.sqlite holds, showing it and entering a run end with a status. */
#include "store/ledger.h"
#include "tests/fuzz/driver.h"

static const char json[] =
    "{\"id\": \"20260101T000000Z-1-abc\", \"stage\": \"ensemble\", \"key\": \"0123456789abcdef\", "
    "\"status\": \"done\", \"notes\": {\"a\": \"b\"}, \"inputs\": [], \"outputs\": [{\"name\": \"x\", "
    "\"bytes\": 3, \"sha256\": \"00\"}]}";

static void forget(const char *path) {
    static const char *const endings[] = {"", ".lock", "-journal", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char name[400];
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        remove(name);
    }
}

static int target(const uint8_t *data, size_t size) {
    const char *path = fuzz_file("ledger.sqlite", data, size);
    char *text = NULL;
    size_t length;
    struct error e;
    FILE *out = open_memstream(&text, &length);
    fuzz_check(ledger_show(out, path, NULL, &e), &e);
    fuzz_check(ledger_show_runs(out, path, "0123", NULL, &e), &e);
    fuzz_check(ledger_enter(path, json, NULL, &e), &e);
    fuzz_check(ledger_show(out, path, NULL, &e), &e);
    fclose(out);
    free(text);
    forget(path);
    return 0;
}

int main(void) {
    const char *path = fuzz_file("seed", (const uint8_t *)"", 0);
    struct error e;
    remove(path);
    if (ledger_enter(path, json, NULL, &e) != STATUS_OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    fuzz_add_file(path);
    forget(path);
    fuzz_add_text("");
    fuzz_add_text("SQLite format 3");
    return fuzz_main("ledger", target);
}
