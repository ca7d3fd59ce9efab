#!/usr/bin/env bash
# Makes docs/report-light.png and docs/report-dark.png from the report of a real `belay demo`, so
# that the pictures cannot show what the program does not do. Run it by hand when the page changed.
#
#   docs/picture/report.sh [BELAY]   BELAY: the binary [default: target/release/belay, built if needed]
#
# Needs, and installs nothing of it: git and cargo for the demo itself, chromium, and convert (ImageMagick).
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
width=900
height=1440
most_bytes=200000

for program in git cargo chromium convert; do
    command -v "$program" >/dev/null || {
        echo "report.sh: $program is missing" >&2
        exit 1
    }
done

belay=${1:-$top/target/release/belay}
if [ $# -eq 0 ]; then
    cargo build --quiet --release --manifest-path "$top/Cargo.toml"
fi

work=$(mktemp -d /tmp/belay.XXX)
trap 'rm -rf "$work"' EXIT
"$belay" demo --dir "$work/demo" --quiet >/dev/null 2>&1
project=$work/demo/project
run=$("$belay" --repo "$project" runs list | cut -d ' ' -f 1)
"$belay" --repo "$project" runs report "$run" --output "$work/report.html" >/dev/null

# 0 is dark and 1 is light, as the page asks for it.
picture() {
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
        --window-size="$width,$height" --blink-settings="preferredColorScheme=$2" \
        --screenshot="$work/$1.png" "file://$work/report.html" 2>/dev/null
    convert "$work/$1.png" +dither -colors 96 -define png:compression-level=9 -strip "$work/small.png"
    bytes=$(wc -c <"$work/small.png")
    if [ "$bytes" -gt "$most_bytes" ]; then
        echo "report.sh: $1.png has $bytes bytes, more than $most_bytes" >&2
        exit 1
    fi
    cp "$work/small.png" "$top/docs/$1.png"
    echo "docs/$1.png: $bytes bytes"
}
picture report-light 1
picture report-dark 0
