"""The demo's stream: a flood night made by the project itself, with known truth."""
