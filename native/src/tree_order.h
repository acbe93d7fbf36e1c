// The order of primitives for a NearestTree: halved along the longest side of the centres' box, again and again, at places that
// fill all leaves but the last. Boxes made this way are met half as often as those of a space-filling curve.
#pragma once

#include "simd.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace vitruvian {

class TreeOrder {
public:
    // center(k, float[3]) gives the centre of primitive k.
    template <class Center> static std::vector<uint32_t> of(size_t count, const Center &center) {
        TreeOrder order;
        order.items_.reset(new Item[count]);
        order.spare_.reset(new Item[count]);
        for (size_t k = 0; k < count; ++k) {
            center(k, order.items_[k].at);
            order.items_[k].index = (uint32_t) k;
        }
        size_t unit = 8;
        while (unit < count) unit *= 8;
        order.split(order.items_.get(), order.items_.get() + count, unit);
        std::vector<uint32_t> result(count);
        for (size_t k = 0; k < count; ++k) result[k] = order.items_[k].index;
        return result;
    }

private:
    struct Item {
        float at[3];
        uint32_t index;
    };

    // Splits the range into parts of `unit` primitives, the last of which may be smaller, and those parts further.
    void split(Item *begin, Item *end, size_t unit) {
        size_t count = (size_t) (end - begin);
        while (count <= unit && unit > 8) unit /= 8;
        if (count <= unit) return;
        float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
        for (const Item *item = begin; item != end; ++item) {
            for (int a = 0; a < 3; ++a) low[a] = std::min(low[a], item->at[a]), high[a] = std::max(high[a], item->at[a]);
        }
        int axis = high[1] - low[1] > high[0] - low[0] ? 1 : 0;
        if (high[2] - low[2] > high[axis] - low[axis]) axis = 2;
        Item *middle = begin + (count + unit - 1) / unit / 2 * unit;
        select(begin, middle, end, axis);
        split(begin, middle, unit);
        split(middle, end, unit);
    }

    // Moves the smallest items of [begin, end) along the axis to [begin, middle): quickselect about a pivot from a sample, with
    // partitions that do not branch on the data, until few are left.
    void select(Item *begin, Item *middle, Item *end, int axis) {
        while (end - begin > kFew) {
            size_t count = (size_t) (end - begin);
            Item sample[kSample];
            for (int k = 0; k < kSample; ++k) sample[k] = begin[(2 * (size_t) k + 1) * count / (2 * kSample)];
            sort_few(sample, kSample, axis);
            const Item pivot = sample[std::min<size_t>(kSample - 1, (size_t) (middle - begin) * kSample / count)];
            Item *smaller = spare_.get(), *others = spare_.get() + count;
            for (const Item *item = begin; item != end; ++item) {
                bool is_smaller = (item->at[axis] < pivot.at[axis]) |
                                  ((item->at[axis] == pivot.at[axis]) & (item->index < pivot.index));
                *smaller = *item;
                others[-1] = *item;
                smaller += is_smaller;
                others -= !is_smaller;
            }
            std::copy(spare_.get(), spare_.get() + count, begin);
            Item *border = begin + (smaller - spare_.get());
            if (border == begin) {  // the pivot is the smallest: put it in front, or nothing would shrink
                while (border->index != pivot.index) ++border;
                std::swap(*border, *begin);
                border = begin + 1;
            }
            if (middle == border) return;
            (middle < border ? end : begin) = border;
        }
        sort_few(begin, (int) (end - begin), axis);
    }

    // Sorts at most kFew items by counting, for each, those before it. Coordinates are compared without their last six bits, in
    // place of which stands the item's place, so that no two are equal.
    void sort_few(Item *items, int count, int axis) {
        alignas(32) int32_t keys[kFew];
        for (int k = 0; k < count; ++k) {
            int32_t bits;
            std::memcpy(&bits, &items[k].at[axis], 4);
            bits ^= bits >> 31 & 0x7fffffff;  // the order of floats as that of integers
            keys[k] = (bits & ~(kFew - 1)) | k;
        }
        int padded = (count + 7) / 8 * 8;
        for (int k = count; k < padded; ++k) keys[k] = INT32_MAX;
        Item sorted[kFew];
        for (int k = 0; k < count; ++k) {
            i32x8 key = splat_i(keys[k]), before = splat_i(0);
            for (int j = 0; j < padded; j += 8) before -= load<i32x8>(keys + j) < key;
            int rank = 0;
            for (int lane = 0; lane < 8; ++lane) rank += before[lane];
            sorted[rank] = items[k];
        }
        std::copy(sorted, sorted + count, items);
    }

    static constexpr int kFew = 64, kSample = 24;
    std::unique_ptr<Item[]> items_, spare_;
};

}  // namespace vitruvian
