/* Run records, as files and on their way into a ledger. */
#include "store/ledger.h"
#include "store/record.h"
#include "tests/fuzz/driver.h"

static int target(const uint8_t *data, size_t size) {
    const char *path = fuzz_file("record", data, size);
    struct record *record;
    struct error e;
    enum status status = record_read(path, &record, &e);
    fuzz_check(status, &e);
    if (status == STATUS_OK) {
        (void)record_seconds(record);
        (void)record_output_sha256(record, "artifact.npz");
        char buffer[RECORD_TEXT];
        (void)record_note_text(record, "loss", buffer);
        (void)record_value(record, "loss");
        (void)record_number(record, "threads");
        record_amend(record, "interrupted", "killed", 1);
        char *json = record_json(record);
        static unsigned runs;
        if (json != NULL && runs++ % 16 == 0) { /* it takes its time */
            const char *ledger = fuzz_path("ledger");
            status = ledger_enter(ledger, json, NULL, &e);
            fuzz_check(status, &e);
            remove(ledger);
            remove(fuzz_path("ledger.lock"));
        }
        free(json);
        record_free(record);
    }
    remove(fuzz_path("record"));
    return 0;
}

int main(void) {
    fuzz_add_file("results/reference/table1/runs/loss.json");
    fuzz_add_file("results/reference/fig7/runs/weights.json");
    fuzz_add_text(
        "{\"format\": 1, \"id\": \"x\", \"key\": \"0\", \"status\": \"running\", \"start\": \"2026-01-01T00:00:00Z\"}");
    fuzz_add_text(
        "{\"format\": 2, \"id\": \"x\", \"key\": \"0\", \"recipe\": \"\", \"stage\": \"y\", \"status\": \"running\","
        "\"start\": \"2026-01-01T00:00:00Z\", \"notes\": {\"loss\": {\"value\": 1e3, \"error\": 2, \"unit\": \"s\"}}}");
    return fuzz_main("record", target);
}
