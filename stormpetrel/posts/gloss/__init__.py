"""English glosses of words in other languages: the word list, its inflected forms, and texts word by word."""
