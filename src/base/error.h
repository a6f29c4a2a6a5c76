/* Status and error message of a library call.
 *
 * A function that can fail returns an `enum status` and takes a `struct error *` as its last
 * argument. The numeric value of a status is the exit status of a program that ends with it.
 * Libraries never print and never exit; only mains do.
 *
 * Calls are chained in two ways. If nothing has to be freed, TRY returns the status of a call that fails:
 *
 *     TRY(file_read(path, &data, &size, e));
 *
 * Otherwise a chain of THEN skips all calls after one that failed, and the function frees its memory before it returns:
 *
 *     enum status status = npz_create(path, &writer, e);
 *     THEN(status, npz_add_real(writer, "kappa", kappa, e));
 *     free(data);
 *     return status;
 */
#ifndef DMSQ_BASE_ERROR_H
#define DMSQ_BASE_ERROR_H

enum status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,    /* the machine or the computation failed: disk full, diverged, killed */
    STATUS_BAD_INPUT = 2, /* bad usage or input: unknown key, wrong type, corrupt artifact */
};

/* Returns the status of `call` from the enclosing function, unless it is STATUS_OK. */
#define TRY(call) \
    do { \
        const enum status status_ = (call); \
        if (status_ != STATUS_OK) { \
            return status_; \
        } \
    } while (0)

/* Makes the call only if `status` is STATUS_OK, and sets `status` to its result. */
#define THEN(status, call) \
    do { \
        if ((status) == STATUS_OK) { \
            (status) = (call); \
        } \
    } while (0)

struct error {
    enum status status;
    char message[1024]; /* one line: file, line or parameter; what was found; what was expected. Without control
                           characters, even if the message quotes a file that has some */
};

/* Sets status and message, truncating a message that is too long, and returns the status, so that
 * a caller writes `return error_set(e, STATUS_BAD_INPUT, "...", ...);`. `e` may not be NULL. */
enum status error_set(struct error *e, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message already in `e` and returns its status. */
enum status error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Replaces the control characters of a UTF-8 text, except line ends and tabs, by '?': a terminal would interpret
 * them. */
void error_plain_text(char *text);

#endif
