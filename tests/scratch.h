/* Temporary folders and files for tests, under build/tmp. */
#ifndef DMSQ_TESTS_SCRATCH_H
#define DMSQ_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A new folder build/tmp/<name>-XXXXXX; its path stays valid until the next call. */
static inline const char *scratch_folder(const char *name) {
    static char path[64];
    mkdir("build", 0777);
    mkdir("build/tmp", 0777);
    snprintf(path, sizeof path, "build/tmp/%s-XXXXXX", name);
    if (mkdtemp(path) == NULL) {
        perror(path);
        abort();
    }
    return path;
}

/* Removes a folder that scratch_folder made. */
static inline void scratch_remove(const char *folder) {
    char command[512];
    if (strncmp(folder, "build/tmp/", 10) == 0) {
        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        if (system(command) != 0) {
            perror(command);
        }
    }
}

#endif
