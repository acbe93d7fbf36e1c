// Generalised winding numbers (Jacobson et al. 2013) and the inside test made of them.
//
// The mesh is closed by caps (unless it is more hole than mesh); the winding number of the closed surface is an exact integer, counted by crossings. What the caps
// add to it is a solid angle that fades away from the holes, so a point needs only as much of it as decides its label.
#include "crossings.h"
#include "morton.h"
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

    // Visits all points; in an order in which neighbours come together if `sorted`.
    template <class Visit> void for_each_point(bool sorted, int threads, const Visit &visit) const {
        std::vector<uint32_t> order;
        if (sorted) {
            order = morton_order(num_points, [&](size_t k, float *out) {
                for (int a = 0; a < 3; ++a) out[a] = (float) points[3 * k + a];
            });
        }
        parallel_for(threads, (num_points + kPointsPerChunk - 1) / kPointsPerChunk, [&](size_t chunk) {
            size_t end = std::min(num_points, (chunk + 1) * kPointsPerChunk);
            for (size_t k = chunk * kPointsPerChunk; k < end; ++k) visit(sorted ? order[k] : k);
        });
    }
};

double area_of(const Vec3 &a, const Vec3 &b, const Vec3 &c) { return 0.5 * length(cross(b - a, c - a)); }

// A winding number in two parts: a count that is exact, less the solid angle of some triangles.
template <class T> struct Parts {
    std::vector<int32_t> count;
    SolidAngleTree rest;

    Parts(const Query<T> &query, int threads) : count(query.num_points, 0), rest(query.mesh, {}) {
        std::vector<Face> caps = closing_caps(query.mesh);
        const Triangles<T> &mesh = query.mesh;
        double cap_area = 0, mesh_area = 0;
        for (const Face &f : caps) cap_area += area_of(mesh.vertex(f[0]), mesh.vertex(f[1]), mesh.vertex(f[2]));
        for (size_t f = 0; f < (caps.empty() ? 0 : mesh.num_faces); ++f) {
            const int32_t *v = mesh.faces + 3 * f;
            mesh_area += area_of(mesh.vertex(v[0]), mesh.vertex(v[1]), mesh.vertex(v[2]));
        }
        if (cap_area <= mesh_area) {
            CrossingCounter<T>(mesh, caps).count(query.points, query.num_points, threads, count.data());
        } else {  // more hole than mesh: the mesh itself, turned over, is the better cap, and nothing is left to count
            caps.resize(mesh.num_faces);
            for (size_t f = 0; f < mesh.num_faces; ++f) caps[f] = {mesh.faces[3 * f], mesh.faces[3 * f + 2], mesh.faces[3 * f + 1]};
        }
        rest = SolidAngleTree(mesh, caps);
    }
};

template <class T> void compute_occupancy(const Query<T> &query, int threads, bool *inside) {
    Parts<T> parts(query, threads);
    query.for_each_point(parts.rest.is_large(), threads, [&](size_t k) {
        inside[k] = parts.rest.empty() ? parts.count[k] > 0 : parts.rest.above_half(parts.count[k], query.point(k));
    });
}

template <class T> void compute_winding(const Query<T> &query, double tolerance, int threads, double *winding) {
    Parts<T> parts(query, threads);
    query.for_each_point(parts.rest.is_large(), threads, [&](size_t k) {
        winding[k] = parts.count[k] - parts.rest.at(query.point(k), tolerance);
    });
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
