// Points spread evenly over the surface of a mesh: one in each of N equal parts of its area, in random order.
#include "boundary.h"
#include "triangles.h"

#include <cmath>
#include <memory>
#include <nanobind/nanobind.h>
#include <nanobind/stl/tuple.h>
#include <tuple>

namespace nb = nanobind;

namespace vitruvian {
namespace {

// Random numbers as a function of (seed, counter): the SplitMix64 sequence, so that no state is carried and no machine differs.
struct Random {
    uint64_t seed;
    uint64_t bits(uint64_t counter) const { return mixed_bits(seed + (counter + 1) * 0x9e3779b97f4a7c15ull); }
    static double unit(uint64_t bits) { return (double) (bits >> 11) * 0x1p-53; }  // in [0, 1)
};

template <class T> struct Sampler {
    Triangles<T> mesh;
    size_t num_points;
    Random random;

    // The order in which the strata are handed out: a Fisher-Yates shuffle.
    std::unique_ptr<uint32_t[]> shuffled() const {
        std::unique_ptr<uint32_t[]> order(new uint32_t[num_points]);
        for (size_t k = 0; k < num_points; ++k) {
            // A number in [0, k] from 32 random bits; the bias is below k / 2^32.
            uint64_t at = ((random.bits(2 * num_points + k) >> 32) * (uint64_t) (k + 1)) >> 32;
            order[k] = (uint32_t) k;
            std::swap(order[k], order[at]);
        }
        return order;
    }

    void fill(float *points, int32_t *face_ids, float *barycentrics) const {
        std::unique_ptr<double[]> area_until(new double[mesh.num_faces]);
        double total = 0;
        size_t last = 0;  // the last face with area: rounding must not walk past it
        for (size_t f = 0; f < mesh.num_faces; ++f) {
            const int32_t *v = mesh.faces + 3 * f;
            Vec3 a = mesh.vertex(v[0]);
            double area = length(cross(mesh.vertex(v[1]) - a, mesh.vertex(v[2]) - a));
            if (area > 0) last = f;
            area_until[f] = total += area;
        }
        if (!(total > 0)) throw nb::value_error("faces: the mesh has no area, so no point can be drawn from its surface.");
        std::unique_ptr<uint32_t[]> order = shuffled();
        double step = total / (double) num_points;
        size_t f = 0;
        for (size_t k = 0; k < num_points; ++k) {
            double target = ((double) k + Random::unit(random.bits(2 * k))) * step;
            while (f < last && area_until[f] <= target) ++f;
            uint64_t bits = random.bits(2 * k + 1);
            double s = ((double) (uint32_t) bits + 0.5) * 0x1p-32, t = ((double) (bits >> 32) + 0.5) * 0x1p-32;
            if (s + t > 1) s = 1 - s, t = 1 - t;  // fold the square onto the triangle
            write(order[k], f, (float) (1 - s - t), (float) s, (float) t, points, face_ids, barycentrics);
        }
    }

    void write(size_t at, size_t f, float w0, float w1, float w2, float *points, int32_t *face_ids, float *barycentrics) const {
        const int32_t *v = mesh.faces + 3 * f;
        Vec3 p = (double) w0 * mesh.vertex(v[0]) + (double) w1 * mesh.vertex(v[1]) + (double) w2 * mesh.vertex(v[2]);
        points[3 * at] = (float) p.x, points[3 * at + 1] = (float) p.y, points[3 * at + 2] = (float) p.z;
        barycentrics[3 * at] = w0, barycentrics[3 * at + 1] = w1, barycentrics[3 * at + 2] = w2;
        face_ids[at] = (int32_t) f;
    }
};

using Sample = std::tuple<OutputArray<float>, OutputArray<int32_t>, OutputArray<float>>;

template <class T> Sample sample(const InputArray &vertices, const InputArray &faces, int64_t num_points, uint64_t seed) {
    if (num_points < 0 || num_points > INT32_MAX) {
        throw nb::value_error(("num_points is " + std::to_string(num_points) + "; it must be from 0 to 2^31 - 1.").c_str());
    }
    size_t n = (size_t) num_points;
    Sampler<T> sampler{checked_triangles<T>(vertices, faces), n, Random{seed}};
    float *points = allocate<float>(3 * n);
    OutputArray<float> points_array = to_numpy(points, {n, 3});
    int32_t *face_ids = allocate<int32_t>(n);
    OutputArray<int32_t> face_array = to_numpy(face_ids, {n});
    float *barycentrics = allocate<float>(3 * n);
    OutputArray<float> barycentric_array = to_numpy(barycentrics, {n, 3});
    if (n > 0) {
        nb::gil_scoped_release unlocked;
        sampler.fill(points, face_ids, barycentrics);
    }
    return {std::move(points_array), std::move(face_array), std::move(barycentric_array)};
}

}  // namespace
}  // namespace vitruvian

void bind_sample_surface(nb::module_ &m) {
    using namespace vitruvian;
    m.def("sample_surface", [](const InputArray &vertices, const InputArray &faces, int64_t num_points, uint64_t seed) {
        return has_dtype<float>(vertices) ? sample<float>(vertices, faces, num_points, seed)
                                          : sample<double>(vertices, faces, num_points, seed);
    }, nb::arg("vertices"), nb::arg("faces"), nb::arg("num_points"), nb::arg("seed"),
       "(points float32 (N, 3), face ids int32 (N,), barycentrics float32 (N, 3)); stratified by area, shuffled.");
}
