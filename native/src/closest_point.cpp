// The closest point on a mesh, and the nearest point of a point set, for many queries at once.
//
// The search runs in float32 about the centre of the mesh; the answer for the face that it finds is computed in float64. So a
// distance is exact for its face, and longer than the true one by at most a few float32 roundings of the mesh's size.
#include "nearest_tree.h"
#include "triangles.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/tuple.h>
#include <tuple>

namespace nb = nanobind;

namespace vitruvian {
namespace {

struct Frame {  // float32 coordinates about a centre
    double center[3];
    template <class T> Frame(const T *positions, size_t count) {
        for (int a = 0; a < 3; ++a) {
            double low = INFINITY, high = -INFINITY;
            for (size_t k = 0; k < count; ++k) {
                low = std::min(low, (double) positions[3 * k + a]);
                high = std::max(high, (double) positions[3 * k + a]);
            }
            center[a] = 0.5 * (low + high);
        }
    }
    template <class T> void local(const T *p, float *out) const {
        for (int a = 0; a < 3; ++a) out[a] = (float) ((double) p[a] - center[a]);
    }
};

// Barycentric coordinates (of corners b and c) of the point of a triangle that is closest to p, after Ericson 2004, Real-Time
// Collision Detection, section 5.1.5.
std::pair<double, double> closest_in_triangle(const Vec3 &a, const Vec3 &b, const Vec3 &c, const Vec3 &p) {
    Vec3 ab = b - a, ac = c - a, ap = p - a, bp = p - b, cp = p - c;
    double d1 = dot(ab, ap), d2 = dot(ac, ap), d3 = dot(ab, bp), d4 = dot(ac, bp), d5 = dot(ab, cp), d6 = dot(ac, cp);
    if (d1 <= 0 && d2 <= 0) return {0, 0};
    if (d3 >= 0 && d4 <= d3) return {1, 0};
    if (d6 >= 0 && d5 <= d6) return {0, 1};
    double vc = d1 * d4 - d3 * d2, vb = d5 * d2 - d1 * d6, va = d3 * d6 - d5 * d4;
    if (vc <= 0 && d1 >= 0 && d3 <= 0) return {d1 / (d1 - d3), 0};
    if (vb <= 0 && d2 >= 0 && d6 <= 0) return {0, d2 / (d2 - d6)};
    if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0) {
        double t = (d4 - d3) / ((d4 - d3) + (d5 - d6));
        return {1 - t, t};
    }
    double sum = va + vb + vc;
    return {vb / sum, vc / sum};
}

template <class T> class TriangleLeaves {
public:
    TriangleLeaves(const Triangles<T> &mesh, const Frame &frame) : mesh_(mesh), local_(3 * mesh.num_vertices) {
        for (size_t v = 0; v < mesh.num_vertices; ++v) frame.local(mesh.vertices + 3 * v, &local_[3 * v]);
        order_ = TreeOrder::of(mesh.num_faces, [&](size_t f, float *center) {
            const float *a = corner(f, 0), *b = corner(f, 1), *c = corner(f, 2);
            for (int k = 0; k < 3; ++k) center[k] = (1.0f / 3.0f) * (a[k] + b[k] + c[k]);
        });
        leaves_.resize((mesh.num_faces + 7) / 8);
        for (size_t slot = 0; slot < 8 * leaves_.size(); ++slot) fill(leaves_[slot / 8], (int) (slot % 8), slot);
    }
    size_t num_primitives() const { return order_.size(); }
    uint32_t face(uint32_t slot) const { return order_[slot]; }

    void bounds(size_t slot, float *low, float *high) const {
        const float *a = corner(order_[slot], 0), *b = corner(order_[slot], 1), *c = corner(order_[slot], 2);
        for (int k = 0; k < 3; ++k) low[k] = std::min(std::min(a[k], b[k]), c[k]), high[k] = std::max(std::max(a[k], b[k]), c[k]);
    }

    f32x8 distance2(uint32_t index, f32x8 x, f32x8 y, f32x8 z) const {
        const Leaf &leaf = leaves_[index];
        const f32x8 zero = splat(0), one = splat(1), two = splat(2);
        Wide p = {x - leaf.a.x, y - leaf.a.y, z - leaf.a.z}, ab = leaf.ab, ac = leaf.ac, normal = cross(ab, ac);
        f32x8 ab2 = dot(ab, ab), ac2 = dot(ac, ac), ab_ac = dot(ab, ac), d1 = dot(ab, p), d2 = dot(ac, p), area2 = dot(normal, normal);
        // Coordinates of the foot in the triangle's plane; inside, the foot is the closest point. A triangle without area is
        // only its edges.
        f32x8 per_area2 = one / area2, v = dot(cross(p, ac), normal) * per_area2, w = dot(cross(ab, p), normal) * per_area2;
        i32x8 inside = (v >= zero) & (w >= zero) & (v + w <= one) & (area2 > splat(1e-12f) * ab2 * ac2);
        // Else the best of the three edges, by squared distance less |p|^2.
        Wide bc = {ac.x - ab.x, ac.y - ab.y, ac.z - ab.z};
        f32x8 t_ab = min8(max8(d1 / ab2, zero), one), t_ac = min8(max8(d2 / ac2, zero), one);  // 0 / 0 becomes 0
        f32x8 t_bc = min8(max8((d2 - d1 + ab2 - ab_ac) / dot(bc, bc), zero), one), s_bc = one - t_bc;
        f32x8 f_ab = t_ab * (t_ab * ab2 - two * d1), f_ac = t_ac * (t_ac * ac2 - two * d2);
        f32x8 f_bc = s_bc * (s_bc * ab2 - two * d1) + t_bc * (t_bc * ac2 - two * d2) + two * s_bc * t_bc * ab_ac;
        i32x8 ac_wins = f_ac < f_ab, bc_wins = f_bc < min8(f_ac, f_ab);
        f32x8 edge_v = bc_wins ? s_bc : (ac_wins ? zero : t_ab), edge_w = bc_wins ? t_bc : (ac_wins ? t_ac : zero);
        v = inside ? v : edge_v, w = inside ? w : edge_w;
        Wide rest = {p.x - v * ab.x - w * ac.x, p.y - v * ab.y - w * ac.y, p.z - v * ab.z - w * ac.z};
        return dot(rest, rest);
    }

private:
    struct Wide {  // eight vectors
        f32x8 x, y, z;
    };
    struct Leaf {
        Wide a, ab, ac;
    };
    static f32x8 dot(const Wide &a, const Wide &b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
    static Wide cross(const Wide &a, const Wide &b) {
        return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
    }

    const float *corner(size_t f, int k) const { return &local_[3 * (size_t) mesh_.faces[3 * f + (size_t) k]]; }

    static void set(Wide &wide, int lane, float x, float y, float z) { wide.x[lane] = x, wide.y[lane] = y, wide.z[lane] = z; }

    void fill(Leaf &leaf, int lane, size_t slot) const {
        if (slot >= order_.size()) {  // no triangle: its distance is not a number, which is never less than another
            set(leaf.a, lane, INFINITY, INFINITY, INFINITY);
            return;
        }
        const float *a = corner(order_[slot], 0), *b = corner(order_[slot], 1), *c = corner(order_[slot], 2);
        set(leaf.a, lane, a[0], a[1], a[2]);
        set(leaf.ab, lane, b[0] - a[0], b[1] - a[1], b[2] - a[2]);
        set(leaf.ac, lane, c[0] - a[0], c[1] - a[1], c[2] - a[2]);
    }

    const Triangles<T> &mesh_;
    std::vector<float> local_;
    std::vector<uint32_t> order_;
    std::vector<Leaf> leaves_;
};

template <class T> class PointLeaves {
public:
    PointLeaves(const T *points, size_t count, const Frame &frame) : leaves_((count + 7) / 8) {
        order_ = TreeOrder::of(count, [&](size_t k, float *out) { frame.local(points + 3 * k, out); });
        for (size_t slot = 0; slot < 8 * leaves_.size(); ++slot) {
            float local[3] = {INFINITY, INFINITY, INFINITY};
            if (slot < count) frame.local(points + 3 * (size_t) order_[slot], local);
            for (int a = 0; a < 3; ++a) leaves_[slot / 8].at[a][slot % 8] = local[a];
        }
    }
    size_t num_primitives() const { return order_.size(); }
    uint32_t point(uint32_t slot) const { return order_[slot]; }
    void bounds(size_t slot, float *low, float *high) const {
        for (int a = 0; a < 3; ++a) low[a] = high[a] = leaves_[slot / 8].at[a][slot % 8];
    }
    f32x8 distance2(uint32_t index, f32x8 x, f32x8 y, f32x8 z) const {
        const Leaf &leaf = leaves_[index];
        f32x8 dx = x - leaf.at[0], dy = y - leaf.at[1], dz = z - leaf.at[2];
        return dx * dx + dy * dy + dz * dz;
    }

private:
    struct Leaf {
        f32x8 at[3];
    };
    std::vector<uint32_t> order_;
    std::vector<Leaf> leaves_;
};

template <class T> Vec3 as_vector(const T *p) { return {(double) p[0], (double) p[1], (double) p[2]}; }

using ClosestPoints = std::tuple<OutputArray<float>, OutputArray<float>, OutputArray<int32_t>, OutputArray<float>>;

template <class T>
ClosestPoints closest_point(const InputArray &vertices, const InputArray &faces, const InputArray &points_array, int threads) {
    Triangles<T> mesh = checked_triangles<T>(vertices, faces);
    const char *wanted = sizeof(T) == 4 ? "float32 (N, 3), as vertices" : "float64 (N, 3), as vertices";
    const T *points = checked<T>(points_array, "points", wanted, {-1, 3});
    size_t n = points_array.shape(0);
    require_finite(points, 3 * n, "points");
    checked_threads(threads);
    if (mesh.num_faces == 0) throw nb::value_error("faces is empty; a mesh without faces has no closest point.");
    float *closest = allocate<float>(3 * n), *distance, *barycentrics;
    OutputArray<float> closest_array = to_numpy(closest, {n, 3});
    OutputArray<float> distance_array = to_numpy(distance = allocate<float>(n), {n});
    int32_t *face_ids = allocate<int32_t>(n);
    OutputArray<int32_t> face_array = to_numpy(face_ids, {n});
    OutputArray<float> barycentric_array = to_numpy(barycentrics = allocate<float>(3 * n), {n, 3});
    {
        nb::gil_scoped_release unlocked;
        Frame frame(mesh.vertices, mesh.num_vertices);
        TriangleLeaves<T> leaves(mesh, frame);
        NearestTree<TriangleLeaves<T>> tree(leaves);
        auto position = [&](size_t k, float *out) { frame.local(points + 3 * k, out); };
        tree.nearest_of_all(n, threads, position, [&](size_t k, const Nearest &nearest) {
            uint32_t f = leaves.face(nearest.slot);
            const int32_t *corner = mesh.faces + 3 * (size_t) f;
            Vec3 a = mesh.vertex(corner[0]), b = mesh.vertex(corner[1]), c = mesh.vertex(corner[2]), p = as_vector(points + 3 * k);
            auto [v, w] = closest_in_triangle(a, b, c, p);
            Vec3 q = a + v * (b - a) + w * (c - a);
            closest[3 * k] = (float) q.x, closest[3 * k + 1] = (float) q.y, closest[3 * k + 2] = (float) q.z;
            distance[k] = (float) length(p - q);
            face_ids[k] = (int32_t) f;
            barycentrics[3 * k] = (float) (1 - v - w), barycentrics[3 * k + 1] = (float) v, barycentrics[3 * k + 2] = (float) w;
        });
    }
    return {std::move(closest_array), std::move(distance_array), std::move(face_array), std::move(barycentric_array)};
}

using NearestPoints = std::tuple<OutputArray<double>, OutputArray<int32_t>>;

template <class T> NearestPoints nearest_points(const InputArray &targets_array, const InputArray &queries_array, int threads) {
    const char *wanted = sizeof(T) == 4 ? "float32 (N, 3), as the other" : "float64 (N, 3), as the other";
    const T *targets = checked<T>(targets_array, "targets", wanted, {-1, 3});
    const T *queries = checked<T>(queries_array, "queries", wanted, {-1, 3});
    size_t num_targets = targets_array.shape(0), n = queries_array.shape(0);
    require_finite(targets, 3 * num_targets, "targets");
    require_finite(queries, 3 * n, "queries");
    checked_threads(threads);
    if (num_targets == 0) throw nb::value_error("targets is empty; there is no nearest point.");
    double *distance = allocate<double>(n);
    OutputArray<double> distance_array = to_numpy(distance, {n});
    int32_t *index = allocate<int32_t>(n);
    OutputArray<int32_t> index_array = to_numpy(index, {n});
    {
        nb::gil_scoped_release unlocked;
        Frame frame(targets, num_targets);
        PointLeaves<T> leaves(targets, num_targets, frame);
        NearestTree<PointLeaves<T>> tree(leaves);
        auto position = [&](size_t k, float *out) { frame.local(queries + 3 * k, out); };
        tree.nearest_of_all(n, threads, position, [&](size_t k, const Nearest &nearest) {
            uint32_t target = leaves.point(nearest.slot);
            distance[k] = length(as_vector(targets + 3 * (size_t) target) - as_vector(queries + 3 * k));
            index[k] = (int32_t) target;
        });
    }
    return {std::move(distance_array), std::move(index_array)};
}

}  // namespace
}  // namespace vitruvian

void bind_closest_point(nb::module_ &m) {
    using namespace vitruvian;
    m.def("closest_point", [](const InputArray &vertices, const InputArray &faces, const InputArray &points, int threads) {
        return has_dtype<float>(vertices) ? closest_point<float>(vertices, faces, points, threads)
                                          : closest_point<double>(vertices, faces, points, threads);
    }, nb::arg("vertices"), nb::arg("faces"), nb::arg("points"), nb::arg("threads"),
       "(points float32 (N, 3), distance float32 (N,), face ids int32 (N,), barycentrics float32 (N, 3)).");
    m.def("nearest_points", [](const InputArray &targets, const InputArray &queries, int threads) {
        return has_dtype<float>(targets) ? nearest_points<float>(targets, queries, threads)
                                         : nearest_points<double>(targets, queries, threads);
    }, nb::arg("targets"), nb::arg("queries"), nb::arg("threads"), "(distance float64 (N,), index int32 (N,)).");
}
