// Points sorted into the cells of a grid over the x-y plane of a mesh's box, in float32 coordinates about the box's centre.
#pragma once

#include "buffers.h"
#include "simd.h"
#include "triangles.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace vitruvian {

// The frame in which crossings are counted: z is the axis along which the mesh is shortest, so that points spread widest over the
// grid. A cyclic order of the axes keeps orientations.
template <class T> struct LocalFrame {
    int axes[3] = {0, 1, 2};
    double center[3] = {0, 0, 0};             // in the mesh's own order of axes, as the centres below
    double centers[24] = {};                  // of eight points
    double extent[3] = {0, 0, 0};             // half the box's sides
    float slack = 0, reach[3] = {0, 0, 0};    // reach: nothing in the box is farther from the centre along x, y, z

    explicit LocalFrame(const Triangles<T> &mesh) {
        if (mesh.num_faces == 0) return;
        double half[3], largest = 0;
        for (int k = 0; k < 3; ++k) {
            T low = mesh.vertices[3 * (size_t) mesh.faces[0] + (size_t) k], high = low;
            for (size_t v = 0; v < mesh.num_vertices; ++v) {
                low = std::min(low, mesh.vertices[3 * v + (size_t) k]);
                high = std::max(high, mesh.vertices[3 * v + (size_t) k]);
            }
            center[k] = 0.5 * ((double) low + (double) high);
            half[k] = std::max((double) high - center[k], center[k] - (double) low);
            largest = std::max(largest, half[k]);
        }
        const int shortest = half[0] < half[1] && half[0] < half[2] ? 0 : (half[1] < half[2] ? 1 : 2);
        // float32 rounding of a coordinate relative to the centre moves it by at most this much
        slack = (float) (largest * 6.0e-8 * 1.01) + std::numeric_limits<float>::min();
        for (int k = 0; k < 3; ++k) {
            axes[k] = (shortest + 1 + k) % 3;
            extent[k] = half[axes[k]];
            reach[k] = (float) (extent[k] * (1 + 1e-6)) + 2 * slack;
        }
        for (int k = 0; k < 24; ++k) centers[k] = center[k % 3];
    }

    void to_local(const T *p, float *out) const {
        for (int k = 0; k < 3; ++k) out[k] = (float) ((double) p[axes[k]] - center[axes[k]]);
    }
    Vec3 exact(const T *p) const { return {(double) p[axes[0]], (double) p[axes[1]], (double) p[axes[2]]}; }
};

// Cells are numbered row by row (rows along x); the cells of a row's lower half, z < 0, come before those of its upper half.
template <class T> class PointGrid {
public:
    size_t count = 0;                // of points in the box; others are left out
    Scratch<float> x, y, z;          // local coordinates, in the order of cells; eight can be read from any
    Scratch<uint32_t> order;         // index of the sorted point
    std::vector<uint32_t> start;     // first sorted point of each cell
    int rows, columns;
    float cell_width, cell_height;

    PointGrid(const LocalFrame<T> &frame, const T *points, size_t num_points, size_t num_faces) : frame_(frame) {
        choose_cells(num_points, num_faces);
        // Counting sort. The last cell is for points that are certainly out of the box.
        const size_t num_cells = 2 * (size_t) rows * (size_t) columns;
        start.assign(num_cells + 2, 0);
        Scratch<int32_t> cells(num_points + 8);
        Scratch<float> local(3 * num_points + 24);  // in the mesh's own order of axes
        uint32_t *next = start.data();
        for (size_t k = 0; k < num_points; k += 8) {
            make_local(points, num_points, k, &local[3 * k]);
            const i32x8 cell = cells_of(&local[3 * k]);
            store(&cells[k], cell);
            const size_t end = std::min(k + 8, num_points);
            for (size_t i = k; i < end; ++i) ++next[(size_t) cells[i] + 1];
        }
        for (size_t c = 0; c <= num_cells; ++c) next[c + 1] += next[c];
        Scratch<i32x4> sorted(num_points + 1);  // local coordinates and the index
        i32x4 *records = sorted.data();
        const float *from = local.data();
        const int32_t *cell = cells.data();
        for (size_t k = 0; k < num_points; ++k) {
            i32x4 record = load<i32x4>(from + 3 * k);
            record[3] = (int32_t) k;
            records[next[cell[k]]++] = record;
        }
        for (size_t c = num_cells + 1; c > 0; --c) next[c] = next[c - 1];  // undo the advance
        next[0] = 0;
        count = next[num_cells];
        Scratch<float> *values[3] = {&x, &y, &z};
        float *out[3];  // in the mesh's own order of axes
        for (int k = 0; k < 3; ++k) {
            *values[k] = Scratch<float>(count + 8);
            out[frame.axes[k]] = values[k]->data();
            std::fill_n(values[k]->data() + count, 8, 0.0f);
        }
        order = Scratch<uint32_t>(count + 1);
        split_records(records, count, out[0], out[1], out[2], order.data());
    }

    int column(float value) const { return clamped((value + frame_.reach[0]) * columns_per_unit_, columns); }
    int row(float value) const { return clamped((value + frame_.reach[1]) * rows_per_unit_, rows); }
    size_t first_cell(int row, bool upper) const { return (2 * (size_t) row + upper) * (size_t) columns; }

private:
    // Rows about as high as faces are large; columns finer, they cost nothing but a table.
    void choose_cells(size_t num_points, size_t num_faces) {
        const double width = 2 * (double) frame_.reach[0], height = 2 * (double) frame_.reach[1], area = width * height;
        const double face_size = std::sqrt(area * 4 / (double) num_faces), point_spacing = std::sqrt(area / (double) num_points);
        rows = (int) std::min(4096.0, std::max(1.0, std::ceil(height / std::max(face_size, 1.5 * point_spacing))));
        columns = (int) std::min(4096.0, std::max(1.0, std::ceil(width / std::max(0.25 * face_size, 0.7 * point_spacing))));
        cell_width = (float) (width / columns), cell_height = (float) (height / rows);
        columns_per_unit_ = (float) (columns / width), rows_per_unit_ = (float) (rows / height);
    }

    static int clamped(float value, int size) { return (int) std::min(std::max(value, 0.0f), (float) (size - 1)); }

    // The cells of eight points.
    i32x8 cells_of(const float *local) const {
        const f32x8 in[3] = {load<f32x8>(local), load<f32x8>(local + 8), load<f32x8>(local + 16)}, zero = splat(0);
        f32x8 at[3];
        split_3(in, at);
        const f32x8 px = at[frame_.axes[0]], py = at[frame_.axes[1]], pz = at[frame_.axes[2]];
        const i32x8 within = (abs8(px) <= splat(frame_.reach[0])) & (abs8(py) <= splat(frame_.reach[1])) &
                             (abs8(pz) <= splat(frame_.reach[2]));
        const f32x8 c = min8(max8((px + splat(frame_.reach[0])) * splat(columns_per_unit_), zero), splat((float) (columns - 1)));
        const f32x8 r = min8(max8((py + splat(frame_.reach[1])) * splat(rows_per_unit_), zero), splat((float) (rows - 1)));
        const i32x8 line = 2 * to_ints(r) - (i32x8) (pz >= zero), cell = line * columns + to_ints(c);
        return within ? cell : splat_i(2 * rows * columns);
    }

    // Local coordinates of points [k, k + 8), or of those that there are.
    void make_local(const T *points, size_t num_points, size_t k, float *local) const {
        if (k + 8 <= num_points) {
            for (size_t j = 0; j < 24; ++j) local[j] = (float) ((double) points[3 * k + j] - frame_.centers[j]);
        } else {
            for (size_t j = 0; j < 24; ++j)
                local[j] = j < 3 * (num_points - k) ? (float) ((double) points[3 * k + j] - frame_.centers[j]) : 0.0f;
        }
    }

    static void split_records(const i32x4 *records, size_t count, float *__restrict a, float *__restrict b, float *__restrict c,
                              uint32_t *__restrict order) {
        const float *numbers = reinterpret_cast<const float *>(records);
        for (size_t i = 0; i < count; ++i) a[i] = numbers[4 * i], b[i] = numbers[4 * i + 1], c[i] = numbers[4 * i + 2];
        const uint32_t *indices = reinterpret_cast<const uint32_t *>(records);
        for (size_t i = 0; i < count; ++i) order[i] = indices[4 * i + 3];
    }

    const LocalFrame<T> &frame_;
    float columns_per_unit_, rows_per_unit_;
};

}  // namespace vitruvian
