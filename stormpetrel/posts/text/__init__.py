"""Texts of posts: cleaning, language, vectors, terms and near-duplicates."""
