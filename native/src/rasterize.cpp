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
#if defined(__AVX2__)
#include "shading_avx2.h"
#include "visibility_avx2.h"
#endif

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

// Up to eight pixels of one row that see the mesh.
struct alignas(32) Group {
    float px[kLanes], py[kLanes];
    int32_t face[kLanes];
    size_t column[kLanes];
    int count = 0;

    // Takes the next ones from `x` on; false if there are none.
    bool next(const int32_t *ids, size_t width, size_t &x, float row) {
        count = 0;
        while (x < width && count < kLanes) {
#if defined(__AVX2__)
            // The row is padded: eight ids can always be read.
            const __m256i eight = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(ids + x));
            const int background = _mm256_movemask_ps(_mm256_castsi256_ps(eight));
            if (background == 0xff) {
                x += 8;
                continue;
            }
            if (background == 0 && count == 0 && x + 8 <= width) {
                _mm256_store_si256(reinterpret_cast<__m256i *>(face), eight);
                for (int l = 0; l < 8; ++l) px[l] = (float) (x + (size_t) l) + 0.5f, column[l] = x + (size_t) l, py[l] = row;
                count = 8;
                x += 8;
                return true;
            }
            x += (size_t) __builtin_ctz(~(unsigned) background);
            if (x >= width) break;
#endif
            if (ids[x] >= 0) face[count] = ids[x], px[count] = (float) x + 0.5f, column[count] = x, ++count;
            ++x;
        }
        for (int l = count; l < kLanes; ++l) face[l] = face[0], px[l] = px[0], column[l] = column[0];
        for (int l = 0; l < kLanes; ++l) py[l] = row;
        return count > 0;
    }
};

// Shading has steps, so that what one step reads is on its way while the step before works on other groups.
#if defined(__AVX2__)
struct Corners {
    FaceCorners vertex, uv;
};

void find_corners(const Surface &surface, const Group &group, const Wanted &wanted, Corners &out) {
    out.vertex = corners_of(surface.faces, group.face);
    if (wanted.uv && surface.uvs) out.uv = corners_of(surface.uv_faces, group.face);
    if (!surface.large) return;
    prefetch_records(surface.vertices, 3, out.vertex);
    if (wanted.normal) prefetch_records(surface.normals, 3, out.vertex);
    if (wanted.uv && surface.uvs) prefetch_records(surface.uvs, 2, out.uv);
}
#else
struct Corners {};

void find_corners(const Surface &, const Group &, const Wanted &, Corners &) {}
#endif

void shade_first(const Frame &frame, const Surface &surface, const Group &group, const Corners &corners, const Wanted &wanted,
                 Shaded &out) {
#if defined(__AVX2__)
    shade_geometry_avx2(frame, surface, corners.vertex, group.px, group.py, out);
    if (wanted.normal) shade_normal_avx2(surface, corners.vertex, out);
    if (wanted.uv) shade_uv_avx2(surface, corners.uv, out);
    if (wanted.albedo && surface.texture) prefetch_texture_avx2(surface, out);
#else
    (void) corners;
    shade_geometry(frame, surface, group.face, group.px, group.py, out);
    if (wanted.normal) shade_normal(surface, group.face, out);
    if (wanted.uv) shade_uv(surface, group.face, out);
#endif
}

void shade_second(const Surface &surface, const Group &group, const Wanted &wanted, Shaded &out) {
#if defined(__AVX2__)
    if (wanted.albedo && surface.texture && surface.texture_width * surface.texture_height > 1) shade_texture_avx2(surface, out);
    else if (wanted.albedo) shade_albedo(surface, group.face, out);
    if (wanted.color && surface.light) shade_color_avx2(surface, out);
    else if (wanted.color) shade_color(surface, out);
#else
    if (wanted.albedo) shade_albedo(surface, group.face, out);
    if (wanted.color) shade_color(surface, out);
#endif
}

constexpr int kBatch = 8;  // groups

// Calls done(group, shaded) for every group of pixels in a row of ids that see the mesh.
template <class Done>
void shade_row(const Frame &frame, const Surface &surface, const Wanted &wanted, bool at_all, const int32_t *ids, size_t width,
               float row, Done done) {
    Group groups[kBatch];
    Corners corners[kBatch];
    Shaded shaded[kBatch];
    size_t x = 0;
    for (bool more = true; more;) {
        int count = 0;
        while (count < kBatch && (more = groups[count].next(ids, width, x, row))) {
#if defined(__AVX2__)
            if (surface.large && at_all) prefetch_faces(surface.faces, groups[count].face);
            if (surface.large && wanted.uv && surface.uvs) prefetch_faces(surface.uv_faces, groups[count].face);
#endif
            ++count;
        }
        for (int k = 0; k < count && at_all; ++k) find_corners(surface, groups[k], wanted, corners[k]);
        for (int k = 0; k < count && at_all; ++k) shade_first(frame, surface, groups[k], corners[k], wanted, shaded[k]);
        for (int k = 0; k < count; ++k) {
            if (at_all) shade_second(surface, groups[k], wanted, shaded[k]);
            done(groups[k], shaded[k]);
        }
    }
}

// Puts one number a pixel at `row`.
template <class T> void put1(T *row, const T *values, const Group &group) {
    if (group.count == kLanes && group.column[kLanes - 1] == group.column[0] + kLanes - 1) {
        std::memcpy(row + group.column[0], values, kLanes * sizeof(T));
    } else {
        for (int l = 0; l < group.count; ++l) row[group.column[l]] = values[l];
    }
}

void put3(float *row, const Lanes *values, const Group &group) {
#if defined(__AVX2__)
    store_records_3(row, group.column, group.count, values[0], values[1], values[2]);
#else
    for (int l = 0; l < group.count; ++l)
        for (int c = 0; c < 3; ++c) row[3 * group.column[l] + c] = values[c][l];
#endif
}

void turn(const float matrix[3][3], const Lanes *in, Lanes *out) {
    for (int r = 0; r < 3; ++r)
        for (int l = 0; l < kLanes; ++l) out[r][l] = matrix[r][0] * in[0][l] + matrix[r][1] * in[1][l] + matrix[r][2] * in[2][l];
}

// Writes what is defined at pixel centres: everything but coverage and colours, and those too without supersampling.
void write_centres(Task &task, const Frame &frame, const Canvas &canvas) {
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
        shade_row(frame, surface, wanted, shaded_at_all, ids, width, (float) y + 0.5f, [&](const Group &group, const Shaded &shaded) {
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
void write_averages(Task &task, const Frame &frame, const Canvas &canvas) {
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
            shade_row(frame, surface, wanted, colored, ids, samples, (float) sub + 0.5f, [&](const Group &group, const Shaded &shaded) {
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

void snap(const Frame &frame, const float *vertices, size_t begin, size_t end, Snapped *out) {
#if defined(__AVX2__)
    snap_vertices_avx2(frame, vertices, begin, end, out);
#else
    snap_vertices(frame, vertices, begin, end, out);
#endif
}

void draw_faces(const Frame &frame, const Canvas &canvas, const Task &task, const Snapped *snapped) {
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
        if (texture->size() == 0 || texture->shape(0) > 16384 || texture->shape(1) > 16384)
            throw nb::value_error(("texture is " + shape_text(*texture) + "; its sides must be 1 to 16384 pixels.").c_str());
    }
    if (vertex_colors)
        surface.vertex_colors = checked<uint8_t>(*vertex_colors, "vertex_colors", "uint8 (V, 3), one a vertex", {num_vertices, 3});
    if (face_labels) task.labels = checked<uint8_t>(*face_labels, "face_labels", "uint8 (F,), one a face", {num_faces});
    if (light) surface.light = checked<float>(*light, "light", "float32 (9, 3)", {9, 3});
    surface.light_gamma = light_gamma;
    surface.large = num_vertices > 30000;
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
