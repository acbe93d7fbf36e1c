// Checks of what arrays hold, shared by the kernels; arrays.h checks their dtype, shape and layout.
#pragma once

#include "arrays.h"

namespace vitruvian {

// Every index of (num_faces, 3) must be in [0, count): `count` things called `of`. The error names the first face that is wrong.
inline void check_indices(const int32_t *indices, size_t num_faces, size_t count, const char *name, const char *of) {
    const uint32_t limit = (uint32_t) count;
    uint32_t wrong = 0;
    for (size_t i = 0; i < 3 * num_faces; ++i) wrong |= (uint32_t) indices[i] >= limit;
    if (!wrong) return;
    size_t first = 0;
    while ((uint32_t) indices[first] < limit) ++first;
    throw nb::value_error((std::string(name) + "[" + std::to_string(first / 3) + "] holds the index " +
                           std::to_string(indices[first]) + ", but there are " + std::to_string(count) + " " + of +
                           "; indices must be at least 0 and below that.")
                              .c_str());
}

// Every value of (rows, columns) must be finite. The error names the first row that is not.
inline void check_finite(const float *values, size_t rows, size_t columns, const char *name) {
    uint32_t wrong = 0;
    const size_t count = rows * columns;
    for (size_t i = 0; i < count; ++i) wrong |= !(values[i] - values[i] == 0.0f);
    if (!wrong) return;
    size_t first = 0;
    while (values[first] - values[first] == 0.0f) ++first;
    throw nb::value_error((std::string(name) + "[" + std::to_string(first / columns) +
                           "] is not finite; remove NaN and infinite values first.")
                              .c_str());
}

}  // namespace vitruvian
