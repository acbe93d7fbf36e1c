// Winding numbers of many points with respect to a surface without boundary: for each point the signed number of faces that a
// ray along z crosses. Rays go the shorter way out: upwards from the upper half of the mesh's box, downwards from the lower one,
// so that a face meets points of its own half only. Points are sorted into the cells of a grid over the x-y plane; a face meets
// the few rows of cells that its bounding box covers, eight points at a time in float32. Where float32 cannot be sure of a sign,
// exact arithmetic decides.
#pragma once

#include "boundary.h"
#include "parallel.h"
#include "point_grid.h"
#include "simd.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace vitruvian {

template <class T> class CrossingCounter {
public:
    CrossingCounter(const Triangles<T> &mesh, const std::vector<Face> &caps)
        : mesh_(mesh), caps_(caps), frame_(mesh), local_(3 * (mesh.num_faces ? mesh.num_vertices : 0)) {
        for (size_t v = 0; v < local_.size() / 3; ++v) frame_.to_local(mesh.vertices + 3 * v, &local_[3 * v]);
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
    // What a vertex may meet, as minima: first row, first column, minus last row, minus last column; and which halves: 1 the lower
    // one, 2 the upper one.
    struct Reach {
        std::vector<i32x4> cells;
        std::vector<uint8_t> halves;

        Reach(const PointGrid<T> &grid, const std::vector<float> &local, float around)
            : cells(local.size() / 3), halves(local.size() / 3) {
            for (size_t v = 0; v < cells.size(); ++v) {
                const float x = local[3 * v], y = local[3 * v + 1], z = local[3 * v + 2];
                cells[v] = i32x4{grid.row(y - around), grid.column(x - around), -grid.row(y + around), -grid.column(x + around)};
                halves[v] = (uint8_t) ((z <= around ? 1 : 0) | (z >= -around ? 2 : 0));
            }
        }
    };

    struct Pass {
        const PointGrid<T> &grid;
        const float *x, *y, *z;  // the grid's
        const T *points;
        int32_t *found;
        const Reach &reach;
        int first_row, end_row;
    };

    void count_block(const T *points, size_t num_points, int threads, int32_t *winding) const {
        std::fill(winding, winding + num_points, 0);
        if (mesh_.num_faces == 0 || num_points == 0) return;
        PointGrid<T> grid(frame_, points, num_points, mesh_.num_faces + caps_.size());
        if (grid.count == 0) return;
        Reach reach(grid, local_, 2.5f * frame_.slack);
        std::vector<int32_t> found(grid.count + 8, 0);
        // A thread takes bands of rows: their points are its own.
        size_t bands = threads > 1 ? std::min<size_t>((size_t) threads * 4, (size_t) grid.rows) : 1;
        std::vector<int> band_start(bands + 1, grid.rows);
        band_start[0] = 0;
        for (size_t band = 1, row = 0; band < bands; ++band) {
            while ((int) row < grid.rows && grid.start[grid.first_cell((int) row, false)] < band * grid.count / bands) ++row;
            band_start[band] = (int) row;
        }
        parallel_for(threads, bands, [&](size_t band) {
            Pass pass{grid, grid.x.data(), grid.y.data(), grid.z.data(), points, found.data(), reach, band_start[band], band_start[band + 1]};
            meet_all(pass, mesh_.faces, mesh_.num_faces);
            if (!caps_.empty()) meet_all(pass, caps_.front().data(), caps_.size());
        });
        for (size_t k = 0; k < grid.count; ++k) winding[grid.order[k]] = found[k];
    }

    // Eight faces, ready to meet points.
    struct alignas(32) Batch {
        int32_t corner[3][8];            // counter-clockwise seen from above, unless the face stands upright
        int32_t sign[8];                 // of the normal along z before that
        int32_t upright[8];              // not 0: float32 cannot tell the sign of the area
        float x[8], y[8], z[8];          // of the first corner
        float first_x[8], first_y[8];    // the edge from the first corner
        float last_x[8], last_y[8];      // the edge to it
        float normal_x[8], normal_y[8], area[8];  // area: twice, and the normal's z
        float edge_error[8], plane_error[8], plane_error_per_z[8];
        int32_t reach[8][4];
        int halves[8];
    };

    void meet_all(const Pass &pass, const int32_t *faces, size_t num_faces) const {
        Batch batch;
        for (size_t f = 0; f < num_faces; f += 8) {
            const int count = (int) std::min<size_t>(8, num_faces - f);
            prepare(pass, faces + 3 * f, count, batch);
            for (int l = 0; l < count; ++l) meet(pass, batch, l);
        }
    }

    void meet(const Pass &pass, const Batch &batch, int l) const {
        const int32_t *reach = batch.reach[l];
        const int first = std::max(reach[0], pass.first_row), end = std::min(1 - reach[2], pass.end_row);
        const PointGrid<T> &grid = pass.grid;
        for (int half = 0; half < 2; ++half) {
            if ((batch.halves[l] >> half & 1) == 0) continue;
            const uint32_t *row = grid.start.data() + grid.first_cell(first, half);
            for (int r = first; r < end; ++r, row += 2 * grid.columns) {
                const uint32_t begin = row[reach[1]], stop = row[1 - reach[3]];
                if (begin == stop) continue;
                if (batch.upright[l]) test_upright(pass, batch, l, half == 1, begin, stop);
                else if (half == 1) test<true>(pass, batch, l, begin, stop);
                else test<false>(pass, batch, l, begin, stop);
            }
        }
    }

    // The error bounds follow from: every coordinate is off by at most the frame's slack, every operation by 6e-8 of its result;
    // they are enlarged by half.
    void prepare(const Pass &pass, const int32_t *faces, int count, Batch &out) const {
        alignas(32) float corners[3][3][8];
        for (int l = 0; l < 8; ++l) {
            const int32_t *face = faces + 3 * (l < count ? l : 0);
            i32x4 reach = pass.reach.cells[(size_t) face[0]];
            int halves = 0;
            for (int k = 0; k < 3; ++k) {
                const size_t v = (size_t) face[k];
                const i32x4 other = pass.reach.cells[v];
                reach = other < reach ? other : reach;
                halves |= pass.reach.halves[v];
                out.corner[k][l] = face[k];
                for (int axis = 0; axis < 3; ++axis) corners[k][axis][l] = local_[3 * v + (size_t) axis];
            }
            store(out.reach[l], reach);
            out.halves[l] = halves;
        }
        const auto at = [&](int k, int axis) { return load<f32x8>(corners[k][axis]); };
        const f32x8 x = at(0, 0), y = at(0, 1), z = at(0, 2);
        const f32x8 bx = at(1, 0) - x, by = at(1, 1) - y, bz = at(1, 2) - z, cx = at(2, 0) - x, cy = at(2, 1) - y, cz = at(2, 2) - z;
        const i32x8 turned = bx * cy - by * cx < splat(0);
        const i32x8 second = load<i32x8>(out.corner[1]), third = load<i32x8>(out.corner[2]);
        store(out.corner[1], turned ? third : second);
        store(out.corner[2], turned ? second : third);
        store(out.sign, turned ? splat_i(-1) : splat_i(1));
        const f32x8 ux = turned ? cx : bx, uy = turned ? cy : by, uz = turned ? cz : bz;
        const f32x8 vx = turned ? bx : cx, vy = turned ? by : cy, vz = turned ? bz : cz;
        const f32x8 normal_x = uy * vz - uz * vy, normal_y = uz * vx - ux * vz, area = ux * vy - uy * vx;
        store(out.x, x), store(out.y, y), store(out.z, z);
        store(out.first_x, ux), store(out.first_y, uy), store(out.last_x, -vx), store(out.last_y, -vy);
        store(out.normal_x, normal_x), store(out.normal_y, normal_y), store(out.area, area);

        // Points that will be tested are in cells that the face's box touches: their |x| and |y| distances from the corners.
        f32x8 reach;
        for (int l = 0; l < 8; ++l) {
            const int32_t *cells = out.reach[l];
            reach[l] = std::max((float) (1 - cells[3] - cells[1]) * pass.grid.cell_width,
                                (float) (1 - cells[2] - cells[0]) * pass.grid.cell_height);
        }
        const f32x8 slack = splat(frame_.slack), ulp = splat(6.0e-8f), margin = splat(1.5f);
        reach = reach * splat(1.001f) + splat(8) * slack;
        const f32x8 edge = max8(max8(abs8(ux), abs8(uy)), max8(abs8(vx), abs8(vy))), size = reach + abs8(uz) + abs8(vz);
        const f32x8 lateral = abs8(normal_x) + abs8(normal_y), normal_error = splat(1.5f * 8) * size * (slack + ulp * size);
        // Of the third edge, which is the area less the two others.
        const f32x8 edge_error = splat(1.5f * 3) * (splat(4) * slack * (edge + reach) + splat(8) * ulp * edge * reach);
        store(out.edge_error, edge_error);
        store(out.upright, area <= edge_error);
        store(out.plane_error_per_z, margin * (normal_error + splat(6) * ulp * abs8(area)));
        store(out.plane_error, margin * (splat(2) * reach * (normal_error + splat(6) * ulp * lateral) +
                                         splat(2) * slack * (lateral + abs8(area))));
    }

    struct Edges {  // of a face, at eight points: positive to the left of them
        f32x8 dx, dy, e0, e1, e2;
    };
    static Edges edges_at(const Batch &s, int l, const float *x, const float *y) {
        const f32x8 dx = load<f32x8>(x) - splat(s.x[l]), dy = load<f32x8>(y) - splat(s.y[l]);
        const f32x8 e0 = splat(s.first_x[l]) * dy - splat(s.first_y[l]) * dx, e2 = splat(s.last_x[l]) * dy - splat(s.last_y[l]) * dx;
        return {dx, dy, e0, splat(s.area[l]) - e0 - e2, e2};
    }
    static i32x8 lanes_before(uint32_t k, uint32_t stop) { return splat_i((int32_t) (stop - k)) > i32x8{0, 1, 2, 3, 4, 5, 6, 7}; }

    template <bool upwards> void test(const Pass &pass, const Batch &s, int l, uint32_t begin, uint32_t stop) const {
        const f32x8 edge_error = splat(s.edge_error[l]);
        const float *x = pass.x, *y = pass.y, *z = pass.z;
        int32_t *found = pass.found;
        for (uint32_t k = begin; k < stop; k += 8) {  // no way out early: mispredicted branches would cost more
            const Edges at = edges_at(s, l, x + k, y + k);
            const f32x8 least = min8(min8(at.e0, at.e2), at.e1);
            const i32x8 possible = lanes_before(k, stop) & (least >= -edge_error);
            const f32x8 dz = load<f32x8>(z + k) - splat(s.z[l]);
            const f32x8 plane = splat(s.normal_x[l]) * at.dx + splat(s.normal_y[l]) * at.dy + splat(s.area[l]) * dz;
            const f32x8 plane_error = splat(s.plane_error[l]) + splat(s.plane_error_per_z[l]) * abs8(dz);
            const i32x8 above = plane > plane_error, below = plane < -plane_error;
            const i32x8 crosses = possible & (least > edge_error) & (upwards ? below : above);
            store(found + k, load<i32x8>(found + k) + (crosses & splat_i(upwards ? s.sign[l] : -s.sign[l])));
            // On the far side of the plane the ray leads away from the face, whatever the edges say.
            const uint32_t unsure = lane_bits(possible & ~crosses & ~(upwards ? above : below));
            if (unsure) test_exactly(pass, s, l, upwards, k, unsure);
        }
    }

    void test_upright(const Pass &pass, const Batch &s, int l, bool upwards, uint32_t begin, uint32_t stop) const {
        const f32x8 error = splat(s.edge_error[l]);
        for (uint32_t k = begin; k < stop; k += 8) {
            const Edges at = edges_at(s, l, pass.x + k, pass.y + k);
            const f32x8 least = min8(min8(at.e0, at.e2), at.e1), most = max8(max8(at.e0, at.e2), at.e1);
            const uint32_t unsure = lane_bits(lanes_before(k, stop) & ~((least < -error) & (most > error)));
            if (unsure) test_exactly(pass, s, l, upwards, k, unsure);
        }
    }

    void test_exactly(const Pass &pass, const Batch &s, int l, bool upwards, uint32_t k, uint32_t lanes) const {
        const auto corner = [&](int j) { return frame_.exact(mesh_.vertices + 3 * (size_t) s.corner[j][l]); };
        const Vec3 a = corner(0), b = corner(1), c = corner(2);
        for (; lanes; lanes &= lanes - 1) {
            const uint32_t at = k + (uint32_t) __builtin_ctz(lanes);
            const Vec3 p = frame_.exact(pass.points + 3 * (size_t) pass.grid.order[at]);
            pass.found[at] += s.sign[l] * crossing(a, b, c, p, upwards);
        }
    }

    const Triangles<T> &mesh_;
    const std::vector<Face> &caps_;
    LocalFrame<T> frame_;
    std::vector<float> local_;
};

}  // namespace vitruvian
