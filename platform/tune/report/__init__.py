"""What a sweep leaves for people: a table, plots and a page that opens offline."""
