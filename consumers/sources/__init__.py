"""Sources: bring posts from files and live streams onto `posts.raw`, all in one form."""
