#!/bin/sh
# One step of the packaging tests. Usage: packaging.sh SOURCE_DIR BUILD_DIR STEP
set -eu
source_dir=$1
build_dir=$2
step=$3
here=$source_dir/tests/packaging
work=$build_dir/packaging
scratch=$work/$step
mkdir -p "$scratch"

# How peerq itself is built here: quickly.
quickly="-DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DPEERQ_UNITY=all"
if command -v ccache >/dev/null; then quickly="$quickly -DCMAKE_CXX_COMPILER_LAUNCHER=ccache"; fi

# Installs elsewhere first and moves the tree: nothing in it may know where it was installed.
install_tree() {
  rm -rf "$work/prefix_$2" "$work/first_$2"
  cmake --install "$1" --prefix "$work/first_$2"
  mv "$work/first_$2" "$work/prefix_$2"
}

# Runs a program of a user on a new directory; its last line must say what it did.
run_program() {
  rm -rf "$scratch/data"
  "$1" "$scratch/data" | tee "$scratch/output"
  grep -qx "received: hello" "$scratch/output"
}

run_consumers() {
  run_program "$scratch/build/core_program"
  run_program "$scratch/build/asio_program"
  run_program "$scratch/build/testkit_program"
}

find_package() {
  rm -rf "$scratch/build"
  cmake -G Ninja -S "$here/installed" -B "$scratch/build" "-DCMAKE_PREFIX_PATH=$work/prefix_$1"
  cmake --build "$scratch/build"
  run_consumers
}

pkg_config() {
  pc_dir=$(dirname "$(find "$work/prefix_$1" -name peerq.pc)")
  for program in core:peerq-core asio:peerq testkit:peerq-testkit; do
    flags=$(PKG_CONFIG_PATH=$pc_dir pkg-config --cflags --libs "${program#*:}")
    ${CXX:-c++} -std=c++20 -o "$scratch/program" "$here/installed/${program%%:*}_program.cpp" $flags
    LD_LIBRARY_PATH=$(dirname "$pc_dir") run_program "$scratch/program"
  done
}

in_tree() {
  rm -rf "$scratch/build"
  cmake -G Ninja -S "$here/in_tree" -B "$scratch/build" $quickly "-DPEERQ_SOURCE=$source_dir" "-DHOW=$1"
  cmake --build "$scratch/build"
  run_consumers
}

readme() {
  rm -rf "$scratch/project"
  mkdir -p "$scratch/project"
  awk -v "directory=$scratch/project" -f "$here/readme/extract.awk" "$source_dir/README.md"
  rm -rf "$scratch/build"
  cmake -G Ninja -S "$scratch/project" -B "$scratch/build" "-DCMAKE_PREFIX_PATH=$work/prefix_static"
  cmake --build "$scratch/build"
  for program in $(find "$scratch/build" -maxdepth 1 -type f -perm -u+x); do
    (cd "$(mktemp -d -p "$scratch")" && "$program")
    ran=$program
  done
  echo "ran $ran"
}

case $step in
  install_static) install_tree "$build_dir" static ;;
  install_shared)
    cmake -G Ninja -S "$source_dir" -B "$scratch/build" $quickly -DBUILD_SHARED_LIBS=ON \
      -DPEERQ_BUILD_EXAMPLES=OFF -DPEERQ_BUILD_BENCHMARKS=OFF -DPEERQ_BUILD_TOOLS=OFF
    cmake --build "$scratch/build"
    install_tree "$scratch/build" shared
    ;;
  find_package_*) find_package "${step#find_package_}" ;;
  pkg_config_*) pkg_config "${step#pkg_config_}" ;;
  exported_names)
    library=$(find "$work/prefix_shared" -name 'libpeerq.so')
    foreign=$(nm -DC --defined-only "$library" | awk '$2 ~ /^[TDBR]$/' | grep -v peerq || true)
    if [ -n "$foreign" ]; then
      echo "exported, but no name of peerq:"
      echo "$foreign"
      exit 1
    fi
    ;;
  add_subdirectory | fetch_content) in_tree "$step" ;;
  readme) readme ;;
  *) echo "packaging.sh: unknown step $step" >&2; exit 2 ;;
esac
