// Values at vertices, or at corners of faces, to values at pixels, by the face and the weights that the rasterizer found.
// The contract is in platform/geometry/interpolate.py.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <optional>

#include "arrays.h"
#include "contracts.h"

namespace nb = nanobind;

namespace vitruvian {
namespace {

struct Fragments {
    const int32_t *face_id = nullptr;
    const float *weights = nullptr;
    size_t pixels = 0;
    const float *values = nullptr;
    const int32_t *faces = nullptr;  // null: values are given for each corner
    size_t channels = 0;
};

// C is the number of channels, or 0 when it is only known at run time. `write(pixel, channel, value)` for pixels that see a face.
template <size_t C, class Write> void for_each_value(const Fragments &f, size_t first, size_t last, Write write) {
    const size_t channels = C ? C : f.channels;
    for (size_t pixel = first; pixel < last; ++pixel) {
        const int32_t id = f.face_id[pixel];
        if (id < 0) continue;
        const float *corner[3];
        for (size_t k = 0; k < 3; ++k) {
            const size_t row = f.faces ? (size_t) f.faces[3 * (size_t) id + k] : 3 * (size_t) id + k;
            corner[k] = f.values + channels * row;
        }
        const float *w = f.weights + 3 * pixel;
        for (size_t c = 0; c < channels; ++c) write(pixel, c, w[0] * corner[0][c] + w[1] * corner[1][c] + w[2] * corner[2][c]);
    }
}

template <class Write> void dispatch(const Fragments &f, Write write) {
    switch (f.channels) {
    case 1: return for_each_value<1>(f, 0, f.pixels, write);
    case 2: return for_each_value<2>(f, 0, f.pixels, write);
    case 3: return for_each_value<3>(f, 0, f.pixels, write);
    default: return for_each_value<0>(f, 0, f.pixels, write);
    }
}

Fragments checked_fragments(const InputArray &values, const std::optional<InputArray> &faces, const InputArray &face_id,
                            const InputArray &weights) {
    Fragments f;
    size_t num_faces;
    if (faces) {
        f.values = checked<float>(values, "values", "float32 (V, C)", {-1, -1});
        f.faces = checked<int32_t>(*faces, "faces", "int32 (F, 3)", {-1, 3});
        f.channels = values.shape(1);
        num_faces = faces->shape(0);
        check_indices(f.faces, num_faces, values.shape(0), "faces", "values");
    } else {
        f.values = checked<float>(values, "values", "float32 (F, 3, C), as there are no faces", {-1, 3, -1});
        f.channels = values.shape(2);
        num_faces = values.shape(0);
    }
    f.face_id = checked<int32_t>(face_id, "face_id", "int32 (H, W)", {-1, -1});
    const int64_t height = (int64_t) face_id.shape(0), width = (int64_t) face_id.shape(1);
    f.weights = checked<float>(weights, "barycentrics", "float32 (H, W, 3)", {height, width, 3});
    f.pixels = (size_t) (height * width);
    int32_t largest = -1;
    for (size_t k = 0; k < f.pixels; ++k) largest = std::max(largest, f.face_id[k]);
    if (largest >= (int64_t) num_faces)
        throw nb::value_error(("face_id holds " + std::to_string(largest) + "; there are " + std::to_string(num_faces) +
                               " faces.").c_str());
    return f;
}

OutputArray<float> interpolate(const InputArray &values, const std::optional<InputArray> &faces, const InputArray &face_id,
                               const InputArray &weights, float background) {
    const Fragments f = checked_fragments(values, faces, face_id, weights);
    float *out = allocate<float>(f.pixels * f.channels);
    {
        nb::gil_scoped_release released;
        std::fill(out, out + f.pixels * f.channels, background);
        dispatch(f, [&](size_t pixel, size_t c, float value) { out[pixel * f.channels + c] = value; });
    }
    return to_numpy(out, {face_id.shape(0), face_id.shape(1), f.channels});
}

OutputArray<uint8_t> interpolate_bytes(const InputArray &values, const std::optional<InputArray> &faces,
                                       const InputArray &face_id, const InputArray &weights, uint8_t background, float offset) {
    const Fragments f = checked_fragments(values, faces, face_id, weights);
    uint8_t *out = allocate<uint8_t>(f.pixels * f.channels);
    {
        nb::gil_scoped_release released;
        std::fill(out, out + f.pixels * f.channels, background);
        dispatch(f, [&](size_t pixel, size_t c, float value) {
            const float unit = value > 0 ? std::min(value, 1.0f) : 0.0f;  // not a number: 0
            out[pixel * f.channels + c] = (uint8_t) (unit * 255.0f + offset);
        });
    }
    return to_numpy(out, {face_id.shape(0), face_id.shape(1), f.channels});
}

}  // namespace
}  // namespace vitruvian

void bind_interpolate(nb::module_ &m) {
    using namespace nb::literals;
    m.def("interpolate", &vitruvian::interpolate, "values"_a, "faces"_a.none(), "face_id"_a, "barycentrics"_a, "background"_a,
          "A picture of floats. Contract: vitruvian.geometry.interpolate.");
    m.def("interpolate_bytes", &vitruvian::interpolate_bytes, "values"_a, "faces"_a.none(), "face_id"_a, "barycentrics"_a,
          "background"_a, "offset"_a, "A picture of bytes. Contract: vitruvian.geometry.interpolate.");
}
