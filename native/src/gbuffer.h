// From ids to pictures: the G-buffer of one view, row by row.
#pragma once

#include <limits>
#include <vector>

#include "arrays.h"
#include "buffers.h"
#include "parallel.h"
#include "pixel_groups.h"
#include "shading.h"
#include "visibility.h"
#if defined(__AVX2__)
#include "visibility_avx2.h"
#endif

namespace vitruvian {

// One picture of the result; without memory when it was not asked for.
template <class T> struct Picture {
    Scratch<T> memory;
    T *data = nullptr;
    size_t channels = 1;

    void make(size_t pixels, size_t num_channels) {
        channels = num_channels;
        memory = Scratch<T>(pixels * channels);
        data = memory.data();
    }
    void fill(size_t begin, size_t end, T value) {
        if (data) std::fill(data + begin * channels, data + end * channels, value);
    }
    nb::object give(size_t height, size_t width) {
        if (channels == 1) return nb::cast(to_numpy(std::move(memory), {height, width}));
        return nb::cast(to_numpy(std::move(memory), {height, width, channels}));
    }
};

struct Pictures {
    Picture<bool> mask;
    Picture<float> coverage, depth_m, barycentrics, normal, uv, albedo, color;
    Picture<int32_t> face_id;
    Picture<uint8_t> label;
};

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
    if (group.count == kLanes && group.column[kLanes - 1] == group.column[0] + kLanes - 1) {
        std::memcpy(row + group.column[0], values, kLanes * sizeof(T));
    } else {
        for (int l = 0; l < group.count; ++l) row[group.column[l]] = values[l];
    }
}

inline void put3(float *row, const Lanes *values, const Group &group) {
#if defined(__AVX2__)
    store_records_3(row, group.column, group.count, values[0], values[1], values[2]);
#else
    for (int l = 0; l < group.count; ++l)
        for (int c = 0; c < 3; ++c) row[3 * group.column[l] + c] = values[c][l];
#endif
}

inline void turn(const float matrix[3][3], const Lanes *in, Lanes *out) {
    for (int r = 0; r < 3; ++r)
        for (int l = 0; l < kLanes; ++l) out[r][l] = matrix[r][0] * in[0][l] + matrix[r][1] * in[1][l] + matrix[r][2] * in[2][l];
}

// Writes what is defined at pixel centres: everything but coverage and colours, and those too without supersampling.
inline void write_centres(Task &task, const Frame &frame, const Canvas &canvas) {
    Pictures &out = task.out;
    const Surface &surface = task.surface;
    const bool plain = task.supersample == 1;
    Wanted wanted;
    wanted.color = plain && out.color.data;
    wanted.albedo = plain && (out.albedo.data || out.color.data);
    wanted.uv = out.uv.data || (wanted.albedo && surface.texture);
    wanted.normal = out.normal.data || (wanted.color && surface.light);
    const bool shaded_at_all = wanted.albedo || wanted.uv || wanted.normal || out.depth_m.data || out.barycentrics.data;
    const size_t width = (size_t) task.width;
    static const bool yes[kLanes] = {true, true, true, true, true, true, true, true};
    static const float ones[kLanes] = {1, 1, 1, 1, 1, 1, 1, 1};
    for (int y = canvas.row_begin; y < canvas.row_end; ++y) {
        const size_t line = (size_t) y * width;
        const int32_t *ids = canvas.faces + canvas.row(y);
        if (out.face_id.data) std::copy(ids, ids + width, out.face_id.data + line);
        const auto clear = [&](auto &picture, auto value) { picture.fill(line, line + width, value); };
        clear(out.mask, false);
        clear(out.depth_m, std::numeric_limits<float>::infinity());
        clear(out.barycentrics, 0.0f);
        clear(out.normal, 0.0f);
        clear(out.uv, 0.0f);
        clear(out.label, (uint8_t) 0);
        if (plain) {
            clear(out.coverage, 0.0f);
            clear(out.albedo, 0.0f);
            clear(out.color, 0.0f);
        }
        if (!shaded_at_all && !out.mask.data && !out.coverage.data && !out.label.data) continue;
        const float row = (float) y + 0.5f;
        shade_row(frame, surface, wanted, shaded_at_all, ids, width, row, [&](const Group &group, const Shaded &shaded) {
            if (out.mask.data) put1(out.mask.data + line, yes, group);
            if (plain && out.coverage.data) put1(out.coverage.data + line, ones, group);
            if (out.label.data && task.labels) {
                uint8_t labels[kLanes];
                for (int l = 0; l < kLanes; ++l) labels[l] = task.labels[group.face[l]];
                put1(out.label.data + line, labels, group);
            }
            if (!shaded_at_all) return;
            if (out.depth_m.data) put1(out.depth_m.data + line, shaded.depth, group);
            if (out.uv.data)
                for (int l = 0; l < group.count; ++l)
                    for (int c = 0; c < 2; ++c) out.uv.data[2 * (line + group.column[l]) + (size_t) c] = shaded.uv[c][l];
            if (out.barycentrics.data) put3(out.barycentrics.data + 3 * line, shaded.bary, group);
            if (out.normal.data) {
                alignas(32) Lanes turned[3];
                turn(task.to_camera, shaded.normal, turned);
                put3(out.normal.data + 3 * line, turned, group);
            }
            if (plain && out.albedo.data) put3(out.albedo.data + 3 * line, shaded.albedo, group);
            if (plain && out.color.data) put3(out.color.data + 3 * line, shaded.color, group);
        });
    }
}

// Writes coverage and colours from the supersampled canvas: the share of samples that see the mesh, and the mean colour of those.
inline void write_averages(Task &task, const Frame &frame, const Canvas &canvas) {
    Pictures &out = task.out;
    const Surface &surface = task.surface;
    const int s = task.supersample;
    const bool colored = out.albedo.data || out.color.data;
    const size_t width = (size_t) task.width;
    Wanted wanted;
    wanted.color = wanted.albedo = colored;
    wanted.uv = surface.texture;
    wanted.normal = surface.light;
    std::vector<float> sums(7 * width);  // count, albedo, color
    for (int y = canvas.row_begin / s; y < canvas.row_end / s; ++y) {
        std::fill(sums.begin(), sums.end(), 0.0f);
        for (int sub = y * s; sub < (y + 1) * s; ++sub) {
            const int32_t *ids = canvas.faces + canvas.row(sub);
            const size_t samples = width * (size_t) s;
            const float row = (float) sub + 0.5f;
            shade_row(frame, surface, wanted, colored, ids, samples, row, [&](const Group &group, const Shaded &shaded) {
                for (int l = 0; l < group.count; ++l) {
                    float *sum = &sums[7 * (group.column[l] / (size_t) s)];
                    sum[0] += 1;
                    if (!colored) continue;
                    for (int c = 0; c < 3; ++c) sum[1 + c] += shaded.albedo[c][l], sum[4 + c] += shaded.color[c][l];
                }
            });
        }
        for (size_t x = 0; x < width; ++x) {
            const size_t pixel = (size_t) y * width + x;
            const float *sum = &sums[7 * x];
            const float inverse = sum[0] > 0 ? 1.0f / sum[0] : 0.0f;
            if (out.coverage.data) out.coverage.data[pixel] = sum[0] / (float) (s * s);
            for (int c = 0; c < 3; ++c) {
                if (out.albedo.data) out.albedo.data[3 * pixel + c] = sum[1 + c] * inverse;
                if (out.color.data) out.color.data[3 * pixel + c] = sum[4 + c] * inverse;
            }
        }
    }
}

inline void snap(const Frame &frame, const float *vertices, size_t begin, size_t end, Snapped *out) {
#if defined(__AVX2__)
    snap_vertices_avx2(frame, vertices, begin, end, out);
#else
    snap_vertices(frame, vertices, begin, end, out);
#endif
}

inline void draw_faces(const Frame &frame, const Canvas &canvas, const Task &task, const Snapped *snapped) {
#if defined(__AVX2__)
    draw_faces_avx2(frame, canvas, task.surface.vertices, snapped, task.surface.faces, task.num_faces, task.cull);
#else
    draw_faces_from(frame, canvas, task.surface.vertices, snapped, task.surface.faces, 0, task.num_faces, task.cull);
#endif
}

// Draws the mesh at `scale` times the image size and hands each band of rows to `write`.
template <class Write> void draw(Task &task, const double *camera, bool perspective, int scale, int threads, Write write) {
    const Frame frame = make_frame(camera, perspective, task.width, task.height, scale);
    Scratch<Snapped> snapped(task.num_vertices);
    const auto part = [&](size_t count, size_t k) { return count * k / (size_t) threads; };
    parallel_for(threads, (size_t) threads, [&](size_t k) {
        snap(frame, task.surface.vertices, part(task.num_vertices, k), part(task.num_vertices, k + 1), snapped.data());
    });
    parallel_for(threads, (size_t) threads, [&](size_t k) {
        Canvas canvas;
        canvas.width = frame.width;
        canvas.row_begin = (int) part((size_t) task.height, k) * scale;
        canvas.row_end = (int) part((size_t) task.height, k + 1) * scale;
        if (canvas.row_begin == canvas.row_end) return;
        canvas.stride = ((size_t) frame.width + 15) / 8 * 8;
        const size_t count = canvas.stride * (size_t) (canvas.row_end - canvas.row_begin + 1);  // one row of padding
        Scratch<float> keys(count);
        Scratch<int32_t> faces(count);
        canvas.keys = keys.data();
        canvas.faces = faces.data();
        clear(canvas);
        draw_faces(frame, canvas, task, snapped.data());
        write(task, frame, canvas);
    });
}

}  // namespace vitruvian
