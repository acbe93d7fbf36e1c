// The inner loops of visibility.h for x86: vertices and triangles eight at a time, with the same results to the bit.
#pragma once

#include "simd_avx2.h"
#include "visibility.h"

namespace vitruvian {

inline __m256 row_of(const Frame &f, int r, const __m256 p[3]) {
    const auto term = [&](int k) { return _mm256_mul_ps(_mm256_set1_ps(f.rows[r][k]), p[k]); };
    return _mm256_add_ps(_mm256_add_ps(_mm256_add_ps(term(0), term(1)), term(2)), _mm256_set1_ps(f.rows[r][3]));
}

inline Extent snap_vertices_avx2(const Frame &f, const float *vertices, size_t begin, size_t end, Snapped *out) {
    static const uint32_t offsets[8] = {0, 3, 6, 9, 12, 15, 18, 21};
    const __m256 one = _mm256_set1_ps(1), guard = _mm256_set1_ps(kGuardBand_px), subpixels = _mm256_set1_ps((float) kSubpixels);
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256i low_x = _mm256_set1_epi32(INT32_MAX), high_x = _mm256_set1_epi32(INT32_MIN), low_y = low_x, high_y = high_x;
    __m256 any_outside = _mm256_setzero_ps();
    size_t i = begin;
    for (; i + 8 <= end; i += 8) {
        __m256 p[3];
        load_records_3(vertices + 3 * i, offsets, p);
        const __m256 depth = row_of(f, 2, p);
        __m256 near = _mm256_setzero_ps(), scale = one;
        if (f.perspective) {
            near = _mm256_cmp_ps(depth, _mm256_set1_ps(f.near_m), _CMP_NGE_UQ);
            scale = _mm256_div_ps(one, _mm256_blendv_ps(depth, one, near));
        }
        const __m256 u = _mm256_mul_ps(row_of(f, 0, p), scale), v = _mm256_mul_ps(row_of(f, 1, p), scale);
        const __m256 far = _mm256_or_ps(_mm256_cmp_ps(_mm256_and_ps(u, magnitude), guard, _CMP_NLT_UQ),
                                        _mm256_cmp_ps(_mm256_and_ps(v, magnitude), guard, _CMP_NLT_UQ));
        const __m256 outside = _mm256_or_ps(near, far);
        const __m256 x = _mm256_castsi256_ps(_mm256_cvtps_epi32(_mm256_mul_ps(u, subpixels)));
        const __m256 y = _mm256_castsi256_ps(_mm256_cvtps_epi32(_mm256_mul_ps(v, subpixels)));
        const __m256 key = f.perspective ? _mm256_xor_ps(scale, _mm256_set1_ps(-0.0f)) : depth;
        const __m256 fields[4] = {_mm256_andnot_ps(outside, x), _mm256_andnot_ps(outside, y), key, outside};
        low_x = _mm256_min_epi32(low_x, _mm256_castps_si256(fields[0]));
        high_x = _mm256_max_epi32(high_x, _mm256_castps_si256(fields[0]));
        low_y = _mm256_min_epi32(low_y, _mm256_castps_si256(fields[1]));
        high_y = _mm256_max_epi32(high_y, _mm256_castps_si256(fields[1]));
        any_outside = _mm256_or_ps(any_outside, outside);
        __m256 records[4];
        transpose_4x4x2(fields, records);
        for (int l = 0; l < 4; ++l) {
            _mm_store_ps(reinterpret_cast<float *>(out + i + l), _mm256_castps256_ps128(records[l]));
            _mm_store_ps(reinterpret_cast<float *>(out + i + 4 + l), _mm256_extractf128_ps(records[l], 1));
        }
    }
    Extent extent = snap_vertices(f, vertices, i, end, out);
    alignas(32) int32_t lanes[4][8];
    const __m256i limits[4] = {low_x, low_y, high_x, high_y};
    for (int k = 0; k < 4; ++k) _mm256_store_si256(reinterpret_cast<__m256i *>(lanes[k]), limits[k]);
    for (int l = 0; l < 8; ++l) extent.include({lanes[0][l], lanes[1][l], lanes[2][l], lanes[3][l], false});
    extent.outside = extent.outside || _mm256_movemask_ps(any_outside) != 0;
    return extent;
}

// Eight triangles, ready to be drawn: edge functions at their first pixel, less the top-left bias, and the steps per pixel.
struct alignas(32) Prepared {
    int32_t edge[3][8], step_x[3][8], step_y[3][8];
    float key[8], key_b[8], key_c[8];
    int32_t x0[8], x1[8], y0[8], y1[8];
};

// Pixels are taken in aligned eights: what one triangle stores the next one can load at once. Those left and right of the
// triangle's box are outside of its edges; those right of the picture are padding.
inline void draw_small(const Canvas &canvas, const Prepared &t, int l, int32_t face) {
    const int x0 = t.x0[l] & ~7, last = t.x1[l] - x0, y1 = t.y1[l];
    const __m256i ramp = _mm256_sub_epi32(_mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0), _mm256_set1_epi32(t.x0[l] & 7));
    __m256i row[3], down[3], across[3];
    for (int k = 0; k < 3; ++k) {
        const __m256i step = _mm256_set1_epi32(t.step_x[k][l]);
        row[k] = _mm256_add_epi32(_mm256_set1_epi32(t.edge[k][l]), _mm256_mullo_epi32(step, ramp));
        across[k] = _mm256_slli_epi32(step, 3);
        down[k] = _mm256_set1_epi32(t.step_y[k][l]);
    }
    const __m256 key_a = _mm256_set1_ps(t.key[l]), key_b = _mm256_set1_ps(t.key_b[l]), key_c = _mm256_set1_ps(t.key_c[l]);
    const __m256 id = _mm256_castsi256_ps(_mm256_set1_epi32(face));
    size_t at = canvas.at(x0, t.y0[l]);
    for (int y = t.y0[l];; ++y) {
        __m256i edge[3] = {row[0], row[1], row[2]};
        for (int x = 0;;) {
            const __m256 out = _mm256_castsi256_ps(_mm256_or_si256(_mm256_or_si256(edge[0], edge[1]), edge[2]));
            if (_mm256_movemask_ps(out) != 0xff) {  // negative: outside of an edge
                float *keys = canvas.keys + at + (size_t) x;
                float *faces = reinterpret_cast<float *>(canvas.faces + at + (size_t) x);
                const __m256 key = _mm256_add_ps(_mm256_add_ps(key_a, _mm256_mul_ps(_mm256_cvtepi32_ps(edge[1]), key_b)),
                                                 _mm256_mul_ps(_mm256_cvtepi32_ps(edge[2]), key_c));
                const __m256 before = _mm256_load_ps(keys);
                // Only the sign of each lane counts, in blendv too.
                const __m256 nearer = _mm256_andnot_ps(out, _mm256_cmp_ps(key, before, _CMP_LT_OQ));
                _mm256_store_ps(keys, _mm256_blendv_ps(before, key, nearer));
                _mm256_store_ps(faces, _mm256_blendv_ps(_mm256_load_ps(faces), id, nearer));
            }
            x += 8;
            if (x > last) break;
            for (int k = 0; k < 3; ++k) edge[k] = _mm256_add_epi32(edge[k], across[k]);
        }
        if (y == y1) break;
        for (int k = 0; k < 3; ++k) row[k] = _mm256_add_epi32(row[k], down[k]);
        at += canvas.stride;
    }
}

// The same for triangles at most four pixels wide, most of all: four by two pixels at a time. The row below the last one of the
// canvas is padding.
inline void draw_narrow(const Canvas &canvas, const Prepared &t, int l, int32_t face) {
    const __m256i ramp = _mm256_set_epi32(3, 2, 1, 0, 3, 2, 1, 0), lower = _mm256_set_epi32(-1, -1, -1, -1, 0, 0, 0, 0);
    __m256i edge[3], down[3];
    for (int k = 0; k < 3; ++k) {
        const __m256i step = _mm256_set1_epi32(t.step_y[k][l]);
        const __m256i first = _mm256_add_epi32(_mm256_set1_epi32(t.edge[k][l]), _mm256_and_si256(step, lower));
        edge[k] = _mm256_add_epi32(first, _mm256_mullo_epi32(_mm256_set1_epi32(t.step_x[k][l]), ramp));
        down[k] = _mm256_slli_epi32(step, 1);
    }
    const __m256 key_a = _mm256_set1_ps(t.key[l]), key_b = _mm256_set1_ps(t.key_b[l]), key_c = _mm256_set1_ps(t.key_c[l]);
    const __m256 id = _mm256_castsi256_ps(_mm256_set1_epi32(face));
    const int y1 = t.y1[l];
    float *keys = canvas.keys + canvas.at(t.x0[l], t.y0[l]);
    float *faces = reinterpret_cast<float *>(canvas.faces + canvas.at(t.x0[l], t.y0[l]));
    const auto load = [&](const float *at) {
        return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at)), _mm_loadu_ps(at + canvas.stride), 1);
    };
    const auto store = [&](float *at, __m256 value) {
        _mm_storeu_ps(at, _mm256_castps256_ps128(value));
        _mm_storeu_ps(at + canvas.stride, _mm256_extractf128_ps(value, 1));
    };
    for (int y = t.y0[l];;) {
        const __m256 out = _mm256_castsi256_ps(_mm256_or_si256(_mm256_or_si256(edge[0], edge[1]), edge[2]));
        const __m256 key = _mm256_add_ps(_mm256_add_ps(key_a, _mm256_mul_ps(_mm256_cvtepi32_ps(edge[1]), key_b)),
                                         _mm256_mul_ps(_mm256_cvtepi32_ps(edge[2]), key_c));
        const __m256 before = load(keys);
        const __m256 nearer = _mm256_andnot_ps(out, _mm256_cmp_ps(key, before, _CMP_LT_OQ));
        store(keys, _mm256_blendv_ps(before, key, nearer));
        store(faces, _mm256_blendv_ps(load(faces), id, nearer));
        y += 2;
        if (y > y1) break;
        for (int k = 0; k < 3; ++k) edge[k] = _mm256_add_epi32(edge[k], down[k]);
        keys += 2 * canvas.stride;
        faces += 2 * canvas.stride;
    }
}

inline void draw_faces_avx2(const Frame &f, const Canvas &canvas, const float *vertices, const Snapped *snapped,
                            const int32_t *faces, size_t num_faces, bool cull) {
    constexpr int half = kSubpixels / 2;
    const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi32(-1);
    const __m256i round_up = _mm256_set1_epi32(half - 1), to_centre = _mm256_set1_epi32(half);
    const __m256i small_limit = _mm256_set1_epi32(kSmall);
    const __m256i left = _mm256_set1_epi32(canvas.column_begin), right = _mm256_set1_epi32(canvas.column_end - 1);
    const __m256i top = _mm256_set1_epi32(canvas.row_begin), bottom = _mm256_set1_epi32(canvas.row_end - 1);
    Prepared t;
    size_t first = 0;
    for (; first + 8 <= num_faces; first += 8) {
        const int32_t *corners = faces + 3 * first;
        if (first + 40 <= num_faces)  // neighbours in the list share corners: one of three will do
            for (int l = 0; l < 8; ++l)
                _mm_prefetch(reinterpret_cast<const char *>(snapped + (uint32_t) corners[96 + 3 * l]), _MM_HINT_T0);
        __m256i x[3], y[3], outside = zero;
        __m256 key[3];
        for (int k = 0; k < 3; ++k) {
            const auto one = [&](int l) {
                return _mm_load_ps(reinterpret_cast<const float *>(snapped + (uint32_t) corners[3 * l + k]));
            };
            __m256 rows[4], turned[4];
            for (int l = 0; l < 4; ++l) rows[l] = _mm256_insertf128_ps(_mm256_castps128_ps256(one(l)), one(l + 4), 1);
            transpose_4x4x2(rows, turned);
            x[k] = _mm256_castps_si256(turned[0]);
            y[k] = _mm256_castps_si256(turned[1]);
            key[k] = turned[2];
            outside = _mm256_or_si256(outside, _mm256_castps_si256(turned[3]));
        }
        const auto least = [](const __m256i v[3]) { return _mm256_min_epi32(_mm256_min_epi32(v[0], v[1]), v[2]); };
        const auto most = [](const __m256i v[3]) { return _mm256_max_epi32(_mm256_max_epi32(v[0], v[1]), v[2]); };
        const __m256i min_x = least(x), max_x = most(x), min_y = least(y), max_y = most(y);
        const __m256i x0 = _mm256_max_epi32(left, _mm256_srai_epi32(_mm256_add_epi32(min_x, round_up), kSubpixelBits));
        const __m256i x1 = _mm256_min_epi32(right, _mm256_srai_epi32(_mm256_sub_epi32(max_x, to_centre), kSubpixelBits));
        const __m256i y0 = _mm256_max_epi32(top, _mm256_srai_epi32(_mm256_add_epi32(min_y, round_up), kSubpixelBits));
        const __m256i y1 = _mm256_min_epi32(bottom, _mm256_srai_epi32(_mm256_sub_epi32(max_y, to_centre), kSubpixelBits));
        const __m256i no_centre = _mm256_or_si256(_mm256_cmpgt_epi32(x0, x1), _mm256_cmpgt_epi32(y0, y1));
        const int clipped = _mm256_movemask_ps(_mm256_castsi256_ps(outside));
        int live = ~_mm256_movemask_ps(_mm256_castsi256_ps(no_centre)) & 0xff;
        if (!(live | clipped)) continue;
        const __m256i big = _mm256_or_si256(_mm256_cmpgt_epi32(_mm256_sub_epi32(max_x, min_x), small_limit),
                                            _mm256_cmpgt_epi32(_mm256_sub_epi32(max_y, min_y), small_limit));
        const int large = _mm256_movemask_ps(_mm256_castsi256_ps(big));

        // Small triangles from here on; the numbers of others are not used. Corners 1 and 2 change places where the area is
        // negative.
        const __m256i bx = _mm256_sub_epi32(x[1], x[0]), by = _mm256_sub_epi32(y[1], y[0]);
        const __m256i cx = _mm256_sub_epi32(x[2], x[0]), cy = _mm256_sub_epi32(y[2], y[0]);
        const __m256i area = _mm256_sub_epi32(_mm256_mullo_epi32(bx, cy), _mm256_mullo_epi32(cx, by));
        const __m256i drop = cull ? _mm256_cmpgt_epi32(area, ones) : _mm256_cmpeq_epi32(area, zero);
        live &= ~_mm256_movemask_ps(_mm256_castsi256_ps(drop)) | large;
        if (!(live | clipped)) continue;
        const __m256i turned = _mm256_srai_epi32(area, 31);
        const auto pick = [&](__m256i a, __m256i b) { return _mm256_blendv_epi8(a, b, turned); };
        const __m256i qx[3] = {x[0], pick(x[1], x[2]), pick(x[2], x[1])}, qy[3] = {y[0], pick(y[1], y[2]), pick(y[2], y[1])};
        const __m256 turned_ps = _mm256_castsi256_ps(turned);
        const __m256 kb = _mm256_blendv_ps(key[1], key[2], turned_ps), kc = _mm256_blendv_ps(key[2], key[1], turned_ps);
        const __m256 inverse = _mm256_div_ps(_mm256_set1_ps(1), _mm256_cvtepi32_ps(_mm256_abs_epi32(area)));
        const __m256 key_b = _mm256_mul_ps(_mm256_sub_ps(kb, key[0]), inverse);
        const __m256 key_c = _mm256_mul_ps(_mm256_sub_ps(kc, key[0]), inverse);
        const __m256i px = _mm256_add_epi32(_mm256_slli_epi32(x0, kSubpixelBits), to_centre);
        const __m256i py = _mm256_add_epi32(_mm256_slli_epi32(y0, kSubpixelBits), to_centre);
        __m256i edge[3], bias[3];
        for (int k = 0; k < 3; ++k) {
            const int from = (k + 1) % 3, to = (k + 2) % 3;
            const __m256i dx = _mm256_sub_epi32(qx[to], qx[from]), dy = _mm256_sub_epi32(qy[to], qy[from]);
            const __m256i level = _mm256_and_si256(_mm256_cmpeq_epi32(dy, zero), _mm256_cmpgt_epi32(dx, zero));
            const __m256i owns = _mm256_or_si256(_mm256_srai_epi32(dy, 31), level);
            bias[k] = _mm256_andnot_si256(owns, ones);  // -1 where centres on the edge belong to the neighbour
            const __m256i value = _mm256_sub_epi32(_mm256_mullo_epi32(dx, _mm256_sub_epi32(py, qy[from])),
                                                   _mm256_mullo_epi32(dy, _mm256_sub_epi32(px, qx[from])));
            edge[k] = _mm256_add_epi32(value, bias[k]);
            _mm256_store_si256(reinterpret_cast<__m256i *>(t.edge[k]), edge[k]);
            const __m256i step_x = _mm256_slli_epi32(_mm256_sub_epi32(zero, dy), kSubpixelBits);
            _mm256_store_si256(reinterpret_cast<__m256i *>(t.step_x[k]), step_x);
            _mm256_store_si256(reinterpret_cast<__m256i *>(t.step_y[k]), _mm256_slli_epi32(dx, kSubpixelBits));
        }
        // The bias is taken out of the key again.
        const __m256 key_a = _mm256_sub_ps(_mm256_sub_ps(key[0], _mm256_mul_ps(_mm256_cvtepi32_ps(bias[1]), key_b)),
                                           _mm256_mul_ps(_mm256_cvtepi32_ps(bias[2]), key_c));
        // Triangles whose box holds a single centre are decided here, all at once; most of a fine mesh are of this kind.
        const __m256i single = _mm256_and_si256(_mm256_cmpeq_epi32(x0, x1), _mm256_cmpeq_epi32(y0, y1));
        const __m256i hit = _mm256_or_si256(_mm256_or_si256(edge[0], edge[1]), edge[2]);
        const int singles = _mm256_movemask_ps(_mm256_castsi256_ps(single)) & ~large;
        live &= ~(singles & _mm256_movemask_ps(_mm256_castsi256_ps(hit)));
        if (!(live | clipped)) continue;
        const __m256 first_key = _mm256_add_ps(_mm256_add_ps(key_a, _mm256_mul_ps(_mm256_cvtepi32_ps(edge[1]), key_b)),
                                               _mm256_mul_ps(_mm256_cvtepi32_ps(edge[2]), key_c));
        alignas(32) float first_keys[8];
        _mm256_store_ps(first_keys, first_key);
        _mm256_store_ps(t.key, key_a);
        _mm256_store_ps(t.key_b, key_b);
        _mm256_store_ps(t.key_c, key_c);
        _mm256_store_si256(reinterpret_cast<__m256i *>(t.x0), x0);
        _mm256_store_si256(reinterpret_cast<__m256i *>(t.x1), x1);
        _mm256_store_si256(reinterpret_cast<__m256i *>(t.y0), y0);
        _mm256_store_si256(reinterpret_cast<__m256i *>(t.y1), y1);
        for (int rest = live | clipped; rest; rest &= rest - 1) {
            const int l = __builtin_ctz((unsigned) rest);
            const int32_t face = (int32_t) first + l;
            if (clipped >> l & 1) {
                draw_faces_from(f, canvas, vertices, snapped, faces, (size_t) face, (size_t) face + 1, cull);
            } else if (large >> l & 1) {
                draw_faces_from(f, canvas, vertices, snapped, faces, (size_t) face, (size_t) face + 1, cull);
            } else if (singles >> l & 1) {
                const size_t at = canvas.at(t.x0[l], t.y0[l]);
                if (first_keys[l] < canvas.keys[at]) canvas.keys[at] = first_keys[l], canvas.faces[at] = face;
            } else if (t.x1[l] - t.x0[l] < 4) {
                draw_narrow(canvas, t, l, face);
            } else {
                draw_small(canvas, t, l, face);
            }
        }
    }
    draw_faces_from(f, canvas, vertices, snapped, faces, first, num_faces, cull);
}

}  // namespace vitruvian
