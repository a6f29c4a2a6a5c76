/* Facts about the machine and the program: git, compiler, libraries, processor, kernel. */
#include "store/environment.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

extern char **environ;

/* Runs git with these arguments (no shell) and keeps the beginning of what it prints; false on any failure. */
static bool git(const char *const arguments[], char *output, size_t size) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    char *argv[10]; /* posix_spawnp takes pointers to char, but changes nothing */
    size_t count = 0;
    while (arguments[count] != NULL && count < 9) {
        memcpy(&argv[count], &arguments[count], sizeof argv[count]);
        count++;
    }
    argv[count] = NULL;
    pid_t child;
    bool started = posix_spawnp(&child, "git", &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    size_t used = 0;
    char rest[4096];
    ssize_t n;
    while (started && (n = read(ends[0], rest, sizeof rest)) > 0) {
        size_t kept = (size_t)n < size - 1 - used ? (size_t)n : size - 1 - used;
        memcpy(output + used, rest, kept);
        used += kept;
    }
    output[used] = '\0';
    close(ends[0]);
    int status = 0;
    return started && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The folder of the running program, which lies in the tree that it was built from. */
static void program_folder(char path[PATH_MAX]) {
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash : path, slash ? "" : ".");
}

void environment_git(char commit[65], int *dirty) {
    char output[128], folder[PATH_MAX];
    strcpy(commit, "unknown");
    *dirty = -1;
    program_folder(folder);
    if (!git((const char *const[]){"git", "-C", folder, "rev-parse", "HEAD", NULL}, output, sizeof output)) {
        return;
    }
    output[strcspn(output, "\n")] = '\0';
    snprintf(commit, 65, "%.64s", output);
    /* Without the lock, so that a commit made at the same moment does not fail. */
    if (git((const char *const[]){"git", "-C", folder, "--no-optional-locks", "status", "--porcelain", "--untracked-files=no",
                                  NULL}, output, sizeof output)) {
        *dirty = output[0] != '\0';
    }
}

void environment_processor(char *text, size_t size) {
    snprintf(text, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[512];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(text, size, "%s", colon + 1 + strspn(colon + 1, " "));
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

void environment_list(void (*add)(void *context, const char *name, const char *text), void *context) {
    char text[512];
    struct utsname kernel;
    if (uname(&kernel) == 0) {
        snprintf(text, sizeof text, "%s %s %s", kernel.sysname, kernel.release, kernel.machine);
        add(context, "kernel", text);
        add(context, "host", kernel.nodename);
    }
    environment_processor(text, sizeof text);
    add(context, "processor", text);
    snprintf(text, sizeof text, "gcc %s", __VERSION__);
    add(context, "compiler", text);
    add(context, "SQLite", sqlite3_libversion());
    add(context, "zlib", zlibVersion());
    add(context, "libzip", zip_libzip_version());
    add(context, "OpenSSL", OpenSSL_version(OPENSSL_VERSION));
    add(context, "Jansson", jansson_version_str());
}
