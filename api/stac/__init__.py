"""The STAC API: patches, scenes and products for any STAC client, with one core client on the stores' ports."""

import logging

# At its import stac-fastapi warns that its title is its own. Ours is set where the routes are made.
logging.getLogger("stac_fastapi.types.config").setLevel(logging.ERROR)
