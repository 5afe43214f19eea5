#pragma once
// The worker process: what an application with a durable queue in it looks like.

#include "workplace.hpp"

namespace demo {

/// Goes on where an earlier worker stopped, until every record is acknowledged, processed or dead-lettered.
/// Returns the exit status; says on stderr what went wrong.
int run_worker(const Workplace& place);

}  // namespace demo
