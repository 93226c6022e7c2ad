"""One module a resource; each route parses, calls one function, and answers."""
