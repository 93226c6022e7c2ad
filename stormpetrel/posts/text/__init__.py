"""What a post's text is made into: clean text, language, vectors, terms, and the copies of it."""
