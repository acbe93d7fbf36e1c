"""Renderers behind one interface: the native rasterizer, OpenGL through pyrender, and the differentiable pytorch3d."""
