#!/bin/sh
# Install libfluidsynth where that needs no password; else say how. The tool runs without it, too.
# Usage: install_fluidsynth.sh PYTHON
set -u
found() { "$1" -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("fluidsynth"))' 2>/dev/null; }

found "$1" && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libfluidsynth3 >/dev/null
elif command -v brew >/dev/null; then
    brew install --quiet fluid-synth
elif [ -n "${CONDA_PREFIX:-}" ] && command -v conda >/dev/null; then
    conda install --quiet --yes -c conda-forge fluidsynth
fi
found "$1" && exit 0
echo "libfluidsynth is not installed: scores will be rendered by midirenderer instead. To install it:"
echo "  Debian, Ubuntu: sudo apt-get install libfluidsynth3;  macOS: brew install fluid-synth;"
echo "  conda: conda install -c conda-forge fluidsynth"
exit 0
