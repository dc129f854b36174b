"""`python tests/support/fuzz_uploads.py [SECONDS] [FIRST_SEED]`: changed files, read in bounded memory.

Ends with 1 at the first file that does more than cost a sentence, and prints its seed: with SECONDS 0 that one alone is
read again. PYTHONPATH names the project and its tests.
"""

import contextlib
import random
import sys
import time

with contextlib.suppress(ImportError):  # Windows has none
    import resource

from uploads_mutated import WHOLE, mutated, read_or_refused

MORE = 512 << 20  # bytes of address space beyond what the program takes before it reads anything
LONGEST = 5.0  # seconds for one file


def one(seed: int) -> bool:
    """Whether the file that `seed` makes was read; raises when it does harm."""
    draw = random.Random(seed)
    name = draw.choice(list(WHOLE))
    data = mutated(draw, WHOLE[name])
    ending = draw.choice([name[1:]] * 4 + [".npz", ".zip", ".csv", ".npy", ".tsv", ".csv.gz", "-idx3-ubyte"])
    began = time.monotonic()
    was_read = read_or_refused(f"a{ending}", data)
    assert time.monotonic() - began < LONGEST, f"{time.monotonic() - began:.1f} s"
    return was_read


def bound_memory() -> None:
    """What asks for more gets a MemoryError, which is no InputError."""
    with open("/proc/self/statm", encoding="ascii") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MORE, taken + MORE))


def main(seconds: float, seed: int) -> int:
    """Exit code."""
    for name, data in WHOLE.items():
        assert read_or_refused(name, data), name
    if sys.platform.startswith("linux"):
        bound_memory()
    end, counts = time.monotonic() + seconds, [0, 0]
    while True:
        try:
            counts[one(seed)] += 1
        except BaseException:
            print(f"seed {seed}:", flush=True)
            raise
        seed += 1
        if time.monotonic() >= end:
            break
    print(f"{sum(counts):,} files up to seed {seed - 1}: {counts[0]:,} refused, {counts[1]:,} read")
    return 0


if __name__ == "__main__":
    first = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**40)
    print(f"first seed {first}", flush=True)
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, first))
