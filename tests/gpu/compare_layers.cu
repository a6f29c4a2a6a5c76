/* The operators between the convolutions, for fields inside halos and in concatenations: halo, norm and swish, layers
 * of one channel, embedding; against those of the network on the CPU (src/network) with the same numbers. Both are in
 * single precision, with different orders of sums: agreement to 1e-5 of the largest number; to 1e-2 for bfloat16
 * fields. */
#include "tests/gpu/device.h"
extern "C" {
#include "network/embedding.h"
#include "network/halo.h"
#include "network/normalise.h"
#include "network/single_channel.h"
#include "network/unet.h"
}

#define EXACT 1e-5
#define ROUNDED 1e-2

enum { N = 2 };

/* A field of N configurations, on host and device: `channels` channels, from channel `first` of an array of `wide`
 * ones. */
struct wide_field {
    struct halo halo; /* both_sides and periodic as in the map; not used if map.halo is 0 */
    struct sites map;
    size_t wide, first, channels;
    floats host;
    float *device;

    wide_field(struct sites map_, size_t wide_, size_t first_, size_t channels_, const char *name)
        : halo{(size_t)map_.height, (size_t)map_.width, wide_, map_.halo == 2, map_.periodic != 0}, map(map_),
          wide(wide_), first(first_), channels(channels_), device(NULL) {
        host = name ? noise(name, N * image()) : floats(N * image());
    }
    size_t image() const {
        return sites_padded(map) * wide;
    }
    struct field<float> there() const {
        return {device + first, image(), (int)wide, map};
    } struct field<const float> reading() const {
        return {device + first, image(), (int)wide, map};
    } struct view here(size_t n) {
        const size_t row = (size_t)sites_columns(map) * wide, inside = map.halo ? row + wide : 0;
        return {host.data() + n * image() + inside + first, nullptr, row, wide};
    }
    float *start(size_t n) {
        return host.data() + n * image();
    }
    void fill() {
        for (size_t n = 0; n < N && map.halo; n++) {
            halo_fill(&halo, start(n), sizeof(float));
        }
    }
    void fold() {
        for (size_t n = 0; n < N && map.halo; n++) {
            halo_fold(&halo, start(n));
        }
    }
};

/* --- halo ---------------------------------------------------------------------------------------- */

__global__ void halo_kernel(struct field<const float> in, struct field<float> out, int channels) {
    const int p = (int)(blockIdx.x * blockDim.x + threadIdx.x), n = (int)blockIdx.y;
    if (p >= in.map.height * in.map.width) {
        return;
    }
    for (int c = 0; c < channels; c += 4) {
        field_filled(out, n, p / in.map.width, p % in.map.width, c,
                     field_folded(in, n, p / in.map.width, p % in.map.width, c));
    }
}

/* The halo is folded and filled again, which the CPU does in place. */
static enum status compare_halo(struct device *d, struct sites map, struct error *e) {
    struct shelf s = {d, {}};
    wide_field f(map, 8, 0, 8, "halo"), out(map, 8, 0, 8, NULL);
    floats found;
    char text[120];
    TRY(s.put(&f.device, f.host, e));
    TRY(s.room(&out.device, f.host.size(), e));
    TRY(launch("halo", halo_kernel, dim3((unsigned)(map.height * map.width + 63) / 64, N), 64, d->stream, e,
               f.reading(), out.there(), 8));
    TRY(s.get(&found, out.device, f.host.size(), e));
    f.fold();
    f.fill();
    snprintf(text, sizeof text, "halo of %d, %s: folded and filled, CPU", map.halo, unet_padding_name[map.periodic]);
    report(d, text, deviation(found, f.host), 1e-6);
    return STATUS_OK;
}

/* --- norm ---------------------------------------------------------------------------------------- */

/* Expansion: y is inside a halo, to which the adjoint of a convolution has added, and h is in a concatenation.
 * Contraction: y has no halo, and h is both inside a halo and in a concatenation. Rows name channels/groups. */
static enum status compare_norm(struct device *d, struct sites map, size_t channels, size_t groups, bool expansion,
                                struct error *e) {
    const struct sites plain = {map.height, map.width, 0, map.periodic};
    const struct norm norm = {map.height, map.width, (int)channels, (int)(channels / groups)};
    const struct normalise here = {(size_t)map.height, (size_t)map.width, channels, groups};
    struct shelf s = {d, {}};
    wide_field y(expansion ? map : plain, channels, 0, channels, "y");
    wide_field out(expansion ? plain : map, expansion ? 2 * channels : channels, 0, channels, NULL);
    wide_field second(plain, 2 * channels, channels, channels, NULL);
    wide_field g(out.map, out.wide, 0, channels, "g"), more(plain, 2 * channels, channels, channels, "second");
    wide_field dy(y.map, channels, 0, channels, NULL);
    floats gamma = noise("gamma", channels, 0.3f, 1), beta = noise("beta", channels, 0.3f),
           v = noise("d", N * channels);
    floats mean(N * channels), rstd(N * channels), partial(N * 3 * channels), work(normalise_workspace(&here));
    floats found_out, found_second, found_dy, found_partial;
    float *gamma_d, *beta_d, *v_d, *mean_d, *rstd_d, *partial_d;
    TRY(s.put(&y.device, y.host, e));
    TRY(s.put(&out.device, out.host, e));
    TRY(s.put(&second.device, second.host, e));
    TRY(s.put(&g.device, g.host, e));
    TRY(s.put(&more.device, more.host, e));
    TRY(s.put(&dy.device, dy.host, e));
    TRY(s.put(&gamma_d, gamma, e));
    TRY(s.put(&beta_d, beta, e));
    TRY(s.put(&v_d, v, e));
    TRY(s.put(&mean_d, mean, e));
    TRY(s.put(&rstd_d, rstd, e));
    TRY(s.put(&partial_d, partial, e));
    struct field<float> no = {};
    struct field<const float> nothing = {};
    TRY(norm_forward<float>(&norm, N, y.reading(), v_d, channels, gamma_d, beta_d, mean_d, rstd_d, channels,
                            out.there(), expansion ? no : second.there(), d->stream, e));
    TRY(norm_backward(&norm, N, y.reading(), v_d, channels, gamma_d, beta_d, mean_d, rstd_d, channels, g.reading(),
                      expansion ? nothing : more.reading(), dy.there(), partial_d, 3 * channels, channels, d->stream,
                      e));
    TRY(s.get(&found_out, out.device, out.host.size(), e));
    TRY(s.get(&found_second, second.device, second.host.size(), e));
    TRY(s.get(&found_dy, dy.device, dy.host.size(), e));
    TRY(s.get(&found_partial, partial_d, partial.size(), e));

    y.fold();
    g.fold();
    for (size_t n = 0; n < N; n++) {
        const struct view from = y.here(n), to = out.here(n), too = expansion ? view{} : second.here(n);
        const struct view dh = g.here(n), and_dh = expansion ? view{} : more.here(n), back = dy.here(n);
        float *own = partial.data() + n * 3 * channels;
        normalise_forward(&here, from.at, from.row, &v[n * channels], gamma.data(), beta.data(), &mean[n * channels],
                          &rstd[n * channels], &to, &too, work.data());
        normalise_backward(&here, from.at, from.row, &v[n * channels], gamma.data(), beta.data(), &mean[n * channels],
                           &rstd[n * channels], &dh, &and_dh, &back, NULL, 0, own, own + channels, own + 2 * channels,
                           work.data());
    }
    out.fill();
    dy.fill();
    char text[120], shape[60];
    snprintf(shape, sizeof shape, "%s %zu/%zu", expansion ? "expansion" : "contraction", channels, groups);
    snprintf(text, sizeof text, "norm and swish, %s: forward, CPU", shape);
    report(d, text, fmax(deviation(found_out, out.host), expansion ? 0 : deviation(found_second, second.host)), EXACT);
    snprintf(text, sizeof text, "norm and swish, %s: backward, CPU", shape);
    report(d, text, deviation(found_dy, dy.host), EXACT);
    snprintf(text, sizeof text, "norm and swish, %s: gamma, beta and d, CPU", shape);
    report(d, text, deviation(found_partial, partial), EXACT);
    return STATUS_OK;
}

/* The same for the forward pass on fields in bfloat16, as in the backend for sampling. */
static enum status compare_rounded_norm(struct device *d, struct error *e) {
    enum { C = 64 };
    const struct sites map = {8, 8, 0, 1};
    const struct norm norm = {8, 8, C, 2};
    const struct normalise here = {8, 8, C, 32};
    struct shelf s = {d, {}};
    wide_field y(map, C, 0, C, "y"), out(map, C, 0, C, NULL);
    std::vector<struct bfloat> rounded(y.host.size()), found;
    floats gamma = noise("gamma", C, 0.3f, 1), beta = noise("beta", C, 0.3f), v = noise("d", N * C),
           value(y.host.size());
    floats mean(C), rstd(C), work(normalise_workspace(&here));
    struct bfloat *y_d, *out_d;
    float *gamma_d, *beta_d, *v_d;
    for (size_t i = 0; i < rounded.size(); i++) {
        rounded[i] = bfloat_of(y.host[i]);
        y.host[i] = bfloat_value(rounded[i]);
    }
    TRY(s.put(&y_d, rounded, e));
    TRY(s.room(&out_d, rounded.size(), e));
    TRY(s.put(&gamma_d, gamma, e));
    TRY(s.put(&beta_d, beta, e));
    TRY(s.put(&v_d, v, e));
    TRY(norm_forward<struct bfloat>(&norm, N, {y_d, y.image(), C, map}, v_d, C, gamma_d, beta_d, NULL, NULL, 0,
                                    {out_d, y.image(), C, map}, {}, d->stream, e));
    TRY(s.get(&found, out_d, rounded.size(), e));
    for (size_t n = 0; n < N; n++) {
        const struct view from = y.here(n), to = out.here(n), none = {};
        normalise_forward(&here, from.at, from.row, &v[n * C], gamma.data(), beta.data(), mean.data(), rstd.data(), &to,
                          &none, work.data());
    }
    for (size_t i = 0; i < found.size(); i++) {
        value[i] = bfloat_value(found[i]);
    }
    report(d, "norm and swish, fields in bfloat16: forward, CPU", deviation(value, out.host), ROUNDED);
    return STATUS_OK;
}

/* --- one channel --------------------------------------------------------------------------------- */

static enum status compare_single(struct device *d, struct sites map, size_t many, struct error *e) {
    const struct single_channel here = {(size_t)map.height, (size_t)map.width, many};
    const struct sites padded = {map.height, map.width, 2, map.periodic};
    const size_t V = (size_t)(map.height * map.width);
    const char *name = unet_padding_name[map.periodic];
    struct shelf s = {d, {}};
    wide_field out(map, many, 0, many, NULL), in(map, 2 * many, many, many, "many"), one(padded, 1, 0, 1, NULL),
        back(padded, 1, 0, 1, NULL);
    floats x = noise("one", N * V), w = noise("taps", 9 * many), taps, sum(N * V), own(N * V), gradient(9 * many),
           found;
    float *x_d, *w_d, *taps_d, *partial_d, *gradient_d;
    TRY(s.put(&x_d, x, e));
    TRY(s.put(&w_d, w, e));
    TRY(s.put(&in.device, in.host, e));
    TRY(s.put(&out.device, out.host, e));
    TRY(s.room(&taps_d, N * 9 * V, e));
    TRY(s.room(&partial_d, single_partials(map, N) * 9 * many, e));
    TRY(s.room(&gradient_d, 9 * many, e));
    TRY(single_spread<float>(map, (int)many, N, x_d, w_d, out.there(), d->stream, e));
    TRY(single_taps<float>(map, (int)many, N, in.reading(), w_d, taps_d, d->stream, e));
    TRY(single_gradient(map, (int)many, N, x_d, in.reading(), partial_d, gradient_d, d->stream, e));

    for (size_t n = 0; n < N; n++) {
        for (size_t p = 0; p < V; p++) {
            one.here(n).at[p / here.width * (here.width + 2) + p % here.width] = x[n * V + p];
        }
        halo_fill(&one.halo, one.start(n), sizeof(float));
        const struct view to = out.here(n), from = in.here(n);
        single_channel_spread(&here, one.start(n), w.data(), &to);
        single_channel_gather(&here, &from, w.data(), back.start(n));
        single_channel_gradient(&here, one.start(n), &from, gradient.data());
    }
    back.fold();
    TRY(s.get(&found, out.device, out.host.size(), e));
    char text[120];
    snprintf(text, sizeof text, "one channel to %zu, %s: spread, CPU", many, name);
    report(d, text, deviation(found, out.host), EXACT);
    TRY(s.get(&taps, taps_d, N * 9 * V, e));
    for (size_t i = 0; i < N * V; i++) {
        const size_t p = i % V, n = i / V;
        sum[i] = single_sum(map, taps.data(), (int)n, (int)(p / here.width), (int)(p % here.width));
        own[i] = back.here(n).at[p / here.width * (here.width + 2) + p % here.width];
    }
    snprintf(text, sizeof text, "one channel from %zu, %s: gather, CPU", many, name);
    report(d, text, deviation(sum, own), EXACT);
    TRY(s.get(&found, gradient_d, 9 * many, e));
    snprintf(text, sizeof text, "one channel and %zu, %s: weight gradient, CPU", many, name);
    report(d, text, deviation(found, gradient), EXACT);
    return STATUS_OK;
}

/* --- embedding ----------------------------------------------------------------------------------- */

static floats transposed(const floats &m, size_t rows, size_t columns) {
    floats t(m.size());
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            t[j * rows + i] = m[i * columns + j];
        }
    }
    return t;
}

static enum status compare_embedding(struct device *d, struct error *e) {
    enum { LENGTH = 64, ROWS = 100 };
    struct shelf s = {d, {}};
    floats w = noise("frequencies", LENGTH / 2, 30), embed = noise("embed", LENGTH * LENGTH, 0.2f);
    floats bias = noise("bias", LENGTH);
    floats dense = noise("dense", ROWS * LENGTH, 0.2f), dense_bias = noise("dense bias", ROWS),
           g = noise("g", N * ROWS);
    floats embed_t = transposed(embed, LENGTH, LENGTH), dense_t = transposed(dense, ROWS, LENGTH);
    floats features(N * LENGTH), before(N * LENGTH), after(N * LENGTH), v(N * ROWS), work(N * LENGTH), found;
    floats embed_g(LENGTH * LENGTH), bias_g(LENGTH), dense_g(ROWS * LENGTH), dense_bias_g(ROWS);
    const float t[N] = {0.125f, 0.8f};
    std::vector<struct score_frame> frame(N);
    std::vector<uint32_t> zero(1);
    struct score_frame *frame_d;
    uint32_t *zero_d;
    struct embedding_arrays a = {LENGTH, ROWS, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    float *arrays[5], *g_d, *work_d, *out[4];
    const floats *from[5] = {&w, &embed, &bias, &dense, &dense_bias};
    for (size_t n = 0; n < N; n++) {
        frame[n].label = t[n];
    }
    for (int i = 0; i < 5; i++) {
        TRY(s.put(&arrays[i], *from[i], e));
    }
    a.frequencies = arrays[0], a.embed = arrays[1], a.embed_bias = arrays[2], a.dense = arrays[3],
    a.dense_bias = arrays[4];
    TRY(s.put(&frame_d, frame, e));
    TRY(s.put(&zero_d, zero, e));
    TRY(s.put(&g_d, g, e));
    TRY(s.room(&a.features, N * LENGTH, e));
    TRY(s.room(&a.before, N * LENGTH, e));
    TRY(s.room(&a.after, N * LENGTH, e));
    TRY(s.room(&a.d, N * ROWS, e));
    TRY(s.room(&work_d, N * LENGTH, e));
    const floats *grown[4] = {&embed_g, &bias_g, &dense_g, &dense_bias_g};
    for (int i = 0; i < 4; i++) {
        TRY(s.room(&out[i], grown[i]->size(), e));
    }
    TRY(embedding_forward(&a, N, {frame_d, zero_d, 0, 1}, d->stream, e));
    TRY(embedding_backward(&a, N, g_d, ROWS, work_d, out[0], out[1], out[2], d->stream, e));
    TRY(sum_rows(g_d, ROWS, N, ROWS, out[3], d->stream, e));

    const struct embedding here = {LENGTH,      ROWS,         w.data(),       embed_t.data(),
                                   bias.data(), dense.data(), dense_t.data(), dense_bias.data()};
    const struct embedding_state state = {features.data(), before.data(), after.data(), v.data()};
    embedding_forward(&here, N, t, &state);
    embedding_backward(&here, N, &state, g.data(), embed_g.data(), bias_g.data(), dense_g.data(), dense_bias_g.data(),
                       work.data());
    TRY(s.get(&found, a.features, features.size(), e));
    report(d, "embedding: bits of the Fourier features that differ, CPU", unlike(found, features), 0);
    TRY(s.get(&found, a.d, v.size(), e));
    report(d, "embedding: forward, CPU", deviation(found, v), EXACT);
    static const char *const name[4] = {
        "embedding: gradient of its matrix, CPU", "embedding: gradient of its bias, CPU",
        "embedding: gradient of the dense layers, CPU", "embedding: gradient of the dense biases (sum over rows), CPU"};
    for (int i = 0; i < 4; i++) {
        TRY(s.get(&found, out[i], grown[i]->size(), e));
        report(d, name[i], deviation(found, *grown[i]), EXACT);
    }
    return STATUS_OK;
}

enum status compare_layers(struct backend *b, struct error *e) {
    struct device *d = (struct device *)b;
    for (int halo = 1; halo <= 2; halo++) {
        for (int periodic = 0; periodic < 2; periodic++) {
            TRY(compare_halo(d, {4, 6, halo, periodic}, e));
        }
    }
    for (int expansion = 0; expansion < 2; expansion++) {
        TRY(compare_norm(d, {8, 8, 2, 1}, 64, 32, expansion, e));
        TRY(compare_norm(d, {6, 10, 1, 0}, 8, 8, expansion, e));
    }
    TRY(compare_rounded_norm(d, e));
    TRY(compare_single(d, {8, 12, 0, 1}, 32, e));
    TRY(compare_single(d, {20, 20, 0, 0}, 8, e));
    return compare_embedding(d, e);
}
