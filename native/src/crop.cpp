// Square crops of photographs: cut out, turned, resized, row by row; and the bytes of a crop as the floats of a network.
// The contract is in platform/geometry/crops.py.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "arrays.h"
#include "bicubic.h"

namespace nb = nanobind;

namespace vitruvian {
namespace {

constexpr size_t kSpare = 16;          // bytes behind a row that vectors may touch
constexpr int64_t kLongest = 1 << 24;  // pixels of a side: whole numbers up to here are floats, too

// What is seen of the photograph, and where it lies in the cut-out; all else of the cut-out is black.
struct Seen {
    const uint8_t *data = nullptr;
    int64_t stride = 0, height = 0, width = 0, row = 0, column = 0;

    const uint8_t *pixel(int64_t r, int64_t c) const { return data + r * stride + 3 * c; }
};

// The rows of the cut-out, turned about its middle where that is asked for, without `pad` pixels at each side.
class CutOut {
  public:
    CutOut(const Seen &seen, int64_t height, int64_t width, int64_t pad, std::optional<std::pair<double, double>> turn)
        : seen_(seen), height_(height), width_(width), pad_(pad), turn_(turn) {
        if (!turn) return;
        const auto [c, s] = *turn;
        const size_t count = (size_t) columns();
        for (auto *values : {&cx_, &sx_, &right_, &down_}) values->resize(count);
        column_.resize(count), row_.resize(count);
        for (size_t i = 0; i < count; ++i) {
            const double x = (double) ((int64_t) i + pad) - middle(width);
            cx_[i] = c * x, sx_[i] = s * x;
        }
    }

    int64_t rows() const { return height_ - 2 * pad_; }
    int64_t columns() const { return width_ - 2 * pad_; }

    // Writes a row of pixels: red, green, blue and something.
    void row(int64_t number, int32_t *out) {
        if (turn_) turned_row(number, out);
        else plain_row(number, out);
    }

  private:
    static double middle(int64_t length) { return (double) length / 2 - 0.5; }

    void plain_row(int64_t number, int32_t *out) const {
        const int64_t r = number + pad_ - seen_.row, count = columns();
        const int64_t shift = seen_.column - pad_;  // of what is seen in the row
        const bool empty = r < 0 || r >= seen_.height;
        const int64_t begin = empty ? count : std::clamp<int64_t>(shift, 0, count);
        const int64_t end = empty ? count : std::clamp<int64_t>(shift + seen_.width, begin, count);
        std::memset(out, 0, 16 * (size_t) begin);
        std::memset(out + 4 * end, 0, 16 * (size_t) (count - end));
        if (begin == end) return;
        const uint8_t *first = seen_.pixel(r, begin - shift);
        int64_t i = begin;
        for (; i + 3 <= end; i += 2, first += 6) store(out + 4 * i, two_pixels(first));
        for (; i < end - 1; ++i, first += 3) store(out + 4 * i, widened_4(first));
        const uint8_t *last = seen_.pixel(r, end - 1 - shift);  // no byte behind it
        store(out + 4 * (end - 1), i32x4{last[0], last[1], last[2], 0});
    }

    // Bilinear in doubles, in this order of operations; cut to whole levels after a millionth, so that flat areas stay.
    void turned_row(int64_t number, int32_t *out) {
        const auto [c, s] = *turn_;
        const double y = (double) (number + pad_) - middle(height_), sy = s * y, cy = c * y;
        const size_t count = (size_t) columns();
        place(cx_.data(), sx_.data(), count, sy, cy);
        // Two pixels to the right and one below must be there: a byte behind each pixel is read.
        const uint32_t safe_width = (uint32_t) std::max<int64_t>(0, seen_.width - 2);
        const uint32_t safe_height = (uint32_t) std::max<int64_t>(0, seen_.height - 1);
        const int64_t stride = seen_.stride;
        const uint8_t *data = seen_.data;
        const double *right = right_.data(), *down = down_.data();
        const int32_t *columns = column_.data(), *rows = row_.data();
        for (size_t i = 0; i < count; ++i) {
            const int32_t column = columns[i], row = rows[i];
            if ((uint32_t) column < safe_width && (uint32_t) row < safe_height) {
                const uint8_t *upper = data + row * stride + 3 * (int64_t) column, *lower = upper + stride;
                store(out + 4 * i, blend(wide(upper), wide(upper + 3), wide(lower), wide(lower + 3), right[i], down[i]));
            } else if (column >= -1 && column < seen_.width && row >= -1 && row < seen_.height) {
                store(out + 4 * i, blend(at(row, column), at(row, column + 1), at(row + 1, column), at(row + 1, column + 1),
                                         right[i], down[i]));
            } else {
                store(out + 4 * i, i32x4{0, 0, 0, 0});
            }
        }
    }

    // Where the pixels of a row come from: the upper left one of four in what is seen, and how far to the right and down of it.
    void place(const double *__restrict cx, const double *__restrict sx, size_t count, double sy, double cy) {
        const double middle_x = middle(width_), middle_y = middle(height_);
        const int32_t first_column = (int32_t) seen_.column, first_row = (int32_t) seen_.row;
        double *__restrict right = right_.data(), *__restrict down = down_.data();
        int32_t *__restrict columns = column_.data(), *__restrict rows = row_.data();
        for (size_t i = 0; i < count; ++i) {
            const double column = cx[i] - sy + middle_x, row = sx[i] + cy + middle_y;
            const double left = std::floor(column), top = std::floor(row);
            right[i] = column - left, down[i] = row - top;
            columns[i] = (int32_t) left - first_column, rows[i] = (int32_t) top - first_row;
        }
    }

    static f64x4 wide(const uint8_t *pixel) { return to_doubles(widened_4(pixel)); }

    f64x4 at(int64_t r, int64_t c) const {
        if (r < 0 || r >= seen_.height || c < 0 || c >= seen_.width) return f64x4{0, 0, 0, 0};
        const uint8_t *p = seen_.pixel(r, c);
        return f64x4{(double) p[0], (double) p[1], (double) p[2], 0};
    }

    static i32x4 blend(f64x4 a, f64x4 b, f64x4 c, f64x4 d, double right, double down) {
        const double left = 1 - right, up = 1 - down;
        const f64x4 upper = a * left + b * right, lower = c * left + d * right;
        return to_ints(upper * up + lower * down + 1e-6);
    }

    Seen seen_;
    int64_t height_, width_, pad_;
    std::optional<std::pair<double, double>> turn_;
    std::vector<double> cx_, sx_, right_, down_;  // of each column: of its place before it is turned, and of the row at hand
    std::vector<int32_t> column_, row_;
};

// Rows are made when the output needs them and kept as long as it does.
void resize(CutOut &cut, size_t size, uint8_t *out) {
    const size_t rows = (size_t) cut.rows(), columns = (size_t) cut.columns();
    const BicubicTaps across(columns, size);
    const std::optional<BicubicTaps> other = rows == columns ? std::nullopt : std::optional<BicubicTaps>(std::in_place, rows, size);
    const BicubicTaps &down = other ? *other : across;
    const size_t bytes = (3 * size + 15) / 16 * 16, room = bytes + kSpare, kept = down.longest();
    std::vector<int32_t> source(4 * (columns + 1));
    std::vector<uint8_t> ring(kept * room), made(room);
    std::vector<const uint8_t *> wanted(kept);
    size_t next = 0;
    const auto make = [&](size_t row) {
        uint8_t *place = ring.data() + row % kept * room;
        cut.row((int64_t) row, source.data());
        if (columns != size) return bicubic_row(across, source.data(), place);
        for (size_t i = 0; i < columns; ++i) store_clamped(place + 3 * i, load<i32x4>(source.data() + 4 * i));
    };
    for (size_t k = 0; k < size; ++k) {
        if (rows == size) {
            make(k);
            std::memcpy(out + 3 * size * k, ring.data() + k % kept * room, 3 * size);
            continue;
        }
        const size_t first = (size_t) down.first[k], count = (size_t) down.count[k];
        for (next = std::max(next, first); next < first + count; ++next) make(next);
        for (size_t i = 0; i < count; ++i) wanted[i] = ring.data() + (first + i) % kept * room;
        bicubic_rows(wanted.data(), down.weights.data() + k * down.room, count, bytes, made.data());
        std::memcpy(out + 3 * size * k, made.data(), 3 * size);
    }
}

// An array (h, w, 3) of bytes; its rows may lie apart.
Seen checked_seen(const InputArray &seen, std::pair<int64_t, int64_t> at) {
    const bool layout = seen.ndim() == 3 && has_dtype<uint8_t>(seen) && seen.shape(2) == 3 &&
                        (seen.size() == 0 || ((seen.shape(1) == 1 || seen.stride(1) == 3) && seen.stride(2) == 1));
    if (!layout) {
        throw nb::value_error(("seen is " + dtype_text(seen) + " " + shape_text(seen) +
                               "; it must be uint8 (h, w, 3) with each row's pixels together.")
                                  .c_str());
    }
    Seen found;
    found.row = at.first, found.column = at.second;
    if (seen.size() == 0) return found;
    found.data = static_cast<const uint8_t *>(seen.data());
    found.height = (int64_t) seen.shape(0), found.width = (int64_t) seen.shape(1);
    found.stride = found.height > 1 ? seen.stride(0) : 0;
    return found;
}

OutputArray<uint8_t> crop(const InputArray &seen, std::pair<int64_t, int64_t> at, std::pair<int64_t, int64_t> shape, int64_t pad,
                          std::optional<std::pair<double, double>> turn, int64_t size_px) {
    const Seen found = checked_seen(seen, at);
    const auto [height, width] = shape;
    const auto refuse = [](const std::string &text) { throw nb::value_error(text.c_str()); };
    if (size_px < 1 || size_px > kLongest) refuse("size_px is " + std::to_string(size_px) + "; it must be at least 1.");
    if (pad < 0 || height > kLongest || width > kLongest || height - 2 * pad < 1 || width - 2 * pad < 1)
        refuse("The cut-out is " + std::to_string(height) + " x " + std::to_string(width) + " with a pad of " + std::to_string(pad) +
               "; without its pad it must have pixels, with it no more than 16777216 a side.");
    if (found.row < 0 || found.column < 0 || found.row + found.height > height || found.column + found.width > width)
        refuse("What is seen lies outside the cut-out of " + std::to_string(height) + " x " + std::to_string(width) + " pixels.");
    if (turn && !(std::abs(turn->first) <= 1 && std::abs(turn->second) <= 1))
        refuse("turn must be the cosine and the sine of an angle.");
    const size_t size = (size_t) size_px;
    uint8_t *out = allocate<uint8_t>(3 * size * size);
    try {
        nb::gil_scoped_release released;
        CutOut cut(found, height, width, pad, turn);
        resize(cut, size, out);
    } catch (...) {
        std::free(out);
        throw;
    }
    return to_numpy(out, {size, size, 3});
}

OutputArray<float> tabulated(const InputArray &picture, const InputArray &tables, const std::array<double, 3> &gains, bool mirror) {
    const uint8_t *in = checked<uint8_t>(picture, "picture", "uint8 (H, W, 3)", {-1, -1, 3});
    const float *table = checked<float>(tables, "tables", "float32 (3, 256)", {3, 256});
    const size_t height = picture.shape(0), width = picture.shape(1);
    float values[3][256];
    for (size_t c = 0; c < 3; ++c) {
        if (!(gains[c] >= 0)) throw nb::value_error("gains must not be negative.");
        for (size_t level = 0; level < 256; ++level)
            values[c][level] = table[256 * c + (size_t) std::min((double) level * gains[c], 255.0)];
    }
    float *out = allocate<float>(3 * height * width);
    {
        nb::gil_scoped_release released;
        for (size_t r = 0; r < height; ++r) {
            const uint8_t *pixel = in + 3 * width * r;
            float *value = out + 3 * width * r + (mirror && width ? 3 * (width - 1) : 0);
            const ptrdiff_t step = mirror ? -3 : 3;
            for (size_t c = 0; c < width; ++c, pixel += 3, value += step) {
                value[0] = values[0][pixel[0]];
                value[1] = values[1][pixel[1]];
                value[2] = values[2][pixel[2]];
            }
        }
    }
    return to_numpy(out, {height, width, 3});
}

}  // namespace
}  // namespace vitruvian

void bind_crop(nb::module_ &m) {
    using namespace nb::literals;
    m.def("crop", &vitruvian::crop, "seen"_a, "at"_a, "shape"_a, "pad"_a, "turn"_a.none(), "size_px"_a,
          "A square picture. Contract: vitruvian.geometry.crops.");
    m.def("tabulated", &vitruvian::tabulated, "picture"_a, "tables"_a, "gains"_a, "mirror"_a,
          "A picture of floats. Contract: vitruvian.geometry.crops.");
}
