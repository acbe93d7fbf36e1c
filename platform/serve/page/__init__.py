"""The web page: static files, served without any request to another host."""
