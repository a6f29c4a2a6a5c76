/* Tool `ledger`: shows the ledger of a folder of results, or rebuilds it from the run records.
 *
 *   ledger --root=results              all runs, newest last
 *   ledger --root=results 3fa9         everything about the runs of the artifact 3fa9...
 *   ledger --root=results --rebuild    rebuilds it from the records under results/artifacts
 *   ledger --root=results --rebuild=unlocked   rebuilds it only if the file system has no locks, where stages do not
 *                                              enter their runs
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/version.h"
#include "store/ledger.h"

static void print_help(void) {
    printf("ledger: shows the runs recorded in a folder of results\n\n"
           "Usage: ledger [--root=FOLDER] [--rebuild[=unlocked]] [--show] [KEYPREFIX]\n\n"
           "  --root=FOLDER  the folder that holds ledger.sqlite and artifacts/ (default: results)\n"
           "  --rebuild      rebuilds the ledger from the run records; shows it only with --show\n"
           "  --rebuild=unlocked  the same, but only on a file system without locks, where stages do not enter runs\n"
           "  --show         all runs, newest last (the default)\n"
           "  KEYPREFIX      everything about the runs of the artifact with this key\n\n"
           "Exit status: 0 done, 1 failed, 2 bad usage or input.\n");
}

static void say(const void *program, const char *text) {
    fprintf(stderr, "%s: %s\n", (const char *)program, text);
}

/* Labels, notes and paths come from files, so their control characters are replaced before a terminal sees them. */
static enum status show(const char *path, const char *prefix, const struct lock_wait *wait, struct error *e) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    enum status status =
        prefix != NULL ? ledger_show_runs(out, path, prefix, wait, e) : ledger_show(out, path, wait, e);
    if (fclose(out) != 0 && status == STATUS_OK) {
        status = error_set(e, STATUS_FAILED, "out of memory");
    }
    if (status == STATUS_OK) {
        error_plain_text(text);
        if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
            status = error_set(e, STATUS_FAILED, "standard output: cannot write");
        }
    }
    free(text);
    return status;
}

static enum status work(const char *root, const char *path, const char *prefix, bool rebuild, bool unlocked, bool all,
                        struct error *e) {
    if (unlocked && ledger_has_locks(path)) {
        return STATUS_OK;
    }
    const struct lock_wait wait = {.say = say, .context = "ledger"};
    enum status status = rebuild ? ledger_rebuild(path, root, &wait, e) : STATUS_OK;
    if (status == STATUS_OK && !rebuild && access(path, F_OK) != 0) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: no ledger found: either no run was recorded under '%s', or --rebuild makes it from the "
                         "run records",
                         path, root);
    }
    return status == STATUS_OK && (all || prefix != NULL || !rebuild) ? show(path, prefix, &wait, e) : status;
}

int main(int argc, char **argv) {
    file_limits_are_errors();
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'}, {"rebuild", optional_argument, NULL, 'b'},
        {"show", no_argument, NULL, 's'},       {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},    {NULL, 0, NULL, 0},
    };
    const char *root = "results";
    bool rebuild = false, unlocked = false, all = false;
    int code;
    while ((code = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (code) {
        case 'r':
            root = optarg;
            break;
        case 'b':
            rebuild = true;
            unlocked = optarg != NULL;
            if (unlocked && strcmp(optarg, "unlocked") != 0) {
                fprintf(stderr, "ledger: --rebuild=%s: expected --rebuild or --rebuild=unlocked\n", optarg);
                return STATUS_BAD_INPUT;
            }
            break;
        case 's':
            all = true;
            break;
        case 'h':
            print_help();
            return STATUS_OK;
        case 'v':
            version_print(argv[0], stdout);
            return STATUS_OK;
        default:
            return STATUS_BAD_INPUT; /* getopt_long has printed the error */
        }
    }
    if (argc - optind > 1) {
        fprintf(stderr, "ledger: '%s': expected one key at most; see --help\n", argv[optind + 1]);
        return STATUS_BAD_INPUT;
    }
    char *path = NULL;
    struct error e;
    enum status status = asprintf(&path, "%s/ledger.sqlite", root) >= 0
                             ? work(root, path, optind < argc ? argv[optind] : NULL, rebuild, unlocked, all, &e)
                             : error_set(&e, STATUS_FAILED, "out of memory");
    free(path);
    if (status != STATUS_OK) {
        fprintf(stderr, "ledger: %s\n", e.message);
    }
    return (int)status;
}
