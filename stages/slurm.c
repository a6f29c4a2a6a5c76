/* Tool `slurm`: writes job scripts of an experiment for Slurm; stages/slurm.sh submits them. See
 * src/experiment/jobs.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "experiment/jobs.h"
#include "stages/planner.h"

static const char *name, *folder, *partition, *account, *limit, *parts, *cores;

/* Checks a text for the header of a script: no blanks, line ends or characters that a shell interprets. */
static enum status check_word(const char *what, const char *text, struct error *e) {
    for (const char *c = text; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-_.:,+/@", *c)) {
            return error_set(e, STATUS_BAD_INPUT, "%s=%s: expected letters, digits and - _ . : , + / @", what, text);
        }
    }
    return STATUS_OK;
}

static enum status read_count(const char *what, const char *text, long most, long *value, struct error *e) {
    char *end;
    *value = strtol(text, &end, 10);
    return end != text && !*end && *value >= 1 && *value <= most
               ? STATUS_OK
               : error_set(e, STATUS_BAD_INPUT, "%s=%s: expected an integer in [1, %ld]", what, text, most);
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    (void)request;
    const struct experiment *x = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        x = strcmp(plan->experiments[i].name, name) == 0 ? &plan->experiments[i] : x;
    }
    if (!x || x->refusal) {
        return error_set(e, STATUS_BAD_INPUT, "%s%s", x ? "" : "NAME: expected the name of an experiment, found ",
                         x ? x->refusal : name);
    }
    long n, threads;
    TRY(read_count("PARTS", parts, 10000, &n, e));
    TRY(read_count("THREADS", cores, 1024, &threads, e));
    TRY(check_word("PARTITION", partition, e));
    TRY(check_word("ACCOUNT", account, e));
    TRY(check_word("TIME", limit, e));
    TRY(file_make_folder(folder, e));
    const struct jobs_request jobs = {folder, partition, account, limit, (size_t)n, (int)threads};
    return jobs_write(plan, x, &jobs, e);
}

int main(int argc, char **argv) {
    name = folder = partition = account = limit = "";
    parts = "8";
    cores = "4";
    const struct planner_option own[] = {{"name", "EXPERIMENT", "experiment to compute", &name},
                                         {"folder", "FOLDER", "folder of scripts and logs", &folder},
                                         {"partition", "NAME", "option of sbatch", &partition},
                                         {"account", "NAME", "option of sbatch", &account},
                                         {"time", "TIME", "time limit of a job, option of sbatch", &limit},
                                         {"parts", "N", "largest number of jobs per node; default: 8", &parts},
                                         {"cores", "N", "cores of a job with several threads; default: 4", &cores},
                                         {0}};
    return planner_main_with(argc, argv, all_stages, "Writes job scripts for Slurm.", own, run);
}
