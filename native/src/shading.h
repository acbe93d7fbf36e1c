// What a pixel shows, once its face is known: barycentrics, depth, normal, texture coordinates, albedo and lit colour.
// Eight pixels at a time, as plain loops over eight lanes that the compiler turns into vector code.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "simd.h"
#include "visibility.h"

namespace vitruvian {

constexpr int kLanes = 8;
typedef float Lanes[kLanes];

struct Surface {
    const float *vertices = nullptr;
    const int32_t *faces = nullptr;
    const float *normals = nullptr;       // per vertex, world frame
    const float *uvs = nullptr;           // null: none
    const int32_t *uv_faces = nullptr;
    const uint8_t *texture = nullptr;     // null: vertex colours, else white
    int texture_width = 0, texture_height = 0;
    const uint8_t *vertex_colors = nullptr;
    const float *light = nullptr;         // (9, 3) spherical harmonics; null: unlit, or lit by irradiance
    const float *irradiance = nullptr;    // (V, 3); null: none
    double light_gamma = 1;
    bool large = false;                   // larger than the cache: fetch ahead
};

struct alignas(32) Shaded {
    Lanes bary[3], depth, normal[3], uv[2], irradiance[3], albedo[3], color[3];  // normal: world frame
};

inline void shade_geometry(const Frame &f, const Surface &s, const int32_t *face, const float *px, const float *py, Shaded &out) {
    Lanes u[3], v[3], w[3], d[3];
    for (int k = 0; k < 3; ++k) {
        Lanes p[3];
        for (int l = 0; l < kLanes; ++l) {
            const float *vertex = s.vertices + 3 * (size_t) s.faces[3 * (size_t) face[l] + k];
            p[0][l] = vertex[0], p[1][l] = vertex[1], p[2][l] = vertex[2];
        }
        for (int l = 0; l < kLanes; ++l) {
            const auto row = [&](int r) {
                return f.rows[r][0] * p[0][l] + f.rows[r][1] * p[1][l] + f.rows[r][2] * p[2][l] + f.rows[r][3];
            };
            d[k][l] = row(2);
            w[k][l] = f.perspective ? d[k][l] : 1.0f;
            u[k][l] = row(0) - px[l] * w[k][l];
            v[k][l] = row(1) - py[l] * w[k][l];
        }
    }
    for (int l = 0; l < kLanes; ++l) {
        float b0 = u[1][l] * v[2][l] - u[2][l] * v[1][l];
        float b1 = u[2][l] * v[0][l] - u[0][l] * v[2][l];
        float b2 = u[0][l] * v[1][l] - u[1][l] * v[0][l];
        const float sum = b0 + b1 + b2;
        const float inverse = sum != 0 ? 1.0f / sum : 0.0f;
        // Pixel centres lie in the snapped triangle, so up to 1/512 pixel outside of this exact one.
        b0 = std::max(b0 * inverse, 0.0f), b1 = std::max(b1 * inverse, 0.0f), b2 = std::max(b2 * inverse, 0.0f);
        const float total = b0 + b1 + b2;
        const float again = total > 0 ? 1.0f / total : 0.0f;
        out.bary[0][l] = total > 0 ? b0 * again : 1.0f;
        out.bary[1][l] = b1 * again;
        out.bary[2][l] = b2 * again;
        out.depth[l] = out.bary[0][l] * d[0][l] + out.bary[1][l] * d[1][l] + out.bary[2][l] * d[2][l];
    }
}

inline void shade_normal(const Surface &s, const int32_t *face, Shaded &out) {
    Lanes n[3] = {};
    for (int k = 0; k < 3; ++k) {
        Lanes q[3];
        for (int l = 0; l < kLanes; ++l) {
            const float *normal = s.normals + 3 * (size_t) s.faces[3 * (size_t) face[l] + k];
            q[0][l] = normal[0], q[1][l] = normal[1], q[2][l] = normal[2];
        }
        for (int axis = 0; axis < 3; ++axis)
            for (int l = 0; l < kLanes; ++l) n[axis][l] += out.bary[k][l] * q[axis][l];
    }
    for (int l = 0; l < kLanes; ++l) {
        const float length = std::sqrt(n[0][l] * n[0][l] + n[1][l] * n[1][l] + n[2][l] * n[2][l]);
        const float inverse = length > 1e-12f ? 1.0f / length : 0.0f;
        for (int axis = 0; axis < 3; ++axis) out.normal[axis][l] = n[axis][l] * inverse;
    }
}

inline void shade_irradiance(const Surface &s, const int32_t *face, Shaded &out) {
    for (int c = 0; c < 3; ++c)
        for (int l = 0; l < kLanes; ++l) out.irradiance[c][l] = 0;
    for (int k = 0; k < 3; ++k)
        for (int l = 0; l < kLanes; ++l) {
            const float *received = s.irradiance + 3 * (size_t) s.faces[3 * (size_t) face[l] + k];
            for (int c = 0; c < 3; ++c) out.irradiance[c][l] += out.bary[k][l] * received[c];
        }
}

inline void shade_uv(const Surface &s, const int32_t *face, Shaded &out) {
    for (int l = 0; l < kLanes; ++l) out.uv[0][l] = out.uv[1][l] = 0;
    if (!s.uvs) return;
    for (int k = 0; k < 3; ++k)
        for (int l = 0; l < kLanes; ++l) {
            const float *uv = s.uvs + 2 * (size_t) s.uv_faces[3 * (size_t) face[l] + k];
            out.uv[0][l] += out.bary[k][l] * uv[0];
            out.uv[1][l] += out.bary[k][l] * uv[1];
        }
}

inline void shade_albedo(const Surface &s, const int32_t *face, Shaded &out) {
    constexpr float unit = 1.0f / 255.0f;
    if (s.texture) {
        const int width = s.texture_width, height = s.texture_height;
        for (int l = 0; l < kLanes; ++l) {
            const float tx = out.uv[0][l] * (float) width - 0.5f, ty = (1.0f - out.uv[1][l]) * (float) height - 0.5f;
            const float x = std::min(tx > 0 ? tx : 0.0f, (float) (width - 1)), y = std::min(ty > 0 ? ty : 0.0f, (float) (height - 1));
            const int x0 = (int) x, y0 = (int) y;
            const float fx = x - (float) x0, fy = y - (float) y0;
            const int right = x0 + 1 < width ? 3 : 0;
            const uint8_t *top = s.texture + 3 * ((size_t) y0 * (size_t) width + (size_t) x0);
            const uint8_t *bottom = top + (y0 + 1 < height ? 3 * (size_t) width : 0);
            for (int c = 0; c < 3; ++c) {
                const float t = (float) top[c] + fx * ((float) top[right + c] - (float) top[c]);
                const float b = (float) bottom[c] + fx * ((float) bottom[right + c] - (float) bottom[c]);
                out.albedo[c][l] = (t + fy * (b - t)) * unit;
            }
        }
    } else if (s.vertex_colors) {
        for (int l = 0; l < kLanes; ++l) {
            const int32_t *corners = s.faces + 3 * (size_t) face[l];
            for (int c = 0; c < 3; ++c) {
                float sum = 0;
                for (int k = 0; k < 3; ++k) sum += out.bary[k][l] * (float) s.vertex_colors[3 * (size_t) corners[k] + c];
                out.albedo[c][l] = sum * unit;
            }
        }
    } else {
        for (int c = 0; c < 3; ++c)
            for (int l = 0; l < kLanes; ++l) out.albedo[c][l] = 1;
    }
}

// x ** exponent, 0 for what is not positive, from our own polynomials: libm's result may differ between machines. The relative
// error is below 1e-6 for results between 1e-9 and 1e9.
inline f32x8 power(f32x8 x, float exponent) {
    const i32x8 bits = (i32x8) x;
    i32x8 e = (bits >> 23) - 127;
    f32x8 m = (f32x8) ((bits & 0x7fffff) | 0x3f800000);  // in [1, 2)
    const i32x8 high = m > splat(1.41421356f);
    m = high ? m * splat(0.5f) : m;
    e -= high;  // a true comparison is -1
    const f32x8 t = (m - splat(1)) / (m + splat(1)), t2 = t * t;
    const f32x8 log2 = splat(2.88539008f) * t * (splat(1) + t2 * (splat(1.0f / 3) + t2 * (splat(0.2f) + t2 * (splat(1.0f / 7) + t2 * splat(1.0f / 9)))));
    f32x8 y = (__builtin_convertvector(e, f32x8) + log2) * splat(exponent);
    y = min8(max8(y, splat(-120)), splat(120));
    const i32x8 whole = __builtin_convertvector(y + splat(128.5f), i32x8) - 128;  // to the nearest: the sum is positive
    const f32x8 r = (y - __builtin_convertvector(whole, f32x8)) * splat(0.69314718f);
    f32x8 sum = splat(1.0f / 5040);
    for (float factor : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) sum = sum * r + splat(factor);
    const f32x8 result = sum * (f32x8) ((whole + 127) << 23);
    return x > splat(0) ? result : splat(0);
}

// Real spherical harmonics times the zonal coefficients of a Lambert surface: pi, 2 pi / 3, pi / 4.
constexpr float kLambert0 = 0.88622693f, kLambert1 = 1.0233267f;
constexpr float kLambert2 = 0.85808553f, kLambert20 = 0.24770796f, kLambert22 = 0.42904277f;

inline void lambert_basis(const Shaded &shaded, f32x8 *basis) {
    const f32x8 x = load<f32x8>(shaded.normal[0]), y = load<f32x8>(shaded.normal[1]), z = load<f32x8>(shaded.normal[2]);
    basis[0] = splat(kLambert0);
    basis[1] = splat(kLambert1) * y;
    basis[2] = splat(kLambert1) * z;
    basis[3] = splat(kLambert1) * x;
    basis[4] = splat(kLambert2) * (x * y);
    basis[5] = splat(kLambert2) * (y * z);
    basis[6] = splat(kLambert20) * (splat(3) * (z * z) - splat(1));
    basis[7] = splat(kLambert2) * (z * x);
    basis[8] = splat(kLambert22) * (x * x - y * y);
}

inline void shade_color(const Surface &s, Shaded &out) {
    if (!s.light && !s.irradiance) {
        std::memcpy(out.color, out.albedo, sizeof out.color);
        return;
    }
    f32x8 basis[9];
    if (s.light) lambert_basis(out, basis);
    for (int c = 0; c < 3; ++c) {
        f32x8 received = splat(0);
        if (!s.light) received = load<f32x8>(out.irradiance[c]);
        else
            for (int k = 0; k < 9; ++k) received += basis[k] * splat(s.light[3 * k + c]);
        if (s.light_gamma != 1) received = power(received, (float) (1 / s.light_gamma));
        const f32x8 lit = load<f32x8>(out.albedo[c]) * max8(received, splat(0));
        store(out.color[c], min8(lit, splat(1)));
    }
}

// What a group of eight pixels needs beside barycentrics and depth.
struct Wanted {
    bool normal = false, uv = false, albedo = false, color = false;
};

}  // namespace vitruvian
