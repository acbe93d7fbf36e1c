#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_sample_surface(nb::module_ &) {}
