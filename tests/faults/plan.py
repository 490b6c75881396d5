"""What a run is told from outside: SEED=n plays the same run again, LONG=1 plays ten times the rounds."""

import os
import random

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
LONG = 10 if os.environ.get("LONG") else 1
ROUNDS = 10 * LONG
