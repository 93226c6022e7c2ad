"""`python -m stormpetrel.cli`: how the supervisor starts its children."""

from stormpetrel.cli import main

main()
