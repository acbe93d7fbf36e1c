// Eight floats at once, in the vector types of gcc and clang: the same operations, hence the same bits, on every processor.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace vitruvian {

typedef float f32x8 __attribute__((vector_size(32)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef int32_t i32x4 __attribute__((vector_size(16)));

inline f32x8 splat(float v) { return f32x8{v, v, v, v, v, v, v, v}; }
inline i32x8 splat_i(int32_t v) { return i32x8{v, v, v, v, v, v, v, v}; }

template <class V, class T> inline V load(const T *p) {
    V v;
    std::memcpy(&v, p, sizeof(V));
    return v;
}
template <class V, class T> inline void store(T *p, const V &v) { std::memcpy(p, &v, sizeof(V)); }

inline f32x8 min8(f32x8 a, f32x8 b) { return a < b ? a : b; }
inline f32x8 max8(f32x8 a, f32x8 b) { return a > b ? a : b; }
inline f32x8 abs8(f32x8 a) { return max8(a, -a); }

inline i32x8 to_ints(f32x8 a) { return __builtin_convertvector(a, i32x8); }  // towards zero

#if defined(__clang__)
#define VITRUVIAN_PERMUTED(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
#else
#define VITRUVIAN_PERMUTED(v, ...) __builtin_shuffle(v, i32x8{__VA_ARGS__})
#endif

// Eight records of three numbers, one after the other, become three vectors of one number of each record.
inline void split_3(const f32x8 in[3], f32x8 out[3]) {
    const i32x8 a = {-1, 0, 0, -1, 0, 0, -1, 0}, b = {0, -1, 0, 0, -1, 0, 0, -1};  // places 0, 3, 6 and 1, 4, 7
    const f32x8 x = a ? in[0] : (b ? in[1] : in[2]), y = b ? in[0] : (a ? in[2] : in[1]), z = a ? in[1] : (b ? in[2] : in[0]);
    out[0] = VITRUVIAN_PERMUTED(x, 0, 3, 6, 1, 4, 7, 2, 5);
    out[1] = VITRUVIAN_PERMUTED(y, 1, 4, 7, 2, 5, 0, 3, 6);
    out[2] = VITRUVIAN_PERMUTED(z, 2, 5, 0, 3, 6, 1, 4, 7);
}
#undef VITRUVIAN_PERMUTED

inline f32x8 sqrt8(f32x8 a) {
#if defined(__AVX2__)
    return (f32x8) _mm256_sqrt_ps((__m256) a);
#else
    for (int k = 0; k < 8; ++k) a[k] = std::sqrt(a[k]);
    return a;
#endif
}

// One bit a lane: the sign bits of a mask (all ones or zero in each lane).
inline uint32_t lane_bits(i32x8 mask) {
#if defined(__AVX2__)
    return (uint32_t) _mm256_movemask_ps((__m256) mask);
#else
    uint32_t bits = 0;
    for (int k = 0; k < 8; ++k) bits |= (uint32_t) (mask[k] < 0) << k;
    return bits;
#endif
}

}  // namespace vitruvian
