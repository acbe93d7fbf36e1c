// Group normalisation and ReLU in one, for maps whose channels lie together. The contract is in platform/methods/cpu/group_norm.py.
#include <nanobind/nanobind.h>
#include <nanobind/stl/tuple.h>

#include <cmath>
#include <tuple>
#include <vector>

#include "arrays.h"
#include "parallel.h"
#include "simd.h"

namespace nb = nanobind;

namespace vitruvian {
namespace {

using V = f32x8;
constexpr size_t RUN = 128;  // pixels summed in float32 before the sums go into double

struct Shape {
    size_t batch, pixels, channels;
};

Shape shape_of(const InputArray &maps) {
    if (maps.ndim() == 3 && maps.shape(2) % 8)
        throw nb::value_error(("maps have " + std::to_string(maps.shape(2)) + " channels; they must be a multiple of 8.").c_str());
    return {maps.shape(0), maps.shape(1), maps.shape(2)};
}

// Calls add(pixel, channel, first, second) to add to two sums a channel; they end up in double.
template <class Add> void sums(const Shape &s, double *first, double *second, const Add &add) {
    std::vector<float> part(2 * s.channels);
    std::fill(first, first + s.channels, 0.0), std::fill(second, second + s.channels, 0.0);
    for (size_t begin = 0; begin < s.pixels; begin += RUN) {
        std::fill(part.begin(), part.end(), 0.f);
        const size_t end = std::min(begin + RUN, s.pixels);
        for (size_t pixel = begin; pixel < end; ++pixel) {
            for (size_t c = 0; c < s.channels; c += 8) {
                V a = load<V>(&part[c]), b = load<V>(&part[s.channels + c]);
                add(pixel, c, a, b);
                store(&part[c], a), store(&part[s.channels + c], b);
            }
        }
        for (size_t c = 0; c < s.channels; ++c) first[c] += part[c], second[c] += part[s.channels + c];
    }
}

// (maps relu(scale x + shift), the mean and 1 / deviation of each group)
std::tuple<OutputArray<float>, OutputArray<float>> forward(const InputArray &maps, const InputArray &weight, const InputArray &bias,
                                                            size_t groups, float epsilon, int threads) {
    const float *x = checked<float>(maps, "maps", "float32 (B, pixels, C)", {-1, -1, -1});
    const Shape s = shape_of(maps);
    const float *w = checked<float>(weight, "weight", "float32 (C,)", {(int64_t) s.channels});
    const float *b = checked<float>(bias, "bias", "float32 (C,)", {(int64_t) s.channels});
    if (groups < 1 || s.channels % groups) throw nb::value_error("groups must divide the channels.");
    checked_threads(threads);
    float *y = allocate<float>(s.batch * s.pixels * s.channels), *statistics = allocate<float>(s.batch * 2 * groups);
    {
        nb::gil_scoped_release released;
        parallel_for(threads, s.batch, [&](size_t image) {
            const float *in = x + image * s.pixels * s.channels;
            float *out = y + image * s.pixels * s.channels, *mean = statistics + image * 2 * groups, *inverse = mean + groups;
            std::vector<double> sum(s.channels), square(s.channels);
            // Squares are taken around the first pixel, so that a large mean does not swallow a small deviation.
            sums(s, sum.data(), square.data(), [&](size_t pixel, size_t c, V &a, V &q) {
                const V d = load<V>(in + pixel * s.channels + c) - load<V>(in + c);
                a += d, q += d * d;
            });
            std::vector<float> scale(s.channels), shift(s.channels);
            const size_t each = s.channels / groups;
            for (size_t g = 0; g < groups; ++g) {
                double total = 0, squares = 0;
                for (size_t c = g * each; c < (g + 1) * each; ++c) {
                    const double origin = in[c], n = (double) s.pixels;
                    total += sum[c] + n * origin;
                    squares += square[c] + 2 * origin * sum[c] + n * origin * origin;
                }
                const double count = (double) (each * s.pixels), middle = total / count;
                const double variance = std::max(0.0, squares / count - middle * middle);
                mean[g] = (float) middle, inverse[g] = (float) (1 / std::sqrt(variance + epsilon));
                for (size_t c = g * each; c < (g + 1) * each; ++c) {
                    scale[c] = w[c] * inverse[g];
                    shift[c] = b[c] - mean[g] * scale[c];
                }
            }
            for (size_t pixel = 0; pixel < s.pixels; ++pixel) {
                for (size_t c = 0; c < s.channels; c += 8) {
                    const V v = load<V>(in + pixel * s.channels + c) * load<V>(&scale[c]) + load<V>(&shift[c]);
                    store(out + pixel * s.channels + c, max8(V{}, v));  // in this order what is not a number stays so
                }
            }
        });
    }
    return {to_numpy(y, {s.batch, s.pixels, s.channels}), to_numpy(statistics, {s.batch, 2, groups})};
}

// (gradient of the maps, gradients of weight and bias for each image)
std::tuple<OutputArray<float>, OutputArray<float>> backward(const InputArray &gradient, const InputArray &maps,
                                                             const InputArray &statistics, const InputArray &weight,
                                                             const InputArray &bias, int threads) {
    const float *x = checked<float>(maps, "maps", "float32 (B, pixels, C)", {-1, -1, -1});
    const Shape s = shape_of(maps);
    const int64_t sizes[3] = {(int64_t) s.batch, (int64_t) s.pixels, (int64_t) s.channels};
    const float *dy = checked<float>(gradient, "gradient", "float32, shaped like maps", {sizes[0], sizes[1], sizes[2]});
    const float *stored = checked<float>(statistics, "statistics", "float32 (B, 2, groups)", {sizes[0], 2, -1});
    const float *w = checked<float>(weight, "weight", "float32 (C,)", {sizes[2]});
    const float *b = checked<float>(bias, "bias", "float32 (C,)", {sizes[2]});
    const size_t groups = statistics.shape(2), each = s.channels / groups;
    checked_threads(threads);
    float *dx = allocate<float>(s.batch * s.pixels * s.channels), *parameters = allocate<float>(s.batch * 2 * s.channels);
    {
        nb::gil_scoped_release released;
        parallel_for(threads, s.batch, [&](size_t image) {
            const size_t at = image * s.pixels * s.channels;
            const float *mean = stored + image * 2 * groups, *inverse = mean + groups;
            std::vector<float> scale(s.channels), shift(s.channels), middle(s.channels);
            for (size_t c = 0; c < s.channels; ++c) {
                scale[c] = w[c] * inverse[c / each];
                middle[c] = mean[c / each];
                shift[c] = b[c] - middle[c] * scale[c];
            }
            auto passed = [&](size_t pixel, size_t c, V value) {  // the gradient where the ReLU let it through
                const V g = load<V>(dy + at + pixel * s.channels + c);
                return value * load<V>(&scale[c]) + load<V>(&shift[c]) <= V{} ? V{} : g;
            };
            std::vector<double> plain(s.channels), centred(s.channels);
            sums(s, plain.data(), centred.data(), [&](size_t pixel, size_t c, V &a, V &q) {
                const V value = load<V>(x + at + pixel * s.channels + c), g = passed(pixel, c, value);
                a += g, q += g * (value - load<V>(&middle[c]));
            });
            std::vector<float> along(s.channels), rest(s.channels);
            float *dw = parameters + image * 2 * s.channels, *db = dw + s.channels;
            const double count = (double) (each * s.pixels);
            for (size_t g = 0; g < groups; ++g) {
                double total = 0, product = 0;
                for (size_t c = g * each; c < (g + 1) * each; ++c) {
                    total += w[c] * plain[c], product += w[c] * centred[c];
                    dw[c] = (float) (centred[c] * inverse[g]), db[c] = (float) plain[c];
                }
                const double i = inverse[g];
                for (size_t c = g * each; c < (g + 1) * each; ++c) {
                    along[c] = (float) (-i * i * i * product / count);
                    rest[c] = (float) (-i * total / count);
                }
            }
            for (size_t pixel = 0; pixel < s.pixels; ++pixel) {
                for (size_t c = 0; c < s.channels; c += 8) {
                    const V value = load<V>(x + at + pixel * s.channels + c);
                    const V d = passed(pixel, c, value) * load<V>(&scale[c]) +
                                (value - load<V>(&middle[c])) * load<V>(&along[c]) + load<V>(&rest[c]);
                    store(dx + at + pixel * s.channels + c, d);
                }
            }
        });
    }
    return {to_numpy(dx, {s.batch, s.pixels, s.channels}), to_numpy(parameters, {s.batch, 2, s.channels})};
}

}  // namespace
}  // namespace vitruvian

void bind_group_norm(nb::module_ &m) {
    using namespace vitruvian;
    using namespace nb::literals;
    m.def("group_norm_relu", &forward, "maps"_a, "weight"_a, "bias"_a, "groups"_a, "epsilon"_a, nb::kw_only(), "threads"_a = 1);
    m.def("group_norm_relu_backward", &backward, "gradient"_a, "maps"_a, "statistics"_a, "weight"_a, "bias"_a, nb::kw_only(),
          "threads"_a = 1);
}
