/* Replaces code that the check of the GPU is built without: files (.npz), to which the tested sources refer but which
 * are not used with a device, and without oneDNN the network on the CPU. Every function returns an error. */
#include "base/file.h"
#include "network/product.h"
#include "network/unet_cpu.h"
#include "store/npz.h"

#define ABSENT(e) error_set(e, STATUS_FAILED, "%s: not part of this program (tests/gpu)", __func__)
#define UNUSED(x) ((void)(x))

#ifdef DMSQ_NO_ONEDNN
enum status unet_cpu_new(const struct unet_shape *shape, enum unet_convolutions convolutions, const float *frequencies,
                         int max_batch, struct unet_cpu **network, struct error *e) {
    UNUSED(shape), UNUSED(convolutions), UNUSED(frequencies), UNUSED(max_batch), UNUSED(network);
    return ABSENT(e);
}
void unet_cpu_free(struct unet_cpu *network) {
    UNUSED(network);
}
void unet_cpu_set_weights(struct unet_cpu *network, const float *weights) {
    UNUSED(network), UNUSED(weights);
}
enum status unet_cpu_workspace_new(struct unet_cpu *network, struct unet_cpu_workspace **ws, struct error *e) {
    UNUSED(network), UNUSED(ws);
    return ABSENT(e);
}
void unet_cpu_workspace_free(struct unet_cpu_workspace *ws) {
    UNUSED(ws);
}
enum status unet_cpu_forward(struct unet_cpu_workspace *ws, int n, const float *x, const float *t, float *output,
                             struct error *e) {
    UNUSED(ws), UNUSED(n), UNUSED(x), UNUSED(t), UNUSED(output);
    return ABSENT(e);
}
enum status unet_cpu_backward(struct unet_cpu_workspace *ws, int n, const float *output_gradient, float *input_gradient,
                              float *gradient, struct error *e) {
    UNUSED(ws), UNUSED(n), UNUSED(output_gradient), UNUSED(input_gradient), UNUSED(gradient);
    return ABSENT(e);
}
size_t unet_cpu_gradient_size(const struct unet_cpu *network) {
    UNUSED(network);
    return 0;
}
void unet_cpu_unpack_gradient(struct unet_cpu *network, const float *packed, float *flat) {
    UNUSED(network), UNUSED(packed), UNUSED(flat);
}
const char *product_instruction_set(void) {
    return "";
}
#endif

enum status npz_create(const char *path, struct npz_writer **writer, struct error *e) {
    UNUSED(path), UNUSED(writer);
    return ABSENT(e);
}
enum status npz_add(struct npz_writer *w, const char *name, enum npz_type type, size_t dimensions, const size_t *shape,
                    const void *data, struct error *e) {
    UNUSED(w), UNUSED(name), UNUSED(type), UNUSED(dimensions), UNUSED(shape), UNUSED(data);
    return ABSENT(e);
}
enum status npz_add_owned(struct npz_writer *w, const char *name, enum npz_type type, size_t dimensions,
                          const size_t *shape, void *data, struct error *e) {
    UNUSED(w), UNUSED(name), UNUSED(type), UNUSED(dimensions), UNUSED(shape), UNUSED(data);
    return ABSENT(e);
}
enum status npz_add_real(struct npz_writer *w, const char *name, double value, struct error *e) {
    UNUSED(w), UNUSED(name), UNUSED(value);
    return ABSENT(e);
}
enum status npz_real(const struct npz *npz, const char *name, double *value, struct error *e) {
    UNUSED(npz), UNUSED(name), UNUSED(value);
    return ABSENT(e);
}
enum status npz_integer_or(const struct npz *npz, const char *name, int64_t fallback, int64_t *value, struct error *e) {
    UNUSED(npz), UNUSED(name), UNUSED(fallback), UNUSED(value);
    return ABSENT(e);
}
const char *npz_path(const struct npz *npz) {
    UNUSED(npz);
    return "";
}
enum status npz_add_text(struct npz_writer *w, const char *name, const char *text, struct error *e) {
    UNUSED(w), UNUSED(name), UNUSED(text);
    return ABSENT(e);
}
size_t npz_writer_count(const struct npz_writer *w) {
    UNUSED(w);
    return 0;
}
const struct npz_array *npz_writer_array(const struct npz_writer *w, size_t i) {
    UNUSED(w), UNUSED(i);
    return NULL;
}
enum status npz_add_integer(struct npz_writer *w, const char *name, int64_t value, struct error *e) {
    UNUSED(w), UNUSED(name), UNUSED(value);
    return ABSENT(e);
}
enum status npz_add_reals(struct npz_writer *w, const char *name, const double *values, size_t n, struct error *e) {
    UNUSED(w), UNUSED(name), UNUSED(values), UNUSED(n);
    return ABSENT(e);
}
enum status npz_commit(struct npz_writer *w, struct error *e) {
    UNUSED(w);
    return ABSENT(e);
}
void npz_abandon(struct npz_writer *w) {
    UNUSED(w);
}
enum status npz_read(const char *path, struct npz **npz, struct error *e) {
    UNUSED(path), UNUSED(npz);
    return ABSENT(e);
}
enum status npz_require(const struct npz *npz, const char *name, enum npz_type type, int dimensions,
                        const struct npz_array **array, struct error *e) {
    UNUSED(npz), UNUSED(name), UNUSED(type), UNUSED(dimensions), UNUSED(array);
    return ABSENT(e);
}
enum status npz_text(const struct npz *npz, const char *name, char **text, struct error *e) {
    UNUSED(npz), UNUSED(name), UNUSED(text);
    return ABSENT(e);
}
void npz_free(struct npz *npz) {
    UNUSED(npz);
}
enum status npz_add_texts(struct npz_writer *w, const char *name, const char *const *texts, size_t n, struct error *e) {
    UNUSED(w), UNUSED(name), UNUSED(texts), UNUSED(n);
    return ABSENT(e);
}
enum status npz_add_real_array(struct npz_writer *w, const char *name, size_t dimensions, const size_t *shape,
                               const double *values, struct error *e) {
    UNUSED(w), UNUSED(name), UNUSED(dimensions), UNUSED(shape), UNUSED(values);
    return ABSENT(e);
}
const struct npz_array *npz_find(const struct npz *npz, const char *name) {
    UNUSED(npz), UNUSED(name);
    return NULL;
}
enum status file_sha256(const char *path, char hex[65], struct error *e) {
    UNUSED(path), UNUSED(hex);
    return ABSENT(e);
}
