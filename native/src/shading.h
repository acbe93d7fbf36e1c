// What a pixel shows, once its face is known: barycentrics, depth, normal, texture coordinates, albedo and lit colour.
// Eight pixels at a time, as plain loops over eight lanes that the compiler turns into vector code.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

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
    const float *light = nullptr;         // (9, 3) spherical harmonics; null: unlit
    double light_gamma = 1;
    bool large = false;                   // larger than the cache: fetch ahead
};

struct alignas(32) Shaded {
    Lanes bary[3], depth, normal[3], uv[2], albedo[3], color[3];  // normal: world frame
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

// x ** exponent for x >= 0 from our own polynomials: libm's result may differ between machines. Relative error below 1e-7.
inline float power(float x, double exponent) {
    if (!(x > 0)) return 0;
    int e;
    double m = std::frexp((double) x, &e);  // in [0.5, 1)
    if (m < 0.70710678118654752) m *= 2, --e;
    const double t = (m - 1) / (m + 1), t2 = t * t;
    const double log2 = e + 2.8853900817779268 * t * (1 + t2 * (1.0 / 3 + t2 * (1.0 / 5 + t2 * (1.0 / 7 + t2 * (1.0 / 9 + t2 / 11)))));
    const double y = log2 * exponent, whole = std::floor(y + 0.5), r = (y - whole) * 0.69314718055994531;
    double term = 1, sum = 1;
    for (int k = 1; k < 10; ++k) term *= r / k, sum += term;
    return (float) std::ldexp(sum, (int) whole);
}

// Real spherical harmonics times the zonal coefficients of a Lambert surface: pi, 2 pi / 3, pi / 4.
constexpr float kLambert0 = 0.88622693f, kLambert1 = 1.0233267f;
constexpr float kLambert2 = 0.85808553f, kLambert20 = 0.24770796f, kLambert22 = 0.42904277f;

inline void shade_color(const Surface &s, Shaded &out) {
    if (!s.light) {
        std::memcpy(out.color, out.albedo, sizeof out.color);
        return;
    }
    Lanes basis[9];
    for (int l = 0; l < kLanes; ++l) {
        const float x = out.normal[0][l], y = out.normal[1][l], z = out.normal[2][l];
        basis[0][l] = kLambert0;
        basis[1][l] = kLambert1 * y;
        basis[2][l] = kLambert1 * z;
        basis[3][l] = kLambert1 * x;
        basis[4][l] = kLambert2 * (x * y);
        basis[5][l] = kLambert2 * (y * z);
        basis[6][l] = kLambert20 * (3.0f * (z * z) - 1.0f);
        basis[7][l] = kLambert2 * (z * x);
        basis[8][l] = kLambert22 * (x * x - y * y);
    }
    for (int c = 0; c < 3; ++c) {
        Lanes sum = {};
        for (int k = 0; k < 9; ++k)
            for (int l = 0; l < kLanes; ++l) sum[l] += basis[k][l] * s.light[3 * k + c];
        if (s.light_gamma != 1)
            for (int l = 0; l < kLanes; ++l) sum[l] = power(sum[l], 1.0 / s.light_gamma);
        for (int l = 0; l < kLanes; ++l) out.color[c][l] = std::min(out.albedo[c][l] * std::max(sum[l], 0.0f), 1.0f);
    }
}

// What a group of eight pixels needs beside barycentrics and depth.
struct Wanted {
    bool normal = false, uv = false, albedo = false, color = false;
};

}  // namespace vitruvian
