"""Hostile files: damaged, lying, huge or merely odd ones, and what the program must say to each.

    hostile.py make DIR         writes the files, the same bytes every time
    hostile.py check PROGRAM    writes them, runs PROGRAM on each and compares with tests/hostile.tsv

Every run has 1 GiB of address space and 60 s. A refusal exits 2 with one line on stderr and nothing on
stdout. Most large files are claims or holes; some are bulk, up to 200 MB. Standard library only, Python 3.11.
"""

import gzip
import os
import resource
import shlex
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent / "tests" / "hostile.tsv"
MEMORY = 1 << 30
SECONDS = 60
LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


# --- arrays -------------------------------------------------------------------------------------


def header(text, version=1, length=None):
    size = len(text) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + text


def array(shape, data=b"", descr="'<f8'", fortran="False", **more):
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return header(text, **more) + data


def doubles(*numbers):
    return struct.pack(f"<{len(numbers)}d", *numbers)


POINTS = array("(3, 2)", doubles(1, 0, 0, 1, -1, -1))


def arrays():
    big, wraps = 2**63 - 1, 2**32
    yield "good.npy", POINTS
    yield "claims-1e12.npy", array("(1000000000000, 3)", doubles(1, 2, 3))
    yield "wraps-2-63.npy", array(f"({big}, {big})", doubles(1))
    yield "wraps-2-32.npy", array(f"({wraps}, {wraps})", doubles(1))
    yield "wraps-bytes.npy", array(f"({2**61 + 1}, 1)", doubles(1))
    yield "header-4g.npy", array("(1, 1)", doubles(1), version=2, length=2**32 - 1)
    yield "header-64k.npy", header(b"{" + b" " * 70_000, version=2)
    yield "version-9.npy", array("(1, 1)", doubles(1), version=9)
    yield "pickled.npy", array("(1,)", b"\x80\4.", descr="'|O'")
    yield "records.npy", array("(1,)", doubles(1, 2), descr="[('x', '<f8'), ('y', '<f8')]")
    yield "complex.npy", array("(1, 1)", doubles(1, 2), descr="'<c16'")
    yield "strings.npy", array("(1, 1)", b"1\0\0\0", descr="'<U1'")
    yield "negative.npy", array("(-1, 2)", doubles(1, 2))
    yield "huge-number.npy", array(f"({'9' * 400}, 2)", doubles(1, 2))
    yield "deep.npy", array("(" * 20_000 + ")" * 20_000, doubles(1), version=2)
    yield "many-dimensions.npy", array(f"({'1, ' * 10_000})", doubles(1), version=2)
    yield "no-points.npy", array("(0, 2)")
    yield "no-columns.npy", array("(4000000, 0)")
    yield "nothing.npy", array(f"(0, {big})")
    yield "flat.npy", array("(2,)", doubles(1, 2))
    yield "after.npy", POINTS + b"!"
    yield "short.npy", POINTS[:-1]
    yield "magic.npy", POINTS[:6]
    yield "nan.npy", array("(1, 2)", doubles(1, float("nan")))
    yield "wide.npy", array("(1, 1000000)", bytes(8_000_000))
    yield "fortran.npy", array("(3, 2)", doubles(1, 0, -1, 0, 1, -1), fortran="True")


# --- archives -----------------------------------------------------------------------------------


def member(name, data, method=0, flags=0, crc=None, size=None, packed=None):
    """Local header with data, and directory entry without its offset."""
    if packed is None:
        packed = data
        if method == 8:
            deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = deflate.compress(data) + deflate.flush()
    crc = zlib.crc32(data) if crc is None else crc
    size = len(data) if size is None else size
    core = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 0x21, crc, len(packed), size, len(name), 0)
    entry = CENTRAL + struct.pack("<H", 20) + core + struct.pack("<HHHI", 0, 0, 0, 0)
    return LOCAL + core + name.encode() + packed, entry, name.encode()


def archive(*members, count=None, extra=b""):
    parts, entries, offset = [], [], 0
    for local, entry, name in members:
        entries.append(entry + struct.pack("<I", offset) + name)
        parts.append(local)
        offset += len(local)
    body, directory = b"".join(parts), b"".join(entries)
    n = min(len(members) if count is None else count, 0xFFFF)
    end = END + struct.pack("<HHHHIIH", 0, 0, n, n, len(directory), len(body), 0)
    return body + directory + (extra(len(body), len(directory)) if extra else b"") + end


def large(count):
    """The records of a large archive that claims `count` members."""

    def records(body, directory):
        start = body + directory
        record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, directory, body)
        return record + struct.pack("<4sIQI", b"PK\6\7", 0, start, 1)

    return records


def zeros(count, start=b""):
    """Deflated: `start`, then at least `count` zeros, a thousandth of that in size."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = deflate.compress(start) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return first + block * -(-count >> 20) + deflate.flush()


def archives():
    points = member("points.npy", POINTS)
    good = archive(points)
    yield "good.npz", good
    yield "deflated.npz", archive(member("points.npy", POINTS, method=8))
    yield "bomb-10gb.npz", archive(member("points.npy", POINTS, 8, packed=zeros(10 << 30)))
    yield "bomb-claimed.npz", archive(member("points.npy", POINTS, 8, size=2**32 - 2, packed=zeros(1 << 22)))
    honest = array("(10000000, 12)")
    size = len(honest) + 8 * 12 * 10**7
    yield "bomb-honest.npz", archive(member("points.npy", b"", 8, size=size, packed=zeros(size, honest)))
    yield "claims-1e12.npz", archive(member("points.npy", array("(1000000000000, 3)", doubles(1, 2, 3)), 8))
    yield "wraps.npz", archive(member("points.npy", array(f"({2**32}, {2**32})", doubles(1))))
    yield "nested.npz", archive(member("points.npy", archive(member("points.npy", good))))
    yield "members-1e5.npz", archive(*[member(f"{k}", b"") for k in range(100_000)], extra=large(100_000))
    yield "members-2-32.npz", archive(points, count=0xFFFF, extra=large(2**32))
    yield "members-65535.npz", archive(points, count=0xFFFF)
    yield "members-short.npz", archive(points, count=2)
    yield "no-points.npz", archive(member("x.npy", POINTS))
    yield "no-members.npz", archive()
    yield "weights-long.npz", archive(points, member("weights.npy", array("(4,)", doubles(*[0.25] * 4))))
    yield "weights-flat.npz", archive(points, member("weights.npy", array("(3, 1)", doubles(0.5, 0.25, 0.25))))
    yield "weights-sum.npz", archive(points, member("weights.npy", array("(3,)", doubles(0.5, 0.5, 0.5))))
    yield "weights-nan.npz", archive(points, member("weights.npy", array("(3,)", doubles(0.5, float("nan"), 0.5))))
    yield "pickled.npz", archive(member("points.npy", array("(1,)", b"\x80\4.", descr="'|O'")))
    yield "encrypted.npz", archive(member("points.npy", POINTS, flags=1))
    yield "method-99.npz", archive(member("points.npy", POINTS, method=99))
    yield "crc.npz", archive(member("points.npy", POINTS, crc=1))
    yield "paths.npz", archive(member("../../points.npy", POINTS))
    yield "paths-beside.npz", archive(points, member("../../evil.npy", POINTS), member("/etc/x", b"x"))
    yield "twice.npz", archive(member("points.npy", array("(1, 1)", doubles(7))), points)
    yield "escape.npz", archive(member("\x1b[31m\n.npy", POINTS))
    for share in (25, 50, 75, 99):
        yield f"cut-{share}.npz", good[: len(good) * share // 100]
    yield "after.npz", good + b"!"
    yield "offset.npz", good[:-6] + struct.pack("<IH", 2**32 - 2, 0)
    yield "comment.npz", good[:-2] + struct.pack("<H", 5) + b"a\nb\nc"


# --- tables -------------------------------------------------------------------------------------


def tables():
    yield "good.csv", b"x,y\n1,0\n0,1\n-1,-1\n"
    yield "bom.csv", b"\xef\xbb\xbfx,y\n1,0\n0,1\n"
    yield "bom-plain.csv", b"\xef\xbb\xbf1,0\n0,1\n"
    yield "crlf.csv", b"x,y\r\n1,0\r\n0,1\r\n"
    yield "cr.csv", b"x,y\r1,0\r0,1\r"
    yield "blank-after.csv", b"x,y\n1,0\n0,1\n\n \n\r\n"
    yield "no-last-line-end.csv", b"1,0\n0,1"
    yield "quoted.csv", b'"x","y"\n"1","0"\n0,"1"\n'
    yield "good.tsv", b"x\ty\tw\n1\t0\t0.5\n0\t1\t0.5\n"
    yield "columns-1e6.csv", b"1," * 999_999 + b"1\n"
    yield "commas-1e6.csv", b"," * 1_000_000 + b"\n"
    yield "empty-lines.csv", b"\n" * 1_000_000
    yield "empty-lines-then.csv", b"\n" * 1_000_000 + b"1,2\n"
    yield "cell-50mb.csv", b"1,2\n1," + b"7" * 50_000_000 + b"\n"
    yield "numbers-200mb.csv", (b"1," * 699 + b"1\n") * 140_000
    yield "latin.csv", b"x,y\n1,\xe9\n"
    yield "latin-header.csv", b"h\xf6he,y\n1,2\n"
    yield "nul.csv", b"x,y\n1,\0\n"
    yield "quote-open.csv", b'x,y\n1,"2\n' + b"3,4\n" * 100_000
    yield "ragged.csv", b"x,y\n1,2\n3\n"
    yield "ragged-wide.csv", b"1,2\n3,4,5\n"
    yield "nan.csv", b"1,nan\n"
    yield "infinite.csv", b"x,y\n1,2\n1,-inf\n"
    yield "1e400.csv", b"1,2\n1e400,2\n"
    yield "empty-cell.csv", b"1,2\n,2\n"
    yield "header-only.csv", b"x,y,w\n"
    yield "header-twice.csv", b"x,y\nx,y\n1,2\n"
    yield "weights-negative.csv", b"x,w\n1,-0.5\n2,1.5\n"
    yield "weights-zero.csv", b"x,w\n1,0\n2,0\n"
    yield "weights-sum.csv", b"x,w\n1,0.5\n2,0.6\n"
    yield "weights-nan.csv", b"x,w\n1,nan\n2,0.5\n"
    yield "weights-two.csv", b"x,w,weights\n1,0.5,0.5\n2,0.5,0.5\n"
    yield "weights-alone.csv", b"w\n0.5\n0.5\n"
    yield "weights-huge.csv", b"x,w\n1,1e308\n2,1e308\n"
    yield "coordinates-huge.csv", b"1e308,-1e308\n-1e308,1e308\n"
    yield "coordinates-tiny.csv", b"5e-324,0\n0,5e-324\n"
    yield "semicolons.csv", b"1;2\n3;4\n"
    yield "one-byte.csv", b"1"
    yield "comma.csv", b","
    yield "empty.csv", b""
    yield "text.csv", b"once upon a time\nthere was\n"
    yield "utf-16.csv", "x,y\n1,2\n".encode("utf-16")
    yield "gzip.csv", gzip.compress(b"x,y\n1,2\n", mtime=0)
    yield "array.csv", POINTS
    yield "archive.csv", archive(member("points.npy", POINTS))
    yield "escape.csv", b"x,y\n1,\x1b]0;owned\x07\n"
    yield "line\nbreak.csv", b"1,nan\n"
    yield "\x1b[31mred.csv", b"1,nan\n"
    yield "no-ending", b"1,2\n"
    yield "good.doc", b"1,2\n"
    yield "list.png.csv.", b"1,2\n"


# --- meshes -------------------------------------------------------------------------------------


def ply(elements, body=b"", form="ascii", end=b"end_header\n"):
    return f"ply\nformat {form} 1.0\n{elements}".encode() + end + body


def vertices(count, more=""):
    return f"element vertex {count}\nproperty float x\nproperty float y\n{more}"


def meshes():
    little = "binary_little_endian"
    two = struct.pack("<4f", 1, 2, 3, 4)
    faces = "element face 1\nproperty list uint int k\n"
    yield "good.ply", ply(vertices(2), b"1 2\n3 4\n")
    yield "binary.ply", ply(vertices(2), two, little)
    yield "crlf.ply", ply(vertices(2)).replace(b"\n", b"\r\n") + b"1 2\r\n3 4\r\n"
    yield "claims-4e9.ply", ply(vertices(4 * 10**9), two, little)
    yield "claims-1e12.ply", ply(vertices(10**12), b"1 2\n")
    yield "claims-9e6.ply", ply(vertices(9 * 10**6), two, little)
    yield "claims-2-64.ply", ply(vertices(2**64), b"1 2\n")
    yield "claims-negative.ply", ply(vertices(-1), b"1 2\n")
    yield "list-2-31.ply", ply(faces + vertices(2), struct.pack("<I", 2**31) + two, little)
    yield "list-vertex.ply", ply(
        vertices(1, "property list uint double k\n"), two[:8] + struct.pack("<I", 2**32 - 1), little
    )
    yield "list-vertex-ascii.ply", ply(vertices(1, "property list uint int k\n"), b"1 2 4000000000 1\n")
    yield "list-negative.ply", ply(
        faces.replace("uint", "int") + vertices(2), struct.pack("<i", -2) + two, little
    )
    yield "list-negative-ascii.ply", ply(vertices(1, "property list int int k\n"), b"1 2 -1\n")
    yield "list-float.ply", ply(faces.replace("uint", "float") + vertices(2), struct.pack("<f", 1e9) + two, little)
    yield "no-end.ply", ply(vertices(2), end=b"")
    yield "endless.ply", ply("comment a\n" * 200_000 + vertices(2), b"1 2\n3 4\n")
    yield "endless-line.ply", ply("comment " + "a" * 2_000_000 + "\n" + vertices(2), b"1 2\n3 4\n")
    yield "many-properties.ply", ply(
        vertices(1, "".join(f"property char p{k}\n" for k in range(40_000))), bytes(40_008), little
    )
    yield "many-elements.ply", ply(
        "".join(f"element e{k} 0\nproperty char a\n" for k in range(30_000)) + vertices(2), two, little
    )
    yield "twice.ply", ply(vertices(1, "property float x\n"), b"1 2 3\n")
    yield "elements-twice.ply", ply(vertices(1) + vertices(1), b"1 2\n3 4\n")
    yield "no-properties.ply", ply("element none 4000000000000\n" + vertices(1), b"1 2\n")
    yield "no-vertices.ply", ply("element face 0\nproperty list uchar int k\n")
    yield "zero-vertices.ply", ply(vertices(0))
    yield "after.ply", ply(vertices(2), two + b"trailing\0\xff", little)
    yield "after-ascii.ply", ply(vertices(2), b"1 2\n3 4\n\n5 6\xff\n")
    yield "nan.ply", ply(vertices(1), b"1 nan\n")
    yield "nan-binary.ply", ply(vertices(1), struct.pack("<2f", 1, float("nan")), little)
    yield "cut.ply", ply(vertices(2), two[:-1], little)
    yield "cut-ascii.ply", ply(vertices(2), b"1 2\n3")
    yield "version.ply", ply(vertices(2), b"1 2\n3 4\n").replace(b" 1.0", b" 9.0")
    yield "format.ply", ply(vertices(2), b"1 2\n3 4\n", form="utf8")
    yield "first-line.ply", b"ply"
    yield "not.ply", b"PLY\n"
    yield "1e400.ply", ply(vertices(1), b"1e400 2\n")
    yield "escape.ply", ply(vertices(1).replace(" x", " \x1b[31m"), b"1 2\n")


    yield "good.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    yield "crlf.obj", b"\xef\xbb\xbfv 0 0 0\r\nv 1 0 \\\r\n0\r\n"
    yield "no-vertices.obj", b"f 1 2 3\n"
    yield "nan.obj", b"v 0 0 0\nv 1 nan 0\n"
    yield "1e400.obj", b"v 1e400 0 0\n"
    yield "short.obj", b"v 1 2\n"
    yield "ragged.obj", b"v 1 2 3\nv 1 2 3 0 0 0\n"
    yield "many-numbers.obj", b"v" + b" 1" * 1_000_000 + b"\n"
    yield "joined.obj", b"v 1 2 3\nv \\\n" + b"1 \\\n" * 100_000
    yield "corner.obj", b"v 0 0 0\nf 1 1 4000000000\n"
    yield "polygon.obj", b"v 0 0 0\nf" + b" 1" * 1_000_000 + b"\n"
    yield "good.xyz", b"2\nwater\nO 0 0 0\nH 1 0 0\n"
    yield "plain.xyz", b"# x y\r\n1 2\r\n3 4\r\n"
    yield "claims-1e12.xyz", b"1000000000000\n\nC 0 0 0\n"
    yield "claims-9e6.xyz", b"9000000\n\nC 0 0 0\n"
    yield "claims-2-64.xyz", b"18446744073709551616\n\nC 0 0 0\n"
    yield "claims-negative.xyz", b"-3\n\nC 0 0 0\n"
    yield "zero.xyz", b"0\n\n"
    yield "more.xyz", b"1\n\nC 0 0 0\nC 1 0 0\n"
    yield "nan.xyz", b"1\n\nC 0 nan 0\n"
    yield "ragged.xyz", b"1 2 3\n4 5\n"
    yield "commas.xyz", b"1,2,3\n"
    yield "binary.xyz", bytes(range(256))


# --- pictures -----------------------------------------------------------------------------------


def chunk(name, data, crc=None):
    crc = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def picture(width, height, raw=b"", depth=8, color=0, before=b"", interlaced=0, packed=None, head_crc=None):
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    data = zlib.compress(raw, 9) if packed is None else packed
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head, head_crc)
    return start + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def pictures():
    good = picture(2, 2, b"\0\0\xff\0\xff\0")
    palette = chunk(b"PLTE", b"\0\0\0\xff\xff\xff")
    side = 12_000
    packed = zlib.compress(bytes(1 << 20), 9)
    yield "good.png", good
    yield "one-pixel.png", picture(1, 1, b"\0\0")
    yield "interlaced.png", picture(2, 2, b"\0\0\0\xff\0\xff\0", interlaced=1)
    yield "palette.png", picture(2, 1, b"\0\0\1", color=3, before=palette)
    yield "palette-beyond.png", picture(2, 1, b"\0\0\7", color=3, before=palette)
    yield "palette-none.png", picture(2, 1, b"\0\0\1", color=3)
    yield "white.png", picture(2, 2, b"\0\xff\xff\0\xff\xff")
    yield "claims-65535.png", picture(65_535, 65_535, b"\0\0")
    yield "claims-2-31.png", picture(2**31 - 1, 2**31 - 1, b"\0\0")
    yield "claims-2-31-wide.png", picture(2**31 - 1, 1, b"\0\0", depth=16, color=6)
    yield "claims-2-32.png", picture(2**32 - 1, 1, b"\0\0")
    yield "zero.png", picture(0, 5, b"\0")
    yield "bomb.png", picture(side, side, packed=zlib.compress(bytes(side * (side + 1)), 9))
    yield "bomb-wide.png", picture(2, 2, packed=packed)
    yield "cut.png", good[:50]
    yield "cut-end.png", good[:-1]
    yield "cut-data.png", picture(4, 4, b"\0\0\0")
    yield "crc.png", picture(1, 1, b"\0\0", head_crc=1)
    yield "deflate.png", picture(1, 1, packed=b"no deflate")
    yield "depth.png", picture(1, 1, b"\0\0", depth=3)
    yield "filter.png", picture(1, 1, b"\x09\0")
    yield "animated.png", picture(1, 1, b"\0\0", before=chunk(b"acTL", struct.pack(">II", 1000, 0)))
    yield "text-bomb.png", picture(1, 1, b"\0\0", before=chunk(b"zTXt", b"a\0\0" + packed))
    yield "colours-bomb.png", picture(1, 1, b"\0\0", before=chunk(b"iCCP", b"a\0\0" + packed))
    yield "after.png", good + b"after"
    yield "chunk-2-32.png", good[:33] + struct.pack(">I", 2**32 - 1) + good[37:]
    yield "table.png", b"x,y\n1,2\n"
    yield "picture.csv", good


def certificates():
    """Certificates that three points are at distance 0 from themselves, one good and the others not."""
    unit = [[s * (j == k) for j in range(4)] for k in range(4) for s in (1, -1)]
    good = {
        "certificate_format": ((1,), [1]),
        "sizes": ((4,), [3, 3, 2, 2]),
        "claims": ((3,), [0, 0, 1e-9]),
        "frame": ((2,), [1, 0]),
        "axes_x": ((2, 2), [1, 0, 0, 1]),
        "axes_y": ((2, 2), [1, 0, 0, 1]),
        "directions": ((8, 4), sum(unit, [])),
        "potentials": ((8, 3), [0] * 24),
        "items": ((1, 3), [-1, 0, 0]),
        "proof_starts": ((2,), [0, 1]),
        "proof_cuts": ((1,), [0]),
        "proof_multipliers": ((1,), [0]),
        "plan": ((3, 3), [0, 0, 1 / 3, 1, 1, 1 / 3, 2, 2, 1 / 3]),
    }

    def pack(changed, without=None):
        entries = [(name, *value) for name, value in (good | changed).items() if name != without]
        return archive(*[member(f"{n}.npy", array(str(shape), doubles(*data))) for n, shape, data in entries])

    huge = 2**32 - 2
    yield "c-good.npz", pack({})
    yield "c-short.npz", pack({})[:-200]
    yield "c-no-plan.npz", pack({}, "plan")
    yield "c-format.npz", pack({"certificate_format": ((1,), [2])})
    yield "c-shape.npz", pack({"items": ((3, 1), [-1, 0, 0])})
    yield "c-claims-1e12.npz", pack({"potentials": ((10**12, 3), [0] * 24)})
    yield "c-sizes.npz", pack({"sizes": ((4,), [huge] * 4)})
    yield "c-no-count.npz", pack({"sizes": ((4,), [3, 3, 2, 1e300])})
    yield "c-half.npz", pack({"proof_starts": ((2,), [0, 0.5])})
    yield "c-no-axes.npz", pack({"sizes": ((4,), [3, 3, 0, 0])})
    yield "c-cut.npz", pack({"proof_cuts": ((1,), [huge])})
    yield "c-starts.npz", pack({"proof_starts": ((2,), [1, huge])})
    yield "c-loop.npz", pack({"items": ((1, 3), [0, 0, 0])})
    yield "c-twice.npz", pack({"items": ((4, 3), [0, 0, 2, -1, 0, 0, 0, 0, 2, -1, 0, 0])})
    yield "c-shared.npz", pack({"items": ((5, 3), [0, 0, 1, 0, 0, 3, 0, 0, 3, -1, 0, 0, -1, 0, 0])})
    yield "c-empty.npz", pack({"items": ((0, 3), [])})
    # each split has a leaf and the next split
    chain = [x for k in range(200_000) for x in (0, 0, 2 * k + 1, -1, 0, 0)]
    yield "c-chain.npz", pack({"items": ((400_001, 3), chain + [-1, 0, 0])})
    yield "c-plan.npz", pack({"plan": ((1, 3), [huge, 0, 1])})
    yield "c-mass.npz", pack({"plan": ((1, 3), [0, 0, 1])})
    yield "c-claim.npz", pack({"claims": ((3,), [1, 1, 1e-9])})
    yield "c-unit.npz", pack({"frame": ((2,), [0, 0])})
    yield "c-tiny-unit.npz", pack({"frame": ((2,), [1e-300, 0])})
    yield "c-turned.npz", pack({"axes_x": ((2, 2), [1, 0, 0, 2])})


def journals():
    yield "j-format.jsonl", b'{"gromov_journal":7,"anything":1}\n'
    yield "j-foreign.jsonl", b'{"points":[1,2]}\n'
    yield "j-deep.jsonl", b'{"gromov_journal":1,' + b"[" * 1_000_000 + b"\n"
    yield "j-zeros.jsonl", bytes(4096)
    yield "j-long.jsonl", b'{"gromov_journal":1,' + b" " * (20 << 20)
    yield "j-bare.jsonl", b'{"gromov_journal":1,"version":"0.0.1\\u001b[31m","options":[],"clouds":[]}\n'


def in_folder(folder):
    for make in (arrays, archives, certificates, tables, meshes, pictures, journals):
        for name, data in make():
            (folder / name).write_bytes(data)
    (folder / "folder.csv").mkdir()
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "dangling.csv").symlink_to("nowhere.csv")
    os.mkfifo(folder / "pipe.csv")
    for name, start, size in [
        ("hole-1gib.csv", b"1,2\n", 1 << 30),
        ("hole-2gib.csv", b"1,2\n", 2 << 30),
        ("hole-50mb.csv", b"1,2\n", 50_000_000),
        ("hole-bytes.npy", array("(10000000, 100)", descr="'|u1'"), None),
        ("hole.ply", ply(vertices(10**7), form="binary_little_endian"), None),
        ("hole.npz", b"PK", 1 << 29),
        ("hole.obj", b"v 1 2 3\n", 1 << 30),
        ("hole.xyz", b"1 2 3\n", 1 << 30),
        ("hole-ascii.ply", ply(vertices(2), b"1 2\n"), 1 << 30),
        ("hole.png", b"\x89PNG\r\n\x1a\n", 1 << 30),
    ]:
        with open(folder / name, "wb") as file:
            file.write(start)
            after = {"hole-bytes.npy": 10**9, "hole.ply": 8 * 10**7}.get(name, 0)
            file.truncate(size or len(start) + after)


# --- the check ----------------------------------------------------------------------------------


def rows():
    """File, arguments, exit code and words that the answer must hold."""
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            file, code, words, *arguments = line.split("\t")
            file = file.encode().decode("unicode_escape")
            line = arguments[0] if arguments else "info FILE"
            yield file, [a.replace("FILE", file) for a in shlex.split(line)], int(code), words


def run(command, folder):
    """Exit code, stdout, stderr, seconds and peak memory in bytes of a limited run."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    start = time.monotonic()
    # each thread takes address space for its stack: few, on any machine
    child = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"RAYON_NUM_THREADS": "2"},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        preexec_fn=limit,
    )
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() - start > SECONDS:
            os.kill(child.pid, 9)
        time.sleep(0.002)
    child.returncode = os.waitstatus_to_exitcode(status)
    texts = []
    for file in (out, err):
        file.seek(0)
        texts.append(file.read(1 << 20).decode("utf-8", "backslashreplace"))
        file.close()
    return child.returncode, *texts, time.monotonic() - start, usage.ru_maxrss * 1024


def complaint(code, out, err, expected, words):
    """What is wrong with an answer; empty if nothing is."""
    if code != expected:
        return f"exit {code}, expected {expected}"
    if "panicked" in err or "RUST_BACKTRACE" in err:
        return "the program panicked"
    if code == 2:
        if out:
            return "a refusal wrote to stdout"
        if not err.startswith("gromov: ") or err.count("\n") != 1 or not err.endswith("\n"):
            return "stderr is not one line"
        if len(err) > 600:
            return f"the message has {len(err)} characters"
    elif err:
        return "an answer wrote to stderr"
    if any(not c.isprintable() for c in (err or out).replace("\n", "")):
        return "control characters in the answer"
    return "" if words in (err or out) else f"without the words: {words}"


def check(program):
    program = str(Path(program).resolve())
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        # in another process: a child's peak starts from the memory of the one that started it
        subprocess.run([sys.executable, __file__, "make", name], check=True)
        folder = Path(name)
        before = sorted(os.listdir(folder))
        floor = run(["true"], folder)[4]
        listed = list(rows())
        print(f"{'file':24} {'exit':>4} {'peak MB':>8} {'s':>5}  answer    (under {floor >> 20} MB is not measured)")
        for file, arguments, expected, words in listed:
            code, out, err, seconds, peak = run([program, *arguments], folder)
            answer = " ".join(line.strip() for line in (err or out).splitlines()[:2])
            shown = "-" if peak <= floor else f"{peak / 2**20:.0f}"
            name = file.encode("unicode_escape").decode()
            print(f"{name:24} {code:4} {shown:>8} {seconds:5.1f}  {answer[:180]}")
            wrong = complaint(code, out, err, expected, words)
            if wrong:
                failed += 1
                print(f"    WRONG: {wrong}\n    {shlex.join(arguments)}\n    {(err or out)[:1000]!r}")
        if sorted(os.listdir(folder)) != before:
            failed += 1
            print("WRONG: the runs left or removed files")
        unlisted = sorted(set(before) - {row[0] for row in listed})
        if unlisted:
            failed += 1
            print(f"WRONG: files without a row: {unlisted}")
    print(f"hostile: {len(listed)} rows, {failed} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder]:
            os.makedirs(folder, exist_ok=True)
            in_folder(Path(folder))
        case ["check", program]:
            sys.exit(check(program))
        case _:
            sys.exit(__doc__)
