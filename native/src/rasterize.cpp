#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_rasterize(nb::module_ &) {}
