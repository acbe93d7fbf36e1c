// Bytes of pictures to whole numbers and doubles in vectors, and back.
#pragma once

#include "simd.h"

namespace vitruvian {

typedef uint8_t u8x4 __attribute__((vector_size(4)));
typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef double f64x4 __attribute__((vector_size(32)));

inline i32x4 widened_4(const uint8_t *bytes) {
#if defined(__AVX2__)
    return (i32x4) _mm_cvtepu8_epi32(_mm_cvtsi32_si128(load<int32_t>(bytes)));
#else
    return __builtin_convertvector(load<u8x4>(bytes), i32x4);
#endif
}

inline i32x8 widened_8(const uint8_t *bytes) {
#if defined(__AVX2__)
    return (i32x8) _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(bytes)));
#else
    return __builtin_convertvector(load<u8x8>(bytes), i32x8);
#endif
}

// Two pixels of three bytes; eight bytes are read.
inline i32x8 two_pixels(const uint8_t *bytes) {
#if defined(__AVX2__)
    const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(bytes));
    return (i32x8) _mm256_cvtepu8_epi32(_mm_shuffle_epi8(eight, _mm_setr_epi8(0, 1, 2, 3, 3, 4, 5, 6, -1, -1, -1, -1, -1, -1, -1, -1)));
#else
    i32x8 pixels;
    for (int k = 0; k < 8; ++k) pixels[k] = bytes[k < 4 ? k : k - 1];
    return pixels;
#endif
}

inline f64x4 to_doubles(i32x4 v) {
#if defined(__AVX2__)
    return (f64x4) _mm256_cvtepi32_pd((__m128i) v);
#else
    return __builtin_convertvector(v, f64x4);
#endif
}
inline i32x4 to_ints(f64x4 v) { return __builtin_convertvector(v, i32x4); }  // towards zero

// Numbers of less than 16 bits, cut off at 0 and 255.
inline void store_clamped(uint8_t *out, i32x4 v) {
#if defined(__AVX2__)
    const __m128i words = _mm_packus_epi32((__m128i) v, (__m128i) v);
    store(out, _mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
#else
    for (int k = 0; k < 4; ++k) out[k] = (uint8_t) (v[k] < 0 ? 0 : (v[k] > 255 ? 255 : v[k]));
#endif
}

inline void store_clamped(uint8_t *out, i32x8 v) {
#if defined(__AVX2__)
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128((__m256i) v), _mm256_extracti128_si256((__m256i) v, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i *>(out), _mm_packus_epi16(words, words));
#else
    for (int k = 0; k < 8; ++k) out[k] = (uint8_t) (v[k] < 0 ? 0 : (v[k] > 255 ? 255 : v[k]));
#endif
}

// Four times the one number, then four times the next.
inline i32x8 two_splats(const int32_t *pair) {
#if defined(__AVX2__)
    const __m256d both = _mm256_castsi256_pd(_mm256_set1_epi64x(load<int64_t>(pair)));
    return (i32x8) _mm256_permutevar_ps(_mm256_castpd_ps(both), _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
#else
    return i32x8{pair[0], pair[0], pair[0], pair[0], pair[1], pair[1], pair[1], pair[1]};
#endif
}

inline i32x4 sum_of_halves(i32x8 v) {
#if defined(__AVX2__)
    return (i32x4) _mm_add_epi32(_mm256_castsi256_si128((__m256i) v), _mm256_extracti128_si256((__m256i) v, 1));
#else
    return i32x4{v[0] + v[4], v[1] + v[5], v[2] + v[6], v[3] + v[7]};
#endif
}

}  // namespace vitruvian
