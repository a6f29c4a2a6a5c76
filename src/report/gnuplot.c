/* Drives gnuplot reproducibly: see gnuplot.h. */
#include "report/gnuplot.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* Makes the output of gnuplot one line: white space becomes single blanks. Only the end of a long text is kept, where
 * gnuplot states the error. */
static void tidy(char *text, size_t most) {
    size_t to = 0;
    for (size_t from = 0; text[from] != '\0'; from++) {
        if (!isspace((unsigned char)text[from])) {
            text[to++] = text[from];
        } else if (to > 0 && text[to - 1] != ' ') {
            text[to++] = ' ';
        }
    }
    while (to > 0 && text[to - 1] == ' ') {
        to--;
    }
    text[to] = '\0';
    if (to > most) {
        memmove(text, text + to - most, most + 1);
    }
}

/* Reads a pipe to its end, keeping the first size-1 bytes. */
static void drain(int pipe, char *text, size_t size) {
    size_t length = 0;
    char rest[512];
    for (;;) {
        bool room = length + 1 < size;
        ssize_t n = read(pipe, room ? text + length : rest, room ? size - 1 - length : sizeof rest);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        length += room ? (size_t)n : 0;
    }
    text[length] = '\0';
}

/* Runs a program in `folder` and stores its output, stream 1 or 2, in text. The environment is fixed, so that a figure
 * does not depend on the user's locale and fonts. */
static enum status spawn(const char *folder, char *const arguments[], const char *package, int stream, char *text,
                         size_t size, int *wait_status, struct error *e) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set(e, STATUS_FAILED, "gnuplot: cannot make a pipe: %s", strerror(errno));
    }
    const char *path = getenv("PATH");
    path = path == NULL ? "/usr/bin:/bin" : path;
    char *absolute = realpath(folder, NULL), *path_entry = NULL, *home = NULL;
    if (absolute == NULL || asprintf(&path_entry, "PATH=%s", path) < 0 || asprintf(&home, "HOME=%s", absolute) < 0) {
        error_set(e, STATUS_FAILED, "gnuplot: cannot run in %s: %s", folder, strerror(errno));
        free(absolute);
        free(path_entry);
        close(ends[0]);
        close(ends[1]);
        return e->status;
    }
    char locale[] = "LC_ALL=C.UTF-8", zone[] = "TZ=UTC", epoch[] = "SOURCE_DATE_EPOCH=315532800";
    char *environment[] = {path_entry, home, locale, zone, epoch, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 3 - stream, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], stream);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    pid_t child;
    int failed = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    free(path_entry);
    free(absolute);
    free(home);
    if (failed != 0) {
        close(ends[0]);
        return error_set(e, STATUS_FAILED, "cannot run %s: %s%s%s%s", arguments[0], strerror(failed),
                         failed == ENOENT ? " (Debian package " : "", failed == ENOENT ? package : "",
                         failed == ENOENT ? "; `make setup` installs it)" : "");
    }
    drain(ends[0], text, size);
    close(ends[0]);
    while (waitpid(child, wait_status, 0) < 0) {
        if (errno != EINTR) {
            return error_set(e, STATUS_FAILED, "gnuplot: cannot wait for the process: %s", strerror(errno));
        }
    }
    return STATUS_OK;
}

enum status gnuplot_version(char *version, size_t size, struct error *e) {
    char program[] = "gnuplot", option[] = "--version";
    char *arguments[] = {program, option, NULL};
    char text[256];
    int how;
    TRY(spawn(".", arguments, "gnuplot-nox", 1, text, sizeof text, &how, e));
    tidy(text, sizeof text);
    const char *name = "gnuplot ";
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0 || strncmp(text, name, strlen(name)) != 0) {
        return error_set(e, STATUS_FAILED, "gnuplot --version: found '%s', expected 'gnuplot' and a version", text);
    }
    snprintf(version, size, "%s", text + strlen(name));
    return STATUS_OK;
}

enum status gnuplot_font(const char *folder, const char *family, struct error *e) {
    char program[] = "fc-match", format[] = "--format=%{family}", *name = strdup(family), text[256];
    int how = 0;
    if (name == NULL) {
        return error_set(e, STATUS_FAILED, "fc-match: out of memory");
    }
    char *arguments[] = {program, format, name, NULL};
    enum status status = spawn(folder, arguments, "fontconfig", 1, text, sizeof text, &how, e);
    free(name);
    TRY(status);
    tidy(text, sizeof text);
    const size_t length = strlen(family);
    return strncmp(text, family, length) == 0 && (text[length] == '\0' || text[length] == ',')
               ? STATUS_OK
               : error_set(e, STATUS_FAILED,
                           "the font %s is missing: found '%s' instead; expected that of the Debian package "
                           "fonts-dejavu-core (`make setup` installs it)",
                           family, text);
}

enum status gnuplot_run(const char *folder, const char *script, struct error *e) {
    char program[] = "gnuplot", defaults[] = "--default-settings";
    char *name = strdup(script), *text = malloc(16384);
    int how = 0;
    enum status status;
    if (name == NULL || text == NULL) {
        status = error_set(e, STATUS_FAILED, "gnuplot: out of memory");
    } else {
        char *arguments[] = {program, defaults, name, NULL};
        status = spawn(folder, arguments, "gnuplot-nox", 2, text, 16384, &how, e);
    }
    if (status == STATUS_OK && WIFSIGNALED(how)) {
        status = error_set(e, STATUS_FAILED, "gnuplot %s: ended by signal %d", script, WTERMSIG(how));
    } else if (status == STATUS_OK && WEXITSTATUS(how) != 0) {
        tidy(text, 800);
        status = error_set(e, STATUS_FAILED, "gnuplot %s: %s (exit status %d)", script, text, WEXITSTATUS(how));
    }
    free(name);
    free(text);
    return status;
}

void gnuplot_string(const char *text, FILE *out) {
    fputc('"', out);
    for (; *text != '\0'; text++) {
        /* characters with a meaning to gnuplot, even within a string, in octal */
        fprintf(out, strchr("'\"`\\@", *text) || iscntrl((unsigned char)*text) ? "\\%03o" : "%c", (unsigned char)*text);
    }
    fputc('"', out);
}

enum status gnuplot_complete(const char *path, struct error *e) {
    static const struct {
        const char *extension, *end;
    } formats[] = {{".svg", "</svg>"}, {".png", "IEND"}, {".pdf", "%%EOF"}};
    enum { TAIL = 32 }; /* bytes: the mark, line ends and a checksum */
    char *data;
    size_t size;
    TRY(file_read(path, &data, &size, e));
    enum status status = STATUS_OK;
    const char *extension = strrchr(path, '.');
    const size_t tail = size < TAIL ? size : TAIL;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(extension ? extension : "", formats[i].extension) == 0 &&
            memmem(data + size - tail, tail, formats[i].end, strlen(formats[i].end)) == NULL) {
            status = error_set(e, STATUS_FAILED,
                               "%s: gnuplot wrote only %zu bytes; the end is missing (is the disk full, or the size of "
                               "files limited?)",
                               path, size);
        }
    }
    free(data);
    return status;
}

enum status pdf_neutralise_dates(const char *path, struct error *e) {
    static const char *const key[] = {"/CreationDate (D:", "/ModDate (D:"};
    static const char date[] = "19800101000000"; /* of the same length, so that offsets in the file remain valid */
    char *data;
    size_t size;
    TRY(file_read(path, &data, &size, e));
    for (size_t k = 0; k < sizeof key / sizeof key[0]; k++) {
        char *place = data;
        while ((place = memmem(place, size - (size_t)(place - data), key[k], strlen(key[k]))) != NULL) {
            place += strlen(key[k]);
            if (size - (size_t)(place - data) >= sizeof date && strspn(place, "0123456789") == sizeof date - 1) {
                memcpy(place, date, sizeof date - 1);
            }
        }
    }
    enum status status = file_write(path, data, size, e);
    free(data);
    return status;
}
