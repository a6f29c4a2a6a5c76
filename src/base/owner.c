/* Names of processes: see owner.h. */
#include "base/owner.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_of_host(char c) {
    return isalnum((unsigned char)c) || (c && strchr("-._", c));
}

void owner_host(char host[OWNER_HOST]) {
    if (gethostname(host, OWNER_HOST) != 0) {
        host[0] = '\0';
    }
    host[OWNER_HOST - 1] = '\0';
    for (char *c = host; *c; c++) {
        *c = is_of_host(*c) ? *c : '_';
    }
    if (!*host) {
        snprintf(host, OWNER_HOST, "unknown");
    }
}

struct owner owner_here(void) {
    static const char *const ranks[] = {"SLURM_PROCID", "PMIX_RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK"};
    struct owner here = {.process = (long)getpid()};
    owner_host(here.host);
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        const char *text = getenv(ranks[i]);
        if (text && isdigit((unsigned char)*text)) {
            here.rank = strtol(text, NULL, 10);
            break;
        }
    }
    return here;
}

const char *owner_name(char name[OWNER_NAME]) {
    const struct owner here = owner_here();
    snprintf(name, OWNER_NAME, "%ld@%s+%ld", here.process, here.host, here.rank);
    return name;
}

size_t owner_read(const char *text, struct owner *owner) {
    *owner = (struct owner){0};
    char *end;
    if (!isdigit((unsigned char)*text) || (owner->process = strtol(text, &end, 10)) <= 0) {
        return 0;
    }
    const size_t process = (size_t)(end - text);
    size_t length = 0;
    while (*end == '@' && is_of_host(end[1 + length])) {
        length++;
    }
    if (length == 0 || length >= OWNER_HOST || end[1 + length] != '+' || !isdigit((unsigned char)end[2 + length])) {
        return process;
    }
    memcpy(owner->host, end + 1, length);
    owner->rank = strtol(end + 2 + length, &end, 10);
    return (size_t)(end - text);
}

bool owner_is_me(const struct owner *owner) {
    const struct owner here = owner_here();
    return owner->process == here.process && owner->rank == here.rank && strcmp(owner->host, here.host) == 0;
}

bool owner_is_here(const struct owner *owner) {
    char host[OWNER_HOST];
    owner_host(host);
    return !*owner->host || strcmp(owner->host, host) == 0;
}

bool owner_is_gone(const struct owner *owner) {
    return owner_is_here(owner) && kill((pid_t)owner->process, 0) != 0 && errno == ESRCH;
}
