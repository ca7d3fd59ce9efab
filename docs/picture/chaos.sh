#!/usr/bin/env bash
# Makes docs/picture/chaos.png from the bars of a plot of `belay chaos`. Run it by hand when the plot or the
# figures in docs/chaos.md have changed.
#
#   docs/picture/chaos.sh PLOT.html     PLOT.html: what `belay chaos --html` wrote
#
# Needs, and installs nothing of it: chromium (CHROMIUM names it if it is not on PATH).
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
chromium=${CHROMIUM:-chromium}
height=${HEIGHT:-1980}
plot=$(realpath "${1:?the plot is missing}")

command -v "$chromium" >/dev/null || {
    echo "chaos.sh: $chromium is missing" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The bars alone: their tables stand in docs/chaos.md.
sed 's|</style>|.wide, section .small { display: none; }</style>|' "$plot" >"$work/bars.html"
"$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
    --window-size="1040,$height" --screenshot="$top/docs/picture/chaos.png" "file://$work/bars.html"
