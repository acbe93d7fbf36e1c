"""Clothes painted on the naked body, as SURREAL does (Varol et al., CVPR 2017): the atlas of the charts and its painters."""
