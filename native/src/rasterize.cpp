// The rasterizer: a triangle mesh and a camera in, the pictures of a G-buffer out. The contract is in
// platform/geometry/rasterize.py; visibility.h finds the face of a pixel, shading.h what it shows, and gbuffer.h makes pictures.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <optional>
#include <vector>

#include "arrays.h"
#include "contracts.h"
#include "gbuffer.h"
#include "pictures.h"

namespace nb = nanobind;

namespace vitruvian {
namespace {

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
                const std::optional<InputArray> &face_labels, const std::optional<InputArray> &light,
                const std::optional<InputArray> &irradiance, double light_gamma,
                const InputArray &camera, bool perspective, int width, int height, int supersample, bool cull,
                const std::vector<std::string> &fields, int threads) {
    Task task;
    Surface &surface = task.surface;
    surface.vertices = checked<float>(vertices, "vertices", "float32 (V, 3)", {-1, 3});
    surface.faces = checked<int32_t>(faces, "faces", "int32 (F, 3)", {-1, 3});
    task.num_vertices = vertices.shape(0);
    task.num_faces = faces.shape(0);
    if (std::max(task.num_vertices, task.num_faces) > (size_t(1) << 30))
        throw nb::value_error("vertices and faces may have at most 2^30 rows each; draw the mesh in parts.");
    const int64_t num_faces = (int64_t) task.num_faces, num_vertices = (int64_t) task.num_vertices;
    if (normals) surface.normals = checked<float>(*normals, "vertex_normals", "float32 (V, 3), one a vertex", {num_vertices, 3});
    size_t num_uvs = 0;
    if (uvs && uv_faces) {
        surface.uvs = checked<float>(*uvs, "uvs", "float32 (T, 2)", {-1, 2});
        surface.uv_faces = checked<int32_t>(*uv_faces, "uv_faces", "int32 (F, 3), one a face", {num_faces, 3});
        num_uvs = uvs->shape(0);
        if (num_uvs > (size_t(1) << 30)) throw nb::value_error("uvs may have at most 2^30 rows; draw the mesh in parts.");
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
    if (irradiance)
        surface.irradiance = checked<float>(*irradiance, "irradiance", "float32 (V, 3), one a vertex", {num_vertices, 3});
    if (light && irradiance) throw nb::value_error("both light and irradiance are given; the surface is lit by one of them.");
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
        if (field == "mask") out.mask.make(pixels, 1, false);
        else if (field == "coverage") out.coverage.make(pixels, 1, 0);
        else if (field == "depth_m") out.depth_m.make(pixels, 1, std::numeric_limits<float>::infinity());
        else if (field == "face_id") out.face_id.make(pixels, 1, -1);
        else if (field == "barycentrics") out.barycentrics.make(pixels, 3, 0);
        else if (field == "normal") out.normal.make(pixels, 3, 0);
        else if (field == "uv") out.uv.make(pixels, 2, 0);
        else if (field == "label") out.label.make(pixels, 1, 0);
        else if (field == "albedo") out.albedo.make(pixels, 3, 0);
        else if (field == "color") out.color.make(pixels, 3, 0);
        else throw nb::value_error(("no picture is called " + field + ".").c_str());
    }
    {
        nb::gil_scoped_release released;
        check_finite(surface.vertices, task.num_vertices, 3, "vertices");
        if (surface.irradiance) check_finite(surface.irradiance, task.num_vertices, 3, "irradiance");
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
          "irradiance"_a.none(), "light_gamma"_a, "camera"_a, "perspective"_a, "width"_a, "height"_a, "supersample"_a, "cull"_a, "fields"_a, "threads"_a,
          "Pictures by name. Contract: vitruvian.geometry.rasterize.");
}
