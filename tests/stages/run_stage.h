/* Runs a stage like its program, and captures its messages on stderr. */
#ifndef DMSQ_TESTS_STAGES_RUN_STAGE_H
#define DMSQ_TESTS_STAGES_RUN_STAGE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "stages/stage.h"

/* arguments: NULL ends; --quiet is added. *messages, if not NULL, is the text of stderr, which the caller
 * frees. Returns the exit status. */
static inline int run_stage(const struct stage *stage, const char *const *arguments, char **messages) {
    char *argv[64], path[] = "build/tmp/stderr-XXXXXX", quiet[] = "--quiet";
    int argc = 0;
    struct error e;
    argv[argc++] = strdup(stage->name);
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(argc < 60);
        argv[argc++] = strdup(arguments[i]);
    }
    argv[argc] = quiet;
    argv[argc + 1] = NULL;
    assert_int_equal(file_make_folder("build/tmp", &e), STATUS_OK);
    int file = mkstemp(path), old = dup(STDERR_FILENO);
    assert_true(file >= 0 && old >= 0);
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    int status = stage_main(stage, argc + 1, argv);
    fflush(stderr);
    dup2(old, STDERR_FILENO);
    close(file);
    close(old);
    char *text;
    size_t size;
    assert_int_equal(file_read(path, &text, &size, &e), STATUS_OK);
    unlink(path);
    if (messages != NULL) {
        *messages = text;
    } else {
        if (status != 0) {
            print_message("%s", text);
        }
        free(text);
    }
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return status;
}

/* Fails unless the stage ends with this status and a message that contains the text. */
static inline void expect_message(const struct stage *stage, const char *const *arguments, int status,
                                  const char *text) {
    char *messages;
    int found = run_stage(stage, arguments, &messages);
    if (found != status || strstr(messages, text) == NULL) {
        fail_msg("found status %d and '%s', expected %d and '%s'", found, messages, status, text);
    }
    free(messages);
}

#endif
