/* The layout of fields in memory: channels last, some inside a halo (network/halo.h), some one half of a larger array
 * (a concatenation), as on the CPU (network/view.h). All index arithmetic of the kernels is in this file. */
#ifndef DMSQ_CUDA_GEOMETRY_H
#define DMSQ_CUDA_GEOMETRY_H

#include <cuda_runtime.h>
#include <stddef.h>
#include <stdint.h>

#define BOTH __host__ __device__ static inline

/* A lattice in memory. halo: 0 none, 1 a row above and a column to the left, 2 on all sides. */
struct sites {
    int height, width, halo, periodic;
};

BOTH int sites_rows(const struct sites &s) {
    return s.height + s.halo;
}
BOTH int sites_columns(const struct sites &s) {
    return s.width + s.halo;
}
BOTH size_t sites_padded(const struct sites &s) {
    return (size_t)sites_rows(s) * (size_t)sites_columns(s);
}

/* Sets `at` to the rows (or columns) in memory of row i of an extent, first the interior one, then its copies in the
 * halo, and returns their number. */
BOTH int sites_copies(int extent, int halo, int periodic, int i, int at[3]) {
    int n = 0;
    at[n++] = i + (halo > 0);
    if (periodic && halo > 0 && i == extent - 1) {
        at[n++] = 0;
    }
    if (periodic && halo == 2 && i == 0) {
        at[n++] = extent + 1;
    }
    return n;
}

/* Row i + shift of an extent, |shift| <= 1; -1 if it is outside. */
BOTH int sites_neighbour(int extent, int periodic, int i, int shift) {
    const int k = i + shift;
    if (k >= 0 && k < extent) {
        return k;
    }
    if (!periodic) {
        return -1;
    }
    return k < 0 ? k + extent : k - extent;
}

/* Fields of a batch. at: channel 0 of the first site in memory of configuration 0, NULL if absent; image and stride:
 * elements from one configuration to the next, and from one site to the next. */
template <class T> struct field {
    T *at;
    size_t image;
    int stride;
    struct sites map;
};

/* Four channels. */
struct four {
    float v[4];
};

BOTH struct four four_load(const float *p) {
    const float4 x = *reinterpret_cast<const float4 *>(p);
    return {{x.x, x.y, x.z, x.w}};
}

BOTH void four_store(float *p, const struct four &x) {
    *reinterpret_cast<float4 *>(p) = make_float4(x.v[0], x.v[1], x.v[2], x.v[3]);
}

/* bfloat16 is stored as 16 bits, the upper half of a float, rounded to nearest, ties to even. */
struct bfloat {
    uint16_t bits;
};

BOTH float bfloat_value(struct bfloat x) {
    union {
        uint32_t bits;
        float value;
    } u;
    u.bits = (uint32_t)x.bits << 16;
    return u.value;
}

BOTH struct bfloat bfloat_of(float x) {
    union {
        uint32_t bits;
        float value;
    } u;
    u.value = x;
    if ((u.bits & 0x7fffffffu) > 0x7f800000u) {
        return {(uint16_t)((u.bits >> 16) | 0x40u)}; /* remains a NaN */
    }
    return {(uint16_t)((u.bits + 0x7fffu + ((u.bits >> 16) & 1u)) >> 16)};
}

BOTH struct four four_load(const struct bfloat *p) {
    const uint2 x = *reinterpret_cast<const uint2 *>(p);
    return {{bfloat_value({(uint16_t)(x.x & 0xffffu)}), bfloat_value({(uint16_t)(x.x >> 16)}),
             bfloat_value({(uint16_t)(x.y & 0xffffu)}), bfloat_value({(uint16_t)(x.y >> 16)})}};
}

BOTH void four_store(struct bfloat *p, const struct four &x) {
    uint2 packed;
    packed.x = bfloat_of(x.v[0]).bits | (uint32_t)bfloat_of(x.v[1]).bits << 16;
    packed.y = bfloat_of(x.v[2]).bits | (uint32_t)bfloat_of(x.v[3]).bits << 16;
    *reinterpret_cast<uint2 *>(p) = packed;
}

/* Site (i, j) of configuration n, channels c to c + 3, plus its copies in the halo, if there is one, to which the
 * adjoint of a convolution has added (halo_fold). */
template <class T> BOTH struct four field_folded(const struct field<T> &f, int n, int i, int j, int c) {
    const T *base = f.at + (size_t)n * f.image + c;
    const int columns = sites_columns(f.map);
    const int inside = f.map.halo > 0;
    const int plain =
        f.map.halo == 0 || !f.map.periodic || (i > 0 && i < f.map.height - 1 && j > 0 && j < f.map.width - 1);
    struct four sum =
        four_load(base + ((size_t)(i + inside) * (size_t)columns + (size_t)(j + inside)) * (size_t)f.stride);
    if (plain) {
        return sum;
    }
    int row[3], column[3];
    const int rows = sites_copies(f.map.height, f.map.halo, f.map.periodic, i, row);
    const int cols = sites_copies(f.map.width, f.map.halo, f.map.periodic, j, column);
    for (int a = 0; a < rows; a++) {
        for (int b = 0; b < cols; b++) {
            if (a == 0 && b == 0) {
                continue;
            }
            const struct four more =
                four_load(base + ((size_t)row[a] * (size_t)columns + (size_t)column[b]) * (size_t)f.stride);
            for (int k = 0; k < 4; k++) {
                sum.v[k] += more.v[k];
            }
        }
    }
    return sum;
}

/* Writes channels c to c + 3 of a site and its copies in the halo (halo_fill). If the lattice is not periodic, the halo
 * keeps its zeros. */
template <class T> BOTH void field_filled(const struct field<T> &f, int n, int i, int j, int c, const struct four &x) {
    T *base = f.at + (size_t)n * f.image + c;
    const int columns = sites_columns(f.map);
    int row[3], column[3];
    const int rows = sites_copies(f.map.height, f.map.halo, f.map.periodic, i, row);
    const int cols = sites_copies(f.map.width, f.map.halo, f.map.periodic, j, column);
    for (int a = 0; a < rows; a++) {
        for (int b = 0; b < cols; b++) {
            four_store(base + ((size_t)row[a] * (size_t)columns + (size_t)column[b]) * (size_t)f.stride, x);
        }
    }
}

#endif
