// Winding numbers of many points with respect to a surface without boundary: for each point the signed number of faces that the
// ray towards +z crosses. Points are sorted into the cells of a grid over the x-y plane; a face meets the few rows of cells that
// its bounding box covers, eight points at a time in float32. Where float32 cannot be sure of a sign, exact arithmetic decides.
#pragma once

#include "boundary.h"
#include "parallel.h"
#include "simd.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

namespace vitruvian {

// Coordinates in the order (x, y, z) of the counting: z is the axis along which the mesh is shortest, so that points spread
// widest over the grid. A cyclic order keeps orientations.
struct AxisOrder {
    int x, y, z;
    explicit AxisOrder(int shortest) : x((shortest + 1) % 3), y((shortest + 2) % 3), z(shortest) {}
};

template <class T> class CrossingCounter {
public:
    CrossingCounter(const Triangles<T> &mesh, const std::vector<Face> &caps) : mesh_(mesh), caps_(caps), axes_(2) {
        if (mesh.num_faces == 0) return;
        for (int k = 0; k < 3; ++k) low_[k] = high_[k] = mesh.vertices[3 * (size_t) mesh.faces[0] + k];
        for (size_t v = 0; v < mesh.num_vertices; ++v) {
            for (int k = 0; k < 3; ++k) {
                T value = mesh.vertices[3 * v + k];
                low_[k] = std::min(low_[k], value);
                high_[k] = std::max(high_[k], value);
            }
        }
        int shortest = 2;
        for (int k = 0; k < 3; ++k) {
            center_[k] = 0.5 * ((double) low_[k] + (double) high_[k]);
            if ((double) high_[k] - (double) low_[k] < (double) high_[shortest] - (double) low_[shortest]) shortest = k;
        }
        axes_ = AxisOrder(shortest);
        double extent = 0;
        for (int k = 0; k < 3; ++k) extent = std::max(extent, std::max((double) high_[k] - center_[k], center_[k] - (double) low_[k]));
        // float32 rounding of a coordinate relative to the centre moves it by at most this much
        slack_ = (float) (extent * 6.0e-8 * 1.01) + std::numeric_limits<float>::min();
        local_.resize(3 * mesh.num_vertices);
        for (size_t v = 0; v < mesh.num_vertices; ++v) to_local(mesh.vertices + 3 * v, &local_[3 * v]);
    }

    // winding[i] = winding number of point i.
    void count(const T *points, size_t num_points, int threads, int32_t *winding) const {
        constexpr size_t block = size_t(1) << 22;  // bounds the memory of the sorted copies
        for (size_t begin = 0; begin < num_points; begin += block) {
            size_t size = std::min(block, num_points - begin);
            count_block(points + 3 * begin, size, threads, winding + begin);
        }
    }

private:
    struct Sorted {
        std::vector<float> x, y, z;
        std::vector<uint32_t> order, start;  // order: index of the sorted point; start: first sorted point of each cell
        int rows, columns;
        float low_x, low_y, cell_width, cell_height, columns_per_unit, rows_per_unit;

        int column(float value) const { return clamped((value - low_x) * columns_per_unit, columns); }
        int row(float value) const { return clamped((value - low_y) * rows_per_unit, rows); }
        static int clamped(float value, int size) { return value <= 0 ? 0 : std::min((int) value, size - 1); }
    };

    void to_local(const T *p, float *out) const {
        out[0] = (float) ((double) p[axes_.x] - center_[axes_.x]);
        out[1] = (float) ((double) p[axes_.y] - center_[axes_.y]);
        out[2] = (float) ((double) p[axes_.z] - center_[axes_.z]);
    }

    Vec3 exact(const T *p) const { return {(double) p[axes_.x], (double) p[axes_.y], (double) p[axes_.z]}; }

    bool in_bounds(const T *p) const {
        return p[0] >= low_[0] && p[0] <= high_[0] && p[1] >= low_[1] && p[1] <= high_[1] && p[2] >= low_[2] && p[2] <= high_[2];
    }

    void sort_points(const T *points, size_t num_points, Sorted &sorted) const {
        double width = (double) high_[axes_.x] - (double) low_[axes_.x], height = (double) high_[axes_.y] - (double) low_[axes_.y];
        width = std::max(width, 1e-30), height = std::max(height, 1e-30);
        // Rows about as high as faces are large; columns finer, they cost nothing but a table.
        double num_faces = (double) (mesh_.num_faces + caps_.size());
        double face_size = std::sqrt(width * height * 4 / num_faces), point_spacing = std::sqrt(width * height / (double) num_points);
        double cell_height = std::max(face_size, 1.5 * point_spacing), cell_width = std::max(0.25 * face_size, 0.7 * point_spacing);
        sorted.rows = (int) std::min(4096.0, std::max(1.0, std::ceil(height / cell_height)));
        sorted.columns = (int) std::min(4096.0, std::max(1.0, std::ceil(width / cell_width)));
        sorted.low_x = (float) ((double) low_[axes_.x] - center_[axes_.x]);
        sorted.low_y = (float) ((double) low_[axes_.y] - center_[axes_.y]);
        sorted.cell_width = (float) (width / sorted.columns);
        sorted.cell_height = (float) (height / sorted.rows);
        sorted.columns_per_unit = (float) (sorted.columns / width);
        sorted.rows_per_unit = (float) (sorted.rows / height);

        constexpr uint32_t none = ~0u;
        std::unique_ptr<uint32_t[]> cell(new uint32_t[num_points]);
        sorted.start.assign((size_t) sorted.rows * sorted.columns + 1, 0);
        for (size_t k = 0; k < num_points; ++k) {
            const T *p = points + 3 * k;
            cell[k] = none;
            if (!in_bounds(p)) continue;
            float local[3];
            to_local(p, local);
            cell[k] = (uint32_t) (sorted.row(local[1]) * sorted.columns + sorted.column(local[0]));
            sorted.start[cell[k] + 1] += 1;
        }
        for (size_t c = 0; c + 1 < sorted.start.size(); ++c) sorted.start[c + 1] += sorted.start[c];
        size_t kept = sorted.start.back();
        sorted.x.resize(kept + 8), sorted.y.resize(kept + 8), sorted.z.resize(kept + 8), sorted.order.resize(kept);
        for (size_t k = 0; k < num_points; ++k) {
            if (cell[k] == none) continue;
            uint32_t slot = sorted.start[cell[k]]++;
            float local[3];
            to_local(points + 3 * k, local);
            sorted.x[slot] = local[0], sorted.y[slot] = local[1], sorted.z[slot] = local[2];
            sorted.order[slot] = (uint32_t) k;
        }
        for (size_t c = sorted.start.size() - 1; c > 0; --c) sorted.start[c] = sorted.start[c - 1];  // undo the advance
        sorted.start[0] = 0;
    }

    void count_block(const T *points, size_t num_points, int threads, int32_t *winding) const {
        std::fill(winding, winding + num_points, 0);
        if (mesh_.num_faces == 0 || num_points == 0) return;
        Sorted sorted;
        sort_points(points, num_points, sorted);
        size_t kept = sorted.order.size();
        if (kept == 0) return;
        // Rows of cells a vertex may meet, as minima: first row, first column, minus last row, minus last column.
        std::vector<i32x4> reach(mesh_.num_vertices);
        float around = 2.5f * slack_;
        for (size_t v = 0; v < mesh_.num_vertices; ++v) {
            float x = local_[3 * v], y = local_[3 * v + 1];
            reach[v] = i32x4{sorted.row(y - around), sorted.column(x - around), -sorted.row(y + around), -sorted.column(x + around)};
        }
        std::vector<int32_t> found(kept + 8, 0);
        // A thread takes bands of rows: their points are its own.
        size_t bands = threads > 1 ? std::min<size_t>((size_t) threads * 4, (size_t) sorted.rows) : 1;
        std::vector<int> band_start(bands + 1, sorted.rows);
        band_start[0] = 0;
        for (size_t band = 1, row = 0; band < bands; ++band) {
            while ((int) row < sorted.rows && (size_t) sorted.start[row * sorted.columns] < band * kept / bands) ++row;
            band_start[band] = (int) row;
        }
        parallel_for(threads, bands, [&](size_t band) {
            Pass pass{sorted, points, found.data(), reach.data(), band_start[band], band_start[band + 1]};
            for (size_t f = 0; f < mesh_.num_faces; ++f) meet(pass, mesh_.faces + 3 * f);
            for (const Face &cap : caps_) meet(pass, cap.data());
        });
        for (size_t k = 0; k < kept; ++k) winding[sorted.order[k]] = found[k];
    }

    struct Pass {
        const Sorted &sorted;
        const T *points;
        int32_t *found;
        const i32x4 *reach;
        int first_row, end_row;
    };

    void meet(const Pass &pass, const int32_t *face) const {
        i32x4 a = pass.reach[face[0]], b = pass.reach[face[1]], c = pass.reach[face[2]];
        i32x4 reach = a < b ? a : b;
        reach = reach < c ? reach : c;
        int first = std::max(reach[0], pass.first_row), end = std::min(1 - reach[2], pass.end_row);
        const Sorted &sorted = pass.sorted;
        const uint32_t *row = sorted.start.data() + (size_t) first * sorted.columns;
        bool ready = false;
        Setup setup;
        for (int r = first; r < end; ++r, row += sorted.columns) {
            uint32_t begin = row[reach[1]], stop = row[1 - reach[3]];
            if (begin == stop) continue;
            if (!ready) {
                float box_width = (float) (1 - reach[3] - reach[1]) * sorted.cell_width;
                float box_height = (float) (1 - reach[2] - reach[0]) * sorted.cell_height;
                setup = prepare(face, std::max(box_width, box_height) * 1.001f + 8 * slack_);
                ready = true;
            }
            for (uint32_t k = begin; k < stop; k += 8) test(pass, face, setup, k, stop);
        }
    }

    struct Setup {
        float x[3], y[3], z;       // corners; z of the first
        float edge_x[3], edge_y[3];  // corner k to corner k + 1
        float normal[3];
        float edge_error, plane_error, plane_error_per_z;
    };

    // `reach` bounds |x| and |y| distances between the corners and all points that will be tested. The error bounds follow from:
    // every coordinate is off by at most slack_, every operation by 6e-8 of its result; they are enlarged by half.
    Setup prepare(const int32_t *face, float reach) const {
        Setup s;
        const float *p[3];
        for (int k = 0; k < 3; ++k) p[k] = &local_[3 * (size_t) face[k]], s.x[k] = p[k][0], s.y[k] = p[k][1];
        s.z = p[0][2];
        for (int k = 0; k < 3; ++k) s.edge_x[k] = s.x[(k + 1) % 3] - s.x[k], s.edge_y[k] = s.y[(k + 1) % 3] - s.y[k];
        float ux = s.edge_x[0], uy = s.edge_y[0], uz = p[1][2] - p[0][2];
        float vx = s.x[2] - s.x[0], vy = s.y[2] - s.y[0], vz = p[2][2] - p[0][2];
        s.normal[0] = uy * vz - uz * vy;
        s.normal[1] = uz * vx - ux * vz;
        s.normal[2] = ux * vy - uy * vx;
        constexpr float ulp = 6.0e-8f;
        float size = reach + std::fabs(uz) + std::fabs(vz);
        float lateral = std::fabs(s.normal[0]) + std::fabs(s.normal[1]), upward = std::fabs(s.normal[2]);
        float normal_error = 1.5f * 8 * size * (slack_ + ulp * size);
        s.edge_error = 1.5f * 8 * reach * (slack_ + ulp * reach);
        s.plane_error_per_z = 1.5f * (normal_error + 6 * ulp * upward);
        s.plane_error = 1.5f * (2 * reach * (normal_error + 6 * ulp * lateral) + 2 * slack_ * (lateral + upward));
        return s;
    }

    void test(const Pass &pass, const int32_t *face, const Setup &s, uint32_t k, uint32_t stop) const {
        f32x8 x = load<f32x8>(&pass.sorted.x[k]), y = load<f32x8>(&pass.sorted.y[k]);
        f32x8 dx = x - splat(s.x[0]), dy = y - splat(s.y[0]);
        f32x8 e0 = splat(s.edge_x[0]) * dy - splat(s.edge_y[0]) * dx;
        f32x8 e1 = splat(s.edge_x[1]) * (y - splat(s.y[1])) - splat(s.edge_y[1]) * (x - splat(s.x[1]));
        f32x8 e2 = splat(s.edge_x[2]) * (y - splat(s.y[2])) - splat(s.edge_y[2]) * (x - splat(s.x[2]));
        f32x8 least = min8(min8(e0, e1), e2), most = max8(max8(e0, e1), e2), edge_error = splat(s.edge_error);
        i32x8 lane = splat_i((int32_t) (stop - k)) > i32x8{0, 1, 2, 3, 4, 5, 6, 7};
        i32x8 possible = lane & ~((least < -edge_error) & (most > edge_error));
        if (lane_bits(possible) == 0) return;
        f32x8 dz = load<f32x8>(&pass.sorted.z[k]) - splat(s.z);
        f32x8 plane = splat(s.normal[0]) * dx + splat(s.normal[1]) * dy + splat(s.normal[2]) * dz;
        f32x8 plane_error = splat(s.plane_error) + splat(s.plane_error_per_z) * abs8(dz);
        i32x8 under = plane < -plane_error, over = plane > plane_error;
        i32x8 left = (least > edge_error) & possible, right = (most < -edge_error) & possible;
        // A face that looks up (left) counts +1 for the points under it; one that looks down -1 for the points "over" its plane.
        i32x8 found = load<i32x8>(pass.found + k);
        store(pass.found + k, found - (left & under) + (right & over));
        uint32_t unsure = lane_bits(possible & ~((left | right) & (under | over)));
        while (unsure) {
            uint32_t at = k + (uint32_t) __builtin_ctz(unsure);
            unsure &= unsure - 1;
            const T *v = mesh_.vertices;
            pass.found[at] += crossing(exact(v + 3 * (size_t) face[0]), exact(v + 3 * (size_t) face[1]),
                                       exact(v + 3 * (size_t) face[2]), exact(pass.points + 3 * (size_t) pass.sorted.order[at]));
        }
    }

    const Triangles<T> &mesh_;
    const std::vector<Face> &caps_;
    AxisOrder axes_;
    T low_[3] = {0, 0, 0}, high_[3] = {0, 0, 0};
    double center_[3] = {0, 0, 0};
    float slack_ = 0;
    std::vector<float> local_;
};

}  // namespace vitruvian
