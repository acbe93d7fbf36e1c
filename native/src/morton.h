// Points in the order of a space-filling curve, so that neighbours in the order are neighbours in space (Morton 1966).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace vitruvian {

inline uint32_t spread_bits(uint32_t v) {  // 10 bits to every third bit
    v = (v | v << 16) & 0x030000ff;
    v = (v | v << 8) & 0x0300f00f;
    v = (v | v << 4) & 0x030c30c3;
    return (v | v << 2) & 0x09249249;
}

// Sorts [0, count) by the 30-bit Morton code of position(k, float[3]); equal codes keep their order.
template <class Position> std::vector<uint32_t> morton_order(size_t count, const Position &position) {
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY}, p[3];
    for (size_t k = 0; k < count; ++k) {
        position(k, p);
        for (int a = 0; a < 3; ++a) low[a] = std::min(low[a], p[a]), high[a] = std::max(high[a], p[a]);
    }
    float extent = std::max(std::max(high[0] - low[0], high[1] - low[1]), high[2] - low[2]);
    float scale = extent > 0 ? 1024.0f / extent : 0.0f;
    if (!(scale < 1e30f)) scale = 0.0f;
    struct Entry {
        uint32_t code, index;
    };
    std::vector<Entry> entries(count), other(count);
    constexpr int digit_bits = 10, digits = 1 << digit_bits;
    std::vector<uint32_t> histogram(3 * digits, 0);
    for (size_t k = 0; k < count; ++k) {
        position(k, p);
        uint32_t code = 0;
        for (int a = 0; a < 3; ++a) code |= spread_bits((uint32_t) std::min((p[a] - low[a]) * scale, 1023.0f)) << a;
        entries[k] = {code, (uint32_t) k};
        for (int d = 0; d < 3; ++d) ++histogram[d * digits + (code >> d * digit_bits & (digits - 1))];
    }
    for (int d = 0; d < 3; ++d) {
        uint32_t *start = histogram.data() + d * digits, sum = 0;
        for (int k = 0; k < digits; ++k) {
            uint32_t size = start[k];
            start[k] = sum;
            sum += size;
        }
        for (const Entry &entry : entries) other[start[entry.code >> d * digit_bits & (digits - 1)]++] = entry;
        entries.swap(other);
    }
    std::vector<uint32_t> order(count);
    for (size_t k = 0; k < count; ++k) order[k] = entries[k].index;
    return order;
}

}  // namespace vitruvian
