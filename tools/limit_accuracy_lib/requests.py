"""The one request that all loads send, and how Redis commands are told apart."""
import re

from chaos_lib.fleet import VALUE_BYTES, encode, key_of

# As `bench_load --command set --keys 1` sends it; of the value only the length matters here.
REQUEST = encode("SET", key_of(0), "." * VALUE_BYTES)
START = encode("SET", key_of(0), "")[:-len("$0\r\n\r\n")]
_NUMBER = re.compile(rb"[*$](\d+)\r\n")


def split_command(data):
    """The first command's words and its length in bytes, or None if it is not complete."""
    head = _NUMBER.match(data)
    if not head:
        return None
    words, at = [], head.end()
    for _ in range(int(head[1])):
        size = _NUMBER.match(data, at)
        if not size or len(data) < size.end() + int(size[1]) + 2:
            return None
        words.append(data[size.end():size.end() + int(size[1])])
        at = size.end() + int(size[1]) + 2
    return words, at
