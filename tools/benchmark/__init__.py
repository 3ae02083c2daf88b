"""The benchmark behind tools/bench: programs that make load (C++) and modules that compare proxies (Python)."""
