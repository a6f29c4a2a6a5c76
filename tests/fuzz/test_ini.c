/* Experiments: any text as experiments/x.ini ends in a plan and its make rules, or in a message. */
#include "experiment/plan.h"
#include "stages/stage.h"
#include "tests/fuzz/driver.h"

static char folder[200];

static int target(const uint8_t *data, size_t size) {
    char path[300];
    snprintf(path, sizeof path, "%s/x.ini", folder);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }
    struct plan_request r = {.stages = all_stages,
                             .experiments = folder,
                             .profile = "paper",
                             .set = "",
                             .backend = "cpu",
                             .results = "results",
                             .figures = "figures",
                             .programs = "bin"};
    struct plan plan;
    struct error e;
    enum status status = plan_read(&r, &plan, &e);
    fuzz_check(status, &e);
    if (status == STATUS_OK) {
        char *text = NULL;
        fuzz_check(plan_rules(&plan, &text, &e), &e);
        free(text);
    }
    plan_free(&plan);
    return 0;
}

int main(void) {
    char path[300];
    snprintf(folder, sizeof folder, "build/tmp/fuzz-ini-%ld", (long)getpid());
    mkdir("build", 0777);
    mkdir("build/tmp", 0777);
    mkdir(folder, 0777);
    fuzz_add_file("tests/pipeline/mini/mini.ini");
    fuzz_add_file("experiments/fig11.ini");
    fuzz_add_file("experiments/table1.ini");
    const int status = fuzz_main("ini", target);
    snprintf(path, sizeof path, "%s/x.ini", folder);
    remove(path);
    rmdir(folder);
    return status;
}
