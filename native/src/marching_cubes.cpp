#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_marching_cubes(nb::module_ &) {}
