// Which triangle a pixel sees: vertices are snapped to 1/256 pixel, triangles own the pixel centres inside them by the top-left
// rule in integer arithmetic (so neighbours neither overlap nor leave a crack), and the nearest one stays in an id buffer.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "buffers.h"
#include "parallel.h"

namespace vitruvian {

constexpr int kSubpixelBits = 8;
constexpr int kSubpixels = 1 << kSubpixelBits;
constexpr float kGuardBand_px = 1 << 20;  // farther out, triangles are clipped: integers must not overflow
constexpr int kSmall = 63 * kSubpixels;   // triangles up to this extent are drawn in 32-bit arithmetic

// A camera as three rows of a homogeneous matrix: (U, V, depth). The pixel is (U / w, V / w), where w is depth in perspective
// and 1 in orthographic projection.
struct Frame {
    float rows[3][4];
    int width = 0, height = 0;
    bool perspective = false;
    float near_m = 0;
};

// `camera` holds rotation (9), translation (3), focal (2), center (2), near; `scale` multiplies the image size.
inline Frame make_frame(const double *camera, bool perspective, int width, int height, int scale) {
    Frame frame;
    const double *r = camera, *t = camera + 9, *focal = camera + 12, *center = camera + 14;
    for (int k = 0; k < 4; ++k) {
        const double x = k < 3 ? r[k] : t[0], y = k < 3 ? r[3 + k] : t[1], z = k < 3 ? r[6 + k] : t[2];
        const double w = perspective ? -z : (k == 3 ? 1.0 : 0.0);
        frame.rows[0][k] = (float) (scale * (focal[0] * x + center[0] * w));
        frame.rows[1][k] = (float) (scale * (-focal[1] * y + center[1] * w));
        frame.rows[2][k] = (float) -z;
    }
    frame.width = width * scale;
    frame.height = height * scale;
    frame.perspective = perspective;
    frame.near_m = (float) camera[16];
    return frame;
}

// A vertex on the image: position in 1/256 pixel, and a key that is linear on the image and grows with depth
// (orthographic: the depth; perspective: -1 / depth).
struct alignas(16) Snapped {
    int32_t x, y;
    float key;
    int32_t outside;  // -1: nearer than the near plane, or beyond the guard band: the triangle must be clipped; else 0
};

inline int32_t snap(float pixels) { return (int32_t) std::lrintf(pixels * (float) kSubpixels); }

// What the snapped vertices cover, in 1/256 pixel; everything where one of them is outside.
struct Extent {
    int32_t low_x = INT32_MAX, low_y = INT32_MAX, high_x = INT32_MIN, high_y = INT32_MIN;
    bool outside = false;

    void include(const Extent &other) {
        low_x = std::min(low_x, other.low_x), low_y = std::min(low_y, other.low_y);
        high_x = std::max(high_x, other.high_x), high_y = std::max(high_y, other.high_y);
        outside = outside || other.outside;
    }
};

inline Extent snap_vertices(const Frame &f, const float *vertices, size_t begin, size_t end, Snapped *out) {
    Extent extent;
    for (size_t i = begin; i < end; ++i) {
        const float x = vertices[3 * i], y = vertices[3 * i + 1], z = vertices[3 * i + 2];
        float h[3];
        for (int k = 0; k < 3; ++k) h[k] = f.rows[k][0] * x + f.rows[k][1] * y + f.rows[k][2] * z + f.rows[k][3];
        const bool near = f.perspective && !(h[2] >= f.near_m);
        const float scale = f.perspective ? 1.0f / (near ? 1.0f : h[2]) : 1.0f;
        const float u = h[0] * scale, v = h[1] * scale;
        const bool outside = near || !(std::fabs(u) < kGuardBand_px) || !(std::fabs(v) < kGuardBand_px);
        out[i] = {outside ? 0 : snap(u), outside ? 0 : snap(v), f.perspective ? -scale : h[2], outside ? -1 : 0};
        extent.include({out[i].x, out[i].y, out[i].x, out[i].y, outside});
    }
    return extent;
}

// A part of the image, and one more row as padding: the key and face of what each pixel sees so far.
struct Canvas {
    int row_begin = 0, row_end = 0, column_begin = 0, column_end = 0;  // the first column is a multiple of 8
    size_t stride = 0;  // a multiple of 8, at least 4 more than the columns: pixels are drawn eight at a time
    float *keys = nullptr;
    int32_t *faces = nullptr;

    size_t at(int x, int y) const { return (size_t) (y - row_begin) * stride + (size_t) (x - column_begin); }
    bool empty() const { return row_begin >= row_end || column_begin >= column_end; }
};

struct Corner {
    int32_t x, y;
    float key;
};

// One triangle of any size and winding, with exact 64-bit edge functions: per row, the span between its edges. The keys of small
// ones are computed as visibility_avx2.h does it, to the bit: of faces that meet in a pixel, the same one wins everywhere.
inline void draw_any(const Canvas &canvas, Corner a, Corner b, Corner c, int32_t face) {
    int64_t area = (int64_t) (b.x - a.x) * (c.y - a.y) - (int64_t) (c.x - a.x) * (b.y - a.y);
    if (area == 0) return;
    if (area < 0) std::swap(b, c), area = -area;
    constexpr int half = kSubpixels / 2;
    const int y0 = std::max(canvas.row_begin, (std::min({a.y, b.y, c.y}) + half - 1) >> kSubpixelBits);
    const int y1 = std::min(canvas.row_end - 1, (std::max({a.y, b.y, c.y}) - half) >> kSubpixelBits);
    const int x0 = std::max(canvas.column_begin, (std::min({a.x, b.x, c.x}) + half - 1) >> kSubpixelBits);
    const int x1 = std::min(canvas.column_end - 1, (std::max({a.x, b.x, c.x}) - half) >> kSubpixelBits);
    if (x0 > x1 || y0 > y1) return;
    const Corner from[3] = {b, c, a}, to[3] = {c, a, b};
    int64_t step_x[3], step_y[3], first[3], bias[3];
    for (int k = 0; k < 3; ++k) {
        const int64_t dx = to[k].x - from[k].x, dy = to[k].y - from[k].y;
        bias[k] = (dy < 0 || (dy == 0 && dx > 0)) ? 0 : 1;  // top and left edges own the centres on them
        step_x[k] = -dy * kSubpixels;
        step_y[k] = dx * kSubpixels;
        first[k] = dx * ((int64_t) y0 * kSubpixels + half - from[k].y) - dy * ((int64_t) x0 * kSubpixels + half - from[k].x);
    }
    const double kb = ((double) b.key - a.key) / (double) area, kc = ((double) c.key - a.key) / (double) area;
    const double key_step = (double) step_x[1] * kb + (double) step_x[2] * kc;
    const bool small = std::max({a.x, b.x, c.x}) - std::min({a.x, b.x, c.x}) <= kSmall &&
                       std::max({a.y, b.y, c.y}) - std::min({a.y, b.y, c.y}) <= kSmall;
    const float inverse = 1.0f / (float) area, small_b = (b.key - a.key) * inverse, small_c = (c.key - a.key) * inverse;
    const float small_a = (a.key + (float) bias[1] * small_b) + (float) bias[2] * small_c;
    for (int y = y0; y <= y1; ++y) {
        int64_t edge[3], left = 0, right = x1 - x0;
        for (int k = 0; k < 3; ++k) {
            edge[k] = first[k] + (int64_t) (y - y0) * step_y[k];
            const int64_t room = edge[k] - bias[k];  // inside where room + n * step_x >= 0
            if (step_x[k] > 0) {
                if (room < 0) left = std::max(left, (-room + step_x[k] - 1) / step_x[k]);
            } else if (step_x[k] < 0) {
                right = room < 0 ? -1 : std::min(right, room / -step_x[k]);
            } else if (room < 0) {
                right = -1;
            }
        }
        const double key_row = a.key + (double) edge[1] * kb + (double) edge[2] * kc;
        const size_t at = canvas.at(x0, y);
        for (int64_t n = left; n <= right; ++n) {
            const float key = small ? (small_a + (float) (edge[1] - bias[1] + n * step_x[1]) * small_b) +
                                          (float) (edge[2] - bias[2] + n * step_x[2]) * small_c
                                    : (float) (key_row + (double) n * key_step);
            if (key < canvas.keys[at + n]) canvas.keys[at + n] = key, canvas.faces[at + n] = face;
        }
    }
}

// A triangle that crosses the near plane or the guard band: clipped in double precision, then drawn as a fan.
inline void draw_clipped(const Frame &f, const Canvas &canvas, const float *vertices, const int32_t *corners, int32_t face) {
    struct Homogeneous {
        double u, v, depth, w;
    };
    Homogeneous polygon[16], clipped[16];
    int count = 3;
    for (int k = 0; k < 3; ++k) {
        const float *p = vertices + 3 * (size_t) corners[k];
        double h[3];
        for (int r = 0; r < 3; ++r)
            h[r] = (double) f.rows[r][0] * p[0] + (double) f.rows[r][1] * p[1] + (double) f.rows[r][2] * p[2] + f.rows[r][3];
        polygon[k] = {h[0], h[1], h[2], f.perspective ? h[2] : 1.0};
    }
    const double guard = 0.999 * kGuardBand_px;
    for (int plane = f.perspective ? 0 : 1; plane < 5 && count > 0; ++plane) {
        const auto distance = [&](const Homogeneous &p) {
            switch (plane) {
            case 0: return p.depth - (double) f.near_m;
            case 1: return p.w * guard + p.u;
            case 2: return p.w * guard - p.u;
            case 3: return p.w * guard + p.v;
            default: return p.w * guard - p.v;
            }
        };
        int kept = 0;
        for (int k = 0; k < count; ++k) {
            const Homogeneous &p = polygon[k], &q = polygon[(k + 1) % count];
            const double dp = distance(p), dq = distance(q);
            if (dp >= 0) clipped[kept++] = p;
            if ((dp >= 0) == (dq >= 0)) continue;
            // Always from the inner to the outer end: the two triangles of an edge cut it at the same point.
            const Homogeneous &in = dp >= 0 ? p : q, &out = dp >= 0 ? q : p;
            const double t = distance(in) / (distance(in) - distance(out));
            clipped[kept++] = {in.u + t * (out.u - in.u), in.v + t * (out.v - in.v), in.depth + t * (out.depth - in.depth),
                               in.w + t * (out.w - in.w)};
        }
        count = kept;
        std::copy(clipped, clipped + count, polygon);
    }
    Corner fan[16];
    for (int k = 0; k < count; ++k) {
        const Homogeneous &p = polygon[k];
        fan[k] = {snap((float) (p.u / p.w)), snap((float) (p.v / p.w)), (float) (f.perspective ? -1.0 / p.depth : p.depth)};
    }
    for (int k = 2; k < count; ++k) draw_any(canvas, fan[0], fan[k - 1], fan[k], face);
}

// True where the camera looks at the back of the triangle. U, V grow right and down, so a front turns the other way round.
inline bool faces_away(const Frame &f, const float *vertices, const int32_t *corners) {
    double h[3][3];
    for (int k = 0; k < 3; ++k) {
        const float *p = vertices + 3 * (size_t) corners[k];
        for (int r = 0; r < 3; ++r)
            h[k][r] = (double) f.rows[r][0] * p[0] + (double) f.rows[r][1] * p[1] + (double) f.rows[r][2] * p[2] + f.rows[r][3];
        if (!f.perspective) h[k][2] = 1;
    }
    return h[0][0] * (h[1][1] * h[2][2] - h[1][2] * h[2][1]) + h[1][0] * (h[2][1] * h[0][2] - h[2][2] * h[0][1]) +
               h[2][0] * (h[0][1] * h[1][2] - h[0][2] * h[1][1]) >= 0;
}

// Faces [begin, end), one after the other.
inline void draw_faces_from(const Frame &f, const Canvas &canvas, const float *vertices, const Snapped *snapped,
                            const int32_t *faces, size_t begin, size_t end, bool cull) {
    for (size_t i = begin; i < end; ++i) {
        const int32_t *corners = faces + 3 * i;
        const Snapped &a = snapped[corners[0]], &b = snapped[corners[1]], &c = snapped[corners[2]];
        if (a.outside | b.outside | c.outside) {
            if (cull && faces_away(f, vertices, corners)) continue;
            draw_clipped(f, canvas, vertices, corners, (int32_t) i);
            continue;
        }
        if (cull && (int64_t) (b.x - a.x) * (c.y - a.y) - (int64_t) (c.x - a.x) * (b.y - a.y) >= 0) continue;
        draw_any(canvas, {a.x, a.y, a.key}, {b.x, b.y, b.key}, {c.x, c.y, c.key}, (int32_t) i);
    }
}

inline void clear(const Canvas &canvas) {
    const size_t count = canvas.stride * (size_t) (canvas.row_end - canvas.row_begin);
    std::fill(canvas.keys, canvas.keys + count, std::numeric_limits<float>::infinity());
    std::fill(canvas.faces, canvas.faces + count, -1);
}

}  // namespace vitruvian
