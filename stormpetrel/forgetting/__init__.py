"""Forgets a post, or an author with all posts, wherever something of them is kept; and shows what is left, and until
when. docs/personal_data.md says what happens to each topic and store."""
# Names are imported to be exported again.
# mypy: implicit-reexport
# ruff: noqa: F401

from stormpetrel.forgetting.forget import Forgetting, Outcome, fingerprint
from stormpetrel.forgetting.photos import KeptPhotos
from stormpetrel.forgetting.proof import Proof, Trace, close_files
from stormpetrel.forgetting.stores import Stores
from stormpetrel.forgetting.wanted import NETWORK_ID, Wanted, wanted
