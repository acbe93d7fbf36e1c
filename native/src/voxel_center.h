// Solid by centres: a cell is solid where the winding number of its centre is positive. Lines of centres run along x; where a
// line enters the mesh the count rises by one and where it leaves the count falls, so overlapping closed parts add up, and no
// crossing needs to be sorted: they are scattered into the grid and one running sum along x turns them into the answer.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "arrays.h"
#include "buffers.h"
#include "parallel.h"
#include "voxel_grid.h"
#if defined(__AVX2__)
#include "simd_avx2.h"
#endif

namespace vitruvian {

constexpr int kColumnBits = 14;  // y and z are snapped to 1/16384 cell
constexpr int kColumnUnit = 1 << kColumnBits;

// A vertex in cells: y and z as integers with the centres of cells at whole multiples of the unit; x with them at whole numbers.
struct alignas(16) GridVertex {
    int32_t y, z;
    double x;
};
static_assert(sizeof(GridVertex) == 16);

inline void snap_to_grid(const VoxelGrid &grid, const float *vertices, size_t begin, size_t end, GridVertex *out) {
    for (size_t i = begin; i < end; ++i) {
        double cells[3];
        for (int axis = 0; axis < 3; ++axis) {
            cells[axis] = ((double) vertices[3 * i + (size_t) axis] - grid.origin[axis]) / grid.cell[axis] - 0.5;
            if (!(std::fabs(cells[axis]) < 32767))
                throw nb::value_error(("vertices[" + std::to_string(i) + "] is more than 32767 cells away from the origin of the "
                                       "grid; check origin, cell_size and the unit of the mesh.").c_str());
        }
        out[i] = {(int32_t) std::lrint(cells[1] * kColumnUnit), (int32_t) std::lrint(cells[2] * kColumnUnit), cells[0]};
    }
}

// Adds the crossings of one face with the lines of centres in rows [y_begin, y_end). Returns false if a count left Count's range.
template <class Count>
bool scatter_face(const VoxelGrid &grid, GridVertex a, GridVertex b, GridVertex c, int y_begin, int y_end, Count *counts) {
    constexpr int round_up = kColumnUnit - 1;
    const int y0 = std::max(y_begin, (std::min({a.y, b.y, c.y}) + round_up) >> kColumnBits);
    const int y1 = std::min(y_end - 1, std::max({a.y, b.y, c.y}) >> kColumnBits);
    const int z0 = std::max(0, (std::min({a.z, b.z, c.z}) + round_up) >> kColumnBits);
    const int z1 = std::min(grid.size[2] - 1, std::max({a.z, b.z, c.z}) >> kColumnBits);
    if (y0 > y1 || z0 > z1) return true;
    int64_t area = (int64_t) (b.y - a.y) * (c.z - a.z) - (int64_t) (c.y - a.y) * (b.z - a.z);
    if (area == 0) return true;
    const Count sign = area < 0 ? 1 : -1;  // an outward normal against x: the line enters
    if (area < 0) std::swap(b, c), area = -area;
    const GridVertex from[3] = {b, c, a}, to[3] = {c, a, b};
    int64_t row[3], step_y[3], step_z[3], bias[3];
    for (int k = 0; k < 3; ++k) {
        const int64_t dy = to[k].y - from[k].y, dz = to[k].z - from[k].z;
        bias[k] = (dz < 0 || (dz == 0 && dy > 0)) ? 0 : 1;  // of two faces that share an edge, one owns the lines on it
        step_y[k] = -dz * kColumnUnit;
        step_z[k] = dy * kColumnUnit;
        row[k] = dy * ((int64_t) z0 * kColumnUnit - from[k].z) - dz * ((int64_t) y0 * kColumnUnit - from[k].y);
    }
    const double xb = (b.x - a.x) / (double) area, xc = (c.x - a.x) / (double) area;
    bool fits = true;
    for (int y = y0; y <= y1; ++y) {
        int64_t edge[3] = {row[0], row[1], row[2]};
        for (int z = z0; z <= z1; ++z) {
            if (((edge[0] - bias[0]) | (edge[1] - bias[1]) | (edge[2] - bias[2])) >= 0) {
                const double x = std::ceil(a.x + (double) edge[1] * xb + (double) edge[2] * xc);
                if (x < grid.size[0]) {
                    Count &count = counts[grid.at(x > 0 ? (int) x : 0, y, z)];
                    count = (Count) (count + sign);
                    fits = fits && count != std::numeric_limits<Count>::max() && count != std::numeric_limits<Count>::min();
                }
            }
            for (int k = 0; k < 3; ++k) edge[k] += step_z[k];
        }
        for (int k = 0; k < 3; ++k) row[k] += step_y[k];
    }
    return fits;
}

#if defined(__AVX2__)
// Of eight faces, those whose box in y and z holds a line of centres: most faces of a fine mesh fall between the lines.
inline int faces_on_lines(const VoxelGrid &grid, const GridVertex *vertices, const int32_t *corners, int y_begin, int y_end) {
    __m256i least[2], most[2];
    for (int k = 0; k < 3; ++k) {
        const auto one = [&](int l) {
            return _mm_load_ps(reinterpret_cast<const float *>(vertices + (uint32_t) corners[3 * l + k]));
        };
        __m256 rows[4], fields[4];
        for (int l = 0; l < 4; ++l) rows[l] = _mm256_insertf128_ps(_mm256_castps128_ps256(one(l)), one(l + 4), 1);
        transpose_4x4x2(rows, fields);
        for (int axis = 0; axis < 2; ++axis) {
            const __m256i value = _mm256_castps_si256(fields[axis]);
            least[axis] = k == 0 ? value : _mm256_min_epi32(least[axis], value);
            most[axis] = k == 0 ? value : _mm256_max_epi32(most[axis], value);
        }
    }
    const int begin[2] = {y_begin, 0}, end[2] = {y_end, grid.size[2]};
    __m256i missed = _mm256_setzero_si256();
    for (int axis = 0; axis < 2; ++axis) {
        const __m256i up = _mm256_add_epi32(least[axis], _mm256_set1_epi32(kColumnUnit - 1));
        const __m256i first = _mm256_max_epi32(_mm256_srai_epi32(up, kColumnBits), _mm256_set1_epi32(begin[axis]));
        const __m256i last = _mm256_min_epi32(_mm256_srai_epi32(most[axis], kColumnBits), _mm256_set1_epi32(end[axis] - 1));
        missed = _mm256_or_si256(missed, _mm256_cmpgt_epi32(first, last));
    }
    return ~_mm256_movemask_ps(_mm256_castsi256_ps(missed)) & 0xff;
}
#endif

// Counts are summed along x; `solid` may be the memory of `counts`. Returns false if a sum left Count's range.
template <class Count>
bool sum_rows(const VoxelGrid &grid, int y_begin, int y_end, const Count *counts, uint8_t *solid) {
    typedef std::make_unsigned_t<Count> Bits;
    const size_t line = (size_t) (y_end - y_begin) * (size_t) grid.size[2];
    std::vector<Count> sum(line, 0), overflow(line, 0);
    for (int x = 0; x < grid.size[0]; ++x) {
        const Count *in = counts + grid.at(x, y_begin, 0);
        uint8_t *out = solid + grid.at(x, y_begin, 0);
#pragma GCC ivdep  // in and out may be the same memory, element by element
        for (size_t i = 0; i < line; ++i) {
            const Count add = in[i], before = sum[i];
            const Count after = (Count) ((Bits) before + (Bits) add);
            overflow[i] = (Count) (overflow[i] | ((before ^ after) & (add ^ after)));
            sum[i] = after;
            out[i] = after > 0;
        }
    }
    return std::none_of(overflow.begin(), overflow.end(), [](Count value) { return value < 0; });
}

template <class Count>
bool voxelize_center_as(const VoxelGrid &grid, const GridVertex *vertices, const int32_t *faces, size_t num_faces, int threads,
                        Count *counts, uint8_t *solid) {
    std::vector<char> fits((size_t) threads, 1);
    parallel_for(threads, (size_t) threads, [&](size_t part) {
        const int y_begin = (int) ((size_t) grid.size[1] * part / (size_t) threads);
        const int y_end = (int) ((size_t) grid.size[1] * (part + 1) / (size_t) threads);
        if (y_begin == y_end) return;
        for (int x = 0; x < grid.size[0]; ++x)
            std::fill_n(counts + grid.at(x, y_begin, 0), (size_t) (y_end - y_begin) * (size_t) grid.size[2], Count(0));
        bool good = true;
        const auto scatter = [&](size_t i) {
            const int32_t *corner = faces + 3 * i;
            good &= scatter_face(grid, vertices[corner[0]], vertices[corner[1]], vertices[corner[2]], y_begin, y_end, counts);
        };
        size_t i = 0;
#if defined(__AVX2__)
        for (; i + 8 <= num_faces; i += 8) {
            if (i + 40 <= num_faces)
                for (size_t k = 0; k < 24; k += 3)
                    _mm_prefetch(reinterpret_cast<const char *>(vertices + (uint32_t) faces[3 * i + 96 + k]), _MM_HINT_T0);
            for (int hit = faces_on_lines(grid, vertices, faces + 3 * i, y_begin, y_end); hit; hit &= hit - 1)
                scatter(i + (size_t) __builtin_ctz((unsigned) hit));
        }
#endif
        for (; i < num_faces; ++i) scatter(i);
        fits[part] = good && sum_rows(grid, y_begin, y_end, counts, solid);
    });
    return std::all_of(fits.begin(), fits.end(), [](char good) { return good != 0; });
}

inline void voxelize_center(const VoxelGrid &grid, const float *vertices, size_t num_vertices, const int32_t *faces,
                            size_t num_faces, int threads, uint8_t *solid) {
    Scratch<GridVertex> snapped(num_vertices);
    parallel_for(threads, (size_t) threads, [&](size_t part) {
        const auto begin = [&](size_t k) { return num_vertices * k / (size_t) threads; };
        snap_to_grid(grid, vertices, begin(part), begin(part + 1), snapped.data());
    });
    // One byte a cell nearly always holds the count; a mesh that crosses a line more than 126 times at once gets four.
    if (voxelize_center_as(grid, snapped.data(), faces, num_faces, threads, reinterpret_cast<int8_t *>(solid), solid)) return;
    Scratch<int32_t> counts(grid.count());
    voxelize_center_as(grid, snapped.data(), faces, num_faces, threads, counts.data(), solid);
}

}  // namespace vitruvian
