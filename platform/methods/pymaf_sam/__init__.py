"""PyMAF-SAM: PyMAF whose first look at the picture is at points of the person's mask instead of a grid."""
