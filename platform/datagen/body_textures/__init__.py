"""Clothes painted on the naked body, as SURREAL's are (Varol et al., CVPR 2017): an atlas of the body's charts and its painters."""
