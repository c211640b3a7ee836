"""``python -m cutscene``."""

from cutscene.cli import main

main()
