"""Where people come from. A source lists subjects and loads each by its id."""
