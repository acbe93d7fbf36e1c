// Loads and stores of small records, eight at a time, for the x86 versions of the rasterizer's loops.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vitruvian {

// Four 256-bit vectors, each with a record of four numbers per half, become four vectors of one number of eight records.
// Applied to those it gives the records back.
inline void transpose_4x4x2(const __m256 in[4], __m256 out[4]) {
    const __m256 a = _mm256_unpacklo_ps(in[0], in[1]), b = _mm256_unpacklo_ps(in[2], in[3]);
    const __m256 c = _mm256_unpackhi_ps(in[0], in[1]), d = _mm256_unpackhi_ps(in[2], in[3]);
    out[0] = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(1, 0, 1, 0));
    out[1] = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 2, 3, 2));
    out[2] = _mm256_shuffle_ps(c, d, _MM_SHUFFLE(1, 0, 1, 0));
    out[3] = _mm256_shuffle_ps(c, d, _MM_SHUFFLE(3, 2, 3, 2));
}

// Three numbers each of eight records: one record starts at base + offset[l].
inline void load_records_3(const float *base, const uint32_t offset[8], __m256 out[3]) {
    const __m128i three = _mm_set_epi32(0, -1, -1, -1);  // a fourth number may lie past the end of the array
    const auto one = [&](int l) { return _mm_maskload_ps(base + offset[l], three); };
    __m256 rows[4], turned[4];
    for (int l = 0; l < 4; ++l) rows[l] = _mm256_insertf128_ps(_mm256_castps128_ps256(one(l)), one(l + 4), 1);
    transpose_4x4x2(rows, turned);
    for (int axis = 0; axis < 3; ++axis) out[axis] = turned[axis];
}

// Two numbers each of eight records: one record starts at base + offset[l].
inline void load_records_2(const float *base, const uint32_t offset[8], __m256 out[2]) {
    const auto one = [&](int l) { return _mm_castpd_ps(_mm_load_sd(reinterpret_cast<const double *>(base + offset[l]))); };
    const auto four = [&](int l) { return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_movelh_ps(one(l), one(l + 1))),
                                                               _mm_movelh_ps(one(l + 4), one(l + 5)), 1); };
    const __m256 a = four(0), b = four(2);
    out[0] = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0));
    out[1] = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1));
}

// Eight records of three numbers, one after the other.
inline void store_run_3(float *to, __m256 x, __m256 y, __m256 z) {
    const __m256 xy = _mm256_shuffle_ps(x, y, _MM_SHUFFLE(2, 0, 2, 0)), yz = _mm256_shuffle_ps(y, z, _MM_SHUFFLE(3, 1, 3, 1));
    const __m256 zx = _mm256_shuffle_ps(z, x, _MM_SHUFFLE(3, 1, 2, 0));
    const __m256 parts[3] = {_mm256_shuffle_ps(xy, zx, _MM_SHUFFLE(2, 0, 2, 0)), _mm256_shuffle_ps(yz, xy, _MM_SHUFFLE(3, 1, 2, 0)),
                             _mm256_shuffle_ps(zx, yz, _MM_SHUFFLE(3, 1, 3, 1))};
    for (int k = 0; k < 3; ++k) {
        _mm_storeu_ps(to + 4 * k, _mm256_castps256_ps128(parts[k]));
        _mm_storeu_ps(to + 12 + 4 * k, _mm256_extractf128_ps(parts[k], 1));
    }
}

// Eight records of two numbers, one after the other.
inline void store_run_2(float *to, __m256 x, __m256 y) {
    const __m256 low = _mm256_unpacklo_ps(x, y), high = _mm256_unpackhi_ps(x, y);
    _mm256_storeu_ps(to, _mm256_permute2f128_ps(low, high, 0x20));
    _mm256_storeu_ps(to + 8, _mm256_permute2f128_ps(low, high, 0x31));
}

// Puts three numbers each of `count` records at base + 3 * place[l].
inline void store_records_3(float *base, const size_t place[8], int count, __m256 x, __m256 y, __m256 z) {
    const __m256 fields[4] = {x, y, z, _mm256_setzero_ps()};
    __m256 rows[4];
    transpose_4x4x2(fields, rows);
    for (int l = 0; l < count; ++l) {
        const __m128 row = l < 4 ? _mm256_castps256_ps128(rows[l]) : _mm256_extractf128_ps(rows[l - 4], 1);
        _mm_storel_pi(reinterpret_cast<__m64 *>(base + 3 * place[l]), row);
        _mm_store_ss(base + 3 * place[l] + 2, _mm_movehl_ps(row, row));
    }
}

}  // namespace vitruvian
