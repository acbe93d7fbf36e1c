// The four transforms of Winograd's 3x3 convolution over 4x4 output tiles, F(4x4, 3x3), and their adjoints.
// The contract is in platform/methods/cpu/winograd.py; Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016).
#include <nanobind/nanobind.h>

#include <algorithm>

#include "arrays.h"
#include "parallel.h"
#include "simd.h"

namespace nb = nanobind;

namespace vitruvian {
namespace {

constexpr int POINTS = 6, TILE = 4;  // a tile of 6x6 inputs makes 4x4 outputs
using V = f32x8;

// Polynomials are multiplied at 0, A, -A, B, -B and infinity. A B = 1 keeps the factors short, and rounding is less than half
// of that at the usual points 0, 1, -1, 2, -2.
constexpr float A = 2.f / 3.f, B = 3.f / 2.f, A2 = A * A, B2 = B * B, A3 = A2 * A, B3 = B2 * B, SQUARES = A2 + B2;

// Along one axis: inputs to the six points, and the adjoint.
struct Inputs {
    static constexpr int from = POINTS, to = POINTS;
    static void apply(const V d[], V t[]) {
        const V a = d[4] - B2 * d[2], c = A * d[3] - B * d[1], b = d[4] - A2 * d[2], e = B * d[3] - A * d[1];
        t[0] = d[0] - SQUARES * d[2] + d[4];
        t[1] = a + c;
        t[2] = a - c;
        t[3] = b + e;
        t[4] = b - e;
        t[5] = d[1] - SQUARES * d[3] + d[5];
    }
};
struct InputsAdjoint {
    static constexpr int from = POINTS, to = POINTS;
    static void apply(const V t[], V d[]) {
        const V a = t[1] + t[2], c = t[1] - t[2], b = t[3] + t[4], e = t[3] - t[4];
        d[0] = t[0];
        d[1] = t[5] - B * c - A * e;
        d[2] = -SQUARES * t[0] - B2 * a - A2 * b;
        d[3] = A * c + B * e - SQUARES * t[5];
        d[4] = t[0] + a + b;
        d[5] = t[5];
    }
};
// From the points to outputs, and the adjoint.
struct Outputs {
    static constexpr int from = POINTS, to = TILE;
    static void apply(const V m[], V y[]) {
        const V a = m[1] + m[2], c = m[1] - m[2], b = m[3] + m[4], e = m[3] - m[4];
        y[0] = m[0] + a + b;
        y[1] = A * c + B * e;
        y[2] = A2 * a + B2 * b;
        y[3] = A3 * c + B3 * e + m[5];
    }
};
struct OutputsAdjoint {
    static constexpr int from = TILE, to = POINTS;
    static void apply(const V y[], V m[]) {
        const V a = y[0] + A2 * y[2], c = A * y[1] + A3 * y[3], b = y[0] + B2 * y[2], e = B * y[1] + B3 * y[3];
        m[0] = y[0];
        m[1] = a + c;
        m[2] = a - c;
        m[3] = b + e;
        m[4] = b - e;
        m[5] = y[3];
    }
};

// Both axes of a square of vectors.
template <class T> void both_axes(const V in[T::from][T::from], V out[T::to][T::to]) {
    V half[T::to][T::from];
    for (int column = 0; column < T::from; ++column) {
        V line[T::from], changed[T::to];
        for (int k = 0; k < T::from; ++k) line[k] = in[k][column];
        T::apply(line, changed);
        for (int k = 0; k < T::to; ++k) half[k][column] = changed[k];
    }
    for (int row = 0; row < T::to; ++row) T::apply(half[row], out[row]);
}

struct Maps {
    size_t batch, height, width, channels;
    size_t rows() const { return height / TILE; }
    size_t columns() const { return width / TILE; }
};

Maps checked_maps(size_t batch, size_t height, size_t width, size_t channels) {
    if (height % TILE || width % TILE || channels % 8)
        throw nb::value_error(("maps are (" + std::to_string(batch) + ", " + std::to_string(height) + ", " + std::to_string(width) +
                               ", " + std::to_string(channels) + "); sides must be multiples of 4, channels of 8.").c_str());
    return {batch, height, width, channels};
}

// The tile rows [first, first + rows) of maps (B, H, W, C), counted over all images, to points (36, tiles, C).
// SIDE is that of the square read around each tile: 6 reaches one pixel beyond it.
template <class T> void to_points(const float *maps, const Maps &m, size_t first, size_t rows, float *points, int threads) {
    constexpr int reach = (T::from - TILE) / 2;
    const size_t plane = rows * m.columns() * m.channels;
    parallel_for(threads, rows, [&](size_t chunk) {
        const size_t row = first + chunk;
        const float *image = maps + row / m.rows() * m.height * m.width * m.channels;
        const int64_t top = (int64_t) (row % m.rows()) * TILE - reach;
        for (size_t column = 0; column < m.columns(); ++column) {
            const int64_t left = (int64_t) column * TILE - reach;
            float *out = points + (chunk * m.columns() + column) * m.channels;
            for (size_t c = 0; c < m.channels; c += 8) {
                V in[T::from][T::from], to[T::to][T::to];
                for (int y = 0; y < T::from; ++y) {
                    for (int x = 0; x < T::from; ++x) {
                        const bool there = top + y >= 0 && top + y < (int64_t) m.height && left + x >= 0 && left + x < (int64_t) m.width;
                        in[y][x] = there ? load<V>(image + ((size_t) (top + y) * m.width + (size_t) (left + x)) * m.channels + c) : V{};
                    }
                }
                both_axes<T>(in, to);
                for (int k = 0; k < POINTS * POINTS; ++k) store(out + (size_t) k * plane + c, to[k / POINTS][k % POINTS]);
            }
        }
    });
}

// Points (36, tiles, C) to those tile rows of the maps; where the squares of neighbouring tiles overlap they are added.
template <class T> void from_points(const float *points, const Maps &m, size_t first, size_t rows, float *maps, int threads) {
    constexpr int reach = (T::to - TILE) / 2;
    const size_t plane = rows * m.columns() * m.channels, blocks = m.channels / 8;
    const size_t parts = std::min((size_t) threads, blocks);  // of the channels, as tiles overlap
    parallel_for(threads, parts, [&](size_t part) {
        const size_t begin = blocks * part / parts * 8, end = blocks * (part + 1) / parts * 8;
        for (size_t chunk = 0; chunk < rows; ++chunk) {
            const size_t row = first + chunk;
            float *image = maps + row / m.rows() * m.height * m.width * m.channels;
            const int64_t top = (int64_t) (row % m.rows()) * TILE - reach;
            for (size_t column = 0; column < m.columns(); ++column) {
                const int64_t left = (int64_t) column * TILE - reach;
                const float *in = points + (chunk * m.columns() + column) * m.channels;
                for (size_t c = begin; c < end; c += 8) {
                    V from[POINTS][POINTS], to[T::to][T::to];
                    for (int k = 0; k < POINTS * POINTS; ++k) from[k / POINTS][k % POINTS] = load<V>(in + (size_t) k * plane + c);
                    both_axes<T>(from, to);
                    for (int y = 0; y < T::to; ++y) {
                        if (top + y < 0 || top + y >= (int64_t) m.height) continue;
                        for (int x = 0; x < T::to; ++x) {
                            if (left + x < 0 || left + x >= (int64_t) m.width) continue;
                            float *at = image + ((size_t) (top + y) * m.width + (size_t) (left + x)) * m.channels + c;
                            store(at, reach ? load<V>(at) + to[y][x] : to[y][x]);
                        }
                    }
                }
            }
        }
    });
}

// How many tile rows the points hold; an error unless they are whole rows inside the maps.
size_t tile_rows(size_t tiles, const Maps &m, size_t first) {
    const size_t rows = m.columns() ? tiles / m.columns() : 0;
    if (rows * m.columns() != tiles || first + rows > m.batch * m.rows())
        throw nb::value_error((std::to_string(tiles) + " tiles from tile row " + std::to_string(first) + " are not whole rows of " +
                               std::to_string(m.columns()) + " inside " + std::to_string(m.batch * m.rows()) + " rows.").c_str());
    return rows;
}

constexpr const char *MAPS = "float32 (B, H, W, C)", *AT_POINTS = "float32 (36, tiles, C)";

template <class T> void map_points(const InputArray &maps, size_t first, const ArrayToFill &points, int threads) {
    const float *in = checked<float>(maps, "maps", MAPS, {-1, -1, -1, -1});
    const Maps m = checked_maps(maps.shape(0), maps.shape(1), maps.shape(2), maps.shape(3));
    float *out = writable<float>(points, "points", AT_POINTS, {POINTS * POINTS, -1, (int64_t) m.channels});
    const size_t rows = tile_rows(points.shape(1), m, first);
    checked_threads(threads);
    nb::gil_scoped_release released;
    to_points<T>(in, m, first, rows, out, threads);
}

template <class T> void point_maps(const InputArray &points, size_t first, const ArrayToFill &maps, int threads) {
    float *out = writable<float>(maps, "maps", MAPS, {-1, -1, -1, -1});
    const Maps m = checked_maps(maps.shape(0), maps.shape(1), maps.shape(2), maps.shape(3));
    const float *in = checked<float>(points, "points", AT_POINTS, {POINTS * POINTS, -1, (int64_t) m.channels});
    const size_t rows = tile_rows(points.shape(1), m, first);
    checked_threads(threads);
    nb::gil_scoped_release released;
    from_points<T>(in, m, first, rows, out, threads);
}

}  // namespace
}  // namespace vitruvian

void bind_winograd(nb::module_ &m) {
    using namespace vitruvian;
    using namespace nb::literals;
    m.def("winograd_inputs", &map_points<Inputs>, "maps"_a, "first"_a, "points"_a, nb::kw_only(), "threads"_a = 1);
    m.def("winograd_inputs_adjoint", &point_maps<InputsAdjoint>, "points"_a, "first"_a, "maps"_a, nb::kw_only(), "threads"_a = 1);
    m.def("winograd_outputs", &point_maps<Outputs>, "points"_a, "first"_a, "maps"_a, nb::kw_only(), "threads"_a = 1);
    m.def("winograd_outputs_adjoint", &map_points<OutputsAdjoint>, "maps"_a, "first"_a, "points"_a, nb::kw_only(), "threads"_a = 1);
}
