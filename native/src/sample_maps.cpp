// What points read from maps whose channels lie together, bilinear with zeros outside, and the adjoint.
// The contract is in platform/methods/cpu/point_samples.py.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>

#include "arrays.h"
#include "parallel.h"
#include "simd.h"

namespace nb = nanobind;

namespace vitruvian {
namespace {

using V = f32x8;
constexpr size_t RUN = 256;  // points a chunk of work

struct Maps {
    size_t batch, height, width, channels, points;
};

struct Corners {
    int64_t offset[4];  // of the pixel's first channel; -1 outside
    float weight[4];
};

Corners corners_of(const float *xy, const Maps &m, bool align_corners) {
    auto place = [&](float value, size_t size) {
        return align_corners ? (value + 1) * 0.5f * (float) (size - 1) : ((value + 1) * (float) size - 1) * 0.5f;
    };
    const float x = place(xy[0], m.width), y = place(xy[1], m.height), left = std::floor(x), top = std::floor(y);
    const float right = x - left, down = y - top;
    Corners c;
    for (int k = 0; k < 4; ++k) {
        const float column = left + (float) (k & 1), row = top + (float) (k >> 1);
        const bool there = column >= 0 && column < (float) m.width && row >= 0 && row < (float) m.height;  // false for NaN
        c.offset[k] = there ? (int64_t) (((size_t) row * m.width + (size_t) column) * m.channels) : -1;
        c.weight[k] = (k & 1 ? right : 1 - right) * (k >> 1 ? down : 1 - down);
    }
    return c;
}

void read(const float *maps, const float *xy, const Maps &m, bool align_corners, float *out, int threads) {
    const size_t runs = (m.points + RUN - 1) / RUN;
    parallel_for(threads, m.batch * runs, [&](size_t chunk) {
        const size_t image = chunk / runs, first = chunk % runs * RUN;
        const float *map = maps + image * m.height * m.width * m.channels;
        for (size_t point = first; point < std::min(first + RUN, m.points); ++point) {
            const Corners corners = corners_of(xy + 2 * (image * m.points + point), m, align_corners);
            float *to = out + (image * m.points + point) * m.channels;
            for (size_t c = 0; c < m.channels; c += 8) {
                V sum{};
                for (int k = 0; k < 4; ++k)
                    if (corners.offset[k] >= 0) sum += corners.weight[k] * load<V>(map + corners.offset[k] + c);
                store(to + c, sum);
            }
        }
    });
}

void add(const float *gradient, const float *xy, const Maps &m, bool align_corners, float *maps, int threads) {
    const size_t blocks = m.channels / 8, parts = std::min((size_t) threads, blocks);  // of the channels, as points share pixels
    parallel_for(threads, m.batch * parts, [&](size_t chunk) {
        const size_t image = chunk / parts, part = chunk % parts;
        const size_t begin = blocks * part / parts * 8, end = blocks * (part + 1) / parts * 8;
        float *map = maps + image * m.height * m.width * m.channels;
        for (size_t point = 0; point < m.points; ++point) {
            const Corners corners = corners_of(xy + 2 * (image * m.points + point), m, align_corners);
            const float *from = gradient + (image * m.points + point) * m.channels;
            for (int k = 0; k < 4; ++k) {
                if (corners.offset[k] < 0) continue;
                float *to = map + corners.offset[k];
                for (size_t c = begin; c < end; c += 8) store(to + c, load<V>(to + c) + corners.weight[k] * load<V>(from + c));
            }
        }
    });
}

Maps checked_maps(const Maps &m) {
    if (m.channels % 8)
        throw nb::value_error(("maps have " + std::to_string(m.channels) + " channels; they must be a multiple of 8.").c_str());
    return m;
}

constexpr const char *MAPS = "float32 (B, H, W, C)", *POINTS = "float32 (B, N, 2)";

OutputArray<float> sample_maps(const InputArray &maps, const InputArray &xy, bool align_corners, int threads) {
    const float *from = checked<float>(maps, "maps", MAPS, {-1, -1, -1, -1});
    const float *at = checked<float>(xy, "xy", POINTS, {(int64_t) maps.shape(0), -1, 2});
    const Maps m = checked_maps({maps.shape(0), maps.shape(1), maps.shape(2), maps.shape(3), xy.shape(1)});
    checked_threads(threads);
    float *out = allocate<float>(m.batch * m.points * m.channels);
    {
        nb::gil_scoped_release released;
        read(from, at, m, align_corners, out, threads);
    }
    return to_numpy(out, {m.batch, m.points, m.channels});
}

void sample_maps_adjoint(const InputArray &gradient, const InputArray &xy, bool align_corners, const ArrayToFill &maps, int threads) {
    float *to = writable<float>(maps, "maps", MAPS, {-1, -1, -1, -1});
    const float *at = checked<float>(xy, "xy", POINTS, {(int64_t) maps.shape(0), -1, 2});
    const Maps m = checked_maps({maps.shape(0), maps.shape(1), maps.shape(2), maps.shape(3), xy.shape(1)});
    const float *from = checked<float>(gradient, "gradient", "float32 (B, N, C)",
                                       {(int64_t) m.batch, (int64_t) m.points, (int64_t) m.channels});
    checked_threads(threads);
    nb::gil_scoped_release released;
    add(from, at, m, align_corners, to, threads);
}

}  // namespace
}  // namespace vitruvian

void bind_sample_maps(nb::module_ &m) {
    using namespace vitruvian;
    using namespace nb::literals;
    m.def("sample_maps", &sample_maps, "maps"_a, "xy"_a, "align_corners"_a, nb::kw_only(), "threads"_a = 1);
    m.def("sample_maps_adjoint", &sample_maps_adjoint, "gradient"_a, "xy"_a, "align_corners"_a, "maps"_a, nb::kw_only(),
          "threads"_a = 1);
}
