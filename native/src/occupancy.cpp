// Generalised winding numbers (Jacobson et al. 2013) and the inside test made of them.
//
// The mesh is closed by caps; the winding number of the closed surface is an exact integer, counted by crossings. What the caps
// add to it is a solid angle that fades away from the holes, so a point needs only as much of it as decides its label.
#include "crossings.h"
#include "solid_angle_tree.h"

#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace vitruvian {
namespace {

constexpr size_t kPointsPerChunk = 2048;

template <class T> struct Query {
    Triangles<T> mesh;
    const T *points;
    size_t num_points;

    Query(const InputArray &vertices, const InputArray &faces, const InputArray &points_array)
        : mesh(checked_triangles<T>(vertices, faces)),
          points(checked<T>(points_array, "points", sizeof(T) == 4 ? "float32 (N, 3), as vertices" : "float64 (N, 3), as vertices",
                            {-1, 3})),
          num_points(points_array.shape(0)) {
        require_finite(points, 3 * num_points, "points");
    }

    Vec3 point(size_t k) const { return {(double) points[3 * k], (double) points[3 * k + 1], (double) points[3 * k + 2]}; }

    template <class Visit> void for_each_point(int threads, const Visit &visit) const {
        parallel_for(threads, (num_points + kPointsPerChunk - 1) / kPointsPerChunk, [&](size_t chunk) {
            size_t end = std::min(num_points, (chunk + 1) * kPointsPerChunk);
            for (size_t k = chunk * kPointsPerChunk; k < end; ++k) visit(k);
        });
    }
};

template <class T> void compute_occupancy(const Query<T> &query, int threads, bool *inside) {
    std::vector<Face> caps = closing_caps(query.mesh);
    std::vector<int32_t> closed(query.num_points);
    CrossingCounter<T>(query.mesh, caps).count(query.points, query.num_points, threads, closed.data());
    if (caps.empty()) {
        for (size_t k = 0; k < query.num_points; ++k) inside[k] = closed[k] > 0;
        return;
    }
    SolidAngleTree tree(query.mesh, caps);
    query.for_each_point(threads, [&](size_t k) { inside[k] = tree.above_half(closed[k], query.point(k)); });
}

template <class T> void compute_winding(const Query<T> &query, double tolerance, int threads, double *winding) {
    std::vector<Face> caps = closing_caps(query.mesh);
    std::vector<int32_t> closed(query.num_points);
    CrossingCounter<T>(query.mesh, caps).count(query.points, query.num_points, threads, closed.data());
    SolidAngleTree tree(query.mesh, caps);
    query.for_each_point(threads, [&](size_t k) { winding[k] = closed[k] - tree.at(query.point(k), tolerance).winding; });
}

template <class T>
OutputArray<bool> occupancy(const InputArray &vertices, const InputArray &faces, const InputArray &points, int threads) {
    Query<T> query(vertices, faces, points);
    bool *inside = allocate<bool>(query.num_points);
    OutputArray<bool> result = to_numpy(inside, {query.num_points});
    nb::gil_scoped_release unlocked;
    compute_occupancy(query, checked_threads(threads), inside);
    return result;
}

template <class T>
OutputArray<double> winding_number(const InputArray &vertices, const InputArray &faces, const InputArray &points, double tolerance,
                                   int threads) {
    if (!(tolerance >= 0)) throw nb::value_error(("tolerance is " + std::to_string(tolerance) + "; it must be 0 or more.").c_str());
    Query<T> query(vertices, faces, points);
    double *winding = allocate<double>(query.num_points);
    OutputArray<double> result = to_numpy(winding, {query.num_points});
    nb::gil_scoped_release unlocked;
    compute_winding(query, tolerance, checked_threads(threads), winding);
    return result;
}

}  // namespace
}  // namespace vitruvian

void bind_occupancy(nb::module_ &m) {
    using namespace vitruvian;
    m.def("occupancy", [](const InputArray &vertices, const InputArray &faces, const InputArray &points, int threads) {
        return has_dtype<float>(vertices) ? occupancy<float>(vertices, faces, points, threads)
                                          : occupancy<double>(vertices, faces, points, threads);
    }, nb::arg("vertices"), nb::arg("faces"), nb::arg("points"), nb::arg("threads"),
       "bool (N,): generalised winding number > 0.5. vertices (V, 3) and points (N, 3) both float32 or both float64.");
    m.def("winding_number", [](const InputArray &vertices, const InputArray &faces, const InputArray &points, double tolerance,
                               int threads) {
        return has_dtype<float>(vertices) ? winding_number<float>(vertices, faces, points, tolerance, threads)
                                          : winding_number<double>(vertices, faces, points, tolerance, threads);
    }, nb::arg("vertices"), nb::arg("faces"), nb::arg("points"), nb::arg("tolerance"), nb::arg("threads"),
       "float64 (N,): generalised winding number, off by at most tolerance. Arrays as in occupancy.");
}
