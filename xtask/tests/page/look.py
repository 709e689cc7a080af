"""Looks at two screenshots of a page, a light and a dark one: the boxes are drawn, and text stands out. Usage: look.py LIGHT DARK"""

import collections
import struct
import sys
import zlib


def pixels(path):
    """The colours of a PNG of 8 bits a channel, row by row."""
    data = open(path, "rb").read()
    at, packed = 8, b""
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            channels = {2: 3, 6: 4}[colour]
            assert depth == 8, f"{path}: {depth} bits"
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    raw, size = zlib.decompress(packed), width * channels
    before = bytearray(size)
    for row in range(height):
        start = row * (size + 1)
        how, line = raw[start], bytearray(raw[start + 1 : start + 1 + size])
        for x in range(size):
            left = line[x - channels] if x >= channels else 0
            corner = before[x - channels] if x >= channels else 0
            up = before[x]
            near = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
            line[x] = (line[x] + (0, left, up, (left + up) // 2, near)[how]) & 255
        before = line
        yield [tuple(line[x : x + 3]) for x in range(0, size, channels)]


def main():
    for path, is_right in zip(sys.argv[1:], (lambda value: value > 200, lambda value: value < 60)):
        colours = collections.Counter(colour for row in pixels(path) for colour in row)
        background = colours.most_common(1)[0][0]
        assert is_right(sum(background) / 3), f"{path}: the background is {background}"
        boxes = [colour for colour, count in colours.most_common(12) if count > 5000 and colour != background]
        assert len(boxes) >= 2, f"{path}: no boxes: {colours.most_common(12)}"
        contrast = max(abs(sum(colour) - sum(background)) / 3 for colour in colours)
        assert contrast > 150, f"{path}: nothing stands out from {background}"


main()
