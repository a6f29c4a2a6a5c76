/* Tool `slurm`: job scripts of an experiment for Slurm, which stages/slurm.sh submits; see src/experiment/jobs.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "experiment/jobs.h"
#include "stages/planner.h"

static const char *name, *folder, *partition, *account, *limit, *parts, *cores;

/* What goes into a script's header: no blanks, no line ends, nothing that a shell would see. */
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
    enum status status = read_count("PARTS", parts, 10000, &n, e);
    THEN(status, read_count("THREADS", cores, 1024, &threads, e));
    THEN(status, check_word("PARTITION", partition, e));
    THEN(status, check_word("ACCOUNT", account, e));
    THEN(status, check_word("TIME", limit, e));
    THEN(status, file_make_folder(folder, e));
    if (status != STATUS_OK) {
        return status;
    }
    const struct jobs_request jobs = {folder, partition, account, limit, (size_t)n, (int)threads};
    return jobs_write(plan, x, &jobs, e);
}

int main(int argc, char **argv) {
    name = folder = partition = account = limit = "";
    parts = "8";
    cores = "4";
    const struct planner_option own[] = {{"name", "EXPERIMENT", "whose nodes are to be computed", &name},
                                         {"folder", "FOLDER", "folder of scripts and logs", &folder},
                                         {"partition", "NAME", "as of sbatch", &partition},
                                         {"account", "NAME", "as of sbatch", &account},
                                         {"time", "TIME", "limit of a job, as of sbatch", &limit},
                                         {"parts", "N", "the most jobs that a node is split into; default: 8", &parts},
                                         {"cores", "N", "of a job that computes with threads; default: 4", &cores},
                                         {0}};
    return planner_main_with(argc, argv, all_stages, "Writes job scripts for Slurm.", own, run);
}
