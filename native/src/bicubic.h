// The bicubic resize of 8-bit pictures that Pillow does, to the bit: Keys' cubic (a = -0.5), widened when the picture gets smaller,
// weights as whole numbers of 22 bits after the point, rows first, each pass rounded to 8 bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "byte_lanes.h"

namespace vitruvian {

constexpr int kBicubicBits = 22;

inline double bicubic_weight(double x) {
    constexpr double a = -0.5;
    x = std::fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

// How each of `to` values is made of `from` values: `count[k]` of them from `first[k]` on, by weights[k * room ...]; `room` is even
// and what is left of it zero.
struct BicubicTaps {
    size_t room = 0;
    std::vector<int32_t> first, count, weights;

    BicubicTaps(size_t from, size_t to) {
        const double scale = (double) from / (double) to, widened = std::max(scale, 1.0), support = 2.0 * widened;
        room = (size_t) std::ceil(support) * 2 + 2;
        first.resize(to), count.resize(to), weights.assign(to * room, 0);
        std::vector<double> exact(room);
        for (size_t k = 0; k < to; ++k) {
            const double center = ((double) k + 0.5) * scale, closer = 1.0 / widened;
            const int32_t begin = std::max(0, (int32_t) (center - support + 0.5));
            const int32_t end = std::min((int32_t) from, (int32_t) (center + support + 0.5));
            double sum = 0.0;
            for (int32_t i = begin; i < end; ++i) {
                exact[(size_t) (i - begin)] = bicubic_weight(((double) i - center + 0.5) * closer);
                sum += exact[(size_t) (i - begin)];
            }
            for (int32_t i = 0; i < end - begin; ++i) {
                const double share = (sum != 0.0 ? exact[(size_t) i] / sum : exact[(size_t) i]) * (1 << kBicubicBits);
                weights[k * room + (size_t) i] = (int32_t) (share < 0 ? share - 0.5 : share + 0.5);
            }
            first[k] = begin, count[k] = end - begin;
        }
    }

    size_t longest() const { return (size_t) *std::max_element(count.begin(), count.end()); }
};

// A row of pixels, four numbers each, to `to` RGB pixels of bytes. Reads one pixel behind the row, writes one byte behind the result.
inline void bicubic_row(const BicubicTaps &taps, const int32_t *row, uint8_t *out) {
    constexpr int32_t half = 1 << (kBicubicBits - 1);
    for (size_t k = 0; k < taps.first.size(); ++k) {
        const int32_t *pixel = row + 4 * (size_t) taps.first[k], *weight = taps.weights.data() + k * taps.room;
        i32x8 sum = {half, half, half, half, 0, 0, 0, 0};
        for (int32_t i = 0; i < taps.count[k]; i += 2) sum += load<i32x8>(pixel + 4 * i) * two_splats(weight + i);
        store_clamped(out + 3 * k, sum_of_halves(sum) >> kBicubicBits);
    }
}

// The weighted sum of `count` rows. `bytes` is a multiple of 16.
inline void bicubic_rows(const uint8_t *const *rows, const int32_t *weights, size_t count, size_t bytes, uint8_t *out) {
    for (size_t at = 0; at < bytes; at += 16) {
        i32x8 low = splat_i(1 << (kBicubicBits - 1)), high = low;
        for (size_t i = 0; i < count; ++i) {
            low += widened_8(rows[i] + at) * weights[i];
            high += widened_8(rows[i] + at + 8) * weights[i];
        }
        store_clamped(out + at, low >> kBicubicBits);
        store_clamped(out + at + 8, high >> kBicubicBits);
    }
}

}  // namespace vitruvian
