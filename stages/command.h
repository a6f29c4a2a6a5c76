/* The command line of a stage program, built from the stage's declarations: --PARAMETER=VALUE,
 * --INPUT=PATH, and the options that all stages share. Private to stages/stage.c. */
#ifndef DMSQ_STAGES_COMMAND_H
#define DMSQ_STAGES_COMMAND_H

#include "stages/stage.h"

struct command_input {
    const struct stage_input *input;
    const char *path;
};

struct command {
    struct parameters *parameters;
    struct command_input *inputs; /* in the order of the declarations, then as given */
    size_t input_count;
    const char *output, *ledger, *label, *users, *key, *backend; /* ledger to key: NULL when not given */
    int threads, quiet;
    struct stage_share share; /* 0 of 1 where --part was not given */
    bool answered;            /* --help or --version was printed, nothing is left to do */
};

/* Parses and checks the command line. Of files it reads only those of FILE parameters. Texts point into argv. On
 * failure *command is released. STATUS_BAD_INPUT: the message names the option and what was expected. */
enum status command_parse(const struct stage *stage, int argc, char **argv, struct command *command, struct error *e);
void command_release(struct command *command);

#endif
