"""Active learning: what people say of patches and posts, and the models that are taught by it. Knows no broker and no
store."""
