"""A data set as people see it: every item of a few samples on one sheet, and plots of what the whole holds."""
