// The rasterizer: a triangle mesh and a camera in, the pictures of a G-buffer out. The contract is in
// platform/geometry/rasterize.py; the two halves are visibility.h (which face) and shading.h (what it shows).
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <vector>

#include "arrays.h"
#include "buffers.h"
#include "contracts.h"
#include "shading.h"
#include "visibility.h"

namespace nb = nanobind;

namespace vitruvian {
namespace {

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

template <class T> void put3(T &picture, const Lanes *values, const size_t *pixel, int count) {
    if (!picture.data) return;
    for (int l = 0; l < count; ++l)
        for (int c = 0; c < 3; ++c) picture.data[3 * pixel[l] + c] = values[c][l];
}

// Writes what is defined at pixel centres: everything but coverage and colours, and those too without supersampling.
void write_centres(Task &task, const Frame &frame, const Canvas &canvas) {
    Pictures &out = task.out;
    const Surface &surface = task.surface;
    const bool plain = task.supersample == 1;
    const bool colored = plain && (out.albedo.data || out.color.data);
    const bool with_uv = out.uv.data || (colored && surface.texture);
    const bool with_normal = out.normal.data || (plain && out.color.data && surface.light);
    const size_t width = (size_t) task.width;
    Shaded shaded;
    for (int y = canvas.row_begin; y < canvas.row_end; ++y) {
        const size_t line = (size_t) y * width;
        out.mask.fill(line, line + width, false);
        out.depth_m.fill(line, line + width, std::numeric_limits<float>::infinity());
        out.barycentrics.fill(line, line + width, 0);
        out.normal.fill(line, line + width, 0);
        out.uv.fill(line, line + width, 0);
        out.label.fill(line, line + width, 0);
        const int32_t *ids = canvas.faces + canvas.row(y);
        if (out.face_id.data) std::copy(ids, ids + width, out.face_id.data + line);
        if (plain) {
            out.coverage.fill(line, line + width, 0);
            out.albedo.fill(line, line + width, 0);
            out.color.fill(line, line + width, 0);
        }
        size_t x = 0;
        while (true) {
            int32_t face[kLanes];
            float px[kLanes], py[kLanes];
            size_t pixel[kLanes];
            int count = 0;
            for (; x < width && count < kLanes; ++x)
                if (ids[x] >= 0) face[count] = ids[x], px[count] = (float) x + 0.5f, pixel[count] = line + x, ++count;
            if (count == 0) break;
            for (int l = count; l < kLanes; ++l) face[l] = face[0], px[l] = px[0];
            for (int l = 0; l < kLanes; ++l) py[l] = (float) y + 0.5f;
            shade_geometry(frame, surface, face, px, py, shaded);
            if (with_normal) shade_normal(surface, face, shaded);
            if (with_uv) shade_uv(surface, face, shaded);
            if (colored) shade_albedo(surface, face, shaded);
            if (plain && out.color.data) shade_color(surface, shaded);
            for (int l = 0; l < count; ++l) {
                if (out.mask.data) out.mask.data[pixel[l]] = true;
                if (out.depth_m.data) out.depth_m.data[pixel[l]] = shaded.depth[l];
                if (out.label.data) out.label.data[pixel[l]] = task.labels ? task.labels[face[l]] : 0;
                if (plain && out.coverage.data) out.coverage.data[pixel[l]] = 1;
                if (out.uv.data) out.uv.data[2 * pixel[l]] = shaded.uv[0][l], out.uv.data[2 * pixel[l] + 1] = shaded.uv[1][l];
            }
            put3(out.barycentrics, shaded.bary, pixel, count);
            if (out.normal.data) {
                Lanes turned[3];
                for (int r = 0; r < 3; ++r)
                    for (int l = 0; l < kLanes; ++l)
                        turned[r][l] = task.to_camera[r][0] * shaded.normal[0][l] + task.to_camera[r][1] * shaded.normal[1][l] +
                                       task.to_camera[r][2] * shaded.normal[2][l];
                put3(out.normal, turned, pixel, count);
            }
            if (plain) {
                put3(out.albedo, shaded.albedo, pixel, count);
                put3(out.color, shaded.color, pixel, count);
            }
        }
    }
}

// Writes coverage and colours from the supersampled canvas: the share of samples that see the mesh, and the mean colour of those.
void write_averages(Task &task, const Frame &frame, const Canvas &canvas) {
    Pictures &out = task.out;
    const Surface &surface = task.surface;
    const int s = task.supersample;
    const bool colored = out.albedo.data || out.color.data;
    const size_t width = (size_t) task.width;
    std::vector<float> sums(7 * width);  // count, albedo, color
    Shaded shaded;
    for (int y = canvas.row_begin / s; y < canvas.row_end / s; ++y) {
        std::fill(sums.begin(), sums.end(), 0.0f);
        for (int sub = y * s; sub < (y + 1) * s; ++sub) {
            const int32_t *ids = canvas.faces + canvas.row(sub);
            const size_t samples = width * (size_t) s;
            size_t x = 0;
            while (true) {
                int32_t face[kLanes];
                float px[kLanes], py[kLanes];
                size_t pixel[kLanes];
                int count = 0;
                for (; x < samples && count < kLanes; ++x)
                    if (ids[x] >= 0) face[count] = ids[x], px[count] = (float) x + 0.5f, pixel[count] = x / (size_t) s, ++count;
                if (count == 0) break;
                for (int l = 0; l < count; ++l) sums[7 * pixel[l]] += 1;
                if (!colored) continue;
                for (int l = count; l < kLanes; ++l) face[l] = face[0], px[l] = px[0];
                for (int l = 0; l < kLanes; ++l) py[l] = (float) sub + 0.5f;
                shade_geometry(frame, surface, face, px, py, shaded);
                if (surface.light) shade_normal(surface, face, shaded);
                if (surface.texture) shade_uv(surface, face, shaded);
                shade_albedo(surface, face, shaded);
                shade_color(surface, shaded);
                for (int l = 0; l < count; ++l)
                    for (int c = 0; c < 3; ++c) {
                        sums[7 * pixel[l] + 1 + c] += shaded.albedo[c][l];
                        sums[7 * pixel[l] + 4 + c] += shaded.color[c][l];
                    }
            }
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

// Draws the mesh at `scale` times the image size and hands each band of rows to `write`.
template <class Write> void draw(Task &task, const double *camera, bool perspective, int scale, int threads, Write write) {
    const Frame frame = make_frame(camera, perspective, task.width, task.height, scale);
    Scratch<Snapped> snapped(task.num_vertices);
    const auto part = [&](size_t count, size_t k) { return count * k / (size_t) threads; };
    parallel_for(threads, (size_t) threads, [&](size_t k) {
        snap_vertices(frame, task.surface.vertices, part(task.num_vertices, k), part(task.num_vertices, k + 1), snapped.data());
    });
    parallel_for(threads, (size_t) threads, [&](size_t k) {
        Canvas canvas;
        canvas.width = frame.width;
        canvas.row_begin = (int) part((size_t) task.height, k) * scale;
        canvas.row_end = (int) part((size_t) task.height, k + 1) * scale;
        if (canvas.row_begin == canvas.row_end) return;
        canvas.stride = ((size_t) frame.width + 15) / 8 * 8;
        const size_t count = canvas.stride * (size_t) (canvas.row_end - canvas.row_begin);
        Scratch<float> keys(count);
        Scratch<int32_t> faces(count);
        canvas.keys = keys.data();
        canvas.faces = faces.data();
        clear(canvas);
        draw_faces(frame, canvas, task.surface.vertices, snapped.data(), task.surface.faces, task.num_faces, task.cull);
        write(task, frame, canvas);
    });
}

// Area-weighted vertex normals, not normalised.
void sum_normals(const float *vertices, const int32_t *faces, size_t num_faces, float *normals, size_t num_vertices) {
    std::fill(normals, normals + 3 * num_vertices, 0.0f);
    for (size_t i = 0; i < num_faces; ++i) {
        const int32_t *corners = faces + 3 * i;
        const float *a = vertices + 3 * (size_t) corners[0], *b = vertices + 3 * (size_t) corners[1],
                    *c = vertices + 3 * (size_t) corners[2];
        const float e[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]}, f[3] = {c[0] - a[0], c[1] - a[1], c[2] - a[2]};
        const float n[3] = {e[1] * f[2] - e[2] * f[1], e[2] * f[0] - e[0] * f[2], e[0] * f[1] - e[1] * f[0]};
        for (int k = 0; k < 3; ++k)
            for (int axis = 0; axis < 3; ++axis) normals[3 * (size_t) corners[k] + axis] += n[axis];
    }
}

void check_size(int width, int height, int scale) {
    if (width >= 1 && height >= 1 && scale >= 1 && (int64_t) width * scale <= 16384 && (int64_t) height * scale <= 16384) return;
    throw nb::value_error(("the picture is " + std::to_string(width) + "x" + std::to_string(height) + " pixels with supersample " +
                           std::to_string(scale) + "; size times supersample must be 1 to 16384 on both sides.").c_str());
}

nb::dict render(const InputArray &vertices, const InputArray &faces, const std::optional<InputArray> &normals,
                const std::optional<InputArray> &uvs, const std::optional<InputArray> &uv_faces,
                const std::optional<InputArray> &texture, const std::optional<InputArray> &vertex_colors,
                const std::optional<InputArray> &face_labels, const std::optional<InputArray> &light, double light_gamma,
                const InputArray &camera, bool perspective, int width, int height, int supersample, bool cull,
                const std::vector<std::string> &fields, int threads) {
    Task task;
    Surface &surface = task.surface;
    surface.vertices = checked<float>(vertices, "vertices", "float32 (V, 3)", {-1, 3});
    surface.faces = checked<int32_t>(faces, "faces", "int32 (F, 3)", {-1, 3});
    task.num_vertices = vertices.shape(0);
    task.num_faces = faces.shape(0);
    const int64_t num_faces = (int64_t) task.num_faces, num_vertices = (int64_t) task.num_vertices;
    if (normals) surface.normals = checked<float>(*normals, "vertex_normals", "float32 (V, 3), one a vertex", {num_vertices, 3});
    size_t num_uvs = 0;
    if (uvs && uv_faces) {
        surface.uvs = checked<float>(*uvs, "uvs", "float32 (T, 2)", {-1, 2});
        surface.uv_faces = checked<int32_t>(*uv_faces, "uv_faces", "int32 (F, 3), one a face", {num_faces, 3});
        num_uvs = uvs->shape(0);
    }
    if (texture) {
        if (!surface.uvs) throw nb::value_error("the mesh has a texture but no uvs and uv_faces; give both, or no texture.");
        surface.texture = checked<uint8_t>(*texture, "texture", "uint8 (H, W, 3)", {-1, -1, 3});
        surface.texture_height = (int) texture->shape(0);
        surface.texture_width = (int) texture->shape(1);
        if (texture->size() == 0) throw nb::value_error("texture is empty; it must have at least one pixel.");
    }
    if (vertex_colors)
        surface.vertex_colors = checked<uint8_t>(*vertex_colors, "vertex_colors", "uint8 (V, 3), one a vertex", {num_vertices, 3});
    if (face_labels) task.labels = checked<uint8_t>(*face_labels, "face_labels", "uint8 (F,), one a face", {num_faces});
    if (light) surface.light = checked<float>(*light, "light", "float32 (9, 3)", {9, 3});
    surface.light_gamma = light_gamma;
    const double *numbers = checked<double>(camera, "camera", "float64 (17,)", {17});
    check_size(width, height, supersample);
    threads = std::min(checked_threads(threads), height);
    for (int r = 0; r < 3; ++r)
        for (int c = 0; c < 3; ++c) task.to_camera[r][c] = (float) numbers[3 * r + c];
    task.width = width;
    task.height = height;
    task.supersample = supersample;
    task.cull = cull;

    Pictures &out = task.out;
    const size_t pixels = (size_t) width * (size_t) height;
    for (const std::string &field : fields) {
        if (field == "mask") out.mask.make(pixels, 1);
        else if (field == "coverage") out.coverage.make(pixels, 1);
        else if (field == "depth_m") out.depth_m.make(pixels, 1);
        else if (field == "face_id") out.face_id.make(pixels, 1);
        else if (field == "barycentrics") out.barycentrics.make(pixels, 3);
        else if (field == "normal") out.normal.make(pixels, 3);
        else if (field == "uv") out.uv.make(pixels, 2);
        else if (field == "label") out.label.make(pixels, 1);
        else if (field == "albedo") out.albedo.make(pixels, 3);
        else if (field == "color") out.color.make(pixels, 3);
        else throw nb::value_error(("no picture is called " + field + ".").c_str());
    }
    {
        nb::gil_scoped_release released;
        check_finite(surface.vertices, task.num_vertices, 3, "vertices");
        check_indices(surface.faces, task.num_faces, task.num_vertices, "faces", "vertices");
        if (surface.uvs) check_indices(surface.uv_faces, task.num_faces, num_uvs, "uv_faces", "uvs");
        Scratch<float> own_normals;
        if (!surface.normals && (out.normal.data || (out.color.data && surface.light))) {
            own_normals = Scratch<float>(3 * task.num_vertices);
            sum_normals(surface.vertices, surface.faces, task.num_faces, own_normals.data(), task.num_vertices);
            surface.normals = own_normals.data();
        }
        draw(task, numbers, perspective, 1, threads, write_centres);
        if (supersample > 1 && (out.coverage.data || out.albedo.data || out.color.data))
            draw(task, numbers, perspective, supersample, threads, write_averages);
    }
    nb::dict result;
    const size_t h = (size_t) height, w = (size_t) width;
    if (out.mask.data) result["mask"] = out.mask.give(h, w);
    if (out.coverage.data) result["coverage"] = out.coverage.give(h, w);
    if (out.depth_m.data) result["depth_m"] = out.depth_m.give(h, w);
    if (out.face_id.data) result["face_id"] = out.face_id.give(h, w);
    if (out.barycentrics.data) result["barycentrics"] = out.barycentrics.give(h, w);
    if (out.normal.data) result["normal"] = out.normal.give(h, w);
    if (out.uv.data) result["uv"] = out.uv.give(h, w);
    if (out.label.data) result["label"] = out.label.give(h, w);
    if (out.albedo.data) result["albedo"] = out.albedo.give(h, w);
    if (out.color.data) result["color"] = out.color.give(h, w);
    return result;
}

}  // namespace
}  // namespace vitruvian

void bind_rasterize(nb::module_ &m) {
    using namespace nb::literals;
    m.def("render", &vitruvian::render, "vertices"_a, "faces"_a, nb::kw_only(), "normals"_a.none(), "uvs"_a.none(),
          "uv_faces"_a.none(), "texture"_a.none(), "vertex_colors"_a.none(), "face_labels"_a.none(), "light"_a.none(),
          "light_gamma"_a, "camera"_a, "perspective"_a, "width"_a, "height"_a, "supersample"_a, "cull"_a, "fields"_a, "threads"_a,
          "Pictures by name. Contract: vitruvian.geometry.rasterize.");
}
