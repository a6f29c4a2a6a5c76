/* A library that tests preload into programs. It simulates a file system on which the calls in REFUSE fail with the
 * given errno: "flock=38 fcntl=38 fsync=95 symlink=1" (fsync: of folders only). It also simulates another host: HOST is
 * its name, and PROCESS, if set, the number of each of its processes. With EMPTY, an empty folder, a host sees only its
 * own run records, like a host with a cache. While the file HOLD exists, a process does not rename what it has
 * computed, so that it is at work for as long as a test needs. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int refused(const char *name) {
    const char *list = getenv("REFUSE"), *at = list ? strstr(list, name) : NULL;
    return at && at[strlen(name)] == '=' ? atoi(at + strlen(name) + 1) : 0;
}

static int answer(int error) {
    errno = error;
    return -1;
}

int flock(int file, int operation) {
    int (*real)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    return refused("flock") ? answer(refused("flock")) : real(file, operation);
}

static int pass_fcntl(const char *name, int file, int command, void *argument) {
    int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, name);
    const int locks = command == F_SETLK || command == F_SETLKW || command == F_GETLK;
    return locks && refused("fcntl") ? answer(refused("fcntl")) : real(file, command, argument);
}

int fcntl(int file, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return pass_fcntl("fcntl", file, command, argument);
}

int fcntl64(int file, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return pass_fcntl("fcntl64", file, command, argument);
}

int fsync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    struct stat info;
    const int folder = fstat(file, &info) == 0 && S_ISDIR(info.st_mode);
    return folder && refused("fsync") ? answer(refused("fsync")) : real(file);
}

int symlink(const char *target, const char *path) {
    int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "symlink");
    return refused("symlink") ? answer(refused("symlink")) : real(target, path);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    const char *hold = getenv("HOLD");
    while (hold && !strstr(to, "/runs/") && access(hold, F_OK) == 0) {
        usleep(10000);
    }
    return real(from, to);
}

int gethostname(char *name, size_t size) {
    int (*real)(char *, size_t) = (int (*)(char *, size_t))dlsym(RTLD_NEXT, "gethostname");
    const char *host = getenv("HOST");
    return host ? (snprintf(name, size, "%s", host), 0) : real(name, size);
}

pid_t getpid(void) {
    pid_t (*real)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "getpid");
    const char *process = getenv("PROCESS");
    return process ? atoi(process) : real();
}

DIR *opendir(const char *path) {
    DIR *(*real)(const char *) = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
    const char *end = strrchr(path, '/'), *empty = getenv("EMPTY");
    return real(empty && end && strcmp(end, "/runs") == 0 ? empty : path);
}
