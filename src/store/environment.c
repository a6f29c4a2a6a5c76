/* Facts about the machine and the program: compiler, libraries, processor, kernel. */
#include "store/environment.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <zip.h>
#include <zlib.h>

#include "base/owner.h"

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
    }
    char host[OWNER_HOST];
    owner_host(host);
    add(context, "host", host);
    environment_processor(text, sizeof text);
    add(context, "processor", text);
#ifdef __clang__
    snprintf(text, sizeof text, "%s", __VERSION__); /* "Clang 14.0.6" */
#else
    snprintf(text, sizeof text, "gcc %s", __VERSION__);
#endif
    add(context, "compiler", text);
    add(context, "SQLite", sqlite3_libversion());
    add(context, "zlib", zlibVersion());
    add(context, "libzip", zip_libzip_version());
    add(context, "OpenSSL", OpenSSL_version(OPENSSL_VERSION));
    add(context, "Jansson", jansson_version_str());
}
