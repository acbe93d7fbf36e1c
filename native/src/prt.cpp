// Precomputed radiance transfer: how much light from each of nine spherical harmonics reaches points of a surface that shades
// itself, without what it reflects to itself. The contract is in platform/geometry/prt.py.
#include "contracts.h"
#include "parallel.h"
#include "ray_tree.h"
#include "shading.h"

#include <nanobind/nanobind.h>

#include <vector>

namespace nb = nanobind;

namespace vitruvian {
namespace {

constexpr int kBasis = 9;

// Real spherical harmonics to order 2, in the order 1; y, z, x; xy, yz, 3z^2 - 1, zx, x^2 - y^2.
void basis(const float *d, float *out) {
    const float x = d[0], y = d[1], z = d[2];
    const float values[kBasis] = {0.28209479f, 0.48860251f * y, 0.48860251f * z, 0.48860251f * x, 1.0925484f * x * y,
                                  1.0925484f * y * z, 0.31539157f * (3 * z * z - 1), 1.0925484f * z * x,
                                  0.54627422f * (x * x - y * y)};
    std::copy(values, values + kBasis, out);
}

struct Way {
    float direction[3], weight, harmonics[kBasis];
};

struct Bake {
    const float *points, *normals;
    size_t num_points;
    std::vector<Way> ways;  // neighbours follow each other: what stops one ray often stops the next
    float offset;

    void take(const float *directions, const float *weights, size_t count) {
        const auto order = TreeOrder::of(count, [&](size_t j, float *at) { std::copy(directions + 3 * j, directions + 3 * j + 3, at); });
        ways.resize(count);
        for (size_t j = 0; j < count; ++j) {
            Way &way = ways[j];
            std::copy(directions + 3 * order[j], directions + 3 * order[j] + 3, way.direction);
            way.weight = weights[order[j]];
            basis(way.direction, way.harmonics);
        }
    }

    void point(const RayTree &tree, size_t p, uint32_t &last, float *out) const {
        const float *n = normals + 3 * p;
        Ray ray;
        for (int a = 0; a < 3; ++a) ray.origin[a] = points[3 * p + (size_t) a] + offset * n[a];
        std::fill(out, out + kBasis, 0.0f);
        for (const Way &way : ways) {
            const float *d = way.direction, cosine = d[0] * n[0] + d[1] * n[1] + d[2] * n[2];
            if (!(cosine > 0)) continue;
            std::copy(d, d + 3, ray.direction);
            if (tree.hits(ray, last)) continue;
            const float share = way.weight * cosine;
            for (int k = 0; k < kBasis; ++k) out[k] += share * way.harmonics[k];
        }
    }
};

OutputArray<float> transfer(const InputArray &points, const InputArray &normals, const InputArray &vertices,
                            const InputArray &faces, const InputArray &directions, const InputArray &weights, float offset,
                            int threads) {
    Bake bake;
    bake.points = checked<float>(points, "points", "float32 (N, 3)", {-1, 3});
    bake.num_points = points.shape(0);
    bake.normals = checked<float>(normals, "normals", "float32 (N, 3), one a point", {(int64_t) bake.num_points, 3});
    const float *ways = checked<float>(directions, "directions", "float32 (D, 3)", {-1, 3});
    const size_t num_ways = directions.shape(0);
    const float *shares = checked<float>(weights, "weights", "float32 (D,), one a direction", {(int64_t) num_ways});
    bake.offset = offset;
    const Triangles<float> mesh = checked_triangles<float>(vertices, faces);
    checked_threads(threads);
    check_finite(bake.points, bake.num_points, 3, "points");
    check_finite(bake.normals, bake.num_points, 3, "normals");
    check_finite(ways, num_ways, 3, "directions");
    float *out = allocate<float>(kBasis * bake.num_points);
    OutputArray<float> result = to_numpy(out, {bake.num_points, kBasis});
    nb::gil_scoped_release unlocked;
    bake.take(ways, shares, num_ways);
    const RayTree tree(mesh);
    const std::vector<uint32_t> order = TreeOrder::of(bake.num_points, [&bake](size_t p, float *at) {
        std::copy(bake.points + 3 * p, bake.points + 3 * p + 3, at);
    });
    constexpr size_t chunk = 256;  // the hint carried from ray to ray changes the time only, so chunks may be of any size
    parallel_for(threads, (bake.num_points + chunk - 1) / chunk, [&](size_t c) {
        uint32_t last = 0;
        for (size_t k = c * chunk; k < std::min(bake.num_points, (c + 1) * chunk); ++k)
            bake.point(tree, order[k], last, out + kBasis * order[k]);
    });
    return result;
}

// What a point of the given transfer vector receives from a light (9, 3): a sum in fixed order.
void receive(const float *transfer, const float *light, float *out) {
    for (int c = 0; c < 3; ++c) {
        float sum = 0;
        for (int k = 0; k < kBasis; ++k) sum += transfer[k] * light[3 * k + c];
        out[c] = sum;
    }
}

OutputArray<float> irradiance(const InputArray &transfer, const InputArray &light) {
    const float *rows = checked<float>(transfer, "transfer", "float32 (N, 9)", {-1, kBasis});
    const float *coefficients = checked<float>(light, "light", "float32 (9, 3)", {kBasis, 3});
    const size_t count = transfer.shape(0);
    float *out = allocate<float>(3 * count);
    OutputArray<float> result = to_numpy(out, {count, (size_t) 3});
    nb::gil_scoped_release unlocked;
    for (size_t p = 0; p < count; ++p) receive(rows + kBasis * p, coefficients, out + 3 * p);
    return result;
}

OutputArray<uint8_t> lit_colors(const InputArray &transfer, const InputArray &light, const InputArray &albedo, float gamma) {
    const float *rows = checked<float>(transfer, "transfer", "float32 (N, 9)", {-1, kBasis});
    const float *coefficients = checked<float>(light, "light", "float32 (9, 3)", {kBasis, 3});
    const size_t count = transfer.shape(0);
    const float *colors = checked<float>(albedo, "albedo", "float32 (N, 3), one a point", {(int64_t) count, 3});
    uint8_t *out = allocate<uint8_t>(3 * count);
    OutputArray<uint8_t> result = to_numpy(out, {count, (size_t) 3});
    nb::gil_scoped_release unlocked;
    for (size_t begin = 0; begin < count; begin += 8) {
        const size_t size = std::min<size_t>(8, count - begin);
        alignas(32) float received[24] = {}, surface[24] = {}, lit[24];
        for (size_t p = 0; p < size; ++p) receive(rows + kBasis * (begin + p), coefficients, received + 3 * p);
        std::copy(colors + 3 * begin, colors + 3 * (begin + size), surface);
        for (int k = 0; k < 24; k += 8) {
            f32x8 value = load<f32x8>(received + k);
            value = gamma == 1 ? max8(value, splat(0)) : power(value, 1 / gamma);
            store(lit + k, min8(max8(load<f32x8>(surface + k) * value, splat(0)), splat(1)) * splat(255) + splat(0.5f));
        }
        for (size_t k = 0; k < 3 * size; ++k) out[3 * begin + k] = (uint8_t) lit[k];
    }
    return result;
}

}  // namespace
}  // namespace vitruvian

void bind_prt(nb::module_ &m) {
    using namespace nb::literals;
    m.def("transfer", &vitruvian::transfer, "points"_a, "normals"_a, "vertices"_a, "faces"_a, "directions"_a, "weights"_a,
          "offset"_a, "threads"_a, "float32 (N, 9). Contract: vitruvian.geometry.prt.");
    m.def("irradiance", &vitruvian::irradiance, "transfer"_a, "light"_a, "float32 (N, 3): transfer times light.");
    m.def("lit_colors", &vitruvian::lit_colors, "transfer"_a, "light"_a, "albedo"_a, "gamma"_a, "uint8 (N, 3).");
}
