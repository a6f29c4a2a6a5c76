/* The command line of a stage program. */
#include "stages/command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/processor.h"
#include "base/version.h"
#include "store/npy.h"

enum common_option {
    OUTPUT,
    LEDGER,
    LABEL,
    USERS,
    KEY,
    THREADS,
    QUIET,
    HELP,
    VERSION,
    BACKEND,
    PART,
    FINISH,
    COMMON_COUNT
};

static const struct {
    const char *name, *value, *help;
} common[COMMON_COUNT] = {
    [OUTPUT] = {"output", "FOLDER", "output folder; created if missing; required"},
    [LEDGER] = {"ledger", "FILE", "ledger (SQLite) in which the run is recorded"},
    [LABEL] = {"label", "TEXT", "experiment/node for which the stage runs, for the run record"},
    [USERS] = {"users", "TEXT", "all experiments and nodes that use the artifact, for the run record"},
    [KEY] = {"key", "HEX", "fails unless the recipe has this key"},
    [THREADS] = {"threads", "N",
                 "worker threads; default: DMSQ_THREADS, or the processors that affinity, control "
                 "group and OMP_NUM_THREADS allow; results do not depend on it"},
    [QUIET] = {"quiet", NULL, "no progress on stderr"},
    [HELP] = {"help", NULL, "this text"},
    [VERSION] = {"version", NULL, "prints the version of the stage and of dmsq"},
    [BACKEND] = {"backend", BACKENDS,
                 "device that computes the network (cuda: in TF32; bf16: sampling only); part of the recipe; "
                 "default: cpu"},
    [PART] = {"part", "i/n",
              "computes only share i of n of the items, i from 0 to n-1, into FOLDER/parts; run "
              "--finish when all are done"},
    [FINISH] = {"finish", NULL, "computes nothing: makes the output from the parts, which must be complete"},
};

static bool has(const struct stage *stage, int option) {
    return option == BACKEND ? stage->uses_backend : option == PART || option == FINISH ? stage->items != NULL : true;
}

static void print_arrays(const char *file, const struct stage_array *arrays, size_t count) {
    if (count > 0) {
        printf("\nArrays of %s, which numpy.load reads:\n", file);
    }
    for (size_t i = 0; i < count; i++) {
        const struct stage_array *array = &arrays[i];
        printf("  %s  %s%s%s%s%s%s\n", array->name, npy_type_name(array->type), *array->shape ? " (" : "", array->shape,
               *array->shape ? ")" : "", *array->unit ? ", unit: " : "", array->unit);
        parameters_paragraph(array->help, stdout);
    }
}

static void print_help(const struct stage *stage) {
    printf("%s: %s\n\nUsage: %s --output=FOLDER", stage->name, stage->summary, stage->name);
    for (size_t i = 0; i < stage->input_count; i++) {
        const struct stage_input *input = &stage->inputs[i];
        printf(input->required ? " --%s=PATH%s" : " [--%s=PATH]%s", input->name, input->many ? "..." : "");
    }
    printf(" [--PARAMETER=VALUE]...\n");
    if (stage->input_count > 0) {
        printf("\nInputs:\n");
    }
    for (size_t i = 0; i < stage->input_count; i++) {
        const struct stage_input *input = &stage->inputs[i];
        printf("  --%s=PATH\n        %s\n        artifact of %s%s%s\n", input->name, input->help ? input->help : "",
               input->stages ? input->stages : "any stage", input->required ? "; required" : "",
               input->many ? "; may be repeated, in order" : "");
    }
    if (stage->parameter_count > 0) {
        printf("\nParameters:\n");
        parameters_help(stage->parameters, stage->parameter_count, stdout);
    }
    print_arrays("artifact.npz", stage->arrays, stage->array_count);
    if (stage->beside) {
        print_arrays(stage->beside->name, stage->beside->arrays, stage->beside->array_count);
    }
    printf("\nOptions:\n");
    for (int i = 0; i < COMMON_COUNT; i++) {
        if (has(stage, i)) {
            printf("  --%s%s%s\n        %s\n", common[i].name, common[i].value ? "=" : "",
                   common[i].value ? common[i].value : "", common[i].help);
        }
    }
    printf("\nExit status: 0 done, 1 failed, 2 bad usage or input.\n");
}

/* Every option must be spelled out: getopt_long alone would take an abbreviation, whose meaning changes
 * when a parameter is added. */
static enum status check_names(const struct option *options, size_t count, int argc, char **argv, struct error *e) {
    const char **names = calloc(count + 1, sizeof *names);
    if (names == NULL) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = options[i].name;
    }
    enum status status = STATUS_OK;
    for (int a = 1; status == STATUS_OK && a < argc && strcmp(argv[a], "--") != 0; a++) {
        if (strncmp(argv[a], "--", 2) != 0) {
            continue;
        }
        char *name = strndup(argv[a] + 2, strcspn(argv[a] + 2, "="));
        bool known = false;
        for (size_t i = 0; name != NULL && i < count; i++) {
            known = known || strcmp(names[i], name) == 0;
        }
        if (name == NULL) {
            status = error_set(e, STATUS_FAILED, "out of memory");
        } else if (!known) {
            char hint[NEAREST_HINT];
            nearest_hint(name, names, count, "--", hint);
            status = error_set(e, STATUS_BAD_INPUT, "unknown option '--%.100s'%s; see --help", name, hint);
        }
        free(name);
    }
    free(names);
    return status;
}

static enum status parse_threads(const char *text, const char *where, int *threads, struct error *e) {
    char *end;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < 1 || n > 1024) {
        return error_set(e, STATUS_BAD_INPUT, "%s = '%.80s': expected an integer in [1, 1024]", where, text);
    }
    *threads = (int)n;
    return STATUS_OK;
}

static enum status default_threads(int *threads, struct error *e) {
    const char *text = getenv("DMSQ_THREADS");
    if (text != NULL && *text != '\0') {
        return parse_threads(text, "environment: DMSQ_THREADS", threads, e);
    }
    *threads = processor_threads();
    return STATUS_OK;
}

/* "3/8" */
static enum status parse_share(const char *text, struct stage_share *share, struct error *e) {
    enum { MOST = 65536 };
    int end = 0;
    if (strspn(text, "0123456789/") != strlen(text) ||
        sscanf(text, "%5zu/%5zu%n", &share->index, &share->count, &end) != 2 || text[end] != '\0' ||
        share->count > MOST || share->index >= share->count) {
        return error_set(e, STATUS_BAD_INPUT, "--part = '%.80s': expected i/n with 0 <= i < n <= %d", text, MOST);
    }
    return STATUS_OK;
}

static enum status set_common(const struct stage *stage, int option, const char *value, struct command *c,
                              struct error *e) {
    switch ((enum common_option)option) {
    case OUTPUT:
        c->output = value;
        return *value != '\0' ? STATUS_OK : error_set(e, STATUS_BAD_INPUT, "--output: expected a folder");
    case LEDGER:
        c->ledger = *value != '\0' ? value : NULL;
        return STATUS_OK;
    case LABEL:
        c->label = value;
        return STATUS_OK;
    case USERS:
        c->users = value;
        return STATUS_OK;
    case KEY:
        c->key = value;
        return strlen(value) == 64 && strspn(value, "0123456789abcdef") == 64
                   ? STATUS_OK
                   : error_set(e, STATUS_BAD_INPUT, "--key = '%.100s': expected 64 lower-case hexadecimal digits",
                               value);
    case THREADS:
        return parse_threads(value, "--threads", &c->threads, e);
    case QUIET:
        c->quiet = 1;
        return STATUS_OK;
    case BACKEND:
        c->backend = value;
        if (words_among(stage_backends(stage), value)) {
            return STATUS_OK;
        }
        return error_set(e, STATUS_BAD_INPUT, "--backend = '%.80s': expected %s", value, stage_backends(stage));
    case HELP:
        print_help(stage);
        c->answered = true;
        return STATUS_OK;
    case VERSION:
        printf("%s %d (dmsq %s)\n", stage->name, stage->version, version_text);
        c->answered = true;
        return STATUS_OK;
    case PART:
        return parse_share(value, &c->share, e);
    case FINISH:
        c->share.finish = true;
        return STATUS_OK;
    case COMMON_COUNT:
        break;
    }
    return STATUS_OK;
}

/* Sorts the inputs into the order of the declarations (within one, the order given) and counts them. */
static enum status check_inputs(const struct stage *stage, struct command *c, struct command_input *sorted,
                                struct error *e) {
    size_t n = 0;
    for (size_t i = 0; i < stage->input_count; i++) {
        const struct stage_input *input = &stage->inputs[i];
        size_t before = n;
        for (size_t k = 0; k < c->input_count; k++) {
            if (c->inputs[k].input == input) {
                sorted[n++] = c->inputs[k];
            }
        }
        if (n - before > 1 && !input->many) {
            return error_set(e, STATUS_BAD_INPUT, "--%s: given %zu times, expected once", input->name, n - before);
        }
        if (n == before && input->required) {
            return error_set(e, STATUS_BAD_INPUT, "--%s is missing: expected the artifact of %s", input->name,
                             input->stages ? input->stages : "a stage");
        }
        if (n - before > 1000) {
            return error_set(e, STATUS_BAD_INPUT, "--%s: given %zu times, expected at most 1000", input->name,
                             n - before);
        }
    }
    memcpy(c->inputs, sorted, n * sizeof *sorted);
    return STATUS_OK;
}

static enum status parse_options(const struct stage *stage, const struct option *options, size_t option_count, int argc,
                                 char **argv, struct command *c, struct error *e) {
    enum status status = check_names(options, option_count, argc, argv, e);
    optind = 0; /* a new scan, also after an earlier one in the same process */
    opterr = 0;
    int code, index = 0;
    while (status == STATUS_OK && (code = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (code != 0 && optopt != 0) {
            return error_set(e, STATUS_BAD_INPUT, "unknown option '-%c': expected --NAME=VALUE; see --help", optopt);
        }
        if (code != 0) {
            return error_set(e, STATUS_BAD_INPUT,
                             "'%.100s': expected --NAME=VALUE, or --NAME of an option without "
                             "value; see --help",
                             argv[optind - 1]);
        }
        size_t i = (size_t)index;
        if (i < COMMON_COUNT) {
            /* Options that a stage does not have are listed, too, so that `index` means the same for all stages. */
            status = has(stage, index) ? set_common(stage, index, optarg, c, e)
                                       : error_set(e, STATUS_BAD_INPUT, "--%s: %s", common[i].name,
                                                   index == BACKEND ? "this stage uses no backend"
                                                                    : "the work of this stage is not split into parts");
        } else if (i < COMMON_COUNT + stage->parameter_count) {
            status = parameters_set(c->parameters, options[i].name, optarg != NULL ? optarg : "yes", "command line", e);
        } else {
            c->inputs[c->input_count++] =
                (struct command_input){&stage->inputs[i - COMMON_COUNT - stage->parameter_count], optarg};
        }
        if (c->answered) {
            return STATUS_OK;
        }
    }
    if (status == STATUS_OK && optind < argc) {
        status =
            error_set(e, STATUS_BAD_INPUT, "'%.200s': expected only options, --NAME=VALUE; see --help", argv[optind]);
    }
    return status;
}

enum status command_parse(const struct stage *stage, int argc, char **argv, struct command *c, struct error *e) {
    memset(c, 0, sizeof *c);
    c->backend = "cpu";
    c->share.count = 1;
    size_t count = COMMON_COUNT + stage->parameter_count + stage->input_count;
    struct option *options = calloc(count + 1, sizeof *options);
    struct command_input *sorted = calloc((size_t)argc + 1, sizeof *sorted);
    c->inputs = calloc((size_t)argc + 1, sizeof *c->inputs);
    c->parameters = parameters_new(stage->parameters, stage->parameter_count);
    enum status status = STATUS_OK;
    if (options == NULL || sorted == NULL || c->inputs == NULL || c->parameters == NULL) {
        status = error_set(e, STATUS_FAILED, "out of memory");
    } else {
        size_t n = 0;
        for (int i = 0; i < COMMON_COUNT; i++) {
            options[n++] = (struct option){common[i].name, common[i].value ? required_argument : no_argument, NULL, 0};
        }
        for (size_t i = 0; i < stage->parameter_count; i++) {
            bool flag = stage->parameters[i].type == PARAMETER_FLAG; /* --flag alone is yes */
            options[n++] =
                (struct option){stage->parameters[i].name, flag ? optional_argument : required_argument, NULL, 0};
        }
        for (size_t i = 0; i < stage->input_count; i++) {
            options[n++] = (struct option){stage->inputs[i].name, required_argument, NULL, 0};
        }
        status = parse_options(stage, options, n, argc, argv, c, e);
    }
    if (status == STATUS_OK && !c->answered) {
        status = parameters_complete(c->parameters, "command line", e);
        THEN(status, stage->check != NULL ? stage->check(c->parameters, "command line", e) : STATUS_OK);
        THEN(status, check_inputs(stage, c, sorted, e));
        if (status == STATUS_OK && c->share.finish && c->share.count > 1) {
            status = error_set(e, STATUS_BAD_INPUT, "--part and --finish found, only one of them expected");
        }
        if (status == STATUS_OK && c->output == NULL) {
            status = error_set(e, STATUS_BAD_INPUT, "--output is missing: expected a folder");
        }
        THEN(status, c->threads == 0 ? default_threads(&c->threads, e) : STATUS_OK);
    }
    free(options);
    free(sorted);
    if (status != STATUS_OK) {
        command_release(c);
    }
    return status;
}

void command_release(struct command *c) {
    parameters_free(c->parameters);
    free(c->inputs);
    memset(c, 0, sizeof *c);
}
