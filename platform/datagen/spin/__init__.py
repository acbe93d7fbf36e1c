"""The data conventions of SPIN (Kolotouros et al., ICCV 2019), which PyMAF keeps: boxes, crops, keypoints, lists, IUV maps."""
