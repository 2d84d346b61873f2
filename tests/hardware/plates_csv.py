"""Writes a minute of the demo shop as CSV: takes, a put-back, a glitch, a hand that presses.

`tebura-simulate import` reads it; the same bytes on every machine.
"""

import csv
import random
import sys

RATE_HZ = 10
DURATION_S = 60
START_S = 1_700_000_000.0
STILL_G = {("g1", "s1", "p5"): 2208.0, ("g1", "s2", "p3"): 448.0, ("g1", "s2", "p4"): 192.0}
# (from this second on, plate, change in grams)
CHANGES = [
    (15.0, ("g1", "s1", "p5"), -552.0),
    (28.0, ("g1", "s2", "p4"), -96.0),
    (38.0, ("g1", "s2", "p4"), 96.0),
    (48.0, ("g1", "s2", "p3"), -224.0),
]
GLITCH_S, GLITCH_G = 22.3, 25_000.0
PRESS_FROM_S, PRESS_TO_S, PRESS_G = 52.0, 54.5, 3_000.0


def main() -> None:
    """Print the CSV."""
    noise = random.Random(5)
    rows = csv.writer(sys.stdout)
    rows.writerow(["timestamp", "gondola", "shelf", "plate", "grams"])
    for sample in range(DURATION_S * RATE_HZ):
        at_s = sample / RATE_HZ
        for plate, still_g in STILL_G.items():
            grams = still_g + noise.gauss(0.0, 0.5)
            grams += sum(
                change for from_s, where, change in CHANGES if where == plate and at_s >= from_s
            )
            if plate == ("g1", "s1", "p5"):
                grams += GLITCH_G if at_s == GLITCH_S else 0.0
                grams += PRESS_G if PRESS_FROM_S <= at_s < PRESS_TO_S else 0.0
            rows.writerow([f"{START_S + at_s:.3f}", *plate, f"{grams:.2f}"])


if __name__ == "__main__":
    main()
