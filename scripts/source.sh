#!/bin/sh
# Fetches a Debian source package and unpacks it into DIR, which must not exist.
#
#   scripts/source.sh PACKAGE DIR
#
# apt's own configuration stays as it is: most systems have no deb-src line, so the lists of
# sources are kept beside DIR, from the mirrors that the system's packages come from.
set -eu
package=$1 dir=$2
apt=$(dirname "$dir")/.apt
keys=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$apt/lists/partial" "$apt/parts"

mirrors() {
    # shellcheck disable=SC2016  # apt's own variables
    apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | sort -u
}

lists="-o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=$apt/parts -o Dir::State::lists=$apt/lists"
if [ ! -s "$apt/sources.list" ]; then
    [ -n "$(mirrors)" ] || apt-get update -q
    mirrors | sed "s,^deb-src,& [signed-by=$keys]," >"$apt/sources.list.new"
    # shellcheck disable=SC2086  # a list of options
    apt-get update -q $lists -o Dir::Etc::sourcelist="$apt/sources.list.new"
    mv "$apt/sources.list.new" "$apt/sources.list"
fi

# A mirror may list a version that it no longer has: then the next older one.
# shellcheck disable=SC2086
versions=$(apt-cache $lists showsrc --only-source "$package" | sed -n 's/^Version: //p' | sort -rVu)
part=$dir.part
for version in $versions; do
    rm -rf "$part" "$part.deb"
    mkdir -p "$part.deb"
    # shellcheck disable=SC2086
    if (cd "$part.deb" && apt-get source -q --download-only $lists "$package=$version"); then
        dpkg-source --no-check -x "$part.deb"/*.dsc "$part"
        rm -rf "$part.deb"
        mv "$part" "$dir"
        exit 0
    fi
done
rm -rf "$part" "$part.deb"
echo "source.sh: no source of $package to be had" >&2
exit 1
