#pragma once
// Everything of the core: `#include <peerq/peerq.hpp>`. Asio's completion tokens are in peerq/asio.hpp.

#include "peerq/consumer.hpp"
#include "peerq/node.hpp"
#include "peerq/queue.hpp"
#include "peerq/session.hpp"
#include "peerq/transaction.hpp"
#include "peerq/typed.hpp"
