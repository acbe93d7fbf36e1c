#version 330 core
// The number of the face, counted from 1, in base 256: red is the lowest digit. 0 is background.
uniform vec3 color;
out vec4 frag_color;

void main()
{
    int id = gl_PrimitiveID + 1;
    vec3 digits = vec3(id & 255, (id >> 8) & 255, (id >> 16) & 255);
    frag_color = vec4(digits / 255.0 * sign(color), 1.0);  // color is white: used so that it stays a uniform
}
