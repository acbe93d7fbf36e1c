// From ids to pictures: the G-buffer of one view, row by row.
#pragma once

#include <vector>

#include "buffers.h"
#include "parallel.h"
#include "pictures.h"
#include "pixel_groups.h"
#include "shading.h"
#include "visibility.h"
#if defined(__AVX2__)
#include "visibility_avx2.h"
#endif

namespace vitruvian {

struct Task {
    Surface surface;
    const uint8_t *labels = nullptr;
    float to_camera[3][3];
    size_t num_vertices = 0, num_faces = 0;
    int width = 0, height = 0, supersample = 1;
    bool cull = false;
    Pictures out;
};

// Puts one number a pixel at `row`.
template <class T> void put1(T *row, const T *values, const Group &group) {
    if (group.run) {
        std::memcpy(row + group.column[0], values, kLanes * sizeof(T));
    } else {
        for (int l = 0; l < group.count; ++l) row[group.column[l]] = values[l];
    }
}

inline void put2(float *row, const Lanes *values, const Group &group) {
#if defined(__AVX2__)
    if (group.run) return store_run_2(row + 2 * group.column[0], _mm256_load_ps(values[0]), _mm256_load_ps(values[1]));
#endif
    for (int l = 0; l < group.count; ++l)
        for (int c = 0; c < 2; ++c) row[2 * group.column[l] + (size_t) c] = values[c][l];
}

inline void put3(float *row, const Lanes *values, const Group &group) {
#if defined(__AVX2__)
    const __m256 x = _mm256_load_ps(values[0]), y = _mm256_load_ps(values[1]), z = _mm256_load_ps(values[2]);
    if (group.run) return store_run_3(row + 3 * group.column[0], x, y, z);
    store_records_3(row, group.column, group.count, x, y, z);
#else
    for (int l = 0; l < group.count; ++l)
        for (int c = 0; c < 3; ++c) row[3 * group.column[l] + c] = values[c][l];
#endif
}

inline void turn(const float matrix[3][3], const Lanes *in, Lanes *out) {
    for (int r = 0; r < 3; ++r)
        for (int l = 0; l < kLanes; ++l) out[r][l] = matrix[r][0] * in[0][l] + matrix[r][1] * in[1][l] + matrix[r][2] * in[2][l];
}

// Writes rows [y_begin, y_end) of what is defined at pixel centres: everything but coverage and colours, and those too without
// supersampling.
inline void write_centres(Task &task, const Frame &frame, const Canvas &canvas, int y_begin, int y_end) {
    Pictures &out = task.out;
    const Surface &surface = task.surface;
    const bool plain = task.supersample == 1, past_cache = out.bytes() >= kStreamed;
    Wanted wanted;
    wanted.color = plain && out.color.data;
    wanted.albedo = plain && (out.albedo.data || out.color.data);
    wanted.uv = out.uv.data || (wanted.albedo && surface.texture);
    wanted.normal = out.normal.data || (wanted.color && surface.light);
    const bool shaded_at_all = wanted.albedo || wanted.uv || wanted.normal || out.depth_m.data || out.barycentrics.data;
    const bool more_than_ids = shaded_at_all || out.mask.data || out.coverage.data || out.label.data;
    const size_t width = (size_t) task.width, begin = (size_t) canvas.column_begin, end = (size_t) canvas.column_end;
    PictureRow<bool> mask(out.mask, width, true, past_cache);
    PictureRow<float> coverage(out.coverage, width, plain, past_cache), depth_m(out.depth_m, width, true, past_cache);
    PictureRow<float> barycentrics(out.barycentrics, width, true, past_cache), normal(out.normal, width, true, past_cache);
    PictureRow<float> uv(out.uv, width, true, past_cache), albedo(out.albedo, width, plain, past_cache);
    PictureRow<float> color(out.color, width, plain, past_cache);
    PictureRow<int32_t> face_id(out.face_id, width, true, past_cache);
    PictureRow<uint8_t> label(out.label, width, true, past_cache);
    static const bool yes[kLanes] = {true, true, true, true, true, true, true, true};
    static const float ones[kLanes] = {1, 1, 1, 1, 1, 1, 1, 1};
    const auto put = [&](const Group &group, const Shaded &shaded) {
        if (mask.data()) put1(mask.data(), yes, group);
        if (coverage.data()) put1(coverage.data(), ones, group);
        if (label.data() && task.labels) {
            uint8_t labels[kLanes];
            for (int l = 0; l < kLanes; ++l) labels[l] = task.labels[group.face[l]];
            put1(label.data(), labels, group);
        }
        if (!shaded_at_all) return;
        if (depth_m.data()) put1(depth_m.data(), shaded.depth, group);
        if (uv.data()) put2(uv.data(), shaded.uv, group);
        if (barycentrics.data()) put3(barycentrics.data(), shaded.bary, group);
        if (normal.data()) {
            alignas(32) Lanes turned[3];
            turn(task.to_camera, shaded.normal, turned);
            put3(normal.data(), turned, group);
        }
        if (albedo.data()) put3(albedo.data(), shaded.albedo, group);
        if (color.data()) put3(color.data(), shaded.color, group);
    };
    for (int y = y_begin; y < y_end; ++y) {
        if (!canvas.empty() && y >= canvas.row_begin && y < canvas.row_end) {
            const int32_t *ids = canvas.faces + canvas.at(canvas.column_begin, y);
            if (face_id.data()) std::copy(ids, ids + (end - begin), face_id.data() + begin);
            if (more_than_ids) shade_row(frame, surface, wanted, shaded_at_all, ids, begin, end, (float) y + 0.5f, put);
        }
        const auto write = [&](auto &...rows) { (rows.write((size_t) y, begin, end), ...); };
        write(mask, coverage, depth_m, barycentrics, normal, uv, albedo, color, face_id, label);
    }
    finish_copies();
}

// Writes rows [y_begin, y_end) of coverage and colours from the supersampled canvas: the share of samples that see the mesh, and
// the mean colour of those.
inline void write_averages(Task &task, const Frame &frame, const Canvas &canvas, int y_begin, int y_end) {
    Pictures &out = task.out;
    const Surface &surface = task.surface;
    const int s = task.supersample;
    const bool colored = out.albedo.data || out.color.data, past_cache = out.bytes() >= kStreamed;
    const size_t width = (size_t) task.width, samples_begin = (size_t) canvas.column_begin, samples_end = (size_t) canvas.column_end;
    const size_t begin = samples_begin / (size_t) s, end = (samples_end + (size_t) s - 1) / (size_t) s;
    Wanted wanted;
    wanted.color = wanted.albedo = colored;
    wanted.uv = surface.texture;
    wanted.normal = surface.light;
    PictureRow<float> coverage(out.coverage, width, true, past_cache), albedo(out.albedo, width, true, past_cache);
    PictureRow<float> color(out.color, width, true, past_cache);
    std::vector<float> sums(7 * width);  // count, albedo, color
    const auto gather = [&](const Group &group, const Shaded &shaded) {
        for (int l = 0; l < group.count; ++l) {
            float *sum = &sums[7 * (group.column[l] / (size_t) s)];
            sum[0] += 1;
            if (!colored) continue;
            for (int c = 0; c < 3; ++c) sum[1 + c] += shaded.albedo[c][l], sum[4 + c] += shaded.color[c][l];
        }
    };
    for (int y = y_begin; y < y_end; ++y) {
        if (!canvas.empty() && y * s >= canvas.row_begin && y * s < canvas.row_end) {
            std::fill(sums.begin() + (std::ptrdiff_t) (7 * begin), sums.begin() + (std::ptrdiff_t) (7 * end), 0.0f);
            for (int sub = y * s; sub < (y + 1) * s; ++sub) {
                const int32_t *ids = canvas.faces + canvas.at(canvas.column_begin, sub);
                shade_row(frame, surface, wanted, colored, ids, samples_begin, samples_end, (float) sub + 0.5f, gather);
            }
            for (size_t x = begin; x < end; ++x) {
                const float *sum = &sums[7 * x];
                const float inverse = sum[0] > 0 ? 1.0f / sum[0] : 0.0f;
                if (coverage.data()) coverage.data()[x] = sum[0] / (float) (s * s);
                for (size_t c = 0; c < 3; ++c) {
                    if (albedo.data()) albedo.data()[3 * x + c] = sum[1 + c] * inverse;
                    if (color.data()) color.data()[3 * x + c] = sum[4 + c] * inverse;
                }
            }
        }
        const auto write = [&](auto &...rows) { (rows.write((size_t) y, begin, end), ...); };
        write(coverage, albedo, color);
    }
    finish_copies();
}

inline Extent snap(const Frame &frame, const float *vertices, size_t begin, size_t end, Snapped *out) {
#if defined(__AVX2__)
    return snap_vertices_avx2(frame, vertices, begin, end, out);
#else
    return snap_vertices(frame, vertices, begin, end, out);
#endif
}

inline void draw_faces(const Frame &frame, const Canvas &canvas, const Task &task, const Snapped *snapped) {
#if defined(__AVX2__)
    draw_faces_avx2(frame, canvas, task.surface.vertices, snapped, task.surface.faces, task.num_faces, task.cull);
#else
    draw_faces_from(frame, canvas, task.surface.vertices, snapped, task.surface.faces, 0, task.num_faces, task.cull);
#endif
}

// The canvas for picture rows [y_begin, y_end): of its pixels only those that the mesh may cover, and whole picture rows.
inline Canvas make_canvas(const Frame &frame, const Extent &extent, int y_begin, int y_end, int scale) {
    constexpr int half = kSubpixels / 2;
    Canvas canvas;
    if (!extent.outside && extent.low_x > extent.high_x) return canvas;  // no vertices
    const auto first = [&](int low) { return extent.outside ? 0 : std::max(0, (low + half - 1) >> kSubpixelBits); };
    const auto after = [&](int high, int size) {
        return extent.outside ? size : std::max(0, std::min(size, ((high - half) >> kSubpixelBits) + 1));
    };
    canvas.column_begin = std::min(first(extent.low_x), frame.width) & ~7;
    canvas.column_end = std::max(canvas.column_begin, after(extent.high_x, frame.width));
    canvas.row_begin = std::max(y_begin, std::min(first(extent.low_y), frame.height) / scale) * scale;
    canvas.row_end = std::min(y_end, (after(extent.high_y, frame.height) + scale - 1) / scale) * scale;
    canvas.stride = ((size_t) (canvas.column_end - canvas.column_begin) + 15) / 8 * 8;
    return canvas;
}

// Draws the mesh at `scale` times the image size and hands each band of rows to `write`.
template <class Write> void draw(Task &task, const double *camera, bool perspective, int scale, int threads, Write write) {
    const Frame frame = make_frame(camera, perspective, task.width, task.height, scale);
    Scratch<Snapped> snapped(task.num_vertices);
    const auto part = [&](size_t count, size_t k) { return count * k / (size_t) threads; };
    std::vector<Extent> extents((size_t) threads);
    parallel_for(threads, (size_t) threads, [&](size_t k) {
        const size_t begin = part(task.num_vertices, k), end = part(task.num_vertices, k + 1);
        extents[k] = snap(frame, task.surface.vertices, begin, end, snapped.data());
    });
    for (const Extent &extent : extents) extents[0].include(extent);
    parallel_for(threads, (size_t) threads, [&](size_t k) {
        const int y_begin = (int) part((size_t) task.height, k), y_end = (int) part((size_t) task.height, k + 1);
        Canvas canvas = make_canvas(frame, extents[0], y_begin, y_end, scale);
        Scratch<float> keys;
        Scratch<int32_t> faces;
        if (!canvas.empty()) {
            const size_t count = canvas.stride * (size_t) (canvas.row_end - canvas.row_begin + 1);  // one row of padding
            keys = Scratch<float>(count);
            faces = Scratch<int32_t>(count);
            canvas.keys = keys.data();
            canvas.faces = faces.data();
            clear(canvas);
            draw_faces(frame, canvas, task, snapped.data());
        }
        write(task, frame, canvas, y_begin, y_end);
    });
}

}  // namespace vitruvian
