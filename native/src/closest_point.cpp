#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_closest_point(nb::module_ &) {}
