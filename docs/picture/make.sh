#!/usr/bin/env bash
# Makes docs/terminal.svg from a real `belay demo`, so that the picture cannot
# show what the program does not do. Run it by hand when the view has changed.
#
#   docs/picture/make.sh [BELAY]     BELAY: the binary [default: target/release/belay, built if needed]
#
# Needs, and installs nothing of it:
#   git, cargo           for the demo itself
#   asciinema            records the terminal
#   svg-term             npm package svg-term-cli; SVG_TERM names it if it is not on PATH
#   rsvg-convert         librsvg2-bin, only with PNG=FILE: also writes a PNG of the last frame to look at
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
svg_term=${SVG_TERM:-svg-term}
columns=88
rows=30
most_bytes=300000

for program in git cargo awk asciinema "$svg_term" ${PNG:+rsvg-convert}; do
    command -v "$program" >/dev/null || {
        echo "make.sh: $program is missing" >&2
        exit 1
    }
done

belay=${1:-$top/target/release/belay}
if [ $# -eq 0 ]; then
    cargo build --quiet --release --manifest-path "$top/Cargo.toml"
fi
belay=$(realpath "$belay")

work=$(mktemp -d /tmp/belay.XXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
# A copy, as the demo prints commands with the place of its own program.
cp "$belay" "$work/bin/belay"

# Standard input must not be a terminal that asciinema could take keys from.
cd "$work"
PATH="$work/bin:$PATH" TERM=xterm-256color asciinema rec -q --cols "$columns" --rows "$rows" \
    -c 'belay demo --dir demo' "$work/recorded.cast" </dev/null

# Each event is a frame in the picture: those of one tenth of a second become
# one. The picture plays for ever, and its end stays for a while to be read.
awk '
    NR == 1 { print; next }
    {
        at = substr($0, 2, index($0, ",") - 2) + 0
        text = $0
        sub(/^\[[0-9.]+, "o", "/, "", text)
        sub(/"\]$/, "", text)
        if (NR > 2 && at - began >= 0.1) { print "[" began ", \"o\", \"" held "\"]"; held = "" }
        if (held == "") began = at
        held = held text
    }
    END { print "[" began ", \"o\", \"" held "\"]"; print "[" at + 10 ", \"o\", \" \"]" }
' "$work/recorded.cast" >"$work/demo.cast"

made="$work/terminal.svg"
"$svg_term" --in "$work/demo.cast" --out "$made" --width "$columns" --height "$rows" --window --no-cursor
bytes=$(wc -c <"$made")
if [ "$bytes" -gt "$most_bytes" ]; then
    echo "make.sh: the picture has $bytes bytes, more than $most_bytes" >&2
    exit 1
fi
cp "$made" "$top/docs/terminal.svg"
echo "docs/terminal.svg: $bytes bytes"

if [ -n "${PNG:-}" ]; then
    "$svg_term" --in "$work/demo.cast" --out "$work/last.svg" --width "$columns" --height "$rows" \
        --window --no-cursor --at 3600000
    rsvg-convert --zoom 1.5 "$work/last.svg" --output "$PNG"
    echo "$PNG: the last frame"
fi
