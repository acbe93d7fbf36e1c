// Solid by shell and fill, as the published Geo-PIFu voxelizer defines it: every cell that a triangle touches, and every cell
// that a flood from the eight corners of the grid, face to face through untouched cells, cannot reach.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "voxel_grid.h"

namespace vitruvian {

inline bool all_set(const VoxelGrid &grid, const int begin[3], const int end[3], const uint8_t *cells) {
    for (int x = begin[0]; x < end[0]; ++x)
        for (int y = begin[1]; y < end[1]; ++y)
            for (int z = begin[2]; z < end[2]; ++z)
                if (!cells[grid.at(x, y, z)]) return false;
    return true;
}

// Separating axes of a triangle and a box: touching counts as overlap. Ranges are half open, so a triangle that lies exactly in
// a plane between cells touches none: the published kernel behaves so.
inline void mark_shell(const VoxelGrid &grid, const float *vertices, const int32_t *faces, size_t num_faces, uint8_t *shell) {
    const double half[3] = {grid.cell[0] / 2, grid.cell[1] / 2, grid.cell[2] / 2};
    for (size_t i = 0; i < num_faces; ++i) {
        double p[3][3];
        for (int k = 0; k < 3; ++k)
            for (int axis = 0; axis < 3; ++axis) p[k][axis] = vertices[3 * (size_t) faces[3 * i + (size_t) k] + (size_t) axis];
        int begin[3], end[3];
        bool empty = false, whole = true;  // whole: no part of the triangle is cut off by the grid's sides
        for (int axis = 0; axis < 3; ++axis) {
            const double low = std::min({p[0][axis], p[1][axis], p[2][axis]}), high = std::max({p[0][axis], p[1][axis], p[2][axis]});
            begin[axis] = (int) std::max(0.0, std::min(std::floor((low - grid.origin[axis]) / grid.cell[axis]), 1e9));
            end[axis] = (int) std::min((double) grid.size[axis], std::ceil((high - grid.origin[axis]) / grid.cell[axis]));
            empty = empty || begin[axis] >= end[axis];
            whole = whole && low >= grid.origin[axis] && high <= grid.origin[axis] + grid.size[axis] * grid.cell[axis];
        }
        if (empty || all_set(grid, begin, end, shell)) continue;
        if (end[0] - begin[0] == 1 && end[1] - begin[1] == 1 && end[2] - begin[2] == 1 && whole) {  // nothing to separate
            shell[grid.at(begin[0], begin[1], begin[2])] = 1;
            continue;
        }
        // An axis n separates if |n . (vertex - centre)| stays beyond the box's radius on one side: low <= n . centre <= high.
        struct Axis {
            double n[3], low, high;
        } axes[10];
        const auto set = [&](Axis &axis, double x, double y, double z) {
            axis.n[0] = x, axis.n[1] = y, axis.n[2] = z;
            double dots[3];
            for (int k = 0; k < 3; ++k) dots[k] = x * p[k][0] + y * p[k][1] + z * p[k][2];
            const double radius = half[0] * std::fabs(x) + half[1] * std::fabs(y) + half[2] * std::fabs(z);
            axis.low = std::min({dots[0], dots[1], dots[2]}) - radius;
            axis.high = std::max({dots[0], dots[1], dots[2]}) + radius;
        };
        double e[3][3];
        for (int k = 0; k < 3; ++k)
            for (int axis = 0; axis < 3; ++axis) e[k][axis] = p[(k + 1) % 3][axis] - p[k][axis];
        for (int k = 0; k < 3; ++k) {
            set(axes[3 * k], 0, -e[k][2], e[k][1]);
            set(axes[3 * k + 1], e[k][2], 0, -e[k][0]);
            set(axes[3 * k + 2], -e[k][1], e[k][0], 0);
        }
        set(axes[9], e[0][1] * e[1][2] - e[0][2] * e[1][1], e[0][2] * e[1][0] - e[0][0] * e[1][2],
            e[0][0] * e[1][1] - e[0][1] * e[1][0]);
        for (int x = begin[0]; x < end[0]; ++x) {
            const double cx = grid.origin[0] + (x + 0.5) * grid.cell[0];
            for (int y = begin[1]; y < end[1]; ++y) {
                const double cy = grid.origin[1] + (y + 0.5) * grid.cell[1];
                double row[10];
                for (int k = 0; k < 10; ++k) row[k] = axes[k].n[0] * cx + axes[k].n[1] * cy;
                for (int z = begin[2]; z < end[2]; ++z) {
                    uint8_t &cell = shell[grid.at(x, y, z)];
                    if (cell) continue;
                    const double cz = grid.origin[2] + (z + 0.5) * grid.cell[2];
                    const double plane = row[9] + axes[9].n[2] * cz;
                    if (plane < axes[9].low || plane > axes[9].high) continue;
                    bool apart = false;
                    for (int k = 0; k < 9; ++k) {
                        const double dot = row[k] + axes[k].n[2] * cz;
                        apart |= (dot < axes[k].low) | (dot > axes[k].high);
                    }
                    cell = !apart;
                }
            }
        }
    }
}

// Sets every cell of `solid` (1 on the shell, else 0) that is not connected to a corner. Runs of empty cells along z are the
// nodes of a union-find: a body has few.
inline void fill_enclosed(const VoxelGrid &grid, uint8_t *solid) {
    struct Run {
        int begin, end;
    };
    const int nx = grid.size[0], ny = grid.size[1], nz = grid.size[2];
    std::vector<Run> runs;
    std::vector<uint32_t> first((size_t) nx * (size_t) ny + 1), parent;
    const auto root = [&](uint32_t i) {
        while (parent[i] != i) i = parent[i] = parent[parent[i]];
        return i;
    };
    const auto join = [&](size_t row, size_t other) {
        for (uint32_t a = first[row], b = first[other]; a < first[row + 1] && b < first[other + 1];) {
            if (runs[a].begin < runs[b].end && runs[b].begin < runs[a].end) {
                const uint32_t i = root(a), j = root(b);
                parent[std::max(i, j)] = std::min(i, j);
            }
            if (runs[a].end < runs[b].end) ++a;
            else ++b;
        }
    };
    for (int x = 0; x < nx; ++x)
        for (int y = 0; y < ny; ++y) {
            const size_t row = (size_t) x * (size_t) ny + (size_t) y;
            const uint8_t *cells = solid + row * (size_t) nz;
            first[row] = (uint32_t) runs.size();
            for (int z = 0; z < nz;) {
                if (cells[z]) {
                    ++z;
                    continue;
                }
                const void *hit = std::memchr(cells + z, 1, (size_t) (nz - z));
                const int end = hit ? (int) (static_cast<const uint8_t *>(hit) - cells) : nz;
                parent.push_back((uint32_t) runs.size());
                runs.push_back({z, end});
                z = end;
            }
            first[row + 1] = (uint32_t) runs.size();
            if (y > 0) join(row, row - 1);
            if (x > 0) join(row, row - (size_t) ny);
        }
    std::vector<char> outside(runs.size(), 0);
    for (int x : {0, nx - 1})
        for (int y : {0, ny - 1})
            for (int z : {0, nz - 1}) {
                const size_t row = (size_t) x * (size_t) ny + (size_t) y;
                for (uint32_t i = first[row]; i < first[row + 1]; ++i)
                    if (runs[i].begin <= z && z < runs[i].end) outside[root(i)] = 1;
            }
    for (size_t row = 0; row + 1 < first.size(); ++row)
        for (uint32_t i = first[row]; i < first[row + 1]; ++i)
            if (!outside[root(i)]) std::memset(solid + row * (size_t) nz + runs[i].begin, 1, (size_t) (runs[i].end - runs[i].begin));
}

}  // namespace vitruvian
