"""HuManiFlow's input but for the renderer: heatmaps, edges, boxes, visibility and augmentation, functions of one sample."""
