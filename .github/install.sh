#!/usr/bin/env bash
# Installs a release of belay for the steps of a job that follow; used by action.yml.
#
# RELEASES    the address of the releases
# VERSION     the release; empty for the tag in ACTION_REF, else the newest one
# What is not as the release's checksums say is never run.
set -euo pipefail

fail() {
  echo "::error title=belay is not installed::$1"
  exit 1
}

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
  Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-gnu ;;
  Darwin-x86_64) target=x86_64-apple-darwin ;;
  Darwin-arm64) target=aarch64-apple-darwin ;;
  *) fail "there is no binary for $(uname -s) on $(uname -m); build it with cargo" ;;
esac

version=${VERSION:-}
if [ -z "$version" ] && [[ ${ACTION_REF:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]]; then
  version=$ACTION_REF
fi
if [ -n "$version" ] && ! [[ $version =~ ^v[0-9A-Za-z.-]+$ ]]; then
  fail "the version must look like v0.1.0"
fi
if [ -n "$version" ]; then
  from=$RELEASES/download/$version
else
  from=$RELEASES/latest/download
fi

archive=belay-$target.tar.gz
folder=$(mktemp -d "${RUNNER_TEMP:-/tmp}/belay.XXXXXX")
cd "$folder"
get() {
  curl --fail --silent --show-error --location --retry 5 --retry-all-errors --retry-delay 2 \
    --connect-timeout 20 --max-time 300 --output "$1" "$from/$1"
}
get "$archive" || fail "$from/$archive cannot be had"
get SHA256SUMS || fail "$from/SHA256SUMS cannot be had"

wanted=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' SHA256SUMS)
[[ $wanted =~ ^[0-9a-f]{64}$ ]] || fail "SHA256SUMS does not name $archive"
if command -v sha256sum > /dev/null; then
  found=$(sha256sum "$archive")
else
  found=$(shasum -a 256 "$archive")
fi
[ "${found%% *}" = "$wanted" ] || fail "$archive is not what the release's checksums say"

mkdir bin
tar -xzf "$archive" -C bin --no-same-owner belay || fail "$archive holds no belay"
if [ ! -f bin/belay ] || [ -L bin/belay ]; then
  fail "belay in $archive is no program"
fi
said=$(bin/belay --version | head -n 1 | tr -cd 'A-Za-z0-9. +-') || fail "$archive does not run on this machine"
[ -n "$said" ] || fail "$archive does not run on this machine"
echo "$folder/bin" >> "$GITHUB_PATH"
echo "version=$said" >> "$GITHUB_OUTPUT"
echo "$said, $target"
