"""What clients send. The forms of a search are the domain's own, since saved searches carry them."""

from stormpetrel.search.request import Request, SavedSearchRequest, SearchRequest, Text, Words

__all__ = ["Request", "SavedSearchRequest", "SearchRequest", "Text", "Words"]
