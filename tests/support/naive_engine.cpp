#include "support/naive_engine.hpp"

template class peerq::engine::QueueEngine<peerq::test::NaiveTables>;
