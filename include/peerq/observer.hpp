#pragma once
// What the host sees of the inside: see port/observer.hpp.

#include "peerq/port/observer.hpp"
