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

// The cells whose centres vertices may enclose, half open; along x from the first that a line may enter to the last that it may
// leave.
struct GridBox {
    int begin[3] = {INT32_MAX, INT32_MAX, INT32_MAX}, end[3] = {INT32_MIN, INT32_MIN, INT32_MIN};

    void include(const GridBox &other) {
        for (int axis = 0; axis < 3; ++axis) {
            begin[axis] = std::min(begin[axis], other.begin[axis]);
            end[axis] = std::max(end[axis], other.end[axis]);
        }
    }
    void clip(const VoxelGrid &grid) {
        for (int axis = 0; axis < 3; ++axis) {
            begin[axis] = std::min(std::max(begin[axis], 0), grid.size[axis]);
            end[axis] = std::max(std::min(end[axis], grid.size[axis]), begin[axis]);
        }
    }
};

inline GridBox snap_to_grid(const VoxelGrid &grid, const float *vertices, size_t begin, size_t end, GridVertex *out) {
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (size_t i = begin; i < end; ++i) {
        double cells[3];
        for (int axis = 0; axis < 3; ++axis) {
            cells[axis] = ((double) vertices[3 * i + (size_t) axis] - grid.origin[axis]) / grid.cell[axis] - 0.5;
            if (!(std::fabs(cells[axis]) < 32767))
                throw nb::value_error(("vertices[" + std::to_string(i) + "] is more than 32767 cells away from the origin of the "
                                       "grid; check origin, cell_size and the unit of the mesh.").c_str());
            low[axis] = std::min(low[axis], cells[axis]);
            high[axis] = std::max(high[axis], cells[axis]);
        }
        out[i] = {(int32_t) std::lrint(cells[1] * kColumnUnit), (int32_t) std::lrint(cells[2] * kColumnUnit), cells[0]};
    }
    GridBox box;
    for (int axis = 0; axis < 3 && begin < end; ++axis) {
        box.begin[axis] = (int) std::floor(low[axis]) - 1;
        box.end[axis] = (int) std::ceil(high[axis]) + 2;
    }
    return box;
}

// Counts a crossing of the line of centres (y, z). Returns false if the count left Count's range.
template <class Count> bool add_crossing(const VoxelGrid &grid, double x, int y, int z, Count sign, Count *counts) {
    const double first = std::ceil(x);  // the first centre that is not before the crossing
    if (!(first < grid.size[0])) return true;
    Count &count = counts[grid.at(first > 0 ? (int) first : 0, y, z)];
    count = (Count) (count + sign);
    return count != std::numeric_limits<Count>::max() && count != std::numeric_limits<Count>::min();
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
                fits &= add_crossing(grid, a.x + (double) edge[1] * xb + (double) edge[2] * xc, y, z, sign, counts);
            }
            for (int k = 0; k < 3; ++k) edge[k] += step_z[k];
        }
        for (int k = 0; k < 3; ++k) row[k] += step_y[k];
    }
    return fits;
}

#if defined(__AVX2__)
// Of eight faces, those that meet lines of centres: most of a fine mesh fall between the lines.
struct FacesOnLines {
    int several;  // bits of the faces whose box in y and z holds several lines
    int one;      // of those whose box holds one line, which crosses the face; the numbers below are theirs
    alignas(32) int32_t y[8], z[8], area[8], edge_b[8], edge_c[8], turned[8];  // turned: corners b and c have changed places
};

inline FacesOnLines faces_on_lines(const VoxelGrid &grid, const GridVertex *vertices, const int32_t *corners, int y_begin, int y_end) {
    const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi32(-1);
    const auto put = [](int32_t *to, __m256i value) { _mm256_store_si256(reinterpret_cast<__m256i *>(to), value); };
    __m256i y[3], z[3];
    for (int k = 0; k < 3; ++k) {
        const auto one = [&](int l) {
            return _mm_load_ps(reinterpret_cast<const float *>(vertices + (uint32_t) corners[3 * l + k]));
        };
        __m256 rows[4], fields[4];
        for (int l = 0; l < 4; ++l) rows[l] = _mm256_insertf128_ps(_mm256_castps128_ps256(one(l)), one(l + 4), 1);
        transpose_4x4x2(rows, fields);
        y[k] = _mm256_castps_si256(fields[0]);
        z[k] = _mm256_castps_si256(fields[1]);
    }
    const auto first = [&](const __m256i v[3], int begin) {
        const __m256i least = _mm256_min_epi32(_mm256_min_epi32(v[0], v[1]), v[2]);
        const __m256i line = _mm256_srai_epi32(_mm256_add_epi32(least, _mm256_set1_epi32(kColumnUnit - 1)), kColumnBits);
        return _mm256_max_epi32(line, _mm256_set1_epi32(begin));
    };
    const auto last = [&](const __m256i v[3], int end) {
        const __m256i most = _mm256_max_epi32(_mm256_max_epi32(v[0], v[1]), v[2]);
        return _mm256_min_epi32(_mm256_srai_epi32(most, kColumnBits), _mm256_set1_epi32(end - 1));
    };
    const __m256i y0 = first(y, y_begin), y1 = last(y, y_end), z0 = first(z, 0), z1 = last(z, grid.size[2]);
    const __m256i none = _mm256_or_si256(_mm256_cmpgt_epi32(y0, y1), _mm256_cmpgt_epi32(z0, z1));
    const int live = ~_mm256_movemask_ps(_mm256_castsi256_ps(none)) & 0xff;
    FacesOnLines found;
    found.several = found.one = 0;
    if (!live) return found;
    // Of lines outside of the range a wide box may hold others: only a box of less than two cells has products below 2^31.
    const auto extent = [&](const __m256i v[3]) {
        return _mm256_sub_epi32(_mm256_max_epi32(_mm256_max_epi32(v[0], v[1]), v[2]), _mm256_min_epi32(_mm256_min_epi32(v[0], v[1]), v[2]));
    };
    const __m256i wide = _mm256_cmpgt_epi32(_mm256_max_epi32(extent(y), extent(z)), _mm256_set1_epi32(2 * kColumnUnit - 1));
    const __m256i single = _mm256_andnot_si256(wide, _mm256_and_si256(_mm256_cmpeq_epi32(y0, y1), _mm256_cmpeq_epi32(z0, z1)));
    const int singles = _mm256_movemask_ps(_mm256_castsi256_ps(single));
    found.several = live & ~singles;
    if (!(live & singles)) return found;
    const auto difference = [](__m256i a, __m256i b) { return _mm256_sub_epi32(a, b); };
    const __m256i by = difference(y[1], y[0]), bz = difference(z[1], z[0]), cy = difference(y[2], y[0]), cz = difference(z[2], z[0]);
    const __m256i area = difference(_mm256_mullo_epi32(by, cz), _mm256_mullo_epi32(cy, bz)), turned = _mm256_srai_epi32(area, 31);
    const auto pick = [&](__m256i a, __m256i b) { return _mm256_blendv_epi8(a, b, turned); };
    const __m256i py[3] = {y[0], pick(y[1], y[2]), pick(y[2], y[1])}, pz[3] = {z[0], pick(z[1], z[2]), pick(z[2], z[1])};
    const __m256i line_y = _mm256_slli_epi32(y0, kColumnBits), line_z = _mm256_slli_epi32(z0, kColumnBits);
    __m256i edge[3], out = _mm256_cmpeq_epi32(area, zero);
    for (int k = 0; k < 3; ++k) {
        const int from = (k + 1) % 3, to = (k + 2) % 3;
        const __m256i dy = difference(py[to], py[from]), dz = difference(pz[to], pz[from]);
        edge[k] = difference(_mm256_mullo_epi32(dy, difference(line_z, pz[from])), _mm256_mullo_epi32(dz, difference(line_y, py[from])));
        const __m256i level = _mm256_and_si256(_mm256_cmpeq_epi32(dz, zero), _mm256_cmpgt_epi32(dy, zero));
        const __m256i owns = _mm256_or_si256(_mm256_srai_epi32(dz, 31), level);
        out = _mm256_or_si256(out, _mm256_add_epi32(edge[k], _mm256_andnot_si256(owns, ones)));  // negative: outside
    }
    found.one = live & singles & ~_mm256_movemask_ps(_mm256_castsi256_ps(out));
    put(found.y, y0), put(found.z, z0), put(found.area, _mm256_abs_epi32(area));
    put(found.edge_b, edge[1]), put(found.edge_c, edge[2]), put(found.turned, turned);
    return found;
}

// Adds the crossing of face l of those that meet one line.
template <class Count>
bool scatter_one(const VoxelGrid &grid, const GridVertex *vertices, const int32_t *corner, const FacesOnLines &found, int l, Count *counts) {
    const bool turned = found.turned[l] != 0;
    const double a = vertices[corner[0]].x, b = vertices[corner[turned ? 2 : 1]].x, c = vertices[corner[turned ? 1 : 2]].x;
    const double area = found.area[l], xb = (b - a) / area, xc = (c - a) / area;
    const double x = a + (double) found.edge_b[l] * xb + (double) found.edge_c[l] * xc;
    return add_crossing(grid, x, found.y[l], found.z[l], (Count) (turned ? 1 : -1), counts);
}
#endif

// Counts are summed along x; `solid` may be the memory of `counts`, else it is zero. Nothing is counted outside of the box.
// Returns false if a sum left Count's range.
template <class Count>
bool sum_rows(const VoxelGrid &grid, const GridBox &box, int y_begin, int y_end, const Count *counts, uint8_t *solid) {
    typedef std::make_unsigned_t<Count> Bits;
    y_begin = std::max(y_begin, box.begin[1]), y_end = std::min(y_end, box.end[1]);
    constexpr int lanes = 32;
    const int z_begin = box.begin[2] / lanes * lanes, z_end = std::min(grid.size[2], (box.end[2] + lanes - 1) / lanes * lanes);
    if (y_begin >= y_end || z_begin >= z_end) return true;
    const size_t width = (size_t) (z_end - z_begin), line = (size_t) (y_end - y_begin) * width;
    std::vector<Count> sums(line, 0), overflows(line, 0);
    for (int x = box.begin[0]; x < grid.size[0]; ++x) {
        // Behind a closed mesh all sums are zero, and so are the cells.
        if (x >= box.end[0] && std::all_of(sums.begin(), sums.end(), [](Count value) { return value == 0; })) break;
        Count *sum = sums.data(), *overflow = overflows.data();
        for (int y = y_begin; y < y_end; ++y, sum += width, overflow += width) {
            const Count *in = counts + grid.at(x, y, z_begin);
            uint8_t *out = solid + grid.at(x, y, z_begin);
#pragma GCC ivdep  // in and out may be the same memory, element by element
            for (size_t i = 0; i < width; ++i) {
                const Count add = in[i], before = sum[i];
                const Count after = (Count) ((Bits) before + (Bits) add);
                overflow[i] = (Count) (overflow[i] | ((before ^ after) & (add ^ after)));
                sum[i] = after;
                out[i] = after > 0;
            }
        }
    }
    return std::none_of(overflows.begin(), overflows.end(), [](Count value) { return value < 0; });
}

template <class Count>
bool voxelize_center_as(const VoxelGrid &grid, const GridBox &box, const GridVertex *vertices, const int32_t *faces, size_t num_faces,
                        int threads, Count *counts, uint8_t *solid) {
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
            const FacesOnLines found = faces_on_lines(grid, vertices, faces + 3 * i, y_begin, y_end);
            for (int rest = found.several; rest; rest &= rest - 1) scatter(i + (size_t) __builtin_ctz((unsigned) rest));
            for (int rest = found.one; rest; rest &= rest - 1) {
                const int l = __builtin_ctz((unsigned) rest);
                good &= scatter_one(grid, vertices, faces + 3 * (i + (size_t) l), found, l, counts);
            }
        }
#endif
        for (; i < num_faces; ++i) scatter(i);
        fits[part] = good && sum_rows(grid, box, y_begin, y_end, counts, solid);
    });
    return std::all_of(fits.begin(), fits.end(), [](char good) { return good != 0; });
}

inline void voxelize_center(const VoxelGrid &grid, const float *vertices, size_t num_vertices, const int32_t *faces,
                            size_t num_faces, int threads, uint8_t *solid) {
    Scratch<GridVertex> snapped(num_vertices);
    std::vector<GridBox> boxes((size_t) threads);
    parallel_for(threads, (size_t) threads, [&](size_t part) {
        const auto begin = [&](size_t k) { return num_vertices * k / (size_t) threads; };
        boxes[part] = snap_to_grid(grid, vertices, begin(part), begin(part + 1), snapped.data());
    });
    for (const GridBox &box : boxes) boxes[0].include(box);
    boxes[0].clip(grid);
    // One byte a cell nearly always holds the count; a mesh that crosses a line more than 126 times at once gets four.
    int8_t *bytes = reinterpret_cast<int8_t *>(solid);
    if (voxelize_center_as(grid, boxes[0], snapped.data(), faces, num_faces, threads, bytes, solid)) return;
    std::fill_n(solid, grid.count(), uint8_t(0));
    Scratch<int32_t> counts(grid.count());
    voxelize_center_as(grid, boxes[0], snapped.data(), faces, num_faces, threads, counts.data(), solid);
}

}  // namespace vitruvian
