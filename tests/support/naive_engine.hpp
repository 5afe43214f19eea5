#pragma once
// The engine on naive tables, made once, in naive_engine.cpp: a test file that uses it compiles in a fraction
// of the time, and with sanitizers the engine has every check that the libraries have.

#include "peerq/engine/queue_engine.hpp"
#include "support/naive_tables.hpp"

extern template class peerq::engine::QueueEngine<peerq::test::NaiveTables>;
