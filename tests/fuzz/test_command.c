/* Command lines: the first byte picks the stage, every further line is an argument. */
#include "stages/command.h"
#include "tests/fuzz/driver.h"

static int target(const uint8_t *data, size_t size) {
    enum { MOST = 64 };
    size_t stages = 0;
    while (all_stages[stages] != NULL) {
        stages++;
    }
    const struct stage *stage = all_stages[size > 0 ? data[0] % stages : 0];
    char *text = calloc(1, size + 1), *argv[MOST + 1] = {(char[]){"stage"}}, *rest = NULL;
    int argc = 1;
    memcpy(text, data + (size > 0), size - (size > 0));
    for (char *word = strtok_r(text, "\n", &rest); word != NULL && argc < MOST; word = strtok_r(NULL, "\n", &rest)) {
        if (strstr(word, "/dev/") == NULL) { /* files without an end */
            argv[argc++] = word;
        }
    }
    struct command command;
    struct error e;
    const enum status status = command_parse(stage, argc, argv, &command, &e);
    fuzz_check(status, &e);
    if (status == STATUS_OK) {
        command_release(&command);
    }
    free(text);
    return 0;
}

int main(void) {
    static const char *const options[] = {
        "--output=x",
        "--output=x\n--training=a.npz\n--epochs=3\n--learning-rate=1e-3\n--keep-epochs=1,2",
        "--output=x\n--lattice=8x8\n--kappa=0.2\n--chains=4\n--configurations=8\n--threads=2\n--quiet",
        "--output=x\n--fields=a\n--key=0123456789012345678901234567890123456789012345678901234567890123",
        "--backend=cuda\n--label=a/b",
        "--output=x\n--data=a\n--data=b\n--style=figures/loss.gp\n--kind=columns\n--labels=a|b\n--range=0,1"};
    for (char stage = 0; all_stages[(int)stage] != NULL; stage++) {
        for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
            char text[400];
            const int length = snprintf(text, sizeof text, "%c%s", stage + 'A', options[i]);
            fuzz_add(text, (size_t)length);
        }
    }
    /* --help would fill the log; TAP goes where it went before */
    const int shown = dup(1), nowhere = open("/dev/null", O_WRONLY);
    FILE *tap = fdopen(shown, "w");
    if (tap == NULL || dup2(nowhere, 1) < 0) {
        return 1;
    }
    const int status = fuzz_main("command", target);
    if (status == 0) {
        fprintf(tap, "ok 1 - corpus\nok 2 - mutations\n1..2\n");
    }
    fclose(tap);
    return status;
}
