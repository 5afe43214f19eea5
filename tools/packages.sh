# Debian packages, by group; sourced by run. `need GROUP...` installs what is missing and is quick when
# nothing is.

debian_version=$(. /etc/os-release 2>/dev/null && echo "${ID:-}-${VERSION_ID:-}")

packages_of() {
  case $1-$debian_version in
    build-debian-12) echo "g++ cmake ninja-build ccache pkg-config $(backported libboost1.83-dev)" ;;
    build-*) echo "g++ cmake ninja-build ccache pkg-config libboost-dev" ;;
    test-debian-12) echo "librapidcheck-dev $(backported libcatch2-dev)" ;;
    test-*) echo "librapidcheck-dev libcatch2-dev" ;;
    bench-*) echo "libbenchmark-dev libsqlite3-dev" ;;
    examples-*) echo "libcurl4-openssl-dev libpng-dev python3-aiosmtpd" ;;
    check-debian-12) echo "clang-format-16 clang-tidy-16" ;;
    check-*) echo "clang-format clang-tidy" ;;
    clang-debian-12) echo "clang-16" ;;
    clang-*) echo "clang" ;;
  esac
  [ "$1" != build ] ||
    echo "liblmdb-dev capnproto libcapnp-dev libfmt-dev libxxhash-dev libsodium-dev libcli11-dev" \
      "libhowardhinnant-date-dev tzdata"
}

backported() { echo "$1/bookworm-backports"; }

# The packages of the list that are not installed.
missing_of() {
  installed=$(for package in "$@"; do echo "${package%/*}"; done |
    xargs dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p') || true
  for package in "$@"; do
    printf '%s\n' "$installed" | grep -qxF -- "${package%/*}" || echo "$package"
  done
}

# Every enabled source of apt that has the suite $1, as "URI|signed-by|trusted", from both forms of source
# files.
apt_sources_with() {
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    case $file in
      *.sources) [ ! -f "$file" ] || awk -v suite="$1" -f "$root/tools/apt_deb822.awk" "$file" ;;
      *.list) [ ! -f "$file" ] || awk -v suite="$1" -f "$root/tools/apt_one_line.awk" "$file" ;;
    esac
  done
}

# Adds the backports suite from the mirror that this machine already uses for Debian 12.
enable_backports() {
  [ -z "$(apt_sources_with bookworm-backports)" ] || return 0
  source=$(apt_sources_with bookworm | head -n 1)
  if [ -z "$source" ]; then
    echo "run: found no apt source of bookworm to take the backports suite from" >&2
    exit 1
  fi
  signed_by=$(printf '%s' "$source" | cut -d '|' -f 2)
  trusted=$(printf '%s' "$source" | cut -d '|' -f 3)
  {
    echo "Types: deb"
    echo "URIs: ${source%%|*}"
    echo "Suites: bookworm-backports"
    echo "Components: main"
    [ -z "$signed_by" ] || echo "Signed-By: $signed_by" | tr '\001' '\n'
    [ -z "$trusted" ] || echo "Trusted: $trusted"
  } >/etc/apt/sources.list.d/peerq-backports.sources
}

apt_quietly() {
  DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Use-Pty=0 "$@" >>"$builds/apt.log" 2>&1 </dev/null && return 0
  tail -n 30 "$builds/apt.log" >&2
  echo "run: apt-get failed; the whole text is in $builds/apt.log" >&2
  exit 1
}

need() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: CMake says what is missing
  missing=$(missing_of $(for group in "$@"; do packages_of "$group"; done))
  [ -n "$missing" ] || return 0
  missing=$(echo $missing)
  if [ "$(id -u)" -ne 0 ]; then
    echo "run: packages are missing; as root: apt-get install --no-install-recommends $missing" >&2
    case $missing in *bookworm-backports*) echo "run: (with the suite bookworm-backports enabled)" >&2 ;; esac
    exit 1
  fi
  echo "run: installing $missing" >&2
  mkdir -p "$builds"
  case $missing in *bookworm-backports*) enable_backports ;; esac
  apt_quietly update
  apt_quietly install --no-install-recommends $missing
}
